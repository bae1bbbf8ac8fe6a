"""A worker that probes other systems: findings, metrics, and what they never do to its own status and its end."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.integration.test_worker import Worker, env, eventually, free_port, get
from tests.nats_server import NatsServer

__all__ = ["env"]
SECRET = "hunter2-password"


class _Well(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"status":"UP","components":{"db":{"status":"UP"}}}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""


@contextmanager
def well() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Well)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/health"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def mute() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield listening.getsockname()[1]


def asked(port: int, path: str, token: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}", "Accept": "*/*"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
        return json.loads(text) if "json" in answer.headers["content-type"] else text


def test_a_worker_with_probes(server: NatsServer, env: dict[str, str], tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "state"
    config = tmp_path / "config.toml"
    with well() as url, mute() as silent:
        database = f"postgresql://reader:{SECRET}@127.0.0.1:{silent}/db"
        probes = (
            ("well", url, ""),
            ("gone", "http://127.0.0.1:1/", ""),
            ("silent", f"http://ana:{SECRET}@127.0.0.1:{silent}/", ""),
            ("database", database, 'query = "SELECT 1"'),
        )
        config.write_text(
            "\n".join(
                f'[[probes]]\nname = "{name}"\nurl = "{url}"\ninterval = "1s"\ntimeout = "30s"\n{more}'
                for name, url, more in probes
            )
        )
        config.chmod(0o600)
        arguments = ("--config", str(config), "--nats-url", server.url, "--state-dir", str(state))
        with Worker(env, *arguments, "--listen", f"127.0.0.1:{port}") as worker:
            worker.until("ready")
            token = (state / "owner.token").read_text().strip()

            def findings() -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = asked(port, "/api/v1/findings", token)["items"]
                return found

            eventually(lambda: any(each["rule"] == "probe.down" for each in findings()))
            down = [each for each in findings() if each["rule"].startswith("probe.")]
            assert [(each["subject"], each["what"]) for each in down] == [("gone", "connection refused")]
            metrics = asked(port, "/metrics", token)
            assert 'watchdeck_component_up{component="well",kind="probe"} 1.0' in metrics
            assert 'watchdeck_component_up{component="gone",kind="probe"} 0.0' in metrics
            status = asked(port, "/api/health/status", token)
            assert status["status"] == "ok"
            assert not any("gone" in name or "well" in name for name in status["components"])
            assert get(port, "/readyz")[0] == 200
            assert SECRET not in json.dumps(findings())
            code, _ = worker.end()  # while two of them wait for an answer
            assert code == 0
            assert SECRET not in "".join(worker.lines)
