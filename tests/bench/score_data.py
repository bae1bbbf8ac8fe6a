"""Stores full of sessions for benches, made by SQL alone."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from app.store.store import Store

DAY = 86_400_000
NOW = 1_795_354_567_890
"""Early in the afternoon: the parts of days at a window's edges are long."""

_SESSIONS = """
INSERT INTO session (n, id, agent_n, agent_name, started_at, day, last_at, ended_at, status, events, errors,
  tool_calls, tool_failures, cost, llm_calls, input_tokens, output_tokens, model, channel, label, tags, keys)
WITH RECURSIVE s(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < ?1 - 1),
  t(i, at, r) AS (SELECT i, ?2 + CAST(i * (?3 / (?1 * 1.0)) AS INTEGER), (i * 2654435761) % 4294967296 FROM s)
SELECT i + 1, printf('session-%08d', i), 1 + (i * 7919) % ?4, '', at, at / 86400000, at + 60000,
  CASE WHEN r % 10 = 0 THEN NULL ELSE at + 30000 + r % 60000 END,
  CASE r % 10 WHEN 0 THEN 'active' WHEN 1 THEN 'error' ELSE 'completed' END,
  10, r % 7 = 0, 2, r % 11 = 0, 1000000 + r % 50000000, 2, 100, 100, 'm', '', '', '[]', '' FROM t
"""
_TOOLS = """
INSERT INTO tool (day, at, agent_n, calls, failures)
SELECT (started_at + ?1) / 86400000, started_at + ?1, agent_n, 1, tool_failures * ?2 FROM session WHERE true
ON CONFLICT DO UPDATE SET calls = calls + 1
"""
_DAYS = """
INSERT INTO day (day, agent_n, sessions, bad, completed, failed, ended, duration, cost, calls, failures)
SELECT day, agent_n, SUM(s), SUM(b), SUM(c), SUM(f), SUM(e), SUM(d), SUM(x), SUM(k), SUM(q) FROM (
  SELECT day, agent_n, 1 s, errors > 0 b, status = 'completed' c, status = 'error' f, ended_at IS NOT NULL e,
    COALESCE(ended_at - started_at, 0) d, cost x, 0 k, 0 q FROM session
  UNION ALL SELECT day, agent_n, 0, 0, 0, 0, 0, 0, 0, calls, failures FROM tool) GROUP BY day, agent_n
"""


def filled(folder: Path, *, agents: int, sessions: int, days: int, now: int = NOW) -> Store:
    """An open store with sessions spread evenly over the days up to `now`, each with two tool calls."""
    folder.mkdir()
    store = Store.open("", folder, clock=lambda: datetime.fromtimestamp(now / 1000, UTC))
    raw = sqlite3.connect(folder / "watchdeck.db")
    raw.execute("PRAGMA synchronous = OFF")
    raw.execute(
        "INSERT INTO ai_agent (n, id, name, name_key, first_seen, last_seen) WITH RECURSIVE s(i) AS"
        " (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < ?)"
        " SELECT i, printf('agent-%05d', i), '', '', 0, 0 FROM s",
        (agents,),
    )
    raw.execute(_SESSIONS, (sessions, now - days * DAY, days * DAY, agents))
    for after, fails in ((1, 1), (5001, 0)):
        raw.execute(_TOOLS, (after, fails))
    raw.execute(_DAYS)
    raw.commit()
    raw.close()
    return store
