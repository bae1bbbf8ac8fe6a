"""Pages of what has happened in a session: one event in full, and all that was said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from app.model.chat import Message
from app.model.sessions import Session, SessionDetail, TimelineEvent
from app.tui.lines import rule
from app.tui.picture import Changes
from app.tui.screens.detail import DetailPage
from app.tui.screens.page import Deck
from app.tui.screens.raw import plain_value
from app.tui.views import chat_lines, event_detail


class _Past(DetailPage):
    """A page of what has happened: it does not change any more, and nothing in it ages."""

    @property
    def looking_at(self) -> Iterator[str]:
        yield self.ref

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        """Nothing."""

    def tick(self) -> None:
        """Nothing."""


class EventPage(_Past):
    """One event as it was when it was opened."""

    def __init__(
        self, deck: Deck, of: DetailPage, event: TimelineEvent, session: Session | None, told: SessionDetail | None
    ) -> None:
        """`told`: events of the session, among which the other half of a call is looked for."""
        said = chat_lines.said_in(event, told.events if told is not None else ())
        super().__init__(
            deck, of.view_id, of.ref,
            name=lambda key, picture: event.type,
            write=lambda key, picture, width: event_detail.detail(event, session, said, picture, width),
            needs=of.sections,
        )  # fmt: skip
        self._event = event

    def raw(self) -> str:
        return event_detail.raw(self._event)


class ChatPage(_Past):
    """What was said in a session, from the first message to the last."""

    def __init__(self, deck: Deck, of: DetailPage, said: list[Message]) -> None:
        super().__init__(
            deck, of.view_id, of.ref,
            name=lambda key, picture: "chat",
            write=lambda key, picture, width: [
                rule("Chat", right=f"{len(said):,}"), *chat_lines.lines(said, picture, width)
            ],
            needs=of.sections,
        )  # fmt: skip
        self._said = said

    def raw(self) -> str:
        return json.dumps([asdict(each) for each in self._said], default=plain_value, ensure_ascii=False)
