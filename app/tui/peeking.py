"""Peeking: the message behind a row. Nothing is consumed or acknowledged by looking."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from app.feed.questions import MessageAt
from app.tui.picture import Picture
from app.tui.screens.asking import AskingPage
from app.tui.views.message_lines import message_lines, message_name
from widgets.menu import MenuItem

if TYPE_CHECKING:
    from app.tui.surface import Surface


@dataclass(frozen=True, slots=True)
class Behind:
    """A message that can be looked at: which one it is, in words, and how it is asked for."""

    words: str
    question: MessageAt


class Peeking:
    """`m`: shows the one message behind a row, or asks which."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def peek(self, ref: str) -> None:
        found = behind(ref, self._surface.picture)
        if not found:
            self._surface.say("no message behind this")
        elif len(found) == 1:
            await self._open(found[0].question)
        else:
            items = [MenuItem(str(number), each.words) for number, each in enumerate(found)]

            def picked(key: str) -> None:
                self._surface.app.run_worker(self._open(found[int(key)].question), exit_on_error=False)

            await self._surface.menus.open("Message", "Which message?", items, picked)

    async def _open(self, question: MessageAt) -> None:
        surface = self._surface
        page = AskingPage(
            surface,
            surface.stacks.view_id,
            f"message:{question.stream}/{question.sequence}",
            name=message_name,
            write=message_lines,
            needs=surface.stacks.page.sections,
            section="",
            question=lambda _: question,
            pause=inf,
        )
        await surface.open_page(page)


def behind(ref: str, picture: Picture) -> list[Behind]:
    """The messages behind a row: of a consumer the next it gets and the oldest it has not acknowledged."""
    kind, _, key = ref.partition(":")
    snapshot = picture.snapshot
    if kind == "finding" and (finding := snapshot.findings.get(key)) is not None:
        return next((found for each in finding.refs if (found := behind(each, picture))), [])
    if kind == "consumer" and (consumer := snapshot.consumers.get(key)) is not None:
        found = []
        if consumer.pending:
            following = MessageAt(consumer.stream, consumer.delivered_stream_seq + 1, consumer.filters)
            found.append(Behind("the next one it gets", following))
        if consumer.ack_pending:
            oldest = MessageAt(consumer.stream, consumer.floor_stream_seq + 1, consumer.filters)
            found.append(Behind("the oldest one not acknowledged", oldest))
        return found
    if kind == "stream" and (stream := snapshot.streams.get(key)) is not None and stream.messages:
        first, last = MessageAt(key, stream.first_seq), MessageAt(key, stream.last_seq)
        return [Behind("the last one", last)] + ([Behind("the first one", first)] if first != last else [])
    if kind == "job":
        letters = [letter.key for letter in snapshot.deadletters.values() if letter.job == key]
        return behind(f"deadletter:{letters[-1]}", picture) if letters else []
    if kind == "deadletter" and (letter := snapshot.deadletters.get(key)) is not None:
        found = []
        if letter.origin and letter.origin_sequence:
            found.append(Behind("the message itself", MessageAt(letter.origin, letter.origin_sequence)))
        if letter.stream and letter.sequence:
            found.append(Behind("the dead letter", MessageAt(letter.stream, letter.sequence)))
        return found
    return []
