"""Reading an answer to a health question: of which kind it is, what it says, and what in it misleads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from app.model.health import Health
from app.model.text import clean, size
from app.sources.healthjson import Check, Told, told
from app.sources.healthwords import meaning

BODY_MOST = 64 * 1024
"""Bytes of a body that are read."""
NAMED = 3
"""Parts that are named in a reason."""
_STATUS = re.compile(r"[1-5](?:\d\d|xx|XX)")
_PAGE = re.compile(rb"^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,200})", re.I)
_PASSWORD = re.compile(rb"<input[^>]{0,200}type\s*=\s*[\"']?password", re.I)
_VERBOSE = re.compile(r"^\[([+-])\](.+?)(?:\s+(ok|failed|excluded: ok|not-ok))?(?::\s*(.*))?$")
_SAYS_BAD = re.compile(
    r"\b(error|failed|failing|failure|unhealthy|unavailable|down|degraded|exception|maintenance)\b", re.I
)
_TAKE = """; expect = "2xx" takes its status alone"""
_WORD = re.compile(r"[A-Za-z][A-Za-z_ -]{0,29}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, its body at most `BODY_MOST` bytes: `cut` says that there was more."""

    status: int
    content_type: str = ""
    body: bytes = b""
    cut: bool = False
    location: str = ""  # of a redirect

    @property
    def json(self) -> bool:
        kind = self.content_type.partition(";")[0].strip().lower()
        return kind == "application/json" or kind.endswith("+json")

    @property
    def page(self) -> bool:
        """An HTML page, whatever it calls itself; a mere word sent as text/html is none."""
        return _PAGE.match(self.body) is not None


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says. CRIT: it fails, WARN: it works in part or does not let us see, UNKNOWN: we cannot tell.

    `word` is the state in a word: ok, degraded, doubtful, refuses, unclear, fails. `reason` is one line. `telling`: it
    said something of health, besides its status.
    """

    health: Health
    word: str
    reason: str = ""
    checks: tuple[Check, ...] = ()
    version: str = ""
    telling: bool = False


def read(answer: Answer, expect: str = "", *, told_before: bool = False) -> Reading:
    """Reads an answer by what is expected of it, else by what its kind means by well.

    `told_before`: this address has told of its health in words before, so that a web page is none of its answers.
    """
    if _STATUS.fullmatch(expect):
        return _by_status(answer, expect)
    if 300 <= answer.status < 400:
        where = f" to {clean(answer.location, 120)}" if answer.location else ""
        return Reading(Health.CRIT, "fails", f"redirects{where} ({answer.status}), which is not followed")
    if expect:
        return _by_text(answer, expect)
    if answer.status in (401, 403):
        why = "wants to know who asks" if answer.status == 401 else "does not let us see"
        return Reading(Health.WARN, "refuses", f"{why} ({answer.status}): how it does is not known")
    if answer.status == 429:
        return Reading(Health.WARN, "refuses", "is asked too often, it says (429): how it does is not known")
    if answer.page:
        return _page(answer, told_before)
    return _told(answer)


def _by_status(answer: Answer, expect: str) -> Reading:
    wanted = expect.lower()
    said = str(answer.status)
    if said == wanted or (wanted.endswith("xx") and said[0] == wanted[0]):
        return Reading(Health.OK, "ok", f"answers {said}, as expected")
    told = Reading(Health.CRIT, "fails") if answer.page else _told(answer)
    reason = f"answers {_status(answer)}, not {expect}"
    if told.telling and answer.status >= 400:
        reason = f"{reason}: {told.reason.partition(': ')[2]}".removesuffix(": ")
    return Reading(Health.CRIT, "fails", reason)


def _by_text(answer: Answer, expect: str) -> Reading:
    if answer.status >= 400:
        return _told(answer) if not answer.page else Reading(Health.CRIT, "fails", f"answers {_status(answer)}")
    if expect.encode() in answer.body:
        return Reading(Health.OK, "ok", f"answers {answer.status} with “{clean(expect, 60)}”")
    where = f" in its first {size(BODY_MOST)}" if answer.cut else ""
    page = f" an HTML page{_title(answer)}" if answer.page else ""
    without = f"without “{clean(expect, 60)}”{where}"
    return Reading(Health.CRIT, "fails", f"answers {answer.status}{' with' if page else ''}{page} {without}")


def _page(answer: Answer, told_before: bool) -> Reading:
    kind = "a login page" if _PASSWORD.search(answer.body) else "an HTML page"
    if answer.status >= 400:
        return Reading(Health.CRIT, "fails", f"answers {_status(answer)} with {kind}{_title(answer)}")
    reason = f"answers {answer.status} with {kind}{_title(answer)}"
    if told_before:
        return Reading(Health.CRIT, "fails", f"{reason}, where it told its health before")
    return Reading(Health.UNKNOWN, "unclear", f"{reason}: that says nothing of its health{_TAKE}")


def _title(answer: Answer) -> str:
    found = _TITLE.search(answer.body)
    title = clean(" ".join(found[1].decode("utf-8", "replace").split()), 40) if found else ""
    return f" “{title}”" if title else ""


def _told(answer: Answer) -> Reading:
    """What the body says, weighed with the status: a bad status is bad whatever the body says."""
    start = answer.body.lstrip()[:1]
    if answer.json or start in (b"{", b"["):
        if answer.cut:
            if answer.status >= 400:
                return Reading(Health.CRIT, "fails", f"answers {_status(answer)}")
            why = f"answers {answer.status}, but its answer is over {size(BODY_MOST)} and is not read"
            return Reading(Health.UNKNOWN, "unclear", f"{why}{_TAKE}")
        try:
            said = told(msgspec.json.decode(answer.body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if answer.status < 400 and answer.json:
                return Reading(Health.UNKNOWN, "unclear", f"answers {answer.status} with JSON that cannot be read")
            return _text(answer)
        return _weighed(answer, said)
    return _text(answer)


def _text(answer: Answer) -> Reading:
    text = answer.body[:BODY_MOST].decode("utf-8", "replace")
    if text.lstrip().startswith("["):
        checks = tuple(_verbose(text))
        if checks:
            health = max((each.health for each in checks), key=lambda each: each.rank)
            return _weighed(answer, Told(health, "ok" if health is Health.OK else "fail", "", checks))
    line = clean(next((line.strip() for line in text.splitlines() if line.strip()), ""), 200)
    if answer.status >= 400:
        short = line if len(line) <= 120 and line.isprintable() and "\ufffd" not in line else ""
        return Reading(Health.CRIT, "fails", f"answers {_status(answer)}{': ' + short if short else ''}")
    if _WORD.fullmatch(line) and (health := meaning(line)) is not Health.UNKNOWN:
        return _weighed(answer, Told(health, line.lower()))
    if len(answer.body) <= 500 and (_SAYS_BAD.search(line)):
        return Reading(Health.WARN, "doubtful", f"answers {answer.status}, but says “{clean(line, 100)}”", telling=True)
    return Reading(Health.OK, "ok", f"answers {answer.status}")


def _verbose(text: str) -> list[Check]:
    """Lines such as `[+]ping ok` and `[-]etcd failed: reason withheld` (Kubernetes)."""
    found = []
    for line in text.splitlines()[:200]:
        match = _VERBOSE.match(line.strip())
        if match is None:
            continue
        good = match[1] == "+"
        name, why = clean(match[2], 100), clean(match[4] or "", 200)
        found.append(Check(name, Health.OK if good else Health.CRIT, (match[3] or ("ok" if good else "failed")), why))
    return sorted(found, key=lambda each: -each.health.rank)[:50]


def _weighed(answer: Answer, said: Told) -> Reading:
    failing = [each for each in said.checks if each.health is Health.CRIT]
    partly = [each for each in said.checks if each.health is Health.WARN]
    why = _names(failing or partly) or said.why
    if answer.status >= 400:
        states = f"answers {_status(answer)}"
        return _reading(Health.CRIT, "fails", f"{states}: {why}" if why else states, said)
    if said.health is None:
        return Reading(Health.OK, "ok", f"answers {answer.status}", version=said.version)
    if said.health is Health.OK and failing:
        return _reading(Health.WARN, "doubtful", f"says {said.word or 'ok'}, but {why}", said)
    if said.health is Health.OK:
        number = len(said.checks) + said.left_out
        words = f"{number} check{'s' * (number != 1)} well" if number else f"answers {answer.status}"
        return _reading(Health.OK, "ok", why if partly else words, said)
    word = {Health.UNKNOWN: "unclear", Health.WARN: "degraded"}.get(said.health, "fails")
    return _reading(said.health, word, f"says “{said.word}”{': ' + why if why else ''}", said)


def _reading(health: Health, word: str, reason: str, said: Told) -> Reading:
    return Reading(health, word, clean(reason, 300), said.checks, said.version, telling=True)


def _names(checks: list[Check]) -> str:
    """`db: connection refused; cache: down; +2 more`."""
    named = [f"{each.name}: {each.reason or each.word}" for each in checks[:NAMED]]
    more = [f"+{len(checks) - NAMED} more"] if len(checks) > NAMED else []
    return clean("; ".join([*named, *more]), 250)


def _status(answer: Answer) -> str:
    try:
        return f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        return str(answer.status)
