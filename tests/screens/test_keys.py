"""The key table and the router: every key has one meaning, and text is never a command."""

from __future__ import annotations

import pytest

from app.tui import keys
from app.tui.router import CTRL_C_AGAIN, PASTE_IGNORED, Mode, Router
from tests.literals import fleet
from tests.screens.driving import driving

NEVER = ["ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q", "ctrl+k", "ctrl+t", "ctrl+n", "ctrl+w", "ctrl+\\", "alt+x", "f1",
         "F12", "shift+up", "ctrl+left", "ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+[", "'", "~", "^"]  # fmt: skip


def test_the_table_keeps_its_own_rules() -> None:
    assert keys.check({}) == []
    for key in keys.TABLE:
        assert key.words
        for name in key.keys:
            assert keys.refusal(name) == "" or (key.id, name) == ("suspend", "ctrl+z")


@pytest.mark.parametrize("key", NEVER)
def test_keys_that_are_never_bound_are_refused(key: str) -> None:
    assert any(fault.startswith("zoom: ") for fault in keys.check({"zoom": key}))


def test_a_clash_names_both_ids() -> None:
    assert keys.check({"zoom": "f"}) == ["f is bound to both faults and zoom"]


def test_unknown_ids_and_empty_keys_are_named() -> None:
    assert keys.check({"fly": "x"}) == ["fly: no such id"]
    assert keys.check({"zoom": ""}) == ["zoom: names no key"]
    assert keys.check({"zoom": "banana"}) == ["zoom: banana is not the name of a key"]


def test_overrides_move_a_key_and_may_swap_two() -> None:
    assert keys.check({"zoom": "v"}) == []
    assert keys.check({"zoom": "f", "faults": "z"}) == []
    assert keys.lookup(keys.table({"zoom": "f", "faults": "z, Esc"}))["f"] == "zoom"


