"""Ingester: finds the sessions stream, has it read where it may be, and says how that stands, whatever fails."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from app.model.sessions import Intake, IntakeState
from app.model.snapshot import SourceStatus
from app.settings import Settings
from app.sources import sessionstream
from app.sources.errors import ApiError, LinkDown, NotPermitted, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.sessionfeed import SessionStream
from app.sources.tasks import ended, happened
from app.store.errors import StoreFailed
from app.store.intake import Origin
from app.store.store import Store
from app.worker.board import Board
from app.worker.sessionreading import Progress, SessionReading

LOOK_EVERY = 2.0
"""Seconds between two tries after a failure, and between two looks for a stream where they cost a request."""
REFUSED_EVERY = 5.0
DENIED_EVERY = 15.0
"""Seconds between two looks at a stream that must not, or cannot, be read."""
SOON = 0.2
TOLD_EVERY = 1.0
DEAD_WITHIN = timedelta(minutes=15)
DEAD_EVERY = 10.0
_OVERLAP = 10065
_log = logging.getLogger(__name__)


class Ingester:
    """One per worker. Keeps `board.intake` up to date while it runs.

    `ttl`: seconds without us after which the server removes our consumer, 0 for never.
    """

    def __init__(self, settings: Settings, board: Board, store: Store, api: JetStreamApi, *, ttl: float) -> None:
        self._settings = settings
        self._board = board
        self._store = store
        self._api = api
        self._ttl = ttl
        self._progress = Progress()
        self._reading: SessionReading | None = None
        self._dead = (0, "")
        self._dead_next = 0.0  # on the event loop's clock
        self._dead_seen = 0
        self._failing = False

    async def run(self) -> None:
        """Takes events in until the board is stopping; what was begun is then finished. Never raises."""
        telling = asyncio.create_task(self._keep_telling(), name="intake is told")
        stopping = self._board.stopping
        try:
            while not stopping.is_set():
                generation = self._api.link.generation
                await self._rest(await self._round(), generation)
        finally:
            await ended(telling)
            self._tell()

    async def _rest(self, pause: float, generation: int) -> None:
        """Waits so many seconds; less if there is a new connection."""
        loop, stopping = asyncio.get_running_loop(), self._board.stopping
        ends = loop.time() + pause
        while self._api.link.generation == generation and (left := ends - loop.time()) > 0:
            if await happened(stopping, min(left, 1.0)):
                return

    async def _round(self) -> float:
        """One look at the stream, and its reading as long as that lasts; gives the seconds until the next."""
        say, link = self._progress.say, self._api.link
        try:
            if not self._settings.sessions.ingest:
                say(IntakeState.OFF, "switched off by [sessions] ingest")
                return 3600.0
            if not link.up:
                raise LinkDown(link.connection.error)
            if not self._board.collected:
                return SOON
            if self._store.trouble or not self._store.id:
                raise StoreFailed(self._store.trouble or "session store is not open yet")
            pause = await self._look()
            self._failing = False
            return pause
        except NotPermitted as error:
            say(IntakeState.DENIED, str(error))
            return DENIED_EVERY
        except LinkDown as error:
            if str(error):  # else the first attempt is on its way
                say(IntakeState.FAILED, str(error))
            return SOON
        except (SourceError, StoreFailed) as error:
            say(IntakeState.FAILED, str(error))
        except Exception:
            if not self._failing:
                _log.exception("session events could not be taken in")
            self._failing = True
            say(IntakeState.FAILED, "internal error, see the log")
        return LOOK_EVERY

    async def _look(self) -> float:
        """Reads the stream if it is there and may be read. Raises SourceError or StoreFailed."""
        name, subject = self._wanted()
        stream = SessionStream(self._api, name, subject)
        self._turn_to(name)
        create = self._settings.sessions.create
        if not create and not self._may_exist(name):
            return self._nothing(IntakeState.ABSENT, f"there is no stream {name}", SOON)
        found = await stream.find()
        if found is None and create:
            await _created(stream)
            found = await stream.find()
        if found is None:
            return self._nothing(IntakeState.ABSENT, f"there is no stream {name}", LOOK_EVERY)
        named_by_owner = "names.sessions_stream" in self._settings.origins
        why = sessionstream.unfit(found.config, subject, named_by_owner=named_by_owner)
        if why:
            return self._nothing(IntakeState.REFUSED, why, REFUSED_EVERY)
        durable = f"watchdeck-{self._store.id}"
        await stream.make_consumer(durable, found.config, self._ttl)
        again = await stream.find()
        if again is None or again.created != found.created:
            return SOON  # made anew meanwhile: it is not known which of them has the consumer
        await self._read(stream, durable, Origin(name, found.created))
        return SOON

    async def _read(self, stream: SessionStream, durable: str, origin: Origin) -> None:
        wanted, known = self._wanted(), self._known(stream.name)

        def fits() -> bool:
            """Whether it is still the stream that was found fit, as far as the last collection tells."""
            nonlocal known
            now = self._known(stream.name)
            known = known or now
            return self._wanted() == wanted and now in (None, known)

        self._reading = SessionReading(
            stream, durable, origin, self._store, self._progress, stopping=self._board.stopping, fits=fits
        )
        try:
            await self._reading.run()
        finally:
            self._reading = None

    def _wanted(self) -> tuple[str, str]:
        names, namespace = self._settings.names, self._board.snapshot.site.namespace
        return sessionstream.named(namespace, names.sessions_stream, names.sessions_subject)

    def _may_exist(self, name: str) -> bool:
        """Whether it is worth asking: the list of streams has it, or cannot be had."""
        snapshot = self._board.snapshot
        state = snapshot.sources.get("streams")
        return state is None or state.status is not SourceStatus.OK or name in snapshot.streams

    def _known(self, name: str) -> tuple[object, ...] | None:
        """What decides whether a stream may be read, and which one it is, of the last collection."""
        stream = self._board.snapshot.streams.get(name)
        return None if stream is None else (stream.created, stream.retention, stream.subjects, stream.metadata)

    def _turn_to(self, name: str) -> None:
        if self._progress.stream != name:
            self._progress.stream = name
            self._progress.last = self._progress.oldest = 0

    def _nothing(self, state: IntakeState, why: str, pause: float) -> float:
        self._progress.left = self._progress.given = 0
        self._progress.say(state, why)
        return pause

    # --- telling

    async def _keep_telling(self) -> None:
        while True:
            try:
                await self._count_dead()
            except StoreFailed:
                pass  # told elsewhere
            except Exception:
                _log.exception("what was not understood cannot be counted")
            self._tell()
            await asyncio.sleep(TOLD_EVERY)

    def _tell(self) -> None:
        intake = self._now()
        if intake != self._board.intake:
            self._board.intake = intake

    def _now(self) -> Intake:
        progress, reading = self._progress, self._reading
        pending = progress.left + progress.given + (reading.unkept if reading is not None else 0)
        oldest = progress.oldest or (reading.oldest if reading is not None else 0) or progress.last
        link, behind = self._api.link, 0.0
        if pending and oldest:
            broker_now = link.now().timestamp() + link.clock_offset
            behind = max(0.0, round(broker_now - oldest / 1000))
        return Intake(
            state=progress.state,
            stream=progress.stream,
            why=progress.why,
            pending=pending,
            behind=behind,
            last=datetime.fromtimestamp(progress.last / 1000, UTC) if progress.last else None,
            taken=progress.taken,
            duplicates=progress.duplicates,
            dead=self._dead[0],
            dead_why=self._dead[1],
            put_aside=progress.put_aside,
        )

    async def _count_dead(self) -> None:
        """Asks the store at the start, when something was put aside, and as long as there is something to grow old."""
        clock, seen = asyncio.get_running_loop().time(), self._progress.put_aside
        if (seen == self._dead_seen and clock < self._dead_next) or not self._store.id:
            return
        since = self._api.link.now() - DEAD_WITHIN
        count, why = await self._store.sessions.dead_since(round(since.timestamp() * 1000))
        self._dead, self._dead_seen = (count, why), seen
        self._dead_next = clock + (DEAD_EVERY if count else DEAD_WITHIN.total_seconds())


async def _created(stream: SessionStream) -> None:
    try:
        await stream.create()
    except ApiError as error:
        if error.number != _OVERLAP:
            raise
        raise SourceError(f"cannot create {stream.name}: another stream takes {stream.subject} already") from None
