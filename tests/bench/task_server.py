"""A process of its own that serves dashboards for figures: prints its port, a token and how many rows there are."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from starlette.responses import Response

from app.api.application import Application
from app.api.protocol import PatientProtocol
from app.api.server import _server
from app.model.access import Role
from app.model.metrics import Range
from app.store import metrics
from app.worker.sockets import bind_tcp
from tests.behind import FilledBoard
from tests.behind import filled as board_filled
from tests.bench.task_data import filled, plain


async def run() -> None:
    metrics.REST = 0.0  # each is worked out anew
    board: FilledBoard = board_filled()
    now = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        store = board.store = await filled(Path(folder), now)
        wrote = time.perf_counter() - began
        _, token = await store.tokens.create(Role.MEMBER, "bench", None, "bench")
        application = Application(board)

        async def naive(range: Range = Range.DAY) -> Response:
            told: Any = await store.read(lambda connection: plain(connection, range, datetime.now(UTC)))
            rows = [[[*row] for row in rows] for rows in told]
            return Response(msgspec.json.encode(rows), media_type="application/json")

        application.routes.add_api_route("/naive", naive)
        bound = bind_tcp("127.0.0.1:0", insecure=False)
        serving = asyncio.create_task(
            _server(application.tcp(()), PatientProtocol, keep_alive=60).serve(sockets=[bound])
        )
        counting = "SELECT (SELECT COUNT(*) FROM task), (SELECT COUNT(*) FROM task_event)"
        counted = await store.read(lambda connection: [*connection.exec_driver_sql(counting).one()])
        told = {"port": bound.getsockname()[1], "token": token, "counted": counted, "wrote": wrote}
        print(json.dumps(told), flush=True)
        while not serving.done():
            await asyncio.sleep(1)
            board.beat()


def main() -> None:
    uvicorn.config.LOGGING_CONFIG.clear()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main()
