"""Sessions: what AI agents did, run by run, those with errors first, then the newest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.model import text
from app.model.gateways import GatewayState
from app.model.health import Health
from app.model.sessions import IDLE_AFTER, UNTOLD, Session, SessionStatus
from app.model.snapshot import Capability
from app.tui.picture import Picture, Standing
from app.tui.views import cells, scores
from app.tui.views.cells import left, right
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell

KIND = "session"
EVENT_MARK = "\n"
"""Stands between a session and one of its events in a ref: no id holds it, since ids are cleaned."""
HOUR = timedelta(hours=1)
CONTEXT_FULL = 0.9
"""Share of its context from which a session is marked."""
_STYLES = {SessionStatus.ACTIVE: "accent", SessionStatus.ERROR: "warn", SessionStatus.IDLE: "dim"}


def ref(key: str, event: str = "") -> str:
    """A session, or one of its events."""
    return f"{KIND}:{key}{EVENT_MARK}{event}" if event else f"{KIND}:{key}"


def parted(key: str) -> tuple[str, str]:
    """The session and the event (empty for none) that the key of a ref names."""
    session, _, event = key.partition(EVENT_MARK)
    return session, event


def bad(session: Session) -> bool:
    """Whether anything went wrong in it."""
    return session.status is SessionStatus.ERROR or session.errors > 0


def standing(session: Session, picture: Picture) -> Standing:
    """One that ended in error, or had errors, is a fault to stop at; no single session is a crisis."""
    found = _told(session, picture) if session.gateway else picture.standing(ref(session.key), "sessions")
    if found.fault or found.health is not Health.OK:
        return replace(found, fault=found.fault or bad(session))
    return Standing(Health.WARN, Health.WARN.rank, True) if bad(session) else found


def _told(session: Session, picture: Picture) -> Standing:
    """A session that a gateway tells of is as fresh as that one's answers, whatever NATS does."""
    gateway = picture.snapshot.components.get(f"gateway:{session.gateway}")
    away = picture.lost or (gateway is not None and gateway.state != GatewayState.CONNECTED.value)
    return Standing(Health.STALE, Health.STALE.rank) if away else Standing()


def as_of_now(session: Session, picture: Picture) -> Session:
    """A session of which nothing new came is idle after a while, whoever told of it."""
    quiet = picture.age(session.last) if not session.gateway else None
    if session.status is SessionStatus.ACTIVE and quiet is not None and quiet > IDLE_AFTER.total_seconds():
        return replace(session, status=SessionStatus.IDLE)
    return session


def took(session: Session, picture: Picture) -> float | None:
    """Seconds from its beginning to its end; to now while it is active, to its last event once it is idle. None where
    its beginning is not told."""
    if UNTOLD in (session.began, session.last):
        return None
    if session.ended is None and session.status is SessionStatus.ACTIVE:
        return picture.age(session.began)
    return max(0.0, ((session.ended or session.last) - session.began).total_seconds())


def dollars(nano: int) -> str:
    """A cost; empty for none."""
    return text.dollars(nano / 1e9) if nano else ""


def tools(session: Session) -> str:
    """`12`, or how many of them did not fail: `9/12`."""
    if not session.tool_failures:
        return text.count(session.tool_calls)
    shown = f"{max(0, session.tool_calls - session.tool_failures)}/{session.tool_calls}"
    return shown if len(shown) <= 5 else text.count(session.tool_calls)


def context(session: Session) -> float | None:
    """Share of its context that is used."""
    if session.context_used is None or not session.context_most:
        return None
    return session.context_used / session.context_most


def tokens(session: Session) -> int:
    return session.input_tokens + session.output_tokens


def _took(session: Session, picture: Picture) -> Cell:
    seconds = took(session, picture)
    if seconds is None:
        return cells.ABSENT
    if session.ended is not None:
        return Cell(text.took(seconds), seconds)
    step = text.age_step(seconds)
    return Cell(text.took(step), step, "dim")


def _tools(session: Session, picture: Picture) -> Cell:
    if not session.tool_calls and not session.tool_failures:
        return cells.ABSENT
    return Cell(tools(session), session.tool_calls, "warn" if session.tool_failures else "")


def _cost(session: Session, picture: Picture) -> Cell:
    return Cell(dollars(session.cost), session.cost / 1e9) if session.cost else cells.ABSENT


def _since(at: datetime, picture: Picture, room: int) -> Cell:
    return cells.ABSENT if at == UNTOLD else cells.since(at, picture, room, exact=True)


def _name(session: Session, picture: Picture) -> Cell:
    """Its id; of a gateway's session what that calls it, since its keys are alike where they are cut."""
    return cells.plain(session.label if session.gateway and session.label else session.key)


def _began(session: Session, picture: Picture) -> Cell:
    """One whose beginning was not told has its place by when it was last heard of."""
    if session.began == UNTOLD and session.last != UNTOLD:
        return replace(cells.since(session.last, picture, 6, exact=True), text="-", style="dim")
    return _since(session.began, picture, 6)


def _events(session: Session, picture: Picture) -> Cell:
    return cells.ABSENT if session.gateway else cells.number(session.events)


def _errors(session: Session, picture: Picture) -> Cell:
    if session.gateway:
        return cells.ABSENT
    return Cell(text.count(session.errors), session.errors, "warn" if session.errors else "dim")


