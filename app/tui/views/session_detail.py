"""The detail of a session: what it was in a few lines, then its events by time, each with what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.model import text
from app.model.sessions import UNTOLD, Session, SessionDetail, SessionStatus, TimelineEvent
from app.tui.lines import BLANK, Line, Span, rule
from app.tui.picture import Picture, Times
from app.tui.views import parts, scores, sessions
from app.tui.views.chat_lines import clock
from app.tui.views.gists import Gist
from app.tui.views.sessions import dollars
from widgets.cells import fit_cells, wrap_cells

EVENTS_MOST = 3000
"""Events that are held at once; those farthest from where the reader goes are let go of."""
EARLIER, LATER = "earlier", "later"
"""Keys of the lines that stand for the events before and after those that are here."""
CHAT = "chat"
"""Key of the line that leads to what was said."""
_TYPE = 15
_COST = 7
_ERRORS = ("error", "critical")


def title(key: str, picture: Picture) -> str:
    return parts.name_of(sessions.parted(key)[0], picture)


def event_key(event: TimelineEvent) -> str:
    """The key of an event's line: two agents may give the same id."""
    return f"event {event.id} {event.agent}"


def joined(have: SessionDetail | None, new: SessionDetail) -> SessionDetail | None:
    """The events that are here with others, as one unbroken run; those others alone if there is a gap between.

    None if they contradict each other: late events have come in between, and all places after them moved on.
    """
    if have is None or not have.events:
        return new
    last, end = end_of(have), end_of(new)
    if new.total < last:
        return None
    if new.first > last or end < have.first:
        return new
    begin, stop = max(have.first, new.first), min(last, end)
    known = [(each.id, each.at) for each in have.events[begin - have.first : stop - have.first]]
    if known != [(each.id, each.at) for each in new.events[begin - new.first : stop - new.first]]:
        return None
    before = have.events[: max(0, new.first - have.first)]
    after = have.events[end - have.first :] if end < last else ()
    first, events = min(have.first, new.first), (*before, *new.events, *after)
    if (cut := len(events) - EVENTS_MOST) > 0:
        ahead = end > last
        first, events = (first + cut, events[cut:]) if ahead else (first, events[:EVENTS_MOST])
    return replace(new, events=events, first=first)


def end_of(told: SessionDetail) -> int:
    """The place behind the last event that is here."""
    return told.first + len(told.events)


# -- what it was -------------------------------------------------------------------------------------------------------
def head(session: Session, picture: Picture, width: int) -> list[Line]:
    """State, agent with its score, how long it ran, what it did, what it cost, where it came from."""
    said = (session.status.value, session.label)
    lines = [parts.head(f"session {parts.name_of(session.key, picture)}", sessions.standing(session, picture), said)]
    lines[0] = replace(lines[0], copy=session.key)
    lines += parts.findings(picture.findings_of(sessions.ref(session.key)), picture)
    lines.append(_agent(session, picture))
    for label, value, style in (
        ("ran", _ran(session, picture), ""),
        ("did", _did(session), "warn" if sessions.bad(session) or session.tool_failures else ""),
        ("cost", _cost_of(session), ""),
        ("from", _from(session), ""),
    ):
        lines += _fact(label, value, style, width)
    return lines


def chat_line(told: SessionDetail) -> list[Line]:
    """The way to what was said; nothing where no model was called."""
    calls = sum(event.type == "llm_call" for event in told.events)
    if not calls:
        return []
    here = "" if len(told.events) >= told.total else " among the events that are here"
    said = f"what was said in {calls:,} call{'' if calls == 1 else 's'}{here}"
    return [Line((("  chat    ", "dim"), (said, "accent")), key=CHAT, copy=said, right=(("enter: reads it ", "dim"),))]


def _fact(label: str, value: str, style: str, width: int) -> list[Line]:
    if not value:
        return []
    first, *rest = wrap_cells(value, max(10, width - 11))[:4]
    lines = [Line(((f"  {label:<7} ", "dim"), (first, style)), key=f"fact {label}", copy=value)]
    return lines + [Line(((f"{'':10}", ""), (more, style))) for more in rest]


def _agent(session: Session, picture: Picture) -> Line:
    """Its agent and how it does; Enter goes to the breakdown of its score."""
    score = scores.of(session.agent, picture)
    name = f" ({session.agent_name})" if session.agent_name not in ("", session.agent) else ""
    spans: list[Span] = [("  agent   ", "dim"), (session.agent, "accent"), (name, "")]
    if score is not None:
        style = "" if score.overall >= 75 else scores.band_health(score).value
        spans += [(" · score ", "dim"), (f"{score.overall:.1f}", style)]
        change = scores.points(score.delta) if score.previous is not None else "new"
        spans.append((f" ({change} in {score.window}d)", "dim"))
    target = f"{scores.KIND}:{session.agent}"
    return Line(tuple(spans), key="agent", target=target, copy=session.agent, right=(("enter: its score ", "dim"),))


def _ran(session: Session, picture: Picture) -> str:
    seconds = sessions.took(session, picture)
    lasted = text.took(seconds if session.ended is not None else text.age_step(seconds)) if seconds is not None else "?"
    if session.ended is not None:
        how = f"took {lasted}"
    elif session.status is SessionStatus.IDLE:
        how = f"{lasted}, then nothing for {text.duration(text.age_step(picture.age(session.last) or 0.0))}"
    else:
        how = f"goes on, for {lasted} so far"
    began = parts.both(session.began, picture) if session.began != UNTOLD else ""
    return f"{began} · {how}" if began and seconds is not None else began


