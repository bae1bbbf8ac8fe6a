"""A table of jobs that follows its keys equals one made from nothing, and keeps what did not change."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.jobs import Job, JobStatus
from app.sources.jobtable import JobTable
from app.sources.kvmessage import Entry

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
NANO = int(START.timestamp()) * 1_000_000_000


class Queue:
    """A bucket of its own, and the table that follows it."""

    def __init__(self) -> None:
        self.table = JobTable()
        self.entries: dict[str, Entry] = {}
        self.revision = 0

    def put(self, key: str, value: bytes = b"") -> None:
        self.revision += 1
        self.entries.pop(key, None)
        self.entries[key] = Entry(value, self.revision, START + timedelta(seconds=self.revision))
        self.take(self.table, key)

    def job(self, id_: str, target: str = "_any", operation: str = "node.disk.get") -> None:
        value = {"created": "2026-11-22T14:00:00Z", "subject": f"osapi.jobs.query.{target}"}
        self.put(f"jobs.{id_}", json.dumps(value | {"operation": {"type": operation}}).encode())

    def drop(self, key: str) -> None:
        if self.entries.pop(key, None) is not None:
            self.take(self.table, key)

    def take(self, table: JobTable, key: str) -> None:
        (table.take_job if key.startswith("jobs.") else table.take_status)(key, self.entries.get(key))

    def made(self, table: JobTable | None = None) -> dict[str, Job]:
        table = table or self.table
        for id_ in table.dirty():
            table.make(id_, lambda key: self.entries[key].revision if key in self.entries else 0, lambda target: None)
        return dict(table.records)

    def afresh(self) -> dict[str, Job]:
        table = JobTable()
        for key in self.entries:
            self.take(table, key)
        return self.made(table)


keys = st.one_of(
    st.builds(lambda job: f"jobs.{job}", st.sampled_from("abc")),
    st.builds(
        lambda job, event, host, at: f"status.{job}.{event}.{host}.{NANO + at}",
        st.sampled_from("abc"),
        st.sampled_from(("submitted", "acknowledged", "started", "failed", "skipped", "completed")),
        st.sampled_from(("_api", "web-01", "web-02")),
        st.integers(0, 3),
    ),
)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(("put", "put", "put", "drop", "make")), keys), max_size=40))
def test_following_is_the_same_as_looking_afresh(steps: list[tuple[str, str]]) -> None:
    queue = Queue()
    for what, key in steps:
        if what == "make":
            queue.made()
        elif what == "drop":
            queue.drop(key)
        elif key.startswith("jobs."):
            queue.job(key.removeprefix("jobs."))
        elif key not in queue.entries:
            queue.put(key)
    ours, afresh = queue.made(), queue.afresh()
    assert ours.keys() == afresh.keys()
    for id_, job in afresh.items():
        mine = ours[id_]
        # What a value said stays known while a job has events left; a newest event that is deleted is remembered.
        assert (mine.status, mine.agents, mine.counted, mine.deleted) == (
            job.status,
            job.agents,
            job.counted,
            job.deleted,
        )
    table_queue = queue.table.count.queue(START, 0)
    assert table_queue.total == sum(job.counted for job in ours.values())
    assert table_queue.unclaimed == sum(not job.counted for job in ours.values())


def test_a_job_that_did_not_change_stays_the_same_object() -> None:
    queue = Queue()
    queue.job("a")
    queue.job("b")
    queue.put(f"status.a.acknowledged.web.{NANO}")
    before = queue.made()
    queue.put(f"status.b.acknowledged.web.{NANO}")
    queue.job("a")  # written again as it was
    after = queue.made()
    assert after["a"] is before["a"]
    assert after["b"].status is JobStatus.PROCESSING
    assert before["b"].status is JobStatus.SUBMITTED


def test_a_job_is_there_until_nothing_of_it_is() -> None:
    queue = Queue()
    queue.job("a", "host.4f2a")
    queue.put(f"status.a.completed.web.{NANO}")
    queue.drop("jobs.a")
    job = queue.made()["a"]
    assert (job.deleted, job.status, job.target, job.counted) == (True, JobStatus.COMPLETED, "4f2a", True)
    queue.drop(f"status.a.completed.web.{NANO}")
    assert queue.made() == {}
    assert queue.table.count.queue(START, 0).total == 0


def test_errors_and_repeats() -> None:
    queue = Queue()
    failed, later = f"status.a.failed.web.{NANO}", f"status.a.failed.db.{NANO + 9}"
    for key in (failed, later, f"status.a.retried._api.{NANO + 10}"):
        queue.put(key)
    assert queue.table.unread(2) == list(queue.entries)[:0:-1]  # the newest first
    queue.made()
    queue.table.take_told(later, "refused", "")
    queue.table.take_told(failed, "timeout", "")
    queue.table.take_told(f"status.a.retried._api.{NANO + 10}", "", "b")
    queue.job("b")
    jobs = queue.made()
    assert (jobs["a"].error, jobs["a"].retried_as, jobs["b"].retry_of) == ("refused", "b", "a")
    assert queue.table.error("a", "web") == "timeout"
    assert queue.table.error("a", "db") == "refused"
    assert queue.table.error("a", "nobody") == ""
    assert queue.table.unread(9) == []
    queue.drop(later)
    assert queue.made()["a"].error == "timeout"


def test_what_cannot_be_read_is_counted_and_the_job_is_shown() -> None:
    queue = Queue()
    queue.put("jobs.a", b"{nonsense")
    queue.put("status.short", b"")
    jobs = queue.made()
    assert jobs["a"].created == START + timedelta(seconds=1)
    assert jobs["a"].operation == ""
    assert queue.table.unreadable == {"jobs.a", "status.short"}
    queue.job("a")
    queue.drop("status.short")
    assert queue.made()["a"].operation == "node.disk.get"
    assert not queue.table.unreadable


def test_names_that_look_alike_once_cleaned_stay_apart() -> None:
    queue = Queue()
    long = "x" * 10_000
    for id_ in (long, long + "y", "plain", "\x1b]52;c;aGk=\x07"):
        queue.job(id_)
    jobs = queue.made()
    assert len(jobs) == 4
    assert all(len(key) < 300 and key.isprintable() for key in jobs)
    assert {queue.table.id_of(key) for key in jobs} == {long, long + "y", "plain", "\x1b]52;c;aGk=\x07"}
    assert queue.table.id_of("unheard of") is None


def test_one_host_with_a_flood_of_events() -> None:
    queue = Queue()
    for number in range(2000):
        queue.put(f"status.a.started.web.{NANO + number}")
    assert queue.made()["a"].tries == 500
    assert len(queue.table.unreadable) == 1500
    for key in list(queue.entries):
        queue.drop(key)
    assert queue.made() == {}
    assert not queue.table.unreadable
