"""Sentences: what the deck says of the whole, as lines of spans. Pure functions of the picture."""

from __future__ import annotations

from app.model import text
from app.model.broker import LinkState
from app.model.findings import Finding, Severity
from app.model.health import Health
from app.model.snapshot import Capability, Count, SourceStatus
from app.tui.lines import Line, Span, words
from app.tui.picture import Picture
from app.tui.views import cells
from app.tui.views.view import View


def counts(count: Count) -> tuple[Span, ...]:
    """`✗1 ▲2 ●41`, worst first; zeroes left out."""
    parts = (
        (Health.CRIT, count.crit),
        (Health.WARN, count.warn),
        (Health.UNKNOWN, count.unknown),
        (Health.STALE, count.stale),
        (Health.OK, count.ok),
    )
    spans: list[Span] = []
    for health, number in parts:
        if number:
            spans += [(f"{health.glyph}{number}", health.value), (" ", "")]
    return tuple(spans[:-1])


def tally(picture: Picture, view: View) -> tuple[Span, ...]:
    """How a view's rows stand, for its title."""
    if view.tally is not None:
        return view.tally(picture)
    count = picture.snapshot.counts.get(view.section)
    return counts(count) if count else ()


def names_of_lists(view: View, shown: View, picture: Picture) -> tuple[Span, ...]:
    """`[hosts 40] · AI 12`: the lists that a view has, the one that is shown marked; nothing where it has one."""
    offered = view.offered(picture)
    if shown not in offered:
        offered = (shown, *offered)
    if len(offered) == 1:
        return ()
    spans: list[Span] = []
    for each in offered:
        name = f"{each.called} {each.size(picture):,}"
        spans += [(" · ", "dim"), (f"[{name}]", "strong") if each is shown else (name, "")]
    return tuple(spans[1:])


def plural(number: int, view: View) -> str:
    return f"{number} {view.nouns[0] if number == 1 else view.nouns[1]}"


def _known(picture: Picture) -> str:
    verdict = picture.snapshot.verdict
    parts = [f"{number} {word}" for number, word in ((verdict.crit, "CRIT"), (verdict.warn, "WARN")) if number]
    return ", ".join(parts) or "no findings"


def verdict(picture: Picture, views: tuple[View, ...]) -> Line:
    """The one line: how bad it all is. Never green while facts are not fresh."""
    snapshot = picture.snapshot
    if snapshot.at is None:
        return words((f" {Health.UNKNOWN.glyph} UNKNOWN", "unknown"), " — no facts yet")
    age = picture.facts_age()
    if age is not None:
        told = f" — no facts for {text.duration(text.age_step(age))}; last known: {_known(picture)}"
        return words((f" {Health.UNKNOWN.glyph} UNKNOWN", "unknown"), told)
    sums = snapshot.verdict
    if sums.health is Health.UNKNOWN:
        known = f"; last known: {_known(picture)}" if sums.crit or sums.warn else ""
        return words((f" {Health.UNKNOWN.glyph} UNKNOWN", "unknown"), f" — {_why_unknown(picture)}{known}")
    if not sums.crit and not sums.warn:
        return _all_clear(picture, views)
    spans: list[Span] = [(" ", "")]
    for health, number, word in ((Health.CRIT, sums.crit, "CRIT"), (Health.WARN, sums.warn, "WARN")):
        if number:
            spans += [(f"{health.glyph} {number} {word}", health.value), ("  ", "")]
    return Line((*spans, *_quiet(picture)), right=((_changed(picture), "dim"),))


def _quiet(picture: Picture) -> tuple[Span, ...]:
    """What somebody takes care of: `1 acked  2 snoozed`."""
    sums = picture.snapshot.verdict
    told = ((sums.acked, "acked"), (sums.snoozed, "snoozed"))
    return tuple((f"{number} {word}  ", "dim") for number, word in told if number)


def _changed(picture: Picture) -> str:
    """What changed last among the findings: as this deck has seen it, else what joined last."""
    last = picture.news.last
    age = picture.age(last.at) if last is not None else None
    if last is None or age is None or age > 3600:
        return _newest(picture)
    return _change(age, last.sign, last.finding)


