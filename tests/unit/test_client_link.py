"""How a link tells the faults of the outside apart, where no test can make them happen for every user."""

from __future__ import annotations

import ssl

import httpx
import pytest

from app.feed.link import Ended, Link, LinkError, Refused, Silent, decompress
from app.feed.target import Target
from app.feed.wire import WireError


def caused(error: Exception, cause: Exception) -> Exception:
    """An error as httpx raises it: of its own kind, with what the system said behind it."""
    try:
        try:
            raise cause
        except Exception as inner:
            raise RuntimeError("from the layer between") from inner
    except RuntimeError as middle:
        error.__cause__ = middle
    return error


FAULTS = [
    (caused(httpx.ConnectError("x"), PermissionError(13, "denied")), Refused, "belongs to another user"),
    (caused(httpx.ConnectError("x"), ConnectionRefusedError(111, "refused")), Ended, "no worker answers at /w"),
    (caused(httpx.ConnectError("x"), FileNotFoundError(2, "no")), Ended, "no worker answers at /w"),
    (caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError(1, "self-signed")), Refused, "is not trusted"),
    (httpx.RemoteProtocolError("Server disconnected"), Ended, "the worker ended"),
    (httpx.ReadError(""), Ended, "the worker ended"),
    (httpx.ReadTimeout(""), Silent, "does not answer"),
    (httpx.ConnectTimeout(""), Silent, "does not answer"),
    (httpx.UnsupportedProtocol("x"), Refused, "not an address"),
    (httpx.InvalidURL("x"), Refused, "not an address"),
]


@pytest.mark.parametrize(("fault", "kind", "words"), FAULTS, ids=lambda value: type(value).__name__)
async def test_each_fault_has_its_kind_and_words(fault: Exception, kind: type[LinkError], words: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise fault

    async with httpx.AsyncClient(transport=httpx.MockTransport(fail), base_url="http://worker") as client:
        link = Link(Target(socket_path="/w"), client)
        with pytest.raises(kind, match=words) as caught:
            await link.poll(None, ("findings",), deck="d", look=(), wait=True, heard=lambda: None)
        assert type(caught.value) is kind
        with pytest.raises(kind, match=words):
            await link.post("/api/v1/refresh", {})


@pytest.mark.parametrize(("body", "encoding"), [(b"x", "gzip"), (b"not zstd", "zstd"), (b"", "zstd")])
def test_what_cannot_be_unpacked_is_a_wire_error(body: bytes, encoding: str) -> None:
    with pytest.raises(WireError):
        decompress(body, encoding)
