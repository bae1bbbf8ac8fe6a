"""Which views there are, and which page shows what a ref names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.feed.questions import Question, SubjectsOf
from app.tui.picture import Picture
from app.tui.screens.asking import AskedWrite, AskingPage, Opened
from app.tui.screens.breakdown import AiAgentPage, BreakdownPage
from app.tui.screens.chat import session_page
from app.tui.screens.detail import DetailPage, Write
from app.tui.screens.log import UnitLogPage
from app.tui.screens.page import Deck, Page
from app.tui.screens.unit import UnitPage
from app.tui.views import (
    agents,
    ai_detail,
    components,
    consumers,
    events,
    job_detail,
    jobs,
    score_detail,
    scores,
    session_detail,
    sessions,
    streams,
)
from app.tui.views.agent_detail import agent_detail, agent_name
from app.tui.views.component_detail import component_detail, component_name
from app.tui.views.consumer_detail import consumer_detail, consumer_name
from app.tui.views.finding_detail import finding_detail, finding_name
from app.tui.views.stream_detail import stream_detail, stream_name
from app.tui.views.view import View

VIEWS: tuple[View, ...] = (
    components.VIEW,
    streams.VIEW,
    consumers.VIEW,
    jobs.VIEW,
    agents.VIEW,
    scores.VIEW,
    sessions.VIEW,
    events.VIEW,
)
"""In the order of their number keys."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How one kind of ref is shown: its name for the breadcrumbs, its lines, the table its record is in."""

    name: Callable[[str, Picture], str]
    write: Write
    section: str
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A detail that asks the worker for what the rows do not hold."""

    name: Callable[[str, Picture], str]
    write: AskedWrite
    section: str
    needs: frozenset[str]
    question: Callable[[str], Question[Any]]
    pause: float  # seconds between two questions, at least
    opened: Opened | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """A detail with a page of its own."""

    name: Callable[[str, Picture], str]
    section: str
    page: Callable[[Deck, str, str], Page]


DETAILS: Mapping[str, Detail | Asked | Own] = {
    "component": Detail(
        component_name, component_detail, "components", frozenset({"findings", "components", "services"})
    ),
    "unit": Own(component_name, "components", UnitPage),
    "log": Own(lambda key, picture: f"log of {key}", "components", UnitLogPage),
    "stream": Asked(
        stream_name,
        stream_detail,
        "streams",
        frozenset({"findings", "streams", "consumers", "flows", "agents"}),
        SubjectsOf,
        pause=30.0,
    ),
    "consumer": Detail(
        consumer_name,
        consumer_detail,
        "consumers",
        frozenset({"findings", "streams", "consumers", "flows", "agents", "deadletters"}),
    ),
    "job": Asked(
        job_detail.job_title,
        job_detail.job_detail,
        "jobs",
        frozenset({"findings", "jobs", "deadletters", "agents"}),
        job_detail.question,
        pause=1.0,
        opened=job_detail.opened,
    ),
    "deadletter": Detail(
        job_detail.letter_title,
        job_detail.letter_detail,
        "deadletters",
        frozenset({"findings", "jobs", "deadletters", "agents"}),
    ),
    "deadletters": Detail(
        job_detail.pile_title,
        job_detail.pile_detail,
        "",
        frozenset({"findings", "jobs", "deadletters", "agents"}),
    ),
    "agent": Detail(
        agent_name,
        agent_detail,
        "agents",
        frozenset({"findings", "agents", "vitals", "facts", "consumers", "flows", "jobs", "deadletters"})
        | {"ai", "scores", "sessions"},
    ),
    "ai": Own(ai_detail.title, "ai", AiAgentPage),
    "score": Own(score_detail.title, "scores", BreakdownPage),
    "session": Own(session_detail.title, "sessions", session_page),
    "finding": Detail(
        finding_name,
        finding_detail,
        "findings",
        frozenset({"findings", "agents", "consumers", "streams", "components", "events"}),
    ),
}


def view(name: str) -> View | None:
    return next((view for view in VIEWS if view.id == name), None)


def section_of(ref: str) -> str:
    """The table that a ref's record is in; empty for refs of no table."""
    kind = ref.partition(":")[0]
    detail = DETAILS.get(kind)
    if detail is None:
        return next((view.section for view in VIEWS if view.kind == kind), "")
    return detail.section


def name_of(ref: str, picture: Picture) -> str:
    """What a ref names, as people say it; empty for refs of no table."""
    kind, _, key = ref.partition(":")
    return DETAILS[kind].name(key, picture) if kind in DETAILS else ""


def detail_page(deck: Deck, view_id: str, ref: str) -> Page | None:
    """The page of a ref; None for a ref of a kind that has none."""
    detail = DETAILS.get("unit" if ref.startswith("component:unit:") else ref.partition(":")[0])
    if detail is None:
        return None
    if isinstance(detail, Own):
        return detail.page(deck, view_id, ref)
    if isinstance(detail, Detail):
        return DetailPage(deck, view_id, ref, name=detail.name, write=detail.write, needs=detail.needs)
    return AskingPage(
        deck,
        view_id,
        ref,
        name=detail.name,
        write=detail.write,
        needs=detail.needs,
        section=detail.section,
        question=detail.question,
        pause=detail.pause,
        opened=detail.opened,
    )
