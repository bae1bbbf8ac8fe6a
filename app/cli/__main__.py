"""`python -P -m app.cli`: how a deck starts its worker."""

from __future__ import annotations

from app.cli import main

main()
