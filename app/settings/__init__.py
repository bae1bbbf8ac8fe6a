"""Settings: what may be configured, where each value came from, and where this program keeps its files."""

from __future__ import annotations

from app.settings.errors import SettingsError
from app.settings.fields import DeckSettings, HttpSettings, NameSettings, NatsSettings, Secret, Settings
from app.settings.loading import Flags, load

__all__ = [
    "DeckSettings",
    "Flags",
    "HttpSettings",
    "NameSettings",
    "NatsSettings",
    "Secret",
    "Settings",
    "SettingsError",
    "load",
]
