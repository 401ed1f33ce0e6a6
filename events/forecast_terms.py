"""Supply that is not there yet: what it is forecast from, and which of its figures a quantity stands for."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from events.vocabulary import Code, FractionPpb, Text, TwinReference

Quantile = Literal["low", "middle", "high"]
"""At which bound of what is stated a figure is taken."""
Percentile = Literal[5, 10, 50, 90, 95]
"""What chance leaves there: the figure that is not reached in so many of 100 cases."""
ForecastBasis = Literal["return_forecast", "facility_ramp"]
ForecastSupply = Literal["refused", "accepted"]
"""Whether a requirement takes what is only forecast."""

Year = Annotated[int, Meta(ge=1980, le=2099)]
QuarterOfYear = Annotated[int, Meta(ge=1, le=4)]
MicroYears = Annotated[int, Meta(ge=1, le=10**9)]


class Bounds(Struct, frozen=True, kw_only=True):
    """Least, middle and most of one figure."""

    low: int
    middle: int
    high: int

    def __post_init__(self) -> None:
        if not self.low <= self.middle <= self.high:
            raise ValueError("`low` is at most `middle`, and that at most `high`")


class LifeBounds(Bounds, frozen=True, kw_only=True):
    """Of a Weibull life's scale, in millionths of a year."""

    low: MicroYears
    middle: MicroYears
    high: MicroYears


class ShareBounds(Bounds, frozen=True, kw_only=True):
    """Of a share, in parts per billion."""

    low: FractionPpb
    middle: FractionPpb
    high: FractionPpb


class ReuseShare(ShareBounds, frozen=True, kw_only=True):
    """Of the units taken apart, those whose magnets can be used again as they are; `source`: who found so."""

    source: Text


class ElementShare(Struct, frozen=True, kw_only=True):
    """Of the magnet's mass."""

    element: Code
    fraction_ppb: ShareBounds


class ProductMagnet(Struct, frozen=True, kw_only=True):
    """`pieces` magnets alike in one unit of a product, each of `mass_mg`."""

    pieces: Annotated[int, Meta(ge=1, le=10**6)]
    mass_mg: Annotated[int, Meta(ge=0, le=10**15)]
    elements: Annotated[tuple[ElementShare, ...], Meta(min_length=1, max_length=16)]


class PlacedUnits(Struct, frozen=True, kw_only=True):
    """Units of a product that came on the market in a quarter."""

    year: Year
    quarter: QuarterOfYear
    units: Annotated[int, Meta(ge=0, le=10**9)]


class ReturnForecast(Struct, frozen=True, kw_only=True, tag_field="basis", tag="return_forecast"):
    """What comes back of a product in one quarter: all figures of it follow from what stands here.

    `twin`: whose life and magnets these are. `percentile`: of the distribution at the bound that `quantile`
    names; without one the expected amount. `reuse`: of a forecast of whole magnets, which are not recycled.
    """

    year: Year
    quarter: QuarterOfYear
    quantile: Quantile
    scale_micro_years: LifeBounds
    shape_micro: Annotated[int, Meta(ge=1, le=10**8)]
    magnets: Annotated[tuple[ProductMagnet, ...], Meta(min_length=1, max_length=64)]
    placed: Annotated[tuple[PlacedUnits, ...], Meta(min_length=1, max_length=60)]
    collection_ppb: ShareBounds
    disassembly_ppb: ShareBounds
    recovery_ppb: ShareBounds
    twin: TwinReference | UnsetType = UNSET
    percentile: Percentile | UnsetType = UNSET
    reuse: ReuseShare | UnsetType = UNSET


class RampForecast(Struct, frozen=True, kw_only=True, tag_field="basis", tag="facility_ramp"):
    """What the ramp of the order's facility makes in one quarter, as the member's copy in the lane states it.

    `middle` is the ramp as stated, `low` the same a quarter late, `high` a quarter early.
    """

    year: Year
    quarter: QuarterOfYear
    quantile: Quantile


SupplyForecast = ReturnForecast | RampForecast


class ForecastMark(Struct, frozen=True, kw_only=True):
    """That something is forecast supply, as everybody may know who sees it at all.

    `reuse_share`: the share of reuse in it is the seller's word.
    """

    basis: ForecastBasis
    year: Year
    quarter: QuarterOfYear
    quantile: Quantile
    percentile: Percentile | UnsetType = UNSET
    reuse_share: Literal["stated"] | UnsetType = UNSET
