"""Which views there are, and which page shows what a ref names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.tui.picture import Picture
from app.tui.screens.detail import DetailPage, Write
from app.tui.screens.page import Deck
from app.tui.views import agents, consumers, streams
from app.tui.views.agent_detail import agent_detail, agent_name
from app.tui.views.consumer_detail import consumer_detail, consumer_name
from app.tui.views.finding_detail import finding_detail, finding_name
from app.tui.views.stream_detail import stream_detail, stream_name
from app.tui.views.view import View

VIEWS: tuple[View, ...] = (streams.VIEW, consumers.VIEW, agents.VIEW)


@dataclass(frozen=True, slots=True)
class Detail:
    """How one kind of ref is shown: its name for the breadcrumbs, its lines, the table its record is in."""

    name: Callable[[str, Picture], str]
    write: Write
    section: str
    needs: frozenset[str]


DETAILS: Mapping[str, Detail] = {
    "stream": Detail(
        stream_name, stream_detail, "streams", frozenset({"findings", "streams", "consumers", "flows", "agents"})
    ),
    "consumer": Detail(
        consumer_name, consumer_detail, "consumers", frozenset({"findings", "streams", "consumers", "flows", "agents"})
    ),
    "agent": Detail(
        agent_name,
        agent_detail,
        "agents",
        frozenset({"findings", "agents", "vitals", "facts", "consumers", "flows"}),
    ),
    "finding": Detail(
        finding_name, finding_detail, "findings", frozenset({"findings", "agents", "consumers", "streams"})
    ),
}


def view(name: str) -> View | None:
    return next((view for view in VIEWS if view.id == name), None)


def section_of(ref: str) -> str:
    """The table that a ref's record is in; empty for refs of no table."""
    detail = DETAILS.get(ref.partition(":")[0])
    return detail.section if detail is not None else ""


def name_of(ref: str, picture: Picture) -> str:
    """What a ref names, as people say it; empty for refs of no table."""
    kind, _, key = ref.partition(":")
    return DETAILS[kind].name(key, picture) if kind in DETAILS else ""


def detail_page(deck: Deck, view_id: str, ref: str) -> DetailPage | None:
    """The page of a ref; None for a ref of a kind that has none."""
    detail = DETAILS.get(ref.partition(":")[0])
    if detail is None:
        return None
    return DetailPage(deck, view_id, ref, name=detail.name, write=detail.write, needs=detail.needs)
