"""What happened to a task makes its statuses, and what counts as handed in, whatever order it is told in."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.jobs import Job, JobStatus
from app.model.sessions import SessionEvent
from app.model.taskhistory import TaskEvent, steps
from app.model.tasks import TaskStatus
from app.model.taskwords import BadTask, check_task, job_word, task_word

MADE = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def walked(told: str) -> str:
    """`what@at`, `what@at!` for a failed one, `what/host@at`: the status after each, with the time where it was handed
    in."""
    events = []
    for mark, each in enumerate(told.split()):
        what, _, at = each.rstrip("!").partition("@")
        what, _, who = what.partition("/")
        events.append(TaskEvent(int(at), mark, what, who, each.endswith("!") or what == "failed"))
    random.Random(1).shuffle(events)
    return " ".join(f"{step.after}{'' if step.cycle is None else f'+{step.cycle}'}" for step in steps(events))


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("inbox@0 in_progress@5 review@9 done@12", "inbox in_progress review+4 done"),
        ("in_progress@5 done@12", "in_progress done+7"),
        ("inbox@0 done@12", "inbox done"),  # nobody worked on it
        # failed: no throughput, and what comes after it is not the first
        ("in_progress@5 review@9! done@12", "in_progress review done"),
        # more work: handed in again, since it was first taken up
        ("in_progress@5 review@9 in_progress@10 review@20", "in_progress review+4 in_progress review+15"),
        # back to the inbox: begun anew
        ("in_progress@5 inbox@6 in_progress@10 done@20", "in_progress inbox in_progress done+10"),
        ("in_progress@5 inbox@6 done@20", "in_progress inbox done"),
        # said again: it is the first that counts
        ("in_progress@5 in_progress@8 review@9 review@11!", "in_progress in_progress review+4 review"),
        ("done@7 in_progress@7 inbox@7", "inbox in_progress done+0"),
        ("", ""),
    ],
)
def test_task_events(told: str, wanted: str) -> None:
    assert walked(told) == wanted


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (
            "created@0 submitted@1 acknowledged/a@2 started/a@3 completed/a@9",
            "inbox inbox in_progress in_progress done+7",
        ),
        ("created@0 started/a@3 failed/a@9", "inbox in_progress review"),
        ("created@0 started/a@3 skipped/a@9", "inbox in_progress done"),
        # delivered again after it failed
        (
            "created@0 started/a@3 failed/a@9 acknowledged/a@11 started/a@12 completed/a@20",
            "inbox in_progress review in_progress in_progress done+17",
        ),
        # for several: done when all that took it are done; in part failed
        (
            "created@0 started/a@1 completed/a@2 started/b@5 completed/b@6",
            "inbox in_progress in_progress in_progress done+5",
        ),
        (
            "created@0 started/a@1 failed/a@2 started/b@5 completed/b@6",
            "inbox in_progress in_progress in_progress review",
        ),
        # one that is heard of before it takes it
        ("submitted/a@1 skipped/b@5 failed/a@5", "inbox in_progress review"),
        # an acknowledgement that was lost: done stays done
        ("started/a@1 completed/a@2 started/a@5", "in_progress done+1 done"),
        ("created@0 started/a@1 failed/a@2 retried@4", "inbox in_progress review review"),
        # an agent whose clock is behind
        ("acknowledged/a@1 created@3 submitted@4 completed/a@5", "in_progress in_progress in_progress done+4"),
    ],
)
def test_events_of_jobs(told: str, wanted: str) -> None:
    assert walked(told) == wanted


STATUSES = st.sampled_from(list(TaskStatus))


@given(st.lists(st.tuples(STATUSES, st.integers(0, 30), st.booleans()), max_size=9, unique_by=lambda one: one[1]))
def test_what_is_handed_in_is_what_the_definition_says(told: list[tuple[TaskStatus, int, bool]]) -> None:
    """Looking back from every entry, at each time anew."""
    told = sorted(told, key=lambda one: one[1])
    events = [TaskEvent(at, 0, status.value, failed=failed) for status, at, failed in told]
    wanted = []
    for place, (status, at, failed) in enumerate(told):
        before = told[:place]
        entered = status in ("review", "done") and (not before or before[-1][0] is not status)
        since_inbox = before[max((n + 1 for n, one in enumerate(before) if one[0] is TaskStatus.INBOX), default=0) :]
        taken_up = [one[1] for one in since_inbox if one[0] is TaskStatus.IN_PROGRESS]
        since_entry = before[max((n + 1 for n, one in enumerate(before) if one[0] in ("review", "done")), default=0) :]
        first = any(one[0] is TaskStatus.IN_PROGRESS for one in since_entry)
        wanted.append(at - taken_up[0] if entered and taken_up and first and not failed else None)
    assert [step.cycle for step in steps(events)] == wanted


def event(data: object, type_: str = "task", kind: str = "custom") -> SessionEvent:
    return SessionEvent("s", "coder", kind, "info", 5, {"type": type_, "data": data})


def test_a_task_event_says_what_it_says() -> None:
    data = {"taskId": "t1", "title": "Fix\nit", "status": "review", "boardId": "web", "groupId": None, "failed": True}
    told = event(data)
    word = task_word(told, 77)
    assert word is not None
    assert word.events == (TaskEvent(5, 77, "review", "coder", True),)
    assert (word.title, word.group) == ("Fix it", None)
    assert word.board is not None
    assert word.board.name == "web"
    id = "0F1E2D3C-0000-4000-8000-000000000000"
    other = task_word(event({"taskId": id, "status": "done", "agentId": "x", "boardId": id}), 1)
    assert other is not None
    assert (other.id, other.events[0].who) == (id.lower(), "x")
    assert other.board is not None
    assert other.board.id == id.lower()


@pytest.mark.parametrize(
    "told",
    [
        event({"name": "somebody else's"}), event({}, "task"), event({"taskId": "t", "status": "done"}, "note"),
        event({"taskId": "t", "status": "done"}, kind="tool_call"), event([]),
    ],
)  # fmt: skip
def test_what_is_not_meant_for_us_is_nothing(told: SessionEvent) -> None:
    check_task(told)
    assert task_word(told, 0) is None


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"taskId": "t"}, "status"), ({"status": "done"}, "taskId"), ({"taskId": "", "status": "done"}, "taskId"),
        ({"taskId": "\u200d", "status": "done"}, "taskId"), ({"taskId": 7, "status": "done"}, "taskId"),
        ({"taskId": "t", "status": "DONE"}, "status"), ({"taskId": "t", "status": "done", "failed": 1}, "failed"),
        ({"taskId": "t", "status": "done", "title": ["x"]}, "title"),
    ],
)  # fmt: skip
def test_what_is_meant_for_us_and_wrong_is_said(data: dict[str, object], where: str) -> None:
    with pytest.raises(BadTask, match=rf"no task: payload\.data\.{where}: "):
        check_task(event(data))
    assert task_word(event(data), 0) is None


def test_a_job_says_what_its_task_is() -> None:
    job = Job("j1", JobStatus.SUBMITTED, MADE, "node.disk.get", "query", "web-01")
    word = job_word(job, ())
    assert word.board is not None
    assert word.group is not None
    assert (word.title, word.board.name, word.group.name, word.job) == (
        "node.disk.get on web-01",
        "node",
        "query",
        "j1",
    )
    assert [(each.what, each.counts) for each in word.events] == [("created", False)]
    lost = job_word(Job("j2"), ())
    assert lost.board is not None
    assert (lost.title, lost.board.name, lost.group, lost.rank, lost.events) == ("a job", "unknown", None, "", ())
