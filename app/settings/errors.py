"""What is said of settings that cannot be used."""

from __future__ import annotations


class SettingsError(ValueError):
    """A setting cannot be used. The text is one sentence that says which and what to do; it never holds a secret."""
