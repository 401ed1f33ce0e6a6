"""Facts of the `materials` stream: which market holds which physical lot. Lane key: the lot's identity."""

from typing import ClassVar, Literal
from uuid import UUID

from msgspec import Struct

from events.vocabulary import PhysicalLot


class LotReserved(Struct, frozen=True, kw_only=True):
    """These tonnes may be offered in `market` only, until released."""

    TYPE: ClassVar[str] = "materials.lot.reserved.v1"

    physical_lot: PhysicalLot
    identity: str
    organisation: UUID
    market: UUID
    order: UUID


class LotReleased(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "materials.lot.released.v1"

    identity: str
    organisation: UUID
    market: UUID
    order: UUID
    reason: Literal["withdrawn", "expired", "sold"]


FACTS: tuple[type[Struct], ...] = (LotReserved, LotReleased)
