"""What each fact of the contracts stream does to the tables."""

from collections.abc import Sequence

from contracts.rules.agreement import LifecycleFact
from contracts.rules.volumes import VolumeFact
from contracts.store import agreements, volumes
from events.connections import Connection
from events.envelope import Recorded


async def apply(connection: Connection, events: Sequence[Recorded]) -> None:
    """Bring the tables past events of the contracts stream, in a constant number of statements.

    Events of one lane come in order of position. RowCountWrong or LookupError when tables and record have
    parted, ValueError for a fact that no table is placed for.
    """
    lifecycle = [(event, event.data) for event in events if isinstance(event.data, LifecycleFact)]
    volume = [(event, event.data) for event in events if isinstance(event.data, VolumeFact)]
    unplaced = {event.type for event in events if not isinstance(event.data, LifecycleFact | VolumeFact)}
    if unplaced:
        raise ValueError(f"no table is placed for {', '.join(sorted(unplaced))}")
    if lifecycle:
        await agreements.apply(connection, lifecycle)
    if volume:
        await volumes.apply(connection, volume)