def _context(session: Session, picture: Picture) -> Cell:
    share = context(session)
    return cells.percent(share, "warn" if share is not None and share >= CONTEXT_FULL else "")


def _tokens(session: Session, picture: Picture) -> Cell:
    return Cell(text.count(tokens(session)), tokens(session)) if tokens(session) else cells.ABSENT


def stored(rows: Mapping[str, Session]) -> int:
    """How many of them are in the store, and not a gateway's."""
    return sum(not row.gateway for row in rows.values())


def kept(picture: Picture) -> int:
    """How many sessions are kept in all, as their agents tell it."""
    return picture.once("sessions kept", lambda: sum(agent.sessions for agent in picture.snapshot.ai.values()))


def tally_of(rows: Mapping[str, Session], picture: Picture) -> tuple[tuple[str, str], ...]:
    """`▲12 ●488 of 12,345 sessions`: how those that are listed stand, and of how many."""
    told = [standing(row, picture).health for row in rows.values() if row.gateway]
    old = told.count(Health.STALE)
    wrong = told.count(Health.WARN) + sum(bad(row) for row in rows.values() if not row.gateway)
    spans: list[tuple[str, str]] = []
    for health, number in ((Health.WARN, wrong), (Health.STALE, old), (Health.OK, len(rows) - wrong - old)):
        if number:
            spans += [(f"{health.glyph}{number}", health.value), (" ", "")]
    own = stored(rows)
    if kept(picture) > own:
        spans += [(f"of {kept(picture) + len(rows) - own:,} sessions", ""), (" ", "")]
    return tuple(spans[:-1])


def tally(picture: Picture) -> tuple[tuple[str, str], ...]:
    return tally_of(picture.snapshot.sessions, picture)


def lacks(picture: Picture) -> str:
    """Why there are no sessions; empty where there are some."""
    return "" if picture.snapshot.sessions else scores.no_events(picture, "Sessions need session events")


def line(picture: Picture) -> str:
    """Those of the last hour in one line: `4 active, 2 with errors in the last hour`."""
    told = lacks(picture).removeprefix("Sessions need session events: ")
    if told:
        return told
    rows, now = picture.snapshot.sessions.values(), picture.now
    if not rows or now is None:
        return "no sessions yet"
    active = sum(session.status is SessionStatus.ACTIVE for session in rows)
    wrong = sum(bad(session) and now - session.last <= HOUR for session in rows)
    more = kept(picture) > stored(picture.snapshot.sessions) and all(now - session.last <= HOUR for session in rows)
    return f"{active} active, {'≥' if more else ''}{wrong} with errors in the last hour"


def _names(session: Session, picture: Picture) -> str:
    return " ".join((session.key, session.agent, session.agent_name, session.label, session.gateway, *session.tags))


VIEW = View(
    id="sessions",
    number="8",
    title="Sessions",
    kind=KIND,
    nouns=("session", "sessions"),
    section="sessions",
    sections=frozenset({"findings", "sessions", "ai", "components"}),
    sources=("sessions",),
    sort="began",
    reverse=True,
    standing=standing,
    names=_names,
    copy=lambda session: session.key,
    tally=tally,
    lacks=lacks,
    empty="No sessions yet.",
    fields=(
        GLYPH,
        Field(left("session", "SESSION", 10, help="its id, as its events give it; what its gateway calls it"), _name),
        Field(
            left("agent", "AGENT", 12, flex=True, help="id of the agent of its first event"),
            lambda s, p: cells.plain(s.agent),
        ),
        Field(
            left("status", "STATUS", 9, help="active; idle: nothing heard for 30m; completed, error: as it ended"),
            lambda s, p: Cell(s.status.value, s.status.value, _STYLES.get(s.status, "")),
        ),
        Field(
            right("began", "BEGAN", 6, help="since its first event"),
            _began,
            times=True,
        ),
        Field(right("took", "TOOK", 6, help="to its end; so far, while it has none"), _took),
        Field(right("events", "EVENTS", 6, help="all that came"), _events),
        Field(right("err", "ERR", 4, help="events of severity error or critical, and tool errors"), _errors),
        Field(right("tools", "TOOLS", 5, help="tool calls; 9/12: of 12, 9 did not fail"), _tools),
        Field(right("cost", "COST", 7, help="US dollars, as its events tell it"), _cost),
        Field(right("tokens", "TOKENS", 6, 3, help="read and written"), _tokens),
        Field(left("model", "MODEL", 14, 3, help="that it used last"), lambda s, p: cells.plain(s.model)),
        Field(left("channel", "CHANNEL", 8, 3, help="where it came from"), lambda s, p: cells.plain(s.channel)),
        Field(right("ctx", "CTX", 4, 3, help="of its context that is used, where it is told"), _context),
        Field(
            right("last", "LAST", 4, 3, help="since its last event"),
            lambda s, p: _since(s.last, p, 4),
            times=True,
        ),
        Field(left("label", "LABEL", 14, 4, flex=True, help="what it is about"), lambda s, p: cells.plain(s.label)),
    ),
)


def needs_explaining(picture: Picture) -> bool:
    """Whether there is nothing here and nothing can come."""
    return "sessions" in picture.held and not picture.snapshot.sessions and not picture.has(Capability.SESSIONS)
