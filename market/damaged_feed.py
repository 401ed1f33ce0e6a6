"""Reports an unreadable block of the feed to the operator, by every process that meets it."""

import structlog

from market.metrics import FEED_DAMAGED
from market.store.feed_blocks import BlockDamaged

log = structlog.get_logger("lodestone.feed")


def tell(damaged: BlockDamaged, *, known: bool = False) -> None:
    """`known`: only counted, not logged again."""
    FEED_DAMAGED.inc()
    if not known:
        log.error(
            "feed_damaged",
            stream=damaged.key.stream,
            lane=damaged.key.lane,
            first=damaged.first,
            last=damaged.last,
            audience=str(damaged.audience),
        )
