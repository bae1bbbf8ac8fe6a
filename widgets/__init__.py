"""Textual widgets that know nothing of watchdeck: they take plain rows, numbers and callbacks."""
