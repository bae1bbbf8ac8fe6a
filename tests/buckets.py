"""What keys a bucket holds, asked of the server.

nats-py's `KeyValue.keys()` sometimes answers that there are none: it takes the list for empty when the server
has sent everything and the callback has not yet been given the first message."""

from __future__ import annotations

import json

from nats.aio.client import Client
from nats.js.errors import KeyNotFoundError


async def keys_of(nc: Client, bucket: str) -> set[str]:
    """Every key that has a message, also those whose last one says that the key was deleted."""
    reply = await nc.request(f"$JS.API.STREAM.INFO.KV_{bucket}", b'{"subjects_filter":">"}', timeout=10)
    found = json.loads(reply.data)
    assert "error" not in found, found
    return {subject.split(".", 2)[2] for subject in found["state"].get("subjects") or {}}


async def live_keys_of(nc: Client, bucket: str) -> set[str]:
    """The keys that have a value."""
    values = await nc.jetstream().key_value(bucket)
    live = set()
    for key in await keys_of(nc, bucket):
        try:
            await values.get(key)
        except KeyNotFoundError:
            continue
        live.add(key)
    return live
