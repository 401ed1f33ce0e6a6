"""The lanes of an audit, read and checked in this process: from the beginning, or from where it was broken
off."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, closing
from importlib import import_module
from pathlib import Path
from typing import Final

from msgspec import Struct

from market.audit.lane_verdict import LaneVerdict
from market.audit.report import Mode
from market.audit.share import CAUSES_FIRST, Asked, Told
from market.audit.state import AuditState, Purpose, format_of
from market.topics import Reading, open_reading

FOLLOWED_IN: Final[Mapping[Mode, str]] = {
    "chain": "market.audit.chain_lanes",
    "clearings": "market.audit.fact_lanes",
    "full": "market.audit.fact_lanes",
}
"""Imported when asked for: chains need nothing of the rules, which take a second to import."""

Follow = Callable[[Asked, AuditState, Mapping[str, Reading], Told], Awaitable[list[LaneVerdict]]]


async def audit_lanes(asked: Asked, told: Told) -> list[LaneVerdict]:
    """Verdicts in the order of the lanes. TopicError when a topic does not exist, or is not the one that was
    read before; StateError when the state that is to be kept is another audit's.
    """
    mode = import_module(FOLLOWED_IN[asked.mode])
    follow: Follow = mode.follow
    async with AsyncExitStack() as stack:
        state = stack.enter_context(closing(_state(asked, mode.KEPT)))
        readings = await _open(stack, asked)
        return await follow(asked, state, readings, told)


def _state(asked: Asked, shape: type[Struct]) -> AuditState:
    kept = asked.kept
    if kept is None:
        return AuditState(None)
    state = AuditState(Path(kept.path), kept.save_seconds)
    state.require(
        Purpose(
            format=format_of(shape),
            cluster=kept.cluster,
            prefix=asked.prefix,
            deployment=str(asked.deployment_id),
            mode=asked.mode,
            resolve=asked.resolve,
            processes=kept.processes,
            lanes={f"{lane.stream}/{lane.lane}": lane.bounds for lane in asked.lanes},
        )
    )
    return state


async def _open(stack: AsyncExitStack, asked: Asked) -> dict[str, Reading]:
    """Effects before their causes: whatever is read of the one, the end of the other lies behind it."""
    lanes: dict[str, list[int]] = defaultdict(list)
    for lane in asked.lanes:
        lanes[lane.stream].append(lane.lane)
    return {
        stream: await stack.enter_async_context(
            open_reading(asked.bootstrap, asked.topic(stream), only=lanes[stream])
        )
        for stream in reversed(CAUSES_FIRST)
        if stream in lanes
    }
