"""Forecast supply in requests, and its mark in answers."""

from typing import Annotated, Any, Final, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from events import forecast_terms as words
from events.forecast_terms import ForecastBasis, LifeBounds, Quantile, ShareBounds
from events.vocabulary import PPB
from market.http.orders.return_terms import (
    BillTerms,
    LifeTerms,
    PlacedTerms,
    Quarter,
    ReuseTerms,
    SpanTerms,
    quarter_number,
)
from market.http.wire.material import Body, NamedTwin
from market.rules.twins.capacities import QUARTERS

PLACED_MAX: Final = 60
_WHOLE: Final = ShareBounds(low=PPB, middle=PPB, high=PPB)
FORECAST: Final[dict[str, Any]] = {
    "basis": "return_forecast",
    "quarter": "2031-Q1",
    "quantile": "low",
    "returns": {
        "life": {"least_years": "12", "years": "16", "most_years": "20", "shape": "3.5"},
        "magnets": [
            {
                "pieces": 48,
                "mass_g": "62.500",
                "elements": [
                    {"element": "Nd", "low": "20.5", "middle": "21.5", "high": "22.5"},
                    {"element": "Pr", "low": "5", "middle": "5", "high": "5"},
                ],
            }
        ],
        "placed_on_market": [{"quarter": "2016-Q1", "units": 120000}],
        "collection": {"low": "40", "middle": "60", "high": "80"},
        "disassembly": {"low": "70", "middle": "85", "high": "95"},
        "recovery": {"low": "98.5", "middle": "98.5", "high": "98.5"},
    },
}


Percentile = Literal["p05", "p10", "p50", "p90", "p95"]
_PERCENTILES: Final[dict[Percentile, words.Percentile]] = {
    "p05": 5,
    "p10": 10,
    "p50": 50,
    "p90": 90,
    "p95": 95,
}
_NAMES: Final = {percentile: name for name, percentile in _PERCENTILES.items()}


class ReturnInputs(Body, frozen=True, kw_only=True):
    """As in `POST /v1/forecasts/returns`: lifetime and recovery as figures. `twin`: an own product twin with
    exactly this lifetime and these magnets. In a market for whole magnets, `reuse` replaces `recovery`: a
    unit whose magnets are reused is not recycled."""

    life: LifeTerms
    magnets: Annotated[tuple[BillTerms, ...], Meta(min_length=1, max_length=64)]
    placed_on_market: Annotated[tuple[PlacedTerms, ...], Meta(min_length=1, max_length=PLACED_MAX)]
    collection: SpanTerms
    disassembly: SpanTerms
    recovery: SpanTerms | None = None
    reuse: ReuseTerms | None = None
    twin: NamedTwin | None = None

    def __post_init__(self) -> None:
        if (self.recovery is None) == (self.reuse is None):
            raise ValueError("state a recovery, or a share of reuse for whole magnets, one of them")

    @property
    def recovery_ppb(self) -> ShareBounds:
        """All of it where magnets stay whole."""
        return _WHOLE if self.recovery is None else self.recovery.inside()

    @classmethod
    def outside(cls, value: words.ReturnForecast) -> Self:
        return cls(
            life=LifeTerms.outside(value.scale_micro_years, value.shape_micro),
            magnets=tuple(map(BillTerms.outside, value.magnets)),
            placed_on_market=tuple(map(PlacedTerms.outside, value.placed)),
            collection=SpanTerms.outside(value.collection_ppb),
            disassembly=SpanTerms.outside(value.disassembly_ppb),
            recovery=SpanTerms.outside(value.recovery_ppb) if value.reuse is UNSET else None,
            reuse=None if value.reuse is UNSET else ReuseTerms.shown(value.reuse),
            twin=NamedTwin.outside(value.twin),
        )


class Forecast(Body, frozen=True, kw_only=True):
    """The quarter in which supply is expected, and the forecast figure on which the quantity is based.

    `return_forecast` states its inputs in `returns`; the order's basis is at most the figure: at the lower,
    middle or upper bounds of all inputs (`quantile`), the expected amount or, with `percentile`, the figure
    that is not reached in that many of 100 cases. `facility_ramp` is based on the ramp of the order's
    facility: `middle` as stated, `low` a quarter later, `high` a quarter earlier. The order is valid at most
    to the end of the quarter and delivers from its beginning on.
    """

    basis: ForecastBasis
    quarter: Quarter
    quantile: Quantile
    returns: ReturnInputs | None = None
    percentile: Percentile | None = None

    def __post_init__(self) -> None:
        if self.basis != "return_forecast" and self.percentile is not None:
            raise ValueError("a ramp has one figure a quarter: `percentile` belongs to a return_forecast")
        if (self.basis == "return_forecast") != (self.returns is not None):
            raise ValueError("`returns` belongs to a return_forecast, and to nothing else")

    def inside(self) -> words.SupplyForecast:
        year, part = divmod(quarter_number(self.quarter), QUARTERS)
        if self.returns is None:
            return words.RampForecast(year=year, quarter=part + 1, quantile=self.quantile)
        life = self.returns.life.inside()
        return words.ReturnForecast(
            year=year,
            quarter=part + 1,
            quantile=self.quantile,
            scale_micro_years=LifeBounds(**life.scale_micro_years._asdict()),
            shape_micro=life.shape_micro,
            magnets=tuple(each.inside() for each in self.returns.magnets),
            placed=tuple(each.inside() for each in self.returns.placed_on_market),
            collection_ppb=self.returns.collection.inside(),
            disassembly_ppb=self.returns.disassembly.inside(),
            recovery_ppb=self.returns.recovery_ppb,
            twin=UNSET if self.returns.twin is None else self.returns.twin.inside(),
            percentile=UNSET if self.percentile is None else _PERCENTILES[self.percentile],
            reuse=UNSET if self.returns.reuse is None else self.returns.reuse.inside(),
        )

    @classmethod
    def outside(cls, value: words.SupplyForecast | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        returns = ReturnInputs.outside(value) if isinstance(value, words.ReturnForecast) else None
        return cls(
            basis="facility_ramp" if returns is None else "return_forecast",
            quarter=f"{value.year}-Q{value.quarter}",
            quantile=value.quantile,
            returns=returns,
            percentile=_percentile_name(value.percentile)
            if isinstance(value, words.ReturnForecast)
            else None,
        )


class ForecastMark(Body, frozen=True, kw_only=True):
    """Marks forecast supply: expected in `quarter`, as this figure of its forecast. `reuse_share`: it
    contains a share of reuse that the seller states."""

    basis: ForecastBasis
    quarter: str
    quantile: Quantile
    percentile: Percentile | None = None
    reuse_share: Literal["stated"] | None = None

    @classmethod
    def of(cls, value: words.ForecastMark | UnsetType | None) -> Self | None:
        if value is None or value is UNSET:
            return None
        return cls(
            basis=value.basis,
            quarter=f"{value.year}-Q{value.quarter}",
            quantile=value.quantile,
            percentile=_percentile_name(value.percentile),
            reuse_share=None if value.reuse_share is UNSET else value.reuse_share,
        )


def _percentile_name(value: words.Percentile | UnsetType) -> Percentile | None:
    return None if value is UNSET else _NAMES[value]
