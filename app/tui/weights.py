"""The weights of the dimensions: shown, changed and taken back from the deck, for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.feed.acts import Act, ResetWeights, SetWeights
from app.feed.questions import ScoreOf, Unanswered
from app.model.scoring import Dimension, Weights

if TYPE_CHECKING:
    from app.tui.surface import Surface

LEAST, MOST = 0.95, 1.05
"""What weights may sum to (AgentLens)."""
USAGE = "weights: five percentages, as 30 20 20 15 15 (error cost tools time completion), or reset"


class WeightsError(ValueError):
    """What was typed are no weights; a sentence."""


def parse_weights(text: str) -> Weights:
    """`30 20 20 15 15`, in the order of `Dimension`; as shares (`0.3 …`) where none is above 1. Or WeightsError."""
    try:
        values = [float(word.removesuffix("%").replace(",", ".")) for word in text.split()]
    except ValueError:
        raise WeightsError(USAGE) from None
    if len(values) != len(Dimension):
        raise WeightsError(USAGE)
    if max(values) > 1:
        values = [value / 100 for value in values]
    if not all(0 <= value <= 1 for value in values):
        raise WeightsError("each weight is from 0 to 100%")
    weights = Weights(*values)
    if not LEAST <= weights.total <= MOST:
        raise WeightsError(f"the weights sum to {weights.total * 100:.0f}%; they must sum to 95 to 105%")
    return weights


def told(weights: Weights) -> str:
    """As they are typed."""
    return " ".join(f"{value * 100:g}" for value in (round(each, 4) for each in weights.values))


class WeightsEditor:
    """`:weights`. Nothing is changed that was not typed."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def command(self, text: str) -> None:
        """`:weights` asks for them, `:weights 30 20 20 15 15` sets them, `:weights reset` takes them back."""
        surface = self._surface
        if surface.options.hands_off:
            surface.say("read-only: this deck changes nothing")
        elif text.strip().casefold() == "reset":
            await self._act(ResetWeights(), "the weights are as configured again")
        elif text.strip():
            await self._take(text)
        else:
            now = await self._now()
            surface.prompts.ask(f"weights in % (error cost tools time completion){now}:", self._take)

    async def _take(self, text: str) -> None:
        if not text.strip():
            self._surface.say("nothing was changed")
            return
        try:
            weights = parse_weights(text)
        except WeightsError as fault:
            self._surface.say(str(fault), error=True)
            return
        await self._act(SetWeights(weights), f"scores are weighted {told(weights)} from now on, for everybody")

    async def _now(self) -> str:
        """Those in force, if some agent's score is known."""
        surface = self._surface
        scores = surface.picture.snapshot.scores
        agent = next((score.agent for score in scores.values()), "")
        answer = await surface.ask(ScoreOf(agent, surface.picture.window)) if agent else None
        return "" if answer is None or isinstance(answer, Unanswered) else f" now {told(answer.weights)}"

    async def _act(self, act: Act, done: str) -> None:
        why_not = await self._surface.feed.act(act)
        self._surface.say(why_not or done, error=bool(why_not))
