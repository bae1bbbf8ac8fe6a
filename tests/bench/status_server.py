"""A process of its own that serves the API for figures: prints its ports and a token, then runs until it is ended."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
import uvloop
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.application import Application
from app.api.health import StatusPages
from app.api.protocol import PatientProtocol
from app.api.server import _server
from app.model.access import Role
from app.store.store import Store
from app.worker.sockets import bind_tcp
from tests import literals
from tests.behind import FilledBoard, filled


def fleet(agents: int) -> FilledBoard:
    """The literal fleet with as many agents as wanted."""
    hosts = [f"web-{number:05}" for number in range(agents)]
    return filled(
        agents=literals.keyed(literals.agent(host) for host in hosts),
        vitals=literals.keyed(literals.vitals(host) for host in hosts),
    )


async def run(agents: int) -> None:
    board = fleet(agents)
    with tempfile.TemporaryDirectory() as folder:
        board.store = Store.open("", Path(folder), clock=lambda: datetime.now(UTC))
        _, token = await board.store.tokens.create(Role.MEMBER, "bench", None, "bench")
        application = Application(board)
        body = (await StatusPages(board).page()).body

        async def constant() -> Response:
            return Response(body, media_type="application/json")

        application.routes.add_api_route("/constant", constant)
        servers = [application.tcp(()), _bare(body)]
        bound = [bind_tcp("127.0.0.1:0", insecure=False) for _ in servers]
        tasks = [
            asyncio.create_task(_server(app, PatientProtocol, keep_alive=60).serve(sockets=[socket]))
            for app, socket in zip(servers, bound, strict=True)
        ]
        ports = [socket.getsockname()[1] for socket in bound]
        print(json.dumps({"ports": ports, "token": token, "bytes": len(body)}), flush=True)
        while not tasks[0].done():
            await asyncio.sleep(1)
            board.beat()
            board.publish(replace(board.snapshot, seq=board.snapshot.seq + 1))


def _bare(body: bytes) -> ASGIApp:
    """The same bytes with nothing before or around them."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def main() -> None:
    uvicorn.config.LOGGING_CONFIG.clear()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(int(sys.argv[1])))


if __name__ == "__main__":
    main()
