"""A journal that is older than its topics, as after a restored backup: lanes close before it grows."""

from collections.abc import Awaitable, Callable

import structlog

from events.connections import Consumer, Pool
from events.topics import TopicMismatch, check_lanes
from events.watermarks import note_stop, read_watermarks

log = structlog.get_logger("older_journal")


async def close_lanes(
    pool: Pool, open_consumer: Callable[[], Awaitable[Consumer]], cluster_id: str, topic_prefix: str
) -> list[TopicMismatch]:
    """Closes each lane whose topic holds what the journal lacks, and tells of it. As the relay role.

    Other disagreements are the relay's, which leaves the lane open. KafkaError when Kafka cannot be read.
    """
    found = await check_lanes(
        pool, open_consumer, await read_watermarks(pool), cluster_id=cluster_id, topic_prefix=topic_prefix
    )
    lacking = [mismatch for mismatch in found.values() if mismatch is not None and mismatch.journal_lacks]
    for mismatch in lacking:
        log.error("lane_closed", stream=mismatch.key.stream, lane=mismatch.key.lane, reason=str(mismatch))
        await note_stop(pool, mismatch)
    return lacking
