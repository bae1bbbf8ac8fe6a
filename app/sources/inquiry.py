"""What is read only when somebody asks: all of one job, one stored message, the subjects of a stream."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from app.model.jobs import DeadLetter, JobDetail, JobResponse
from app.model.jobstatus import EventValue, status_by_values
from app.model.messages import Message, Subjects
from app.model.text import clean
from app.sources import jsapi
from app.sources.agentwire import Unreadable
from app.sources.errors import ApiError, NoResponders
from app.sources.jobkeys import STATUS
from app.sources.jobwire import event_value, job_value, operation_data, response_value
from app.sources.jsapi import JetStreamApi
from app.sources.kvpoll import Found, last_values, subjects_of
from app.sources.peek import shown_headers, shown_payload
from app.sources.stored import ADDED, Stored, StoredMessages
from app.sources.wire import StreamInfo

VALUES = 2000
"""Values of one job read at most; of more, the newest."""
SUBJECTS = 1000
"""Subjects told at most."""
_READ = 200_000
"""Subjects looked at."""
_FILTERS = 8
_RESPONSES = "responses."


class Unknown(LookupError):
    """There is no such job, message or stream; the text is a sentence."""


class KnownJobs(Protocol):
    """What is known of the job queue already."""

    @property
    def bucket(self) -> str: ...
    def job_id(self, key: str) -> str | None: ...
    def status_keys(self, key: str) -> list[str]: ...
    def letters_of(self, key: str) -> tuple[DeadLetter, ...]: ...


class Inquiry:
    """Answers single questions. Each raises Unknown where there is no such thing, SourceError where NATS fails."""

    def __init__(self, api: JetStreamApi, jobs: KnownJobs, *, payload: bool) -> None:
        self._api = api
        self._jobs = jobs
        self._payload = payload  # whether payloads of messages may be seen
        self._stored = StoredMessages(api)

    async def job(self, key: str) -> JobDetail:
        """Everything of one job: its events, answers and dead letters."""
        id_, bucket = self._jobs.job_id(key), self._jobs.bucket
        if id_ is None or not bucket:
            raise Unknown(f"no job {clean(key, 100)}")
        stream, prefix = f"KV_{bucket}", f"$KV.{bucket}."
        keys = self._jobs.status_keys(key)
        try:
            found = await subjects_of(self._api, stream, f"{prefix}{_RESPONSES}{id_}.>")
            keys += [subject.removeprefix(prefix) for subject in found]
            # The newest by the time in their names, in which the order of the keys is kept.
            wanted = heapq.nlargest(VALUES, keys, key=_nanoseconds) if len(keys) > VALUES else keys
            values = await last_values(self._api, stream, [f"{prefix}{one}" for one in (f"jobs.{id_}", *wanted)])
        except ApiError as error:
            raise _unknown(error, stream) from error
        detail = _detail(key, {subject.removeprefix(prefix): value for subject, value in values.items()})
        return replace(detail, dead=self._jobs.letters_of(key))

    async def message(self, stream: str, sequence: int, subjects: Iterable[str] = ()) -> Message:
        """The message at a sequence, or with subjects the next at or behind it that any of them fits."""
        _need_name(stream)
        filters = tuple(subjects)[:_FILTERS]
        for subject in filters:
            _need_subject(subject)
        if sequence < 0:
            raise Unknown(f"no message {sequence}")
        try:
            found = [await self._stored.at(stream, sequence, subject) for subject in filters or ("",)]
        except ApiError as error:
            raise _unknown(error, stream) from error
        except NoResponders as error:
            raise Unknown(f"no stream {clean(stream, 100)}") from error
        messages = [one for one in found if one is not None]
        if not messages:
            name = clean(stream, 100)
            if filters:
                raise Unknown(f"no message of {name} from {sequence} on fits the filter")
            raise Unknown(f"message {sequence} is not in {name} (any more)")
        return self._shown(stream, min(messages, key=lambda one: one.sequence))

    def _shown(self, stream: str, stored: Stored) -> Message:
        return Message(
            stream=clean(stream, 255),
            sequence=stored.sequence,
            subject=clean(stored.subject, 255),
            at=stored.at,
            size=len(stored.payload),
            headers=shown_headers(stored.headers, ADDED),
            payload=shown_payload(stored.payload) if self._payload else "",
            payload_shown=self._payload,
        )

    async def subjects(self, stream: str, limit: int = 200) -> Subjects:
        """The subjects of a stream with most messages; of a stream with very many, of the first 200,000."""
        _need_name(stream)
        limit = max(1, min(limit, SUBJECTS))
        best: list[tuple[int, str]] = []
        read, total = 0, 0
        while read < _READ:
            try:
                request = {"subjects_filter": ">", "offset": read}
                info = await self._api.call(f"STREAM.INFO.{stream}", StreamInfo, request)
            except ApiError as error:
                raise _unknown(error, stream) from error
            page = (info.state.subjects if info.state else None) or {}
            read += len(page)
            total = max(info.total, read)
            best = heapq.nlargest(limit, [*best, *((count, name) for name, count in page.items())], key=_most)
            if not page or read >= info.total:
                break
        return Subjects(clean(stream, 255), tuple((clean(name, 255), count) for count, name in best), total)


def _most(row: tuple[int, str]) -> int:
    return row[0]


def _detail(key: str, values: dict[str, Found]) -> JobDetail:
    """Made of the values of a job's keys; what cannot be read is passed over, as OSAPI does."""
    events: list[EventValue] = []
    responses: dict[str, JobResponse] = {}
    subject = data = ""
    for name, (value, _revision, _at, _headers) in sorted(values.items(), key=lambda item: item[1][1]):
        try:
            if name.startswith(STATUS):
                events.append(event_value(value))
            elif name.startswith(_RESPONSES):
                answer = response_value(value)
                host = name.split(".")[2]
                responses[host] = answer if answer.host else replace(answer, host=clean(host, 255))
            else:
                subject, data = job_value(value).subject, operation_data(value)
        except Unreadable:
            continue
    derived = status_by_values(events)
    return JobDetail(
        key,
        derived.status,
        operation_data=data,
        subject=subject,
        error=derived.error,
        updated=derived.updated,
        agents=derived.agents,
        timeline=derived.timeline,
        responses=tuple(responses[host] for host in sorted(responses)),
    )


def _nanoseconds(key: str) -> int:
    tail = key.rpartition(".")[2]
    return int(tail) if tail.isascii() and tail.isdigit() and len(tail) < 20 else 0


def _unknown(error: ApiError, stream: str) -> Exception:
    """The error, as Unknown where there is no such stream or message."""
    if error.number in (jsapi.NO_STREAM, jsapi.NO_MESSAGE):
        return Unknown(f"no stream {clean(stream, 100)}" if error.number == jsapi.NO_STREAM else "no such message")
    return error


def _need_name(stream: str) -> None:
    """A name that is none would make another request of it."""
    if not stream or len(stream) > 255 or not stream.isprintable() or set(stream) & set(" .*>/\\"):
        raise Unknown(f"no stream {clean(stream, 100)}")


def _need_subject(subject: str) -> None:
    if not subject or len(subject) > 1000 or not subject.isprintable() or " " in subject:
        raise Unknown(f"no subject {clean(subject, 100)}")
