"""The command line of `:`: what each command does."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from app.model.snapshot import Capability
from app.tui import commands, keys
from app.tui.commands import Command, CommandError
from app.tui.screens.text import TextPage

if TYPE_CHECKING:
    from app.tui.actions import Actions
    from app.tui.surface import Surface


_RANGES = ("24h", "3d", "7d", "14d", "1m", "3m", "6m", "1y")


class CommandLine:
    """Runs commands on the app, and knows what completes their arguments."""

    def __init__(self, app: Surface, actions: Actions) -> None:
        self._app = app
        self._actions = actions
        self.commands: tuple[Command, ...] = self._commands()

    async def run(self, text: str) -> None:
        try:
            call = commands.parse(text, self.commands)
        except CommandError as fault:
            self._app.say(str(fault), error=True)
            return
        if call is None:
            return
        if call.name in keys.VIEW_NUMBERS:
            await self._actions.show_view(keys.VIEW_NUMBERS[call.name])
        elif call.name in keys.VIEW_NUMBERS.values():
            await self._actions.show_view(call.name)
        elif call.name in ("agent", "stream", "consumer"):
            await self._open_named(call.name, call.arguments)
        elif call.name == "job":
            await self._actions.open_ref(f"job:{self._begun(call.rest, self._app.picture.snapshot.jobs)}")
        elif call.name == "session":
            await self._actions.open_ref(f"session:{self._begun(call.rest, self._app.picture.snapshot.sessions)}")
        elif call.name == "filter":
            self._app.prompts.take_filter(call.rest)
        else:
            await self._setting(call.name, call.rest)

    async def _setting(self, name: str, rest: str) -> None:
        app = self._app
        if name == "theme":
            if rest not in app.app.available_themes:
                app.say(
                    f"no theme {rest}; nearest: {', '.join(commands.nearest(rest, app.app.available_themes))}",
                    error=True,
                )
                return
            app.app.theme = rest
        elif name == "utc":
            await self._times_to("UTC")
        elif name == "ascii":
            app.app.draw_in(ascii=not app.app.ascii_filter.enabled)
        elif name == "columns":
            await self._actions.help(words=True)
        elif name == "explain":
            await self._explain(rest)
        elif name == "namespace":
            await self._app.namespaces.command(rest)
        elif name == "context":
            app.contexts.command(rest)
        elif name == "mute":
            await app.attending.mute(rest)
        elif name == "marks":
            await app.attending.marks()
        elif name == "window":
            app.score_window.command(rest)
        elif name == "range":
            await self._range(rest)
        elif name == "weights":
            await app.weights.command(rest)
        elif name == "doctor":
            self._doctor()
        elif name == "log":
            await (self._actions.open_ref(f"log:{rest}") if rest else self._log())
        elif name == "screenshot":
            self._screenshot(rest)
        elif name == "quit":
            app.app.exit()

    def _doctor(self) -> None:
        """Shows what is found once it is; meanwhile the deck goes on."""
        look = self._app.options.doctor
        if look is None:
            self._app.say("nobody to ask here: watchdeck doctor does it outside")
            return
        self._app.say("looking at everything …")
        self._app.app.run_worker(self._examined(look), group="doctor", exclusive=True, exit_on_error=False)

    async def _examined(self, look: Callable[[], str]) -> None:
        try:
            told = await to_thread(look)
        except Exception as fault:
            self._app.say(f"doctor failed: {type(fault).__name__}", error=True)
            return
        await self._show_text("Doctor", told)

    async def _show_text(self, name: str, told: str) -> None:
        await self._app.stacks.push(self._app.body, TextPage(self._app, self._app.stacks.page, name, told))
        self._app.page_changed()

    def _units(self, place: int, before: Sequence[str]) -> Iterable[str]:
        rows = self._app.picture.snapshot.components.values() if place == 0 else ()
        return [row.name for row in rows if row.unit is not None]

    def _rules(self, place: int, before: Sequence[str]) -> Iterable[str]:
        from app.model.triage.rules import RULES

        return [rule.id for rule in RULES] if place == 0 else ()

    async def _explain(self, rule: str) -> None:
        from app.model.triage.rules import THRESHOLDS, explain
        from app.model.triage.thresholds import ThresholdError, Thresholds

        try:
            told = explain(rule, Thresholds(THRESHOLDS, self._app.options.thresholds))
        except KeyError:
            near = commands.nearest(rule, self._rules(0, ()))
            self._app.say(f"no rule {rule}; nearest: {', '.join(near)}", error=True)
        except ThresholdError as fault:
            self._app.say(f"[thresholds]: {fault}", error=True)
        else:
            await self._show_text(rule, told)

    def _namespaces(self, place: int, before: Sequence[str]) -> Iterable[str]:
        return self._app.namespaces.choices() if place == 0 else ()

    def _contexts(self, place: int, before: Sequence[str]) -> Iterable[str]:
        return self._app.contexts.names if place == 0 else ()

    async def _log(self) -> None:
        from app.tui.worker_log import LogError, tail

        try:
            told = tail(self._app.options.state_dir)
        except LogError as fault:
            self._app.say(str(fault))
            return
        page = TextPage(self._app, self._app.stacks.page, "Worker's log", told, at_end=True)
        await self._app.stacks.push(self._app.body, page)
        self._app.page_changed()

    async def _range(self, rest: str) -> None:
        """View 9 over a range."""
        from app.model.metrics import Range
        from app.tui.screens.metrics import MetricsPage

        wanted = next((range for range in Range if range.value == rest.strip()), None)
        if wanted is None:
            self._app.say(f"a range is one of {', '.join(Range)}", error=True)
            return
        await self._actions.show_view("metrics")
        page = self._app.stacks.page
        if isinstance(page, MetricsPage):
            page.choose(wanted)

    async def _times_to(self, word: str) -> None:
        while self._app.picture.times.value != word:
            await self._actions.times()

    def _screenshot(self, rest: str) -> None:
        stamp = self._app.options.wall().astimezone(UTC)
        path = Path(rest).expanduser() if rest else Path(f"watchdeck-{stamp:%Y%m%d-%H%M%S}.svg")
        try:
            path.write_text(self._app.app.export_screenshot(title="watchdeck"), encoding="utf-8")
        except OSError as fault:
            self._app.say(f"not written: {fault.strerror} ({path})", error=True)
        else:
            self._app.say(f"written: {path}")

    async def _open_named(self, kind: str, arguments: Sequence[str]) -> None:
        key = self._named(kind, arguments)
        if key:
            await self._actions.open_ref(f"{kind}:{key}")
        elif kind == "agent" and (arguments[0] in self._ai() or self._may_be_ai()):
            await self._actions.open_ref(f"ai:{arguments[0]}")
        else:
            near = commands.nearest(arguments[-1], self._choices(kind, len(arguments) - 1, arguments[:-1]))
            more = f"; nearest: {', '.join(near)}" if near else ""
            self._app.say(f"no {kind} {' '.join(arguments)}{more}", error=True)

    def _named(self, kind: str, arguments: Sequence[str]) -> str:
        snapshot, picture = self._app.picture.snapshot, self._app.picture
        if kind == "stream":
            wanted = arguments[0]
            labels = (stream.name for stream in snapshot.streams.values() if stream.label == wanted)
            return wanted if wanted in snapshot.streams else next(labels, "")
        if kind == "consumer":
            stream = self._named("stream", arguments[:1]) or arguments[0]
            for consumer in picture.consumers_of_stream(stream):
                if arguments[1] in (consumer.name, picture.consumer_label(consumer.name)):
                    return consumer.key
            return ""
        for agent in snapshot.agents.values():
            if arguments[0] in (agent.hostname, agent.machine_id, agent.key):
                return agent.key
        return ""

    def _ai(self) -> Iterable[str]:
        """The AI agents that the page in front has asked for, by themselves or by their scores."""
        snapshot = self._app.picture.snapshot
        return dict.fromkeys([*snapshot.ai, *(score.agent for score in snapshot.scores.values())])

    @staticmethod
    def _begun(wanted: str, known: Mapping[str, object]) -> str:
        """A job or session by its id or, of those that are listed, by how the id of one alone begins."""
        begun = [key for key in known if key.startswith(wanted)]
        return begun[0] if len(begun) == 1 and wanted not in known else wanted

    def _may_be_ai(self) -> bool:
        """Whether there may be AI agents that the page in front knows nothing of: then the worker is asked."""
        picture = self._app.picture
        return picture.has(Capability.SESSIONS) and "ai" not in picture.held

    def _choices(self, kind: str, place: int, before: Sequence[str]) -> Iterable[str]:
        snapshot, picture = self._app.picture.snapshot, self._app.picture
        if kind == "agent" and place == 0:
            return [*(agent.hostname for agent in snapshot.agents.values()), *self._ai()]
        if kind in ("stream", "consumer") and place == 0:
            return [stream.label for stream in snapshot.streams.values()]
        if kind in ("job", "session") and place == 0:
            return list(snapshot.section(f"{kind}s"))
        if kind == "consumer" and place == 1:
            stream = self._named("stream", before[:1])
            return [picture.consumer_label(consumer.name) for consumer in picture.consumers_of_stream(stream)]
        return ()

    def _commands(self) -> tuple[Command, ...]:
        named = [
            Command("agent", "open an agent", "NAME", lambda p, b: self._choices("agent", p, b), 1),
            Command("consumer", "open a consumer", "STREAM NAME", lambda p, b: self._choices("consumer", p, b), 2),
            Command("job", "open a job", "ID", lambda p, b: self._choices("job", p, b), 1),
            Command("session", "open a session, listed or not", "ID", lambda p, b: self._choices("session", p, b), 1),
            Command("stream", "open a stream", "NAME", lambda p, b: self._choices("stream", p, b), 1),
        ]
        views = [Command(number, f"view {name}") for number, name in keys.VIEW_NUMBERS.items()]
        views += [Command(name, f"view {number}") for number, name in keys.VIEW_NUMBERS.items()]
        return (
            *views,
            *named,
            Command("filter", "filter this list; empty: all", "TEXT"),
            Command(
                "theme", "colours", "NAME", lambda p, b: sorted(self._app.app.available_themes) if p == 0 else (), 1
            ),
            Command("utc", "times as UTC"),
            Command("ascii", "glyphs and lines in ASCII only, and back"),
            Command("columns", "the columns of this list, spelt out"),
            Command("explain", "when a rule fires, and by which thresholds", "RULE", self._rules, 1),
            Command("namespace", "whose fleet is shown; alone: those that are here", "[NAME]", self._namespaces),
            Command("context", "another NATS, by its context", "NAME", self._contexts, 1),
            Command("mute", "silence a rule about subjects for a time", "RULE SUBJECT 2h NOTE", self._rules, 3),
            Command("marks", "what is acknowledged, snoozed and muted, to be taken back"),
            Command("window", "over how many days scores are shown", "DAYS", least=1),
            Command("range", "how far back metrics look", "24h … 1y", lambda p, b: _RANGES if p == 0 else (), 1),
            Command("weights", "how much each dimension of a score counts, for everybody", "[30 20 20 15 15 | reset]"),
            Command("doctor", "looks at everything that watchdeck needs, and says what is wrong"),
            Command("log", "the log of a unit; alone: the end of the worker's own", "[UNIT]", self._units),
            Command("screenshot", "this screen as an SVG file", "[FILE]"),
            Command("quit", "leave"),
        )
