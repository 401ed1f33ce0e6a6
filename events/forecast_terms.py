"""Forecast supply: what the forecast is based on, and which of its figures a quantity refers to."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from events.vocabulary import Code, FractionPpb, Text, TwinReference

Quantile = Literal["low", "middle", "high"]
"""The bound of the stated figures from which a quantity is computed."""
Percentile = Literal[5, 10, 50, 90, 95]
"""A percentile of the distribution at that bound: the figure that is not reached in so many of 100 cases."""
ForecastBasis = Literal["return_forecast", "facility_ramp"]
ForecastSupply = Literal["refused", "accepted"]
"""Whether a requirement accepts forecast supply."""

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
    """Bounds of the scale of a Weibull lifetime, in millionths of a year."""

    low: MicroYears
    middle: MicroYears
    high: MicroYears


class ShareBounds(Bounds, frozen=True, kw_only=True):
    """Bounds of a share, in parts per billion."""

    low: FractionPpb
    middle: FractionPpb
    high: FractionPpb


class ReuseShare(ShareBounds, frozen=True, kw_only=True):
    """Share of the disassembled units whose magnets can be reused as they are; `source`: where the figure
    comes from."""

    source: Text


class ElementShare(Struct, frozen=True, kw_only=True):
    """Share of an element in the magnet's mass."""

    element: Code
    fraction_ppb: ShareBounds


class ProductMagnet(Struct, frozen=True, kw_only=True):
    """`pieces` identical magnets in one unit of a product, each of `mass_mg`."""

    pieces: Annotated[int, Meta(ge=1, le=10**6)]
    mass_mg: Annotated[int, Meta(ge=0, le=10**15)]
    elements: Annotated[tuple[ElementShare, ...], Meta(min_length=1, max_length=16)]


class PlacedUnits(Struct, frozen=True, kw_only=True):
    """Units of a product placed on the market in a quarter."""

    year: Year
    quarter: QuarterOfYear
    units: Annotated[int, Meta(ge=0, le=10**9)]


class ReturnForecast(Struct, frozen=True, kw_only=True, tag_field="basis", tag="return_forecast"):
    """The return forecast of a product for one quarter: all its figures can be computed from these members.

    `twin`: the product twin that lifetime and magnets come from. `percentile`: of the distribution at the
    bound that `quantile` names; without it, the expected amount. `reuse`: only for a forecast of whole
    magnets, which are not recycled.
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
    """What the order's facility makes in one quarter by its ramp, as the copy of the member in the lane
    states it. `middle` is the ramp as stated, `low` the same a quarter later, `high` a quarter earlier."""

    year: Year
    quarter: QuarterOfYear
    quantile: Quantile


SupplyForecast = ReturnForecast | RampForecast


class ForecastMark(Struct, frozen=True, kw_only=True):
    """Marks an order as forecast supply; visible to everybody who sees the order.

    `reuse_share`: it contains a share of reuse that the seller states.
    """

    basis: ForecastBasis
    year: Year
    quarter: QuarterOfYear
    quantile: Quantile
    percentile: Percentile | UnsetType = UNSET
    reuse_share: Literal["stated"] | UnsetType = UNSET
