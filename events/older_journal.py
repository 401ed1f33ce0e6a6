"""Detects a journal that is older than its topics, as after a restored backup, and closes its lanes before it
grows."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from events.connections import DATABASE_ERRORS, Consumer, Pool
from events.topics import check_lanes
from events.watermarks import note_stop, read_watermarks

CHECK_SECONDS_MAX: Final = 10.0
log = structlog.get_logger("older_journal")


async def close_lanes(
    pool: Pool,
    open_consumer: Callable[[], Awaitable[Consumer]],
    read_cluster_id: Callable[[], Awaitable[str]],
    topic_prefix: str,
) -> None:
    """Closes each lane whose topic contains events that the journal lacks, and logs it. Needs the relay's
    role.

    The relay handles other differences, for which the lane stays open. If a server is away, the start is
    delayed by some seconds but goes on: the relay compares again.
    """
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            found = await check_lanes(
                pool,
                open_consumer,
                await read_watermarks(pool),
                cluster_id=await read_cluster_id(),
                topic_prefix=topic_prefix,
                beyond_only=True,
            )
            for mismatch in found.values():
                if mismatch is not None and mismatch.journal_lacks:
                    key = mismatch.key
                    log.error("lane_closed", stream=key.stream, lane=key.lane, reason=str(mismatch))
                    await note_stop(pool, mismatch)
    except (*DATABASE_ERRORS, KafkaError, OSError, TimeoutError) as error:
        log.warning("topics_not_compared", error=repr(error))
