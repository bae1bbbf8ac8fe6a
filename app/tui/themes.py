"""Themes of our own: a dark one, a light one, and one for colour-blind eyes whose states differ in blue and orange.

Textual's own themes can be chosen too. States are never told by colour alone: each has its glyph and its word.
"""

from __future__ import annotations

from textual.theme import Theme

DEFAULT = "watchdeck"

_DARK = {
    "text-success": "#7fd49b",
    "text-warning": "#f2c14e",
    "text-error": "#ff8a80",
    "text-secondary": "#c3a6ff",
    "text-accent": "#7cc4ff",
    "text-muted": "#9aa5b1",
}

THEMES: tuple[Theme, ...] = (
    Theme(
        name=DEFAULT,
        primary="#7cc4ff",
        secondary="#c3a6ff",
        accent="#7cc4ff",
        success="#7fd49b",
        warning="#f2c14e",
        error="#ff8a80",
        foreground="#e3e8ee",
        background="#10151b",
        surface="#10151b",
        panel="#1b232c",
        dark=True,
        variables=_DARK,
    ),
    Theme(
        name="watchdeck-light",
        primary="#0b5cad",
        secondary="#6a3fb5",
        accent="#0b5cad",
        success="#1d6b34",
        warning="#8a5200",
        error="#b3140f",
        foreground="#1a2026",
        background="#fbfbf9",
        surface="#fbfbf9",
        panel="#ecebe6",
        dark=False,
        variables={
            "text-success": "#1d6b34",
            "text-warning": "#8a5200",
            "text-error": "#b3140f",
            "text-secondary": "#6a3fb5",
            "text-accent": "#0b5cad",
            "text-muted": "#59616a",
        },
    ),
    Theme(
        name="watchdeck-cb",
        primary="#8fc7ff",
        secondary="#d9d9d9",
        accent="#8fc7ff",
        success="#5aa9e6",
        warning="#fff0b3",
        error="#ea6a00",
        foreground="#eceff2",
        background="#0e1216",
        surface="#0e1216",
        panel="#1a2027",
        dark=True,
        variables={
            "text-success": "#5aa9e6",
            "text-warning": "#fff0b3",
            "text-error": "#ea6a00",
            "text-secondary": "#e6e6e6",
            "text-accent": "#a9d6ff",
            "text-muted": "#9aa3ad",
        },
    ),
)
