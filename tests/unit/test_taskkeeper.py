"""The taskkeeper: jobs of the queue become tasks, each event once, however often and by however many it is seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.model.fleet import Vitals
from app.model.jobs import Job
from app.model.metrics import Range
from app.model.snapshot import Snapshot
from app.model.tasks import Task, TaskStatus
from app.model.taskwords import TaskWord
from app.sources.jobtable import JobTable
from app.sources.kvmessage import Entry
from app.store.errors import StoreFailed
from app.store.metrics import Asked
from app.store.store import Store
from app.worker import taskkeeper
from app.worker.board import Board
from app.worker.taskkeeper import Taskkeeper

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
VALUE = b'{"created":"%s","subject":"jobs.query._any","operation":{"type":"node.disk.get"}}'


class Queue:
    """A job queue, as its source keeps it."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.table = JobTable()
        self.revision = 0

    def put(self, id: str, *events: str, created: float = 60.0) -> None:
        """A job that was written so many seconds ago, and what happened to it: `event/host@seconds ago`."""
        at = NOW - timedelta(seconds=created)
        self.table.take_job(f"jobs.{id}", Entry(VALUE % at.isoformat().encode(), 1, at))
        self.tell(id, *events)

    def tell(self, id: str, *events: str) -> None:
        for each in events:
            event, _, rest = each.partition("/")
            host, _, ago = rest.partition("@")
            nano = int((NOW.timestamp() - float(ago)) * 1000) * 1_000_000
            self.revision += 1
            self.table.take_status(f"status.{id}.{event}.{host}.{nano}", Entry(b"", self.revision, NOW))
        self.publish()

    def expire(self, id: str) -> None:
        for key in self.table.status_keys(id):
            self.table.take_status(key, None)
        self.table.take_job(f"jobs.{id}", None)
        self.publish()

    def publish(self) -> None:
        for id in self.table.dirty():
            self.table.make(id, lambda key: 0, lambda target: None)
        self.board.publish(replace(self.board.snapshot, jobs=dict(self.table.records)))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open("", tmp_path, clock=lambda: NOW)
    yield store
    await store.close()


@pytest.fixture
def queue() -> Queue:
    return Queue(Board())


def keeper(queue: Queue, store: Store) -> Taskkeeper:
    return Taskkeeper(queue.board, store, queue.table.status_keys)


async def tasks(store: Store) -> dict[str, Task]:
    listed = await store.metrics.tasks(Asked(Range.DAY), NOW, None, None, 100)
    return {task.job: task for task in listed.tasks}


async def counted(store: Store) -> int:
    asked = "SELECT COUNT(*) FROM task_event WHERE what <> 'created'"
    return await store.read(lambda connection: int(connection.exec_driver_sql(asked).scalar_one()))


async def test_a_job_goes_its_way_and_its_task_outlives_it(queue: Queue, store: Store) -> None:
    keeps = keeper(queue, store)
    queue.put("j1", "submitted/_api@60")
    await keeps.look()
    (task,) = (await tasks(store)).values()
    assert (task.title, task.status, task.board, task.group) == ("node.disk.get", TaskStatus.INBOX, "node", "query")
    queue.tell("j1", "acknowledged/web-01@30", "started/web-01@29")
    await keeps.look()
    assert (await tasks(store))["j1"].status is TaskStatus.IN_PROGRESS
    queue.tell("j1", "completed/web-01@12")
    await keeps.look()
    queue.expire("j1")
    assert not queue.board.snapshot.jobs
    await keeps.look()
    task = (await tasks(store))["j1"]
    assert (task.status, task.agent, task.created) == (TaskStatus.DONE, "web-01", NOW - timedelta(seconds=60))
    assert task.cycle_hours == pytest.approx(18 / 3600)
    told = await store.metrics.dashboard(Asked(Range.DAY), NOW)
    assert (told.figures.throughput, told.figures.done_tasks, told.figures.error_rate_pct) == (1, 1, 0.0)
    assert sum(point.of for point in told.error_rate.primary) == 4


async def test_what_failed_is_for_review_and_what_was_skipped_is_no_throughput(queue: Queue, store: Store) -> None:
    queue.put("failed", "started/a@9", "failed/a@8")
    queue.put("partial", "started/a@9", "failed/a@8", "started/b@9", "completed/b@7")
    queue.put("skipped", "started/a@9", "skipped/a@8", "retried/_api@7")
    queue.put("unclaimed")
    await keeper(queue, store).look()
    found = {key: (task.status.value, task.failed) for key, task in (await tasks(store)).items()}
    assert found == {
        "failed": ("review", True), "partial": ("review", True), "skipped": ("done", False),
        "unclaimed": ("inbox", False),
    }  # fmt: skip
    told = await store.metrics.dashboard(Asked(Range.WEEK), NOW)
    assert told.figures.throughput == 0
    assert told.figures.error_rate_pct == pytest.approx(100 * 2 / 9)


async def test_each_event_is_kept_once_after_a_restart_and_by_two(queue: Queue, store: Store) -> None:
    first = keeper(queue, store)
    for number in range(30):
        queue.put(f"j{number}", "submitted/_api@60", "acknowledged/a@50", "started/a@49")
    await first.look()
    assert await counted(store) == 90
    again, other = keeper(queue, store), keeper(queue, store)
    for number in range(30):
        queue.tell(f"j{number}", "completed/a@40")
    for keeps in (again, other, first, again):
        await keeps.look()
    assert await counted(store) == 120
    told = await store.metrics.dashboard(Asked(Range.DAY), NOW)
    assert (told.tasks, told.figures.throughput, told.figures.done_tasks) == (30, 30, 30)
    assert await store.metrics.verify() == []


