"""`watchdeck status` and `watchdeck findings`: how bad it is, for people, scripts and monitoring systems."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from app.cli.glance import Look, look, looks
from app.model.findings import Finding, Severity
from app.model.text import clean
from app.settings import Settings

OK, WARNING, CRITICAL, OWN_FAULT = 0, 1, 2, 3
"""Exit codes, those of Nagios. NATS or the worker out of reach, or no answer in time, is CRITICAL."""
_WORDS = {OK: "OK", WARNING: "WARN", CRITICAL: "CRIT"}
_NAGIOS = {OK: "OK", WARNING: "WARNING", CRITICAL: "CRITICAL"}
_WORST = 3  # findings that are named


@dataclass(frozen=True, slots=True)
class Status:
    """A look, judged: its exit code, and what it counts."""

    look: Look
    code: int
    counted: tuple[Finding, ...]  # worst first: neither folded under another nor put off
    snoozed: tuple[Finding, ...]

    @property
    def trouble(self) -> str:
        return self.look.trouble

    def number(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.counted)

    @property
    def acked(self) -> int:
        return sum(_acked(finding) for finding in self.counted)


def judge(seen: Look, *, ignore_acked: bool = False) -> Status:
    """What a look amounts to. Acknowledged findings count unless they are to be ignored; snoozed ones never."""
    roots = [finding for finding in seen.snapshot.findings.values() if not finding.cause]
    roots.sort(key=lambda finding: (-finding.severity.rank, _acked(finding)))
    snoozed = tuple(finding for finding in roots if finding.attention is not None and finding.attention.hidden)
    counted = tuple(finding for finding in roots if finding not in snoozed and not (ignore_acked and _acked(finding)))
    code = CRITICAL if seen.trouble else OK
    for finding in counted:
        code = max(code, {Severity.CRIT: CRITICAL, Severity.WARN: WARNING}.get(finding.severity, OK))
    return Status(seen, code, counted, snoozed)


def _acked(finding: Finding) -> bool:
    return finding.attention is not None and finding.attention.state == "acked"


def line(finding: Finding) -> str:
    """A finding on one line: `CRIT agent web-03: gone since 14:01:12Z`."""
    attention = finding.attention
    said = f" [{attention.state} by {attention.by}]" if attention is not None and attention.by else ""
    known = " (last known)" if finding.last_known else ""
    return clean(f"{finding.severity.value.upper()} {finding.kind} {finding.subject}: {finding.what}{known}{said}")


def _counts(status: Status) -> str:
    crit, warn = status.number(Severity.CRIT), status.number(Severity.WARN)
    parts = [f"{number} {word}" for number, word in ((crit, "CRIT"), (warn, "WARN")) if number]
    parts += [f"{status.acked} of them acknowledged"] if status.acked else []
    parts += [f"{len(status.snoozed)} snoozed"] if status.snoozed else []
    return ", ".join(parts) or "no findings"


def _from(seen: Look) -> str:
    site = seen.snapshot.site
    return f"{site.name}, {f'worker {site.version}' if seen.by_worker else 'no worker runs: collected once'}"


def text(status: Status) -> str:
    """For people: the verdict, then the three worst, then what is put off."""
    why = f"{status.trouble}; last known: " if status.trouble else ""
    lines = [f"{_WORDS[status.code]}: {why}{_counts(status)} ({_from(status.look)})"]
    lines += [line(finding) for finding in status.counted[:_WORST]]
    more = len(status.counted) - _WORST
    lines += [f"+{more} more: watchdeck findings"] if more > 0 else []
    lines += [f"{_put_off(finding)}: {line(finding)}" for finding in status.snoozed]
    return "\n".join(clean(each) for each in lines)


def _put_off(finding: Finding) -> str:
    attention = finding.attention
    until = attention.until.strftime(" until %m-%d %H:%MZ") if attention is not None and attention.until else ""
    return f"{attention.state if attention is not None else 'snoozed'}{until}"


def nagios(status: Status) -> str:
    """For Nagios and its kin: one line, performance data behind a bar, then the findings as long text."""
    worst = next(iter(status.counted), None)
    first = status.trouble or (line(worst) if worst else "no findings")
    counts = status.look.snapshot.counts
    figures = [("crit", status.number(Severity.CRIT), ";;0"), ("warn", status.number(Severity.WARN), ";0;")]
    figures += [(name, count.total, ";;") for name, count in sorted(counts.items()) if name != "findings"]
    data = " ".join(f"{name}={number}{limits};0" for name, number, limits in figures)
    head = f"WATCHDECK {_NAGIOS[status.code]} - {_counts(status)}: {first}".replace("|", "/")
    return "\n".join([f"{head} | {data}", *(line(each).replace("|", "/") for each in status.counted)])


def json(status: Status) -> str:
    """For scripts: one object."""
    snapshot = status.look.snapshot
    return _json(
        {
            "status": _WORDS[status.code],
            "exit": status.code,
            "why": status.trouble or None,
            "site": snapshot.site.name,
            "at": snapshot.at,
            "worker": snapshot.site.version if status.look.by_worker else None,
            "crit": status.number(Severity.CRIT),
            "warn": status.number(Severity.WARN),
            "acked": status.acked,
            "snoozed": len(status.snoozed),
            "findings": [*map(as_json, status.counted), *map(as_json, status.snoozed)],
        }
    )


def as_json(finding: Finding) -> dict[str, Any]:
    """A finding for scripts: what, since when, since a lower bound or exactly, and who has taken care of it."""
    return {
        "id": finding.id,
        "rule": finding.rule,
        "severity": finding.severity,
        "kind": finding.kind,
        "subject": finding.subject,
        "what": finding.what,
        "since": finding.since,
        "since_exact": finding.since_exact,
        "cause": finding.cause or None,
        "folded": finding.folded,
        "last_known": finding.last_known,
        "refs": finding.refs,
        "evidence": finding.evidence,
        "steps": finding.steps,
        "attention": finding.attention,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


WRITERS: dict[str, Callable[[Status], str]] = {"text": text, "json": json, "nagios": nagios}


def run_status(settings: Settings, *, format_: str, watch: bool, ignore_acked: bool, quiet: bool) -> int:
    """Prints the status and gives its exit code; with `watch` a line per change until it is interrupted."""
    if watch:
        return asyncio.run(_watch(settings, as_lines=format_ != "json"))
    status = judge(asyncio.run(look(settings)), ignore_acked=ignore_acked)
    if not quiet:
        say(WRITERS[format_](status))
    return status.code


def run_findings(settings: Settings, *, as_lines: bool) -> int:
    """Prints all findings; 0, or 2 when they cannot be known."""
    status = judge(asyncio.run(look(settings)))
    findings = list(status.look.snapshot.findings.values())
    if not as_lines:
        say(_json({"why": status.trouble or None, "findings": [as_json(finding) for finding in findings]}))
    else:
        say("\n".join(_indented(findings)) or "no findings")
        if status.trouble:
            sys.stderr.write(f"watchdeck: {clean(status.trouble)}\n")
    return CRITICAL if status.trouble else OK


def _indented(findings: Sequence[Finding]) -> list[str]:
    """Worst first, what is folded under a finding below it."""
    lines = []
    for root in (finding for finding in findings if not finding.cause):
        lines.append(line(root))
        lines += [f"  {line(effect)}" for effect in findings if effect.cause == root.id]
    return lines


async def _watch(settings: Settings, *, as_lines: bool) -> int:
    """A line for each finding that comes, changes its level, is taken care of, or goes; no cursor is moved."""
    from app.cli.watching import changes

    async for change in changes(looks(settings)):
        say(change.line if as_lines else _json({"at": change.at, **change.told}))
    return OK


def say(words: str) -> None:
    """On stdout, at once, whatever it can show."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(words.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()
