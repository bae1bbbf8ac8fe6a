"""What stands behind the API: the store, the attention desk and the inquiry, as far as an endpoint needs them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from starlette.exceptions import HTTPException

from app.model.access import Role
from app.model.attention import Mark
from app.model.chat import Chat
from app.model.components import Component
from app.model.jobs import JobDetail
from app.model.messages import Message, Subjects
from app.store.errors import StoreFailed
from app.store.intake import Intake
from app.store.metrics import Metrics
from app.store.scores import Scores
from app.store.sessions import Sessions
from app.worker.board import Board

Part = TypeVar("Part")
T = TypeVar("T")


class TokenRow(Protocol):
    """A token as the store lists it; never its secret."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def last_used_at(self) -> datetime | None: ...
    @property
    def revoked_at(self) -> datetime | None: ...


class TokenBook(Protocol):
    async def create(self, role: Role, name: str, expires_at: datetime | None, by: str) -> tuple[TokenRow, str]: ...
    async def list(self) -> Sequence[TokenRow]: ...
    async def revoke(self, id: str, by: str) -> bool: ...
    async def verify(self, text: str) -> TokenRow | None: ...


class AuditBook(Protocol):
    async def recent(self, limit: int, before: Any) -> Sequence[Any]: ...


class Keeping(Protocol):
    """The store. `trouble` is why it cannot be written now, empty while it can; `turning`: its thread is not stuck."""

    @property
    def trouble(self) -> str: ...
    @property
    def turning(self) -> bool: ...
    @property
    def tokens(self) -> TokenBook: ...
    @property
    def audit(self) -> AuditBook: ...


class Desk(Protocol):
    """What people say about findings. An unknown finding is a LookupError, an impossible wish a ValueError."""

    async def acknowledge(self, finding_id: str, by: str, note: str) -> Mark: ...
    async def snooze(self, finding_id: str, until: datetime, by: str, note: str) -> Mark: ...
    async def mute(self, rule: str, subject: str, until: datetime, by: str, note: str) -> Mark: ...
    async def take_back(self, mark_key: str, by: str) -> bool: ...


class Asking(Protocol):
    """What is read from NATS only when somebody asks. What is not there is a LookupError."""

    async def job(self, key: str) -> JobDetail: ...
    async def message(self, stream: str, sequence: int, subjects: Sequence[str]) -> Message: ...
    async def subjects(self, stream: str, limit: int) -> Subjects: ...


class Gate(Protocol):
    """A configured gateway. Everything that it is asked may raise GatewayTrouble, after five seconds at the latest."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def component(self) -> Component: ...
    @property
    def version(self) -> str: ...
    @property
    def main_session(self) -> str: ...
    @property
    def allows_insecure_tls(self) -> bool: ...
    @property
    def pairs(self) -> bool: ...
    async def sessions(self) -> list[Any]: ...
    async def history(self, key: str) -> list[Any]: ...
    async def chat(self, row: str, limit: int) -> Chat: ...


class Configured(Protocol):
    """All gateways that are configured, at least one."""

    @property
    def each(self) -> Sequence[Gate]: ...
    def at(self, url: str) -> Gate | None: ...
    def named(self, name: str) -> Gate | None: ...


def gateways_of(board: Board) -> Configured | None:
    """The configured gateways; None where there are none."""
    return board.gateways


def store_of(board: Board) -> Keeping | None:
    """The worker's store; None while it has none."""
    return board.store


def sessions_of(board: Board) -> Sessions:
    """What the store knows of sessions; 503 while there is no store."""
    return there(board.store, "store").sessions


def scores_of(board: Board) -> Scores:
    """What the store knows of scores; 503 while there is no store."""
    return there(board.store, "store").scores


def metrics_of(board: Board) -> Metrics:
    """What the store knows of tasks; 503 while there is no store."""
    return there(board.store, "store").metrics


def window_of(board: Board) -> int:
    """Days of the window where none is asked for; 503 while there is no store."""
    return there(board.store, "store").standards.window


def intake_of(board: Board) -> Intake:
    """What takes session events in; 503 while there is no store."""
    return there(board.store, "store").intake


def desk_of(board: Board) -> Desk:
    """The attention desk; 503 while there is none."""
    return there(board.attention, "way to keep what people say about findings")


def inquiry_of(board: Board) -> Asking:
    """The inquiry; 503 while there is none."""
    return there(board.inquiry, "way to ask NATS for single things")


def there(part: Part | None, what: str) -> Part:
    """The part, or 503 with a sentence while this worker has none."""
    if part is None:
        raise HTTPException(503, f"this worker has no {what} yet")
    return part


async def kept(asked: Awaitable[T]) -> T:
    """What the store answers; 503 with its sentence while it cannot be used."""
    try:
        return await asked
    except StoreFailed as error:
        raise HTTPException(503, str(error)) from None
