"""The page of a gateway's session: what was said in it, asked for anew while it goes on."""

from __future__ import annotations

from app.feed.questions import ChatOf
from app.tui.screens.asking import AskingPage
from app.tui.screens.detail import DetailPage
from app.tui.screens.page import Deck
from app.tui.screens.session import SessionPage
from app.tui.views import chat_detail, session_detail, sessions

PAUSE = 5.0
"""Seconds between two questions about what was said, at least."""


class GatewayChatPage(AskingPage):
    """A session of a gateway: what is known of it, and what was said in it."""

    def __init__(self, deck: Deck, view_id: str, ref: str, gateway: str) -> None:
        super().__init__(
            deck, view_id, ref,
            name=session_detail.title, write=chat_detail.detail,
            needs=frozenset({"findings", "sessions", "scores", "components"}), section="sessions",
            question=lambda key: ChatOf(key, gateway), pause=PAUSE,
        )  # fmt: skip


def session_page(deck: Deck, view_id: str, ref: str) -> DetailPage:
    """A session of a gateway is what was said in it; one of the store is its events."""
    key, _ = sessions.parted(ref.partition(":")[2])
    row = deck.picture.snapshot.sessions.get(key)
    if row is not None and row.gateway:
        return GatewayChatPage(deck, view_id, sessions.ref(key), row.gateway)
    return SessionPage(deck, view_id, ref)
