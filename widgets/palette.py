"""Styles for style names: the theme's colours, made legible where the theme's own are not."""

from __future__ import annotations

from rich.color import ColorType
from rich.style import Style
from textual.color import Color

LEAST_CONTRAST = 4.5
"""Contrast of text as WCAG 2 asks for it (AA)."""

_STEPS = 10


def legible(style: Style, plain: Style, *, faint: bool = False) -> Style:
    """The style with its colour moved towards the plain text's until it can be read on its background.

    With the terminal's own colours, which nobody knows, `faint` text that has no colour gets the attribute instead.
    """
    color, ground = style.color, style.bgcolor
    if color is None or ground is None or plain.color is None:
        return style
    if ColorType.TRUECOLOR not in (color.type, ground.type) or color.is_default or ground.is_default:
        return style + Style(dim=True) if faint and color.is_default else style
    own, towards, behind = (Color.from_rich_color(each) for each in (color, plain.color, ground))
    for step in range(_STEPS + 1):
        blended = own.blend(towards, step / _STEPS)
        if contrast(blended, behind) >= LEAST_CONTRAST:
            return style if step == 0 else style + Style(color=blended.rich_color)
    return style + Style(color=plain.color)


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (_linear(channel / 255) for channel in (color.r, color.g, color.b))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.03928 else ((channel + 0.055) / 1.055) ** 2.4
