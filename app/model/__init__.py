"""The vocabulary: what watchdeck knows, as frozen records and pure functions. Standard library only."""
