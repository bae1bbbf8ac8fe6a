"""Bearer: lets in by token, before anything of the request is read, and makes guessing slow."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.attempts import Attempts, network
from app.api.behind import store_of
from app.api.guard import refuse
from app.api.principal import Principal
from app.worker.board import Board

TOKEN = re.compile(r"wd_([A-Za-z0-9]{1,64})_[A-Za-z0-9_-]{1,200}")
"""A token: `wd_<id>_<secret>`."""
_CHALLENGE = (b"www-authenticate", b"Bearer")
_log = logging.getLogger(__name__)


class Bearer:
    """Names who asks by their token. Paths in `open_to_all` need none.

    401 without a valid token, for every other path, there or not. Wrong tokens are counted by the id in them and by
    the address they come from; who shows too many hears 429. A valid token is never refused for others' failures.
    """

    def __init__(
        self, app: ASGIApp, board: Board, open_to_all: Collection[str], attempts: Attempts | None = None
    ) -> None:
        self._app = app
        self._board = board
        self._open = frozenset(open_to_all)
        self._attempts = Attempts() if attempts is None else attempts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        text = _credentials(scope)
        if not text:
            await refuse(scope, send, 401, "a token is needed: Authorization: Bearer wd_…", headers=(_CHALLENGE,))
            return
        shape = TOKEN.fullmatch(text)
        if shape is not None:
            store = store_of(self._board)
            if store is None:
                await refuse(scope, send, 503, "tokens cannot be checked yet: the store is not open")
                return
            try:
                record = await store.tokens.verify(text)
            except Exception as error:
                _log.warning("a token could not be checked: %s", type(error).__name__)
                await refuse(scope, send, 503, "tokens cannot be checked now: the store does not answer")
                return
            if record is not None:
                scope["state"]["principal"] = Principal(record.role, record.name, record.id)
                await self._app(scope, receive, send)
                return
        await self._failed(scope, send, shape[1] if shape else "")

    async def _failed(self, scope: Scope, send: Send, token_id: str) -> None:
        client = scope.get("client")
        keys = ["from " + network(client[0] if client else "")]
        if token_id:
            keys.append("id " + token_id)
        wait = self._attempts.failed(*keys)
        if wait:
            headers = ((b"retry-after", str(wait).encode()),)
            await refuse(scope, send, 429, f"too many wrong tokens; try again in {wait} s", headers=headers)
        else:
            await refuse(scope, send, 401, "the token is not valid", headers=(_CHALLENGE,))


def _credentials(scope: Scope) -> str:
    """What stands behind `Bearer`; empty unless there is exactly one such header. A wrong scheme is no credential."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        return ""
    scheme, _, text = given[0].partition(b" ")
    return text.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
