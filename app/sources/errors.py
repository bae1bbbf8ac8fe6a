"""What can go wrong between us and NATS, as the sources tell each other. None of it passes a source's edge."""

from __future__ import annotations

from app.model.text import clean


class SourceError(Exception):
    """Any failure of a request; its text is one sentence for a person."""


class LinkDown(SourceError):
    """There is no connection, or it was lost while the answer was awaited."""


class NoResponders(SourceError):
    """Nobody listens on the subject: no JetStream there, or no such API."""


class RequestTimeout(SourceError):
    """Connected, but no answer in time."""


class NotPermitted(SourceError):
    """The server refused the subject.

    `action` is `publish` or `subscribe`; the subject is in our own spelling: the server's message reaches the client
    in lower case.
    """

    def __init__(self, action: str, subject: str) -> None:
        self.needs = f"{action} on {clean(subject, 300)}"  # the permission that is missing, as it is shown
        super().__init__(f"not permitted: {self.needs}")


class ApiError(SourceError):
    """JetStream answered with an error. `number` is its err_code: 10039 is JetStream not enabled for the account."""

    def __init__(self, code: int, number: int, description: str) -> None:
        super().__init__(f"{description} ({number})" if number else description)
        self.code = code
        self.number = number


class Misconfigured(SourceError):
    """Something that the settings name cannot be used: a missing file, a wrong URL. Never holds a secret."""