def _change(age: float, sign: str, finding: Finding) -> str:
    return f"changed {text.age(age)} ago: {sign} {text.cut(f'{finding.kind} {finding.subject}', 32)} "


def _newest(picture: Picture) -> str:
    """The youngest finding, if it is younger than an hour."""
    young: tuple[float, Finding] | None = None
    for finding in picture.snapshot.findings.values():
        age = picture.age(finding.since)
        quiet = finding.attention is not None and finding.attention.quiet
        if finding.severity is Severity.INFO or finding.cause or quiet or age is None or age > 3600:
            continue
        if young is None or age < young[0]:
            young = (age, finding)
    if young is None:
        return ""
    return _change(young[0], "+", young[1])


def _all_clear(picture: Picture, views: tuple[View, ...]) -> Line:
    counted = [each for view in views if view.id in _COUNTED for each in view.lists]
    numbers = [(view, _total(picture, view)) for view in counted]
    totals = [plural(number, view) for view, number in numbers if number]
    facts = f" {', '.join(totals)}." if totals else ""
    cleared = picture.news.cleared
    last = "" if cleared is None else f"last finding cleared {cells.moment(cleared, picture)}"
    spans = words((f" {Health.OK.glyph} All clear.", "ok"), f"{facts}  ").spans
    told = ", ".join(filter(None, (watching(picture), last)))
    return Line((*spans, *_quiet(picture)), right=((f"{told} ", "dim"),))


_COUNTED = ("components", "streams", "consumers", "agents")
"""Views whose rows are counted when all is clear."""


def _total(picture: Picture, view: View) -> int:
    count = picture.snapshot.counts.get(view.section)
    return count.total if count is not None else len(view.records(picture)) if view.id == "components" else 0


def watching(picture: Picture) -> str:
    age = picture.age(picture.snapshot.site.watching_since)
    return "" if age is None else f"watching {text.duration(text.age_step(age))}"


def _why_unknown(picture: Picture) -> str:
    connection = picture.snapshot.site.connection
    if connection.state is not LinkState.CONNECTED:
        return "no connection to NATS" if connection.cause else "connecting to NATS"
    for source in picture.snapshot.sources.values():
        if source.status is SourceStatus.DENIED:
            return f"not permitted: {source.denied[0] if source.denied else source.name}"
    if any(source.status is SourceStatus.WAITING for source in picture.snapshot.sources.values()):
        return "the first facts are coming"
    return "the facts are not complete"


def namespace_word(namespace: str) -> str:
    """A namespace as it is written: `""` is the one of buckets without a prefix."""
    return text.cut(namespace, 40) or '""'


def several_fleets(picture: Picture) -> str:
    """Says that there are several fleets and none is chosen; nothing where that is not so."""
    site = picture.snapshot.site
    if len(site.namespaces) < 2 or site.namespace or picture.has(Capability.FLEET):
        return ""
    some = [namespace_word(name) for name in site.namespaces[:3]]
    more = f" and {len(site.namespaces) - 3} more" if len(site.namespaces) > 3 else ""
    return f"Several fleets here: {', '.join(some)}{more}. :namespace chooses one."


def empty(picture: Picture, view: View) -> str:
    """Which emptiness it is, for a list without rows."""
    if picture.snapshot.at is None:
        return "No facts yet."
    if view.id == "agents" and (several := several_fleets(picture)):
        return several
    if lack := view.lacks(picture):
        return lack
    for name in view.sources:
        source = picture.source(name)
        if source is None:
            continue
        if source.status is SourceStatus.DENIED:
            return f"Not permitted: {source.denied[0] if source.denied else source.error}"
        if source.status is SourceStatus.WAITING:
            return "The first facts are coming."
        if source.status is SourceStatus.FAILED:
            age = picture.age(source.good_at)
            return f"No answer for {text.duration(age)}." if age is not None else f"No answer: {source.error}"
        if source.status is SourceStatus.ABSENT:
            return source.error or view.empty
    return view.empty
