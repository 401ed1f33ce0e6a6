"""The growing end of the feed: one query for all followers in this process, and a short queue for each."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID

import structlog

from events.connections import Pool, acquire
from events.counts import counted
from events.decision import LaneKey
from events.refusal import RecordUnavailable
from market.http.wire.problems import DoorError
from market.rules.streams.partner_lines import PartnerLine
from market.store import feed
from market.store.reading import unless_away

log = structlog.get_logger("lodestone.feed")

LOOK_SECONDS: Final = 0.02
"""Between looks: one statement each."""
AWAY_SECONDS: Final = 1.0
QUEUED_LINES_MAX: Final = 512
POSITIONS_PER_LOOK_MAX: Final = 1_000
FOLLOWERS_MAX: Final = 4_000
FOLLOWERS_OF_ORGANISATION_MAX: Final = 1_000
ENDING: Final = "This process stops: come again with the same cursor, and another one answers."
FULL: Final = (
    f"This process has {FOLLOWERS_MAX:,} streams and waiting polls open, which is all it takes: come again "
    "with the same cursor, try another process, or ask without `timeout`."
)


class Follower:
    """New lines for an organisation, in a queue; one that is not emptied in time is `overrun`. `ended`: the
    process stops."""

    def __init__(self, organisation: UUID) -> None:
        self.organisation = organisation
        self.overrun = False
        self.ended = False
        self._queue: deque[PartnerLine] = deque()
        self._changed = asyncio.Event()

    def offer(self, line: PartnerLine) -> None:
        if len(self._queue) >= QUEUED_LINES_MAX:
            self.overrun = True
            self._queue.clear()
        if not self.overrun:
            self._queue.append(line)
        self._changed.set()

    def end(self) -> None:
        self.ended = True
        self._changed.set()

    async def take(self, seconds: float) -> list[PartnerLine]:
        """What has come; nothing when nothing came in time, the queue ran over, or the feed ends."""
        if not self._queue:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
        self._changed.clear()
        taken = list(self._queue)
        self._queue.clear()
        return taken


class FeedTail:
    """Looks while anybody follows."""

    def __init__(
        self, open_sessions: Callable[[], Awaitable[Pool]], *, wait_seconds_max: float = 30.0
    ) -> None:
        """`open_sessions`: a pool of `DESK_SESSIONS`, opened for the first who follows.

        A long poll waits no longer than `wait_seconds_max`.
        """
        self.wait_seconds_max = wait_seconds_max
        self._open_sessions = open_sessions
        self._sessions: Pool | None = None
        self._followers: dict[UUID, set[Follower]] = {}
        self._ends: dict[LaneKey, int] = {}
        self._looking: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self.closing = False

    def close(self) -> None:
        """Every stream ends, and none begins: the process stops."""
        self.closing = True
        for follower in self._all():
            follower.end()

    async def stop(self) -> None:
        """After `close`."""
        async with self._starting:
            if self._looking is not None:
                self._looking.cancel()
            if self._sessions is not None:
                await self._sessions.close()

    @asynccontextmanager
    async def following(self, organisation: UUID) -> AsyncIterator[Follower]:
        """DoorError as `check_room`."""
        async with self._starting:
            self.check_room(organisation)
            if self._looking is None:
                self._ends = await self._look_first()
                self._looking = asyncio.create_task(self._look_on(), name="feed-tail")
                self._looking.add_done_callback(self._looked)
        follower = Follower(organisation)
        self._followers.setdefault(organisation, set()).add(follower)
        if self.closing:
            follower.end()
        try:
            yield follower
        finally:
            self._leave(follower)

    def check_room(self, organisation: UUID) -> None:
        """DoorError `unavailable` or `too_many_streams` when there are too many already.

        An organisation has no more than are left free, so that a few of them never fill a process (dynamic
        threshold: Choudhury and Hahne, IEEE/ACM Transactions on Networking 6, 1998).
        """
        free = FOLLOWERS_MAX - sum(map(len, self._followers.values()))
        if self.closing or free <= 0:
            raise DoorError("unavailable", ENDING if self.closing else FULL, headers={"Retry-After": "1"})
        most = min(FOLLOWERS_OF_ORGANISATION_MAX, free)
        if len(self._followers.get(organisation, ())) >= most:
            raise DoorError(
                "too_many_streams",
                f"An organisation follows the feed {FOLLOWERS_OF_ORGANISATION_MAX:,} times at most, and no "
                f"more often than this process has room left, now {counted(free, 'time')}: close a stream, "
                "or try another process.",
                headers={"Retry-After": "60"},
            )

    def _leave(self, follower: Follower) -> None:
        of_organisation = self._followers[follower.organisation]
        of_organisation.discard(follower)
        if not of_organisation:
            del self._followers[follower.organisation]
        if not self._followers and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _looked(self, task: "asyncio.Task[None]") -> None:
        """Who followed a look that failed has to come again: nobody waits for what is not looked for."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("feed_tail_failed", exc_info=error)
        self._looking = None
        for follower in self._all():
            follower.end()

    def _all(self) -> Iterable[Follower]:
        return [each for found in self._followers.values() for each in found]

    async def _look_first(self) -> dict[LaneKey, int]:
        with unless_away():
            if self._sessions is None:
                self._sessions = await self._open_sessions()
            async with acquire(self._sessions) as connection:
                return await feed.read_ends(connection)

    async def _look_on(self) -> None:
        assert self._sessions is not None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                lines, ends = await self._look(self._sessions)
            except (RecordUnavailable, TimeoutError) as error:
                log.warning("feed_tail_waits", error=repr(error))
                await asyncio.sleep(AWAY_SECONDS)
                continue
            for line in lines:
                for follower in self._followers.get(line.audience, ()) if line.own else self._all():
                    follower.offer(line)
            self._ends |= ends

    async def _look(self, sessions: Pool) -> tuple[list[PartnerLine], dict[LaneKey, int]]:
        """What has come, and up to where; of a lane that has grown by much only the next part."""
        with unless_away():
            async with acquire(sessions) as connection:
                return await feed.read_news(connection, self._ends, positions_max=POSITIONS_PER_LOOK_MAX)