class Log:
    """A deck that writes down what the router asks of it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    async def perform(self, action: str) -> None:
        self.seen.append(("do", action))

    def begin_text(self, prompt: str) -> str:
        return ""

    def edit_text(self, prompt: str, text: str) -> None:
        self.seen.append(("edit", text))

    async def take_text(self, prompt: str, text: str) -> None:
        self.seen.append(("take", prompt, text))

    def leave_text(self, prompt: str, before: str) -> None:
        self.seen.append(("leave", prompt))

    def complete_text(self, prompt: str, text: str) -> str:
        return text + "!"

    async def menu_key(self, key: str) -> bool:
        self.seen.append(("menu", key))
        return key != "enter"

    def say(self, text: str) -> None:
        self.seen.append(("say", text))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def clock() -> list[float]:
    return [100.0]


@pytest.fixture
def router(log: Log, clock: list[float]) -> Router:
    return Router(log, log, log, keys.lookup(keys.TABLE), now=lambda: clock[0])


async def typed(router: Router, text: str) -> None:
    for char in text:
        await router.key(char, char)


async def test_from_the_slash_on_everything_printable_is_text(router: Router, log: Log) -> None:
    await typed(router, "/web-qax")
    assert router.mode is Mode.TEXT
    await router.key("enter", None)
    assert log.seen[-1] == ("take", "/", "web-qax")
    assert not [each for each in log.seen if each[0] == "do"]


async def test_alt_and_a_key_is_esc_and_that_key(router: Router, log: Log) -> None:
    await router.key("alt+j", "j")
    assert log.seen == [("do", "back"), ("do", "move.down")]
    log.seen.clear()
    await typed(router, "/we")
    await router.key("alt+shift+g", "G")
    assert log.seen[-2:] == [("leave", "/"), ("do", "move.last")]


async def test_editing_keys_of_a_prompt(router: Router, log: Log) -> None:
    await typed(router, ":agent web one")
    await router.key("ctrl+w", None)
    assert router.text == "agent web "
    await router.key("backspace", None)
    await router.key("tab", None)
    assert router.text == "agent web!"
    await router.key("ctrl+u", None)
    assert router.text == ""
    await router.key("backspace", None)
    assert log.seen[-1] == ("leave", ":")
    assert router.mode is Mode.LIST


async def test_history_of_each_prompt(router: Router, log: Log) -> None:
    for word in ("one", "two"):
        await typed(router, f"/{word}")
        await router.key("enter", None)
    await typed(router, "/")
    await router.key("up", None)
    assert router.text == "two"
    await router.key("up", None)
    await router.key("up", None)
    assert router.text == "one"
    await router.key("down", None)
    await router.key("down", None)
    assert router.text == ""
    await router.key("escape", None)
    await typed(router, ":")
    await router.key("up", None)
    assert router.text == ""


async def test_paste_is_text_in_a_prompt_and_nothing_elsewhere(router: Router, log: Log) -> None:
    router.paste("qqq\r\n")
    assert log.seen == [("say", PASTE_IGNORED)]
    await typed(router, "/")
    router.paste("web\x1b]52;c;AA\x07-03\r\nq")
    assert router.mode is Mode.TEXT
    assert router.text.startswith("web")
    assert router.text.isprintable()


async def test_ctrl_c_quits_on_the_second_within_two_seconds(router: Router, log: Log, clock: list[float]) -> None:
    await router.key("ctrl+c", None)
    assert log.seen == [("say", CTRL_C_AGAIN)]
    clock[0] += 3
    await router.key("ctrl+c", None)
    assert log.seen == [("say", CTRL_C_AGAIN)] * 2
    clock[0] += 1
    await router.key("ctrl+c", None)
    assert log.seen[-1] == ("do", "interrupt")


async def test_a_menu_has_all_keys_until_it_closes(router: Router, log: Log) -> None:
    router.open_menu()
    await typed(router, "1q")
    await router.key("enter", None)
    assert log.seen == [("menu", "1"), ("menu", "q"), ("menu", "enter")]
    assert router.mode is Mode.LIST


async def test_text_has_an_end(router: Router) -> None:
    await typed(router, "/" + "a" * 2000)
    assert len(router.text) == 500


# -- the same, on the screen
@pytest.mark.parametrize("burst", ["/q\r", "/web-qax\r", "6/q\r", "4/fffqqq!\r"])
async def test_a_filter_in_one_burst_runs_no_command(burst: str) -> None:
    async with driving(fleet()) as deck:
        await deck.burst(burst)
        assert deck.app.is_running
        page = deck.surface.stacks.page
        assert page.filter_text == burst.partition("/")[2].rstrip("\r")
        assert len(deck.surface.stacks.pages) == 1


async def test_a_burst_that_drills_in_searches_there() -> None:
    async with driving(fleet()) as deck:
        await deck.burst("6\r/linux\rq")
        assert deck.lines[1].startswith(" Agents  ")
        assert deck.app.is_running


async def test_a_command_in_one_burst() -> None:
    async with driving(fleet()) as deck:
        await deck.burst(":agent web-02\r")
        assert deck.lines[1].strip() == "Overview › web-02"


async def test_textuals_own_keys_are_gone() -> None:
    async with driving(fleet()) as deck:
        await deck.press("ctrl+q", "ctrl+p", "ctrl+c")
        assert deck.app.is_running
        assert CTRL_C_AGAIN in deck.text
        await deck.press("ctrl+c")
        assert not deck.app.is_running


async def test_a_moved_key_moves_in_footer_and_help_too() -> None:
    async with driving(fleet(), size=(80, 60), keymap={"faults": "u"}) as deck:
        await deck.press("6", "u")
        assert "faults only" in deck.lines[1]
        assert "u faults" in deck.lines[-1]
        await deck.press("question_mark")
        assert "only rows that are not OK" in deck.line_with(" u  ")


async def test_the_worst_finding_from_anywhere_and_back() -> None:
    async with driving(fleet()) as deck:
        await deck.press("3", "exclamation_mark")
        assert deck.lines[1].strip() == "Streams › consumer ORDERS › billing"
        assert "What to do" in deck.text
        await deck.press("escape")
        assert deck.lines[1].startswith(" Streams  ")
