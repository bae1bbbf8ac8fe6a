"""Overview: the verdict, Now, the views, at every size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.feed.protocol import FeedState
from app.model.broker import Cause, Connection, LinkState
from app.model.health import Health
from app.model.snapshot import SourceState, SourceStatus, Verdict
from tests.literals import LiteralFeed, ago, calm, fleet, only, site, sources, waiting
from tests.screens.driving import driving
from widgets.now_list import NowList


async def test_at_80x24_it_says_what_is_wrong_and_opens_the_worst() -> None:
    async with driving(fleet()) as deck:
        assert deck.lines[1].startswith(" ✗ 2 CRIT  ▲ 2 WARN")
        assert "ORDERS › billing" in deck.line_with("no ack 4m12s")
        assert "2.2k orders wait, the oldest for 11m" in deck.text  # opened in place, without a key
        for number, title in ((3, "Streams"), (4, "Consumers"), (6, "Agents")):
            assert deck.line_with(f" {number} {title}")
        assert "✗1 ▲6 ●56" in deck.line_with(" 4 Consumers")


async def test_folded_findings_stand_under_their_cause_only() -> None:
    async with driving(fleet()) as deck:
        assert "nobody pulls" not in deck.text
        await deck.press("j")
        assert "6 findings folded" in deck.text


async def test_at_40x10_each_finding_is_one_line() -> None:
    async with driving(fleet(), size=(40, 10)) as deck:
        assert deck.lines[1].startswith(" ✗ 2 CRIT")
        assert deck.lines[2].startswith(" ✗ ORDERS › billing")
        assert deck.lines[2].endswith("+4m")
        assert deck.lines[3].startswith(" ✗ web-03")
        assert "3 Streams" not in deck.text


@pytest.mark.parametrize("size", [(120, 30), (200, 50)])
async def test_on_wide_terminals_panes_show_the_worst_first(size: tuple[int, int]) -> None:
    async with driving(fleet(), size=size) as deck:
        assert "3 Streams ▲1 ●8" in deck.text
        assert "6 Agents ✗1 ▲1 ●8" in deck.text
        assert "more" in deck.text  # 65 consumers never fit
        consumers = [line for line in deck.lines if "billing" in line or "build-01" in line]
        assert "billing" in consumers[0]


async def test_tab_goes_through_the_panes_and_enter_drills_in() -> None:
    async with driving(fleet(), size=(120, 30)) as deck:
        await deck.press("tab", "tab", "enter")
        assert deck.lines[1].strip() == "Overview › web-03"
        await deck.press("escape")
        assert deck.lines[1].startswith(" ✗ 2 CRIT")


async def test_z_shows_one_pane_alone_and_esc_goes_back() -> None:
    async with driving(fleet(), size=(120, 30)) as deck:
        await deck.press("tab", "z")
        assert "CONSUMER" in deck.text
        assert "3 Streams" not in deck.text
        await deck.press("escape")
        assert "3 Streams" in deck.text


async def test_a_line_of_the_views_opens_the_view() -> None:
    async with driving(fleet()) as deck:
        await deck.press("shift+tab", "j", "j", "enter")
        assert deck.lines[1].startswith(" Consumers")


async def test_all_clear_is_said_with_figures() -> None:
    clear = "● All clear. 12 components, 9 streams, 63 consumers, 10 agents."
    async with driving(calm()) as deck:
        assert deck.lines[1].strip() == clear
    async with driving(calm(), size=(120, 30)) as deck:
        assert deck.lines[1].startswith(f" {clear} ")
        assert deck.lines[1].endswith("watching 2h13m")


async def test_old_facts_are_never_green() -> None:
    failed = sources(streams=SourceState("streams", SourceStatus.FAILED, good_at=ago(42), error="no answer"))
    async with driving(calm(sources=failed, verdict=Verdict(Health.UNKNOWN))) as deck:
        assert deck.lines[1].strip() == "? UNKNOWN — no facts for 40s; last known: no findings"
        assert "All clear" not in deck.text
        assert "STALE" in deck.lines[0]
        await deck.press("3")
        assert deck.line_with("AUDIT").startswith("○ ")


async def test_a_silent_worker_makes_everything_stale() -> None:
    async with driving(calm()) as deck:
        await deck.pass_time(11)
        assert "LIVE" in deck.lines[0]
        await deck.pass_time(2)
        assert "STALE" in deck.lines[0]
        assert "UNKNOWN — no facts for 10s" in deck.lines[1]
    async with driving(calm()) as deck:
        await deck.press("6")
        await deck.pass_time(13)
        assert all(line.startswith("○") for line in deck.lines if "Ready" in line)


async def test_only_fresh_facts_say_in_green_that_nothing_is_wrong() -> None:
    async with driving(calm()) as deck:
        now = deck.app.screen.query_one(NowList)
        told = next(segment for segment in now.paint_line(0, 60) if segment.text.strip())
        assert (told.text.strip(), told.style) == ("No findings.", now.paint("ok"))
        await deck.pass_time(60)
        told = next(segment for segment in now.paint_line(0, 60) if segment.text.strip())
        assert (told.text.strip(), told.style) == ("No findings are known; the facts are old.", now.paint("dim"))


async def test_a_lost_worker_is_said_and_its_return_too() -> None:
    async with driving(calm()) as deck:
        deck.feed.lose("the worker has gone: starting another")
        await deck.settle()
        assert "the worker has gone: starting another" in deck.text
        assert "STALE" in deck.lines[0]
        await deck.push(replace(calm(), epoch="e2"), state=FeedState.LIVE)
        assert "LIVE" in deck.lines[0]
        assert "All clear" in deck.text


async def test_effects_and_infos() -> None:
    async with driving(fleet()) as deck:
        assert "1 for tidying up · e shows" in deck.text
        await deck.press("e")
        assert deck.line_with("INFO")
        assert "AUDIT › export" in deck.text


async def test_a_finding_that_clears_leaves_the_cursor_near() -> None:
    before = fleet()
    async with driving(before) as deck:
        await deck.press("j")
        left = {
            key: finding
            for key, finding in before.findings.items()
            if "web-03" not in finding.subject and "no_client" not in key
        }
        await deck.push(only(before, findings=left))
        assert not [line for line in deck.lines if "CRIT agent" in line]
        await deck.press("enter")
        assert "job-queue" in deck.lines[1]


OPENINGS = [
    (Connection(LinkState.CONNECTING, "nats://nats-1:4222", "context prod", since=ago(2)),
     "Connecting to nats://nats-1:4222 (context prod) … 2s"),
    (Connection(LinkState.DOWN, "nats://127.0.0.1:4222", "default", cause=Cause.REFUSED, error="connection refused"),
     "No NATS at nats://127.0.0.1:4222: connection refused."),
    (Connection(LinkState.DOWN, "nats://nats-1:4222", "NATS_URL", cause=Cause.UNKNOWN_HOST),
     "nats-1 is not a known host."),
    (Connection(LinkState.DOWN, "nats://nats-1:4222", "NATS_URL", cause=Cause.TIMEOUT),
     "no answer within 5 s: firewall? wrong port?"),
    (Connection(LinkState.DOWN, "nats://nats-1:4222", "NATS_URL", cause=Cause.TLS_REQUIRED),
     "server requires TLS: use tls://"),
    (Connection(LinkState.DOWN, "nats://nats-1:4222", "NATS_URL", cause=Cause.TLS_NAME,
                error="certificate is for nats.example, not nats-1"), "certificate is for nats.example, not nats-1"),
    (Connection(LinkState.DOWN, "nats://nats-1:4222", "context prod", "creds ~/.nats/prod.creds (user UDXU…)",
                cause=Cause.AUTHORIZATION), "Used: context prod, creds ~/.nats/prod.creds (user UDXU…)"),
]  # fmt: skip


@pytest.mark.parametrize(("connection", "sentence"), OPENINGS, ids=[each[0].cause or "connecting" for each in OPENINGS])
async def test_without_facts_it_says_why(connection: Connection, sentence: str) -> None:
    async with driving(waiting(connection)) as deck:
        assert sentence in deck.text
        assert "UNKNOWN" in deck.lines[1]
        await deck.press("3")
        assert deck.lines[1].startswith(" Streams")  # every key works
        await deck.press("1")
        assert sentence in deck.text


async def test_before_a_worker_speaks_it_says_what_it_connects_to() -> None:
    async with driving(feed=LiteralFeed(), target="nats://nats-1:4222 (context prod)") as deck:
        assert "Connecting to nats://nats-1:4222 (context prod) … 0s" in deck.text
        await deck.pass_time(3)
        assert "… 3s" in deck.text


NOT_ENABLED = "Connected to account ORDERS, but JetStream is not enabled for it (10039)."
SILENT = 'JetStream does not answer. On a leaf node? Try --domain hub (servers report domain "hub").'
NOBODY = "Connected to leaf, but nobody answers the JetStream API there. Try --domain hub."


async def test_a_server_that_has_no_jetstream_is_not_told_as_an_account_without_it() -> None:
    up = Connection(LinkState.CONNECTED, "nats://nats-1:4222")
    absent = {"account": SourceState("account", SourceStatus.ABSENT, error=NOBODY)}
    async with driving(waiting(up, sources=absent), size=(100, 30)) as deck:
        assert NOBODY in deck.text
        assert "10039" not in deck.text


async def test_refused_credentials_are_tried_at_longer_intervals_and_that_is_said() -> None:
    down = Connection(LinkState.DOWN, "nats://nats-1:4222", cause=Cause.AUTHORIZATION, error="authorization violation")
    async with driving(waiting(down)) as deck:
        assert "Trying again every 30 s at the latest" in deck.text


async def test_no_jetstream_and_none_that_answers() -> None:
    up = Connection(LinkState.CONNECTED, "nats://nats-1:4222")
    absent = {"account": SourceState("account", SourceStatus.ABSENT, error=NOT_ENABLED)}
    async with driving(waiting(up, sources=absent)) as deck:
        assert NOT_ENABLED in deck.text
    silent = {"account": SourceState("account", SourceStatus.FAILED, error=SILENT)}
    async with driving(waiting(up, sources=silent)) as deck:
        assert "JetStream does not answer. On a leaf node? Try --domain hub" in deck.text


async def test_jetstream_with_nothing_in_it() -> None:
    bare = calm(
        streams={}, consumers={}, agents={}, vitals={}, flows={}, counts={}, site=site(capabilities=frozenset())
    )
    async with driving(bare) as deck:
        assert "JetStream is up (2.15.1). No streams yet." in deck.text
        assert "watchdeck demo" in deck.text


async def test_plain_jetstream_has_no_line_for_agents() -> None:
    plain = calm(agents={}, vitals={}, counts={k: v for k, v in calm().counts.items() if k != "agents"})
    async with driving(plain) as deck:
        assert deck.line_with(" 3 Streams")
        assert not deck.line_with(" 6 Agents")


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((120, 30), "  need session events: watchdeck init"),
        ((200, 50), "Scores need session events: watchdeck init sessions"),
    ],
)
async def test_the_score_pane_says_what_starts_scores(size: tuple[int, int], said: str) -> None:
    async with driving(fleet(), size=size) as deck:
        await deck.until(lambda: said in deck.text)
