"""The key table: every key of the deck once, with id and words for help, and the rules that overrides must keep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

EVERYWHERE = frozenset({"overview", "list", "detail", "plot", "json", "log", "help"})
LISTS = frozenset({"overview", "list"})
ROWS = frozenset({"overview", "list", "detail"})
_SIDEWAYS = frozenset({"overview", "list", "plot", "json", "log"})
_SPANS = frozenset({"overview", "list", "detail", "plot", "log"})
_LOGS = frozenset({"log"})
_PARTED = frozenset({"overview", "list", "detail", "plot"})


@dataclass(frozen=True, slots=True)
class Key:
    """One action and the keys that call it.

    `keys` are single characters as typed, or Textual's names (`enter`, `ctrl+d`). `words` is the line of the help
    screen, `short` the word in the footer; `where` names the kinds of page on which it does something.
    """

    id: str
    keys: tuple[str, ...]
    words: str
    short: str = ""
    where: frozenset[str] = EVERYWHERE


VIEW_NUMBERS: Mapping[str, str] = {
    "1": "overview",
    "2": "components",
    "3": "streams",
    "4": "consumers",
    "5": "jobs",
    "6": "agents",
    "7": "scores",
    "8": "sessions",
    "9": "metrics",
    "0": "events",
}
"""Number key to view, in their order."""

TABLE: tuple[Key, ...] = (
    Key("view.1", ("1",), "Overview"),
    Key("view.2", ("2",), "Components"),
    Key("view.3", ("3",), "Streams"),
    Key("view.4", ("4",), "Consumers"),
    Key("view.5", ("5",), "Jobs"),
    Key("view.6", ("6",), "Agents"),
    Key("view.7", ("7",), "Scores"),
    Key("view.8", ("8",), "Sessions"),
    Key("view.9", ("9",), "Metrics"),
    Key("view.0", ("0",), "Events"),
    Key("pane.next", ("tab",), "next pane, list, section, plot", "list", _PARTED),
    Key("pane.previous", ("shift+tab",), "previous pane, list, section, plot", where=_PARTED),
    Key("move.down", ("j", "down"), "down"),
    Key("move.up", ("k", "up"), "up"),
    Key("move.first", ("g", "home"), "to the first"),
    Key("move.last", ("G", "end"), "to the last"),
    Key("page.down", ("pagedown", "ctrl+d"), "half a page down"),
    Key("page.up", ("pageup", "ctrl+u"), "half a page up"),
    Key("columns.left", ("h", "left"), "columns: scroll left; plots: an earlier point", where=_SIDEWAYS),
    Key("columns.right", ("l", "right"), "columns: scroll right; plots: a later point", where=_SIDEWAYS),
    Key("open", ("enter",), "open", "open", ROWS | {"plot", "log"}),
    Key("back", ("escape", "backspace"), "back: prompt, marks, filter, detail; never quits", "back"),
    Key("worst", ("!",), "the first finding of Now, from anywhere", "worst"),
    Key("fault.next", ("n",), "next row that is not OK; in JSON and logs the next match", "", ROWS | {"json", "log"}),
    Key(
        "fault.previous",
        ("N",),
        "previous row that is not OK; in JSON and logs the previous match",
        "",
        ROWS | {"json", "log"},
    ),
    Key("filter", ("/",), "filter: words, /regex/, !word, column:word, column>number; in JSON search", "filter"),
    Key("command", (":",), "command", "cmd"),
    Key("sort.left", ("<",), "sort by the column to the left", "", LISTS),
    Key("sort.right", (">",), "sort by the column to the right", "sort", LISTS),
    Key("sort.reverse", ("o",), "reverse the order", "", LISTS),
    Key("faults", ("f",), "only rows that are not OK; logs: warnings and errors", "faults", LISTS | _LOGS),
    Key("wide", ("w",), "wide: all columns, whole names", "wide", LISTS),
    Key(
        "hidden",
        ("e",),
        "show what is hidden; in logs the lines around matches",
        "",
        LISTS | _LOGS,
    ),
    Key("mark", ("space",), "mark the row", "", frozenset({"list"})),
    Key("zoom", ("z",), "this pane alone, and back", "zoom", frozenset({"overview"})),
    Key(
        "more",
        ("+", "="),
        "longer, more: window of scores, range of metrics, sessions, logs",
        "longer",
        _SPANS,
    ),
    Key(
        "less",
        ("-",),
        "shorter, less: window of scores, range of metrics, sessions, logs",
        "shorter",
        _SPANS,
    ),
    Key("pause", ("p",), "pause painting, and go on", "pause"),
    Key("refresh", ("r",), "collect now, and sort again", "refresh"),
    Key(
        "copy",
        ("y",),
        "copy the real name or the command (marked rows: one a line)",
        "copy",
        ROWS | {"plot", "json", "log"},
    ),
    Key("json", ("J",), "raw facts as JSON", "JSON", ROWS | {"plot", "log"}),
    Key("related", ("R",), "related: consumers, owner, jobs, findings, events of this row", "", ROWS | _LOGS),
    Key("peek", ("m",), "the message behind the row", "", ROWS),
    Key("ack", ("a",), "acknowledge the finding, with a note; of an acknowledged one: take it back", "ack", ROWS),
    Key("snooze", ("s",), "hide the finding for a time", "", ROWS),
    Key("actions", ("x",), "what can be done, as commands to copy", "do", ROWS | _LOGS),
    Key("sites", ("c",), "another NATS context"),
    Key("demo", ("d",), "start the demo, where no NATS answers", "", frozenset({"overview"})),
    Key("times", ("t",), "times as age, UTC, local", ""),
    Key("follow", ("F",), "events and logs: stay at the newest", "follow", frozenset({"list", "log"})),
    Key("help", ("?",), "keys of this view; again: words and glyphs", "help"),
    Key("redraw", ("ctrl+l",), "paint everything anew"),
    Key("suspend", ("ctrl+z",), "to the shell; `fg` comes back"),
    Key("quit", ("q",), "in a detail: back; at the root: quit", "quit"),
    Key("interrupt", ("ctrl+c",), "twice within 2 s: quit"),
)

_NAMES = {"esc": "escape", "return": "enter", "pgup": "pageup", "pgdn": "pagedown", " ": "space"}
_SAME_BYTES = {"ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+j": "enter", "ctrl+m": "enter", "ctrl+[": "esc"}
_TAKEN = {
    "ctrl+a": "the prefix of screen",
    "ctrl+b": "the prefix of tmux",
    "ctrl+s": "flow control of the terminal",
    "ctrl+q": "flow control of the terminal",
    "ctrl+k": "browsers and terminals",
    "ctrl+t": "browsers and terminals",
    "ctrl+n": "browsers and terminals",
    "ctrl+w": "browsers and terminals",
    "ctrl+\\": "the terminal's quit signal",
    "'": "dead keys of some keyboards",
    "~": "dead keys of some keyboards",
    "^": "dead keys of some keyboards",
}
_ARROWS = re.compile(r"(?:(?:shift|ctrl)\+)+(?:up|down|left|right)")
_FUNCTION = re.compile(r"f\d{1,2}")
_NAMED = re.compile(
    r"(?:(?:ctrl|shift)\+)*(?:enter|escape|tab|space|backspace|delete|insert|home|end|pageup|pagedown|up|down|left|right"
    r"|[a-z0-9]|[^\sa-z0-9])"
)


def normal(key: str) -> str:
    """A key as the table writes it: `esc` is `escape`, `Ctrl+L` is `ctrl+l`, a single character stays itself."""
    if key == " ":
        return "space"
    key = key.strip()
    if len(key) == 1:
        return key
    key = key.lower()
    return _NAMES.get(key, key.replace("left_square_bracket", "[").replace("backslash", "\\"))


def split(value: str) -> tuple[str, ...]:
    """The keys in an override: separated by commas; a lone comma is itself."""
    if value == ",":
        return (",",)
    return tuple(normal(part) for part in value.split(",") if part == " " or part.strip())


def refusal(key: str) -> str:
    """Why a key is never bound, as the end of a sentence; empty if it may be."""
    if key in _SAME_BYTES:
        return f"sends the same bytes as {_SAME_BYTES[key]}"
    if key in _TAKEN:
        return f"belongs to {_TAKEN[key]}"
    if key.startswith("alt+") or "+alt+" in key:
        return "arrives as esc followed by a key"
    if _FUNCTION.fullmatch(key):
        return "belongs to terminals and window managers"
    if _ARROWS.fullmatch(key):
        return "belongs to terminals and multiplexers"
    if len(key) > 1 and not _NAMED.fullmatch(key):
        return "is not the name of a key"
    return ""


def table(overrides: Mapping[str, str] | None = None) -> tuple[Key, ...]:
    """The table with overrides applied. An override replaces all keys of its id; unknown ids are left to `check`."""
    chosen = overrides or {}
    return tuple(replace(key, keys=split(chosen[key.id])) if key.id in chosen else key for key in TABLE)


def check(overrides: Mapping[str, str]) -> list[str]:
    """What is wrong with overrides of `[keys]`, a sentence each: unknown ids, keys never bound, clashes of two ids."""
    known = {key.id for key in TABLE}
    faults = [f"{name}: no such id" for name in overrides if name not in known]
    for name, value in overrides.items():
        keys = split(value)
        if name in known and not keys:
            faults.append(f"{name}: names no key")
        for key in keys:
            reason = refusal(key)
            if reason:
                faults.append(f"{name}: {key} {reason}")
    owners: dict[str, str] = {}
    for row in table(overrides):
        for name in row.keys:
            other = owners.setdefault(name, row.id)
            if other != row.id:
                faults.append(f"{name} is bound to both {other} and {row.id}")
    return faults


def lookup(rows: Iterable[Key]) -> dict[str, str]:
    """Key to id, as the router asks it."""
    return {name: key.id for key in rows for name in key.keys}


_SHOWN = {"escape": "esc", "pagedown": "pgdn", "pageup": "pgup", "shift+tab": "shift+tab"}


def shown(key: str) -> str:
    """A key as help and footer write it."""
    return _SHOWN.get(key, key)
