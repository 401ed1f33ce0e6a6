"""The transport of a shipped lot, as its seller states it; both sides can read it."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from events import delivery_events
from market.http.wire.material import Body
from market.rules.refusing.wording import Text


class Consignment(Body, frozen=True, kw_only=True):
    """The transport of a shipped lot. `consignment_note`: the number of the CMR or CIM note, air waybill or
    bill of lading."""

    carrier: Text | None = None
    consignment_note: Text | None = None
    container: Text | None = None
    seals: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()

    def inside(self) -> delivery_events.Consignment:
        return delivery_events.Consignment(
            carrier=UNSET if self.carrier is None else self.carrier,
            consignment_note=UNSET if self.consignment_note is None else self.consignment_note,
            container=UNSET if self.container is None else self.container,
            seals=self.seals or UNSET,
        )

    @classmethod
    def outside(cls, value: delivery_events.Consignment | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            carrier=value.carrier or None,
            consignment_note=value.consignment_note or None,
            container=value.container or None,
            seals=value.seals or (),
        )
