"""watchdeck: a terminal deck for the engineer on call, and the worker behind it."""

__version__ = "0.1.0"
