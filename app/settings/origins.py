"""Origins of pages: who may ask the worker from a browser, written exactly as browsers name them."""

from __future__ import annotations

from urllib.parse import urlsplit

from app.model.text import clean
from app.settings.errors import SettingsError


def cors_origins(where: str, value: object) -> list[str]:
    """Origins such as `https://deck.example:8443`; a SettingsError names one that no browser would send.

    There is no `*`: answers may hold what only a token opens, and browsers send no credentials to it.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise SettingsError(f"{where} must be a list of origins such as https://deck.example")
    found = [each.strip() for each in value if each.strip()]
    for origin in found:
        try:
            parts = urlsplit(origin)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            fits = False
        if not fits or origin != f"{parts.scheme}://{parts.netloc}" or "@" in origin or origin != origin.lower():
            raise SettingsError(f"{where}: {clean(origin, 100)} is not an origin such as https://deck.example:8443")
    return list(dict.fromkeys(found))