def _did(session: Session) -> str:
    if session.gateway:
        return ""
    errors = f"{session.errors} error{'' if session.errors == 1 else 's'}" if session.errors else "no errors"
    calls = session.tool_calls
    fine = max(0, calls - session.tool_failures)
    tools = f"{fine} of {calls} tool calls ok" if calls or session.tool_failures else ""
    events = f"{session.events:,} event{'' if session.events == 1 else 's'}"
    return " · ".join(part for part in (events, errors, tools) if part)


def _cost_of(session: Session) -> str:
    tokens = (
        f"{text.count(session.input_tokens)} tokens read, {text.count(session.output_tokens)} written"
        if sessions.tokens(session)
        else ""
    )
    calls = f"{session.llm_calls:,} answer{'' if session.llm_calls == 1 else 's'}" if session.llm_calls else ""
    model = f"{calls} of {session.model}" if calls and session.model else calls or session.model
    share = sessions.context(session)
    context = f"context {text.percent(share)} full" if share is not None else ""
    return " · ".join(part for part in (dollars(session.cost), model, tokens, context) if part)


def _from(session: Session) -> str:
    tags = "tags " + " ".join(text.cut(tag, 30) for tag in session.tags[:12]) if session.tags else ""
    gateway = f"gateway {session.gateway}" if session.gateway else ""
    return " · ".join(part for part in (session.channel, gateway, tags) if part)


@dataclass(slots=True)
class Known:
    """The lines of events, and all that they were made by besides the events."""

    how: tuple[object, ...] = ()
    lines: dict[TimelineEvent, Line] = field(default_factory=dict)


# -- what happened -----------------------------------------------------------------------------------------------------
def timeline(
    told: SessionDetail,
    session: Session,
    gists: Callable[[TimelineEvent], Gist],
    picture: Picture,
    width: int,
    known: Known | None = None,
) -> list[Line]:
    """A line an event: time, how long after the beginning, type, what it says, what it cost.

    `known` keeps the lines from one time to the next: of a long session only what is new is written.
    """
    zone = "HERE" if picture.times is Times.LOCAL else "UTC"
    here = f"{told.first + 1:,} to {end_of(told):,} of {told.total:,}" if len(told.events) < told.total else ""
    lines = [rule("Events", right=here or f"{told.total:,}")]
    if not told.events:
        return [*lines, Line((("  none are kept any more", "dim"),))]
    costs = any(gists(event).cost for event in told.events)
    room = max(8, width - 23 - _TYPE - (_COST + 1 if costs else 0))
    header = f"    {f'TIME {zone}':<9} {'AFTER':>6} {'EVENT':<{_TYPE}} {fit_cells('WHAT', room)}"
    lines.append(Line(((header + (f" {'COST':>{_COST}}" if costs else ""), "header"),)))
    if told.first:
        lines.append(Line(((f"    … {told.first:,} earlier: - reads them", "dim"),), key=EARLIER))
    known = Known() if known is None else known
    how = (room, costs, picture.times, session.agent, session.began, told.worst, sessions.bad(session))
    before = known.lines if known.how == how else {}
    known.how, known.lines = how, {
        event: before.get(event) or _event(event, gists(event), session, told, costs, room, picture)
        for event in told.events
    }  # fmt: skip
    lines += known.lines.values()
    later = told.total - end_of(told)
    if later > 0:
        lines.append(Line(((f"    … {later:,} later: + reads them", "dim"),), key=LATER))
    return lines


def _event(
    event: TimelineEvent, gist: Gist, session: Session, told: SessionDetail, costs: bool, room: int, picture: Picture
) -> Line:
    wrong = gist.wrong or (event.id == told.worst and sessions.bad(session))
    mark, style = marked(event, wrong)
    other = f" ({event.agent})" if event.agent != session.agent else ""
    spans: list[Span] = [
        (f"  {mark} ", style),
        (f"{clock(event.at, picture)} ", "dim"),
        (f"{after(event.at, session.began):>7} ", "dim"),
        (f"{fit_cells(event.type, _TYPE, cut=text.cut)} ", style),
        (fit_cells(gist.text + other, room), ""),
    ]
    if costs:
        spans.append((f" {dollars(gist.cost):>{_COST}}", "dim"))
    copy = f"{event.at.isoformat()} {event.type} {gist.text}".strip()
    return Line(tuple(spans), key=event_key(event), copy=copy, fault=wrong)


def marked(event: TimelineEvent, wrong: bool) -> tuple[str, str]:
    """The glyph of an event, and its style."""
    if wrong:
        return ("✗", "crit") if event.severity in _ERRORS or event.type == "tool_error" else ("▲", "warn")
    return ("▲", "warn") if event.severity == "warn" else (" ", "")


def after(at: datetime, began: datetime) -> str:
    """How long after the beginning, in at most 7 cells: `+0.4s +4m12s`."""
    seconds = (at - began).total_seconds()
    return f"{'-' if seconds < 0 else '+'}{text.took(abs(seconds))}"


def without(key: str, session: Session | None, told: str, picture: Picture, width: int) -> list[Line]:
    """What stands there as long as no events have come: the row, if it is known, and why there is no more."""
    lines = head(session, picture, width) if session is not None else [BLANK]
    if session is not None and session.gateway:
        return [*lines, Line((("  Sessions of gateways have no events here.", "dim"),))]
    if not told:
        return [*lines, Line((("  Reading its events …", "dim"),))]
    name = "" if session is not None else f"session {text.cut(key, 60)}: "
    return [*lines, *(Line(((f"  {piece}", "warn"),)) for piece in wrap_cells(f"{name}{told}", max(10, width - 3)))]
