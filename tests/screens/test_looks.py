"""Looks: ASCII, no colour, and themes whose states can be told apart by every eye."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from app.model.health import Health
from app.tui.themes import DEFAULT, THEMES
from tests.literals import calm, fleet
from tests.screens.driving import driving

STATES = {"ok": "success", "warn": "warning", "crit": "error", "unknown": "secondary", "stale": "muted"}
Matrix = tuple[tuple[float, float, float], ...]

# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
BLINDNESS: dict[str, Matrix] = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}  # fmt: skip


def linear(color: Color) -> list[float]:
    shares = [part / 255 for part in (color.r, color.g, color.b)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in shares]


def luminance(color: Color) -> float:
    red, green, blue = linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: list[float]) -> tuple[float, float, float]:
    """Linear RGB as CIE Lab (D65)."""
    red, green, blue = (min(1.0, max(0.0, part)) for part in rgb)
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: Color, other: Color, eyes: Matrix | None) -> float:
    """How far apart two colours look (CIE76), to all eyes or to those without one kind of cone."""
    seen = []
    for color in (one, other):
        rgb = linear(color)
        seen.append(lab([sum(a * b for a, b in zip(row, rgb, strict=True)) for row in eyes] if eyes else rgb))
    return sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5


def variables(name: str) -> dict[str, str]:
    theme = next(theme for theme in THEMES if theme.name == name)
    return theme.to_color_system().generate()


PAIRS = [("ok", "warn"), ("ok", "crit"), ("warn", "crit")]


@pytest.mark.parametrize("name", [theme.name for theme in THEMES])
def test_every_text_is_readable_on_its_ground(name: str) -> None:
    known = variables(name)
    ground = Color.parse(known["background"])
    for state in (*STATES.values(), "accent"):
        assert contrast(Color.parse(known[f"text-{state}"]), ground) >= 4.5, state
    assert contrast(Color.parse(known["foreground"]), ground) >= 7


@pytest.mark.parametrize("eyes", BLINDNESS)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_the_colour_blind_theme_keeps_states_apart(pair: tuple[str, str], eyes: str) -> None:
    known = variables("watchdeck-cb")
    one, other = (Color.parse(known[f"text-{STATES[state]}"]) for state in pair)
    assert distance(one, other, BLINDNESS[eyes]) >= 25


def test_the_colour_blind_theme_is_better_than_red_and_green() -> None:
    usual, ours = variables(DEFAULT), variables("watchdeck-cb")

    def apart(known: dict[str, str]) -> float:
        ok, crit = Color.parse(known["text-success"]), Color.parse(known["text-error"])
        return distance(ok, crit, BLINDNESS["deuteranopia"])

    assert apart(ours) > apart(usual)


@pytest.mark.parametrize("name", [DEFAULT, "watchdeck-cb", "watchdeck-light", "nord", "textual-light", "textual-ansi"])
async def test_themes_can_be_chosen_and_unknown_ones_fall_back(name: str) -> None:
    async with driving(fleet(), theme=name) as deck:
        known = name in deck.app.available_themes
        assert deck.app.theme == (name if known else DEFAULT)
        assert deck.line_with("web-03")


def test_textuals_themes_are_offered() -> None:
    assert "nord" in BUILTIN_THEMES


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (120, 30), (200, 50)], ids=str)
async def test_ascii_is_ascii_everywhere(size: tuple[int, int]) -> None:
    async with driving(fleet(), size=size, ascii=True) as deck:
        for key in (*"1e", "enter", "3", "enter", *"4f", "enter", "6", "enter", *"??", "escape", "J"):
            await deck.press(key)
            assert deck.text.isascii(), [line for line in deck.lines if not line.isascii()]


async def test_ascii_can_be_switched_where_one_is() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6", ":", *"ascii", "enter")
        assert deck.lines[3].startswith("X web-03")
        await deck.press(":", *"ascii", "enter")
        assert deck.lines[3].startswith("✗ web-03")


async def test_without_colour_every_state_still_has_its_glyph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with driving(fleet()) as deck:
        await deck.press("6")
        assert deck.app.no_color
        first = deck.lines[3:6]
        assert [line[0] for line in first] == [state.glyph for state in (Health.CRIT, Health.WARN, Health.OK)]
    async with driving(calm()) as deck:
        assert "All clear" in deck.text


async def test_the_cursor_row_keeps_its_glyph_and_is_in_reverse_video() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6")
        strip = deck.app.screen._compositor.render_strips()[3]
        assert strip.text.startswith("✗")
        assert all(segment.style is not None and segment.style.reverse for segment in list(strip)[:2])
