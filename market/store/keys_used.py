"""Which of a deployment's keys the record shows to have been used."""

from typing import Final

from msgspec import Struct

from events.connections import Pool
from market.store.feed import PUBLISHER
from market.store.reading import reading

# One look at three tables: what was made with a key cannot be made with another.
USED: Final = """
select exists (select from record.checkpoint) as checkpoint,
       exists (select from record.consumer where name = $1 and position > 0) as publisher,
       exists (select from state.webhook) as webhook
"""


class KeysUsed(Struct, frozen=True, kw_only=True):
    checkpoint: bool
    publisher: bool
    webhook: bool


async def read_keys_used(reader: Pool) -> KeysUsed:
    """As the desk: without a role a reader sees nobody's webhooks."""
    async with reading(reader, organisation=None, role="desk") as connection:
        row = await connection.fetchrow(USED, PUBLISHER)
    assert row is not None
    return KeysUsed(**row)
