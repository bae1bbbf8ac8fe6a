"""The command line without a terminal: options, errors, exit codes, and what is imported for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import __version__
from app.cli.arguments import deck_flags, options_first
from app.cli.deck import plain_terminal
from app.cli.run import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith(("NATS_", "WATCHDECK_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["worker", "--state-dir", "/s"], ["--state-dir", "/s", "worker"]),
        (["worker", "--state-dir=/s", "--read-only"], ["--state-dir=/s", "--read-only", "worker"]),
        (["--ascii", "demo", "--agents", "3", "--theme", "x"], ["--ascii", "--theme", "x", "demo", "--agents", "3"]),
        (["config", "--namespace", "", "show"], ["--namespace", "", "config", "show"]),
        (["demo", "--", "--ascii"], ["demo", "--", "--ascii"]),
        (["worker", "--theme"], ["worker", "--theme"]),
        ([], []),
    ],
)
def test_options_may_stand_before_or_after_the_command(given: list[str], expected: list[str]) -> None:
    assert options_first(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], {}),
        (["--context", "prod", "--ascii"], {"context": "prod", "ascii": True}),
        (["--nats-url=nats://h"], {"nats_url": "nats://h"}),
        (["--namespace="], {"namespace": ""}),
        (["worker"], None),
        (["--context"], None),
        (["--context", "--ascii"], None),
        (["--ascii=1"], None),
        (["--help"], None),
        (["--frobnicate"], None),
    ],
)
def test_a_command_line_that_only_opens_the_deck_is_read_without_the_full_parser(
    given: list[str], expected: dict[str, str | bool] | None
) -> None:
    assert deck_flags(given) == expected


@pytest.mark.parametrize("arguments", [["--nats-url", "h1", "config", "show"], ["config", "show", "--nats-url=h1"]])
def test_config_show_says_value_and_origin(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["nats.url", "nats://h1:4222", "--nats-url"] in [line.split() for line in lines]
    assert ["http.listen", "127.0.0.1:8000", "default"] in [line.split() for line in lines]


def test_config_show_hides_secrets_and_says_that_there_are_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--nats-url", "nats://ops:hunter2@h"]) == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert ["nats.password", "(set)", "--nats-url"] in [line.split() for line in out.splitlines()]


def test_config_path_names_the_file_that_is_or_would_be_read(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "path"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("config.toml")
    (home / "my.toml").write_text("namespace = 'x'")
    assert run(["config", "path", "--config", str(home / "my.toml")]) == 0
    assert capsys.readouterr().out == f"{home / 'my.toml'}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["frobnicate"], 2, "No such command 'frobnicate'"),
        (["worker", "--frobnicate"], 2, "No such option"),
        (["demo", "--agents", "many"], 2, "Invalid value for '--agents'"),
        (["config", "show", "--context", "nope"], 2, 'no NATS context "nope": there are none'),
        (["config", "show", "--config", "/nowhere.toml"], 2, "cannot read /nowhere.toml"),
        (["config", "show", "--nats-url", "http://u:hunter2@x"], 2, "http:// is not supported"),
        (["config", "show", "--log-level", "loud"], 2, "--log-level must be one of"),
        (["completion", "tcsh"], 2, "bash, zsh and fish"),
        ([], 2, "run watchdeck worker"),
        (["demo"], 2, "run watchdeck worker"),
    ],
)
def test_errors_are_one_line_without_traceback_and_secret(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("watchdeck: ")
    assert said in output.err
    assert output.err.count("\n") == 1
    assert "hunter2" not in output.err


def test_a_hostile_name_reaches_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "show", "--context", "\x1b]52;c;aGk=\x07"]) == 2
    assert "\x1b" not in capsys.readouterr().err
    assert run(["config", "show", "--profile", "\x1b[2J"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_keys_are_listed_and_checked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys"]) == 0
    assert "Overview" in capsys.readouterr().out
    assert run(["keys", "--check"]) == 0
    (home / "c.toml").write_text('[keys]\n"view.1" = "ctrl+s"')
    assert run(["keys", "--check", "--config", str(home / "c.toml")]) == 1
    assert "view.1" in capsys.readouterr().err


def test_completion_prints_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "bash"]) == 0
    assert "_WATCHDECK_COMPLETE=complete_bash" in capsys.readouterr().out


def test_the_shell_is_told_what_could_stand_here() -> None:
    env = os.environ | {"_WATCHDECK_COMPLETE": "complete_bash", "COMP_WORDS": "watchdeck wo", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "app.cli"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["worker"]


HEAVY = ("nats", "fastapi", "uvicorn", "starlette", "httpx", "pydantic", "sqlmodel", "sqlalchemy", "uvloop", "psutil")


@pytest.mark.parametrize(
    ("statement", "also"),
    [
        ("import app.settings; app.settings.load({}, {})", ("textual", "typer", "rich")),
        ("from app.cli.run import run; run(['--version'])", ("textual", "msgspec")),
        ("from app.cli.run import run; run(['--help'])", ("textual", "msgspec")),
        ("import app.cli.deck", ("typer",)),  # all that is needed up to the first frame
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(statement: str, also: tuple[str, ...]) -> None:
    code = (
        f"import sys\n{statement}\nprint(*sorted(set(sys.modules) & {{*{HEAVY + also!r}}}), sep=',', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "\n"


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"watchdeck {__version__}\n"


@pytest.mark.parametrize(
    ("env", "plain"),
    [
        ({"TERM": "xterm-256color", "LANG": "en_GB.UTF-8"}, False),
        ({"TERM": "xterm-256color", "LANG": "C"}, True),
        ({"TERM": "xterm-256color", "LANG": "C.utf8"}, False),
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "LC_ALL": "C", "LANG": "en_GB.UTF-8"}, True),
        ({"TERM": "linux", "LANG": "en_GB.UTF-8"}, True),
        ({"TERM": "vt220", "LANG": "en_GB.UTF-8"}, True),
        ({"TERM": "tmux-256color", "LC_CTYPE": "UTF-8"}, False),
    ],
)
def test_ascii_is_chosen_by_what_the_terminal_can_draw(env: dict[str, str], plain: bool) -> None:
    assert plain_terminal(env) is plain


def test_nothing_of_a_configuration_file_reaches_the_terminal_as_control(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = home / "odd.toml"
    hostile = r"\u001b]52;c;QQ==\u0007\u009b31m"
    file.write_text(f'[runbooks]\n"a{hostile}" = "https://b{hostile}"\n[keys]\n"c{hostile}" = "d{hostile}"\n')
    for arguments in (["config", "show"], ["keys"], ["keys", "--check"]):
        run(["--config", str(file), *arguments])
    said = "".join(capfd.readouterr())
    assert "https://b" in said
    assert not [character for character in said if character != "\n" and not character.isprintable()]


def test_a_secret_in_the_configuration_file_is_refused_in_one_plain_sentence(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = home / "secret.toml"
    file.write_text('[nats]\npassword = "hunter2"\n')
    assert run(["--config", str(file), "config", "show"]) == 2
    said = capfd.readouterr().err
    assert "a secret is not written here: name a file with nats.password_file" in said
    assert "hunter2" not in said