async def test_only_what_is_new_is_said_again(queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []
    take = store.metrics.take

    async def heard(words: Sequence[TaskWord]) -> int:
        said.extend([event.what for event in word.events] for word in words)
        return await take(words)

    monkeypatch.setattr(store.metrics, "take", heard)
    keeps = keeper(queue, store)
    queue.put("j1", "submitted/_api@60", "acknowledged/a@50")
    await keeps.look()
    queue.tell("j1", "completed/a@40")
    await keeps.look()
    queue.table.set_dead({"j1": 1})  # it is another object, and nothing happened to it
    queue.publish()
    await keeps.look()
    assert said == [["created", "submitted", "acknowledged"], ["created", "completed"]]
    queue.table.take_job("jobs.j1", Entry(VALUE.replace(b"node", b"file") % b"2026-11-22T13:59:00Z", 1, NOW))
    queue.publish()
    await keeps.look()
    assert said[2:] == [["created", "submitted", "acknowledged", "completed"]]
    assert (await tasks(store))["j1"].status is TaskStatus.DONE


async def test_what_is_left_of_a_job_takes_nothing_from_its_task(queue: Queue, store: Store) -> None:
    queue.put("j1", "submitted/_api@60", "started/a@50", "completed/a@40")
    await keeper(queue, store).look()
    for key in queue.table.status_keys("j1")[:2]:
        queue.table.take_status(key, None)
    queue.publish()
    await keeper(queue, store).look()
    task = (await tasks(store))["j1"]
    assert (task.status, task.cycle_hours, await counted(store)) == (TaskStatus.DONE, pytest.approx(10 / 3600), 3)


class Broken:
    """A store that cannot be written for a while."""

    def __init__(self, store: Store) -> None:
        self.metrics = self
        self.trouble = "session store is full"
        self.told = True
        self.tried = 0
        self._store = store

    async def take(self, words: list[object]) -> int:
        self.tried += 1
        if self.trouble or not self.told:
            raise StoreFailed("session store is full")
        return await self._store.metrics.take(words)  # type: ignore[arg-type]

    async def see(self, hosts: dict[str, datetime]) -> None:
        if self.trouble:
            raise StoreFailed("session store is full")
        await self._store.metrics.see(hosts)


async def test_a_store_in_trouble_is_not_written_and_all_of_it_is_made_up_for(queue: Queue, store: Store) -> None:
    broken = Broken(store)
    keeps = Taskkeeper(queue.board, broken, queue.table.status_keys)
    queue.put("j1", "submitted/_api@60", "acknowledged/a@50")
    await keeps.look()
    queue.tell("j1", "started/a@49")
    for key in queue.table.status_keys("j1"):
        if "submitted" in key or "acknowledged" in key:
            queue.table.take_status(key, None)
    queue.tell("j1", "completed/a@40")
    await keeps.look()
    queue.expire("j1")
    await keeps.look()
    assert broken.tried == 0
    broken.trouble, broken.told = "", False  # the trouble that nobody knew of yet
    await keeps.look()
    assert broken.tried == 1
    broken.told = True
    await keeps.look()
    assert await counted(store) == 4
    task = (await tasks(store))["j1"]
    assert (task.status, task.cycle_hours) == (TaskStatus.DONE, pytest.approx(10 / 3600))


async def test_what_cannot_be_held_is_missed_and_said(
    queue: Queue, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(taskkeeper, "WAITING_MOST", 3)
    broken = Broken(store)
    keeps = Taskkeeper(queue.board, broken, queue.table.status_keys)
    for number in range(5):
        queue.put(f"j{number}", "submitted/_api@60")
    await keeps.look()
    broken.trouble = ""
    await keeps.look()
    assert len(await tasks(store)) == 3
    assert "2 jobs are missing among the tasks" in caplog.text


async def test_keys_that_are_no_events_are_passed_over(queue: Queue, store: Store) -> None:
    board = Board(snapshot=Snapshot(jobs={"j": Job("j", created=NOW)}))
    keys = ["status.j.dreamt.a.1763820000000000000", "status.j.started.a.x", "status.j.started.a", "nothing"]
    await Taskkeeper(board, store, lambda key: keys).look()
    assert (await counted(store), len(await tasks(store))) == (0, 1)


async def test_a_defect_is_logged_once_and_ends_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def breaks(key: str) -> list[str]:
        raise RuntimeError("a defect")

    keeps = Taskkeeper(Board(snapshot=Snapshot(jobs={"j": Job("j", created=NOW)})), store, breaks)
    await keeps.look()
    await keeps.look()
    assert caplog.text.count("jobs could not be kept as tasks") == 1


async def test_hosts_are_remembered_by_when_they_were_seen(store: Store) -> None:
    def beats(*hours_ago: float) -> dict[str, Vitals]:
        return {f"h{n}": Vitals(f"h{n}", NOW - timedelta(hours=ago)) for n, ago in enumerate(hours_ago)}

    board = Board(snapshot=Snapshot(vitals=beats(47, 30)))
    keeps = Taskkeeper(board, store, lambda key: ())
    await keeps.look()
    board.publish(Snapshot(seq=2, vitals=beats(25, 30, 0.1)))  # one is new, the other beat again
    await keeps.look()
    told = await store.metrics.dashboard(Asked(Range.DAY), NOW)
    assert (told.figures.active_agents, told.before.active_agents) == (1, 2)
    board.stop()
    await keeps.run()  # at the end everything is kept
    board.publish(Snapshot(seq=3, vitals=beats(2, 30, 0.1)))
    await keeps.run()
    told = await store.metrics.dashboard(Asked(Range.DAY), NOW + timedelta(seconds=1))
    assert (told.figures.active_agents, told.before.active_agents) == (2, 2)
