"""The account: its name, and what `$JS.API.INFO` says of its use and limits."""

from __future__ import annotations

import time
from dataclasses import replace

import msgspec

from app.model.broker import Account
from app.model.text import clean
from app.sources import shapes
from app.sources.errors import LinkDown, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.wire import AccountInfo, UserInfoReply

_TOTAL_EVERY = 10.0
"""Seconds for which a mere change of the API's request total, which our own requests move, is no news."""


class AccountReader:
    """`record` is the account as last read, `name` as the server or our user JWT tells it."""

    def __init__(self, api: JetStreamApi) -> None:
        self._api = api
        self.record: Account | None = None
        self.name = ""
        self._named = 0  # generation of the link in which the name was asked for
        self._at = 0.0

    async def read(self) -> None:
        """Reads it anew. Raises what a request raises."""
        link = self._api.link
        if self._named != link.generation:
            self.name = await self._ask_name()
            self._named = link.generation
        self._keep(shapes.account(await self._api.call("INFO", AccountInfo), self.name))

    def _keep(self, account: Account) -> None:
        before, clock = self.record, time.monotonic()
        same = before is not None and replace(before, api_total=account.api_total) == account
        if not same or (account != before and clock - self._at >= _TOTAL_EVERY):
            self.record = account
            self._at = clock

    async def _ask_name(self) -> str:
        """Servers tell it to their users; where that is not permitted, it is what our JWT says."""
        link = self._api.link
        try:
            answer = await link.request("$SYS.REQ.USER.INFO", timeout=2.0)
            data = msgspec.json.decode(answer, type=UserInfoReply).data
        except LinkDown:
            raise
        except (SourceError, msgspec.MsgspecError):
            data = None
        name = (data.account_name or data.account) if data else ""
        return clean(name or link.account, 100)
