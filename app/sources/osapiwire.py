"""What OSAPI's API says, as tables of facts: every section may be missing, and every field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.model.probes import Table
from app.model.text import clean, count, size

MOST_ROWS = 200
_CELL = 80
_JOB_STATUS = ("submitted", "processing", "completed", "failed", "partial_failure", "skipped")
Row = Mapping[str, Any]


def of_status(body: Row) -> tuple[Table, ...]:
    """The sums of `/api/health/status`: jobs, streams, buckets and object stores."""
    made = []
    jobs = body.get("jobs")
    if isinstance(jobs, Mapping):
        names = ("total", "unprocessed", "processing", "completed", "failed", "dlq")
        made.append(Table("Jobs", names, (tuple(_count(jobs.get(name)) for name in names),)))
    for title, key, columns in (
        ("Streams", "streams", (("name", _text), ("messages", _count), ("bytes", _size), ("consumers", _count))),
        ("KV buckets", "kv_buckets", (("name", _text), ("keys", _count), ("bytes", _size))),
        ("Object stores", "object_stores", (("name", _text), ("size", _size))),
    ):
        if isinstance(body.get(key), list):
            made.append(_table(title, body[key], columns))
    return tuple(made)


def of_registry(body: Row) -> tuple[Table, ...]:
    """Who is registered, as `/api/health/status` tells it. That somebody is in it is all that its `Ready` says."""
    rows = body.get("registry")
    if not isinstance(rows, list):
        return ()
    columns = (
        ("type", _text), ("hostname", _text), ("conditions", _list), ("age", _text), ("cpu_percent", _percent),
        ("mem_bytes", _size),
    )  # fmt: skip
    return (_table("Registered", rows, columns),)


def of_agents(body: Row) -> tuple[Table, ...]:
    """`/api/agent`: with what the status leaves out, the state and the active conditions."""
    rows = body.get("agents")
    if not isinstance(rows, list):
        return ()
    known = [_agent(row) for row in rows if isinstance(row, Mapping)]
    columns = ("hostname", "state", "conditions", "labels", "heartbeat", "os")
    order = sorted(known, key=lambda cells: (cells[1] == "Ready" and not cells[2], cells[0]))
    return (Table("Agents", columns, tuple(order[:MOST_ROWS]), max(0, len(order) - MOST_ROWS)),)


def of_jobs(body: Row) -> tuple[Table, ...]:
    """`/api/job`: how many are in which status, and the newest."""
    made = []
    counts = body.get("status_counts")
    if isinstance(counts, Mapping):
        cells = tuple(_count(counts.get(name, 0)) for name in _JOB_STATUS)
        made.append(Table("Jobs by status", _JOB_STATUS, (cells,)))
    rows = body.get("items")
    if isinstance(rows, list):
        known = [_job(row) for row in rows if isinstance(row, Mapping)]
        total = body.get("total_items")
        more = total - len(known) if isinstance(total, int) and total > len(known) else 0
        columns = ("id", "status", "created", "operation", "host", "error")
        made.append(Table("Newest jobs", columns, tuple(known[:MOST_ROWS]), more))
    return tuple(made)


def _agent(row: Row) -> tuple[str, ...]:
    active = [each for each in _mappings(row.get("conditions")) if each.get("status") is True]
    system = row.get("os_info")
    os = f"{_text(system.get('distribution'))} {_text(system.get('version'))}" if isinstance(system, Mapping) else ""
    labels = row.get("labels")
    said = ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) if isinstance(labels, Mapping) else ""
    return (
        _text(row.get("hostname")),
        _text(row.get("state")) or "Ready",
        _text("; ".join(_text(each.get("reason")) or _text(each.get("type")) for each in active)),
        _text(said),
        _instant(row.get("registered_at")),
        os.strip(),
    )


def _job(row: Row) -> tuple[str, ...]:
    operation = row.get("operation")
    kind = operation.get("type") if isinstance(operation, Mapping) else operation
    return (
        _text(row.get("id")), _text(row.get("status")), _instant(row.get("created")), _text(kind),
        _text(row.get("hostname")), _text(row.get("error")),
    )  # fmt: skip


def _table(title: str, rows: list[Any], columns: tuple[tuple[str, Callable[[Any], str]], ...]) -> Table:
    known = list(_mappings(rows))
    made = tuple(tuple(write(row.get(name)) for name, write in columns) for row in known[:MOST_ROWS])
    return Table(title, tuple(name for name, _ in columns), made, max(0, len(known) - MOST_ROWS))


def _mappings(rows: object) -> Iterator[Row]:
    return (row for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else iter(())


def _text(value: object) -> str:
    return clean(value, _CELL) if isinstance(value, str) else "" if value is None else clean(str(value), _CELL)


def _list(value: object) -> str:
    return clean(", ".join(each for each in value if isinstance(each, str)), _CELL) if isinstance(value, list) else ""


def _count(value: object) -> str:
    return count(value) if _number(value) else ""  # type: ignore[arg-type]


def _size(value: object) -> str:
    return size(value) if _number(value) else ""  # type: ignore[arg-type]


def _percent(value: object) -> str:
    return f"{value:.1f}" if _number(value) else ""


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18


def _instant(value: object) -> str:
    """An instant as OSAPI writes it, to the second."""
    text = _text(value)
    return f"{text[:10]} {text[11:19]}{'Z' if text.endswith('Z') else ''}" if text[10:11] == "T" else text
