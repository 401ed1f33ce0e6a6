"""A facility's twin: its capacity, and what of it is committed and free, by product and quarter."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from events.capacity_terms import FacilityCapacity
from events.vocabulary import PPB, ProductForm
from market.rules.twins.capacities import made_g, nameplate_g, ramp_ppb
from market.rules.twins.committed import Claim, ContractClaim, Volume, committed, forms


class TwinQuarter(Struct, frozen=True, kw_only=True):
    """Grams of product, or of the element in it; `free` is negative if more is committed than the capacity.
    `feed_g`: the input needed for the capacity, if a yield is stated."""

    quarter: int
    nameplate_g: int
    ramp_ppb: int
    made_g: int
    feed_g: int | None
    volume: Volume

    @property
    def free_g(self) -> int:
        return self.made_g - self.volume.committed_g


class TwinProduct(Struct, frozen=True, kw_only=True):
    form: ProductForm
    element: str | None
    stated: bool
    quarters: tuple[TwinQuarter, ...]


def twin(
    capacities: Sequence[FacilityCapacity], claims: Sequence[Claim | ContractClaim], first: int, quarters: int
) -> tuple[TwinProduct, ...]:
    """Products in the order of their statement, then those that are committed and that nothing states."""
    return tuple(_products(capacities, claims, range(first, first + quarters)))


def _products(
    capacities: Sequence[FacilityCapacity], claims: Sequence[Claim | ContractClaim], quarters: range
) -> Iterator[TwinProduct]:
    for capacity in capacities:
        volumes = committed(claims, capacity.form, capacity.element)
        yield TwinProduct(
            form=capacity.form,
            element=capacity.element,
            stated=True,
            quarters=tuple(_quarter(capacity, each, volumes.get(each, Volume())) for each in quarters),
        )
    stated = {capacity.form for capacity in capacities}
    for form in sorted(forms(claims) - stated):
        nothing = FacilityCapacity(form=form, nameplate_g_per_year=0)
        volumes = committed(claims, form, None)
        yield TwinProduct(
            form=form,
            element=None,
            stated=False,
            quarters=tuple(_quarter(nothing, each, volumes.get(each, Volume())) for each in quarters),
        )


def _quarter(capacity: FacilityCapacity, quarter: int, volume: Volume) -> TwinQuarter:
    made = made_g(capacity, quarter)
    return TwinQuarter(
        quarter=quarter,
        nameplate_g=nameplate_g(capacity, quarter),
        ramp_ppb=ramp_ppb(capacity, quarter),
        made_g=made,
        feed_g=-(-made * PPB // capacity.yield_ppb) if capacity.yield_ppb else None,
        volume=volume,
    )
