"""Forecast supply: how much a forecast allows, how it is marked, and which requirements accept it.

An auditor needs no more than the order: a return forecast is computed again from its terms, a ramp from the
member's copy in the same lane.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from msgspec import UNSET, UnsetType

from events.analytes import element_meant_by
from events.capacity_terms import product_text
from events.forecast_terms import (
    ForecastMark,
    Quantile,
    RampForecast,
    ReturnForecast,
    SupplyForecast,
)
from events.fractions import tonnes_text
from events.market_terms import MemberFacility, RequirementTerms, SupplyTerms
from events.refusal import Refusal
from events.vocabulary import (
    ELEMENTS,
    PPB,
    Composition,
    MarketBasis,
    PhysicalLot,
    ProductForm,
    TermHorizon,
    Tranche,
)
from events.wellformed import duplicate_refusals
from market.rules.element_masses import MG_PER_G
from market.rules.refusing.forecast_defects import (
    ForecastBeforePlaced,
    ForecastExceeded,
    ForecastNotOfBasis,
    ForecastOfPassport,
    ForecastOfYears,
    ForecastOutlived,
    ForecastWindowEarly,
    RampNotStated,
    ReuseShareMissing,
)
from market.rules.refusing.ineligibility import Ineligibility, kg_text
from market.rules.refusing.material_defects import ElementUnknown
from market.rules.twins.capacities import QUARTERS, nameplate_g, quarter_start, quarter_text, ramp_ppb
from market.rules.twins.committed import element_g
from market.rules.twins.magnet_shares import share_refusals
from market.rules.twins.return_chances import Fleet, likely_mg
from market.rules.twins.returns import (
    WHOLE_MAGNETS,
    Life,
    Losses,
    Span,
    bill_line,
    by_basis,
    forecast,
    span_of,
)

FORECASTS_REMEMBERED = 256


class Offered(Protocol):
    """What a forecast check needs of a supply's draft or terms."""

    @property
    def form(self) -> ProductForm: ...
    @property
    def net_wet_g(self) -> int: ...
    @property
    def moisture_ppb(self) -> int: ...
    @property
    def composition(self) -> Composition: ...
    @property
    def tranches(self) -> tuple[Tranche, ...]: ...
    @property
    def valid_until(self) -> datetime: ...
    @property
    def term(self) -> TermHorizon | None: ...
    @property
    def physical_lot(self) -> PhysicalLot | None: ...
    @property
    def forecast(self) -> SupplyForecast | UnsetType: ...


def mark_of(terms: SupplyTerms) -> ForecastMark | None:
    found = terms.forecast
    if found is UNSET:
        return None
    return ForecastMark(
        basis="return_forecast" if isinstance(found, ReturnForecast) else "facility_ramp",
        year=found.year,
        quarter=found.quarter,
        quantile=found.quantile,
        percentile=found.percentile if isinstance(found, ReturnForecast) else UNSET,
        reuse_share="stated" if isinstance(found, ReturnForecast) and found.reuse is not UNSET else UNSET,
    )


def mark_text(mark: ForecastMark) -> str:
    reuse = "" if mark.reuse_share is UNSET else f", reuse share as {mark.reuse_share}"
    basis = mark.basis.replace("_", " ")
    return f"{figure_text(mark)} of {quarter_text(quarter_in(mark))}, {basis}{reuse}"


def figure_text(of: ForecastMark | ReturnForecast) -> str:
    """Which figure: its bound, and its percentile."""
    return of.quantile if of.percentile is UNSET else f"{of.quantile} p{of.percentile:02}"


def quarter_in(of: SupplyForecast | ForecastMark) -> int:
    return of.year * QUARTERS + of.quarter - 1


def figure_g(terms: SupplyTerms, basis: MarketBasis) -> int | None:
    """The quantity that a return forecast allows; None without one, since a ramp's figure depends on the
    facility."""
    return returned_g(terms.forecast, basis) if isinstance(terms.forecast, ReturnForecast) else None


@lru_cache(maxsize=FORECASTS_REMEMBERED)
def returned_g(of: ReturnForecast, basis: MarketBasis) -> int:
    """Grams of basis by its figure in its quarter; 0 if no magnet contains the basis, or for whole magnets
    without a stated share of reuse."""
    fleet = fleet_of(of)
    quarter = quarter_in(of)
    if of.percentile is not UNSET:
        return likely_mg(fleet, basis, quarter, of.quantile, of.percentile) // MG_PER_G
    (found,) = forecast(fleet.placed, fleet.bill, fleet.life, fleet.losses, quarter, 1)
    spans = by_basis(found.recovered_mg, found.reused_mg)
    return _figure(spans[basis], of.quantile) // MG_PER_G if basis in spans else 0


def fleet_of(of: ReturnForecast) -> Fleet:
    return Fleet(
        placed={each.year * QUARTERS + each.quarter - 1: each.units for each in of.placed},
        bill=tuple(map(bill_line, of.magnets)),
        life=Life(scale_micro_years=span_of(of.scale_micro_years), shape_micro=of.shape_micro),
        losses=Losses(
            collection_ppb=span_of(of.collection_ppb),
            disassembly_ppb=span_of(of.disassembly_ppb),
            recovery_ppb=span_of(of.recovery_ppb),
            reuse_ppb=None if of.reuse is UNSET else span_of(of.reuse),
        ),
    )


def forecast_refusals(draft: Offered) -> Iterator[Refusal]:
    """Refusals for forecasts that are impossible, whatever their figures."""
    stated = draft.forecast
    if stated is UNSET:
        return
    quarter = quarter_in(stated)
    start, end = quarter_start(quarter), quarter_start(quarter + 1)
    if draft.term is not None:
        yield ForecastOfYears(pointer="/forecast")
    if draft.physical_lot is not None and draft.physical_lot.passport is not None:
        yield ForecastOfPassport(pointer="/physical_lot/passport")
    for index, tranche in enumerate(draft.tranches):
        if tranche.window.start < start:
            yield ForecastWindowEarly(
                pointer=f"/tranches/{index}/window/start",
                quarter=quarter_text(quarter),
                start=tranche.window.start.isoformat(),
            )
    if draft.valid_until > end:
        yield ForecastOutlived(
            pointer="/valid_until",
            quarter=quarter_text(quarter),
            end=end.isoformat(),
            valid_until=draft.valid_until.isoformat(),
        )
    if isinstance(stated, ReturnForecast):
        yield from _inputs_refusals(stated)


def _inputs_refusals(stated: ReturnForecast) -> Iterator[Refusal]:
    pointer = "/forecast/returns"
    placed = [(each.year, each.quarter) for each in stated.placed]
    yield from duplicate_refusals(f"{pointer}/placed_on_market", placed)
    sold = [quarter for quarter, units in fleet_of(stated).placed.items() if units]
    if sold and quarter_in(stated) <= min(sold):
        yield ForecastBeforePlaced(
            pointer="/forecast/quarter",
            quarter=quarter_text(quarter_in(stated)),
            placed=quarter_text(min(sold)),
        )
    for line, magnet in enumerate(stated.magnets):
        elements = [each.element for each in magnet.elements]
        yield from duplicate_refusals(f"{pointer}/magnets/{line}/elements", elements)
        for index, element in enumerate(elements):
            if element not in ELEMENTS:
                yield ElementUnknown(
                    pointer=f"{pointer}/magnets/{line}/elements/{index}/element",
                    element=element,
                    meant=element_meant_by(element),
                )
    yield from share_refusals(stated.magnets, f"{pointer}/magnets")


def exceeded_refusals(
    draft: Offered, basis_g: int, basis: MarketBasis, sites: Sequence[MemberFacility], facility: object
) -> Iterator[Refusal]:
    """Refusals for a quantity above the forecast's figure, if `forecast_refusals` finds nothing."""
    match draft.forecast:
        case ReturnForecast() as stated:
            yield from _above_return(stated, basis_g, basis)
        case RampForecast() as stated:
            site = next((each for each in sites if each.facility == facility), None)
            if site is not None:
                yield from _above_ramp(draft, stated, site)


def _above_return(stated: ReturnForecast, basis_g: int, basis: MarketBasis) -> Iterator[Refusal]:
    if basis == WHOLE_MAGNETS and stated.reuse is UNSET:
        yield ReuseShareMissing(pointer="/forecast/returns/reuse")
        return
    if basis != WHOLE_MAGNETS and stated.reuse is not UNSET:
        yield ForecastNotOfBasis(pointer="/forecast/returns/reuse", basis=basis)
        return
    most_g = returned_g(stated, basis)
    if basis_g > most_g:
        yield ForecastExceeded(
            pointer="/net_wet_g",
            quantile=figure_text(stated),
            product=basis,
            quarter=quarter_text(quarter_in(stated)),
            figure=kg_text(most_g),
            offered=kg_text(basis_g),
        )


def _above_ramp(draft: Offered, stated: RampForecast, site: MemberFacility) -> Iterator[Refusal]:
    """Of each capacity that the facility states for the form with a ramp."""
    ramps = [each for each in site.capacities if each.form == draft.form and each.ramp]
    if not ramps:
        yield RampNotStated(pointer="/forecast/basis", form=draft.form)
    quarter = quarter_in(stated)
    for ramp in ramps:
        late, now, early = (ramp_ppb(ramp, each) for each in (quarter - 1, quarter, quarter + 1))
        shares = Span(min(late, now), now, max(now, early))
        most_g = nameplate_g(ramp, quarter) * _figure(shares, stated.quantile) // PPB
        offered_g = element_g(draft, ramp.element, draft.net_wet_g)
        if offered_g > most_g:
            yield ForecastExceeded(
                pointer="/net_wet_g",
                quantile=stated.quantile,
                product=product_text(draft.form, ramp.element),
                quarter=quarter_text(quarter),
                figure=tonnes_text(most_g),
                offered=tonnes_text(offered_g),
            )


def forecast_reasons(supply: SupplyTerms, requirement: RequirementTerms) -> Iterator[Ineligibility]:
    """A reason against forecast supply unless the requirement accepts it."""
    mark = mark_of(supply)
    if mark is not None and requirement.forecast_supply == "refused":
        yield Ineligibility(
            code="forecast_refused",
            seller_figure=mark_text(mark),
            relation="against",
            buyer_figure=requirement.forecast_supply,
        )


def _figure(of: Span, quantile: Quantile) -> int:
    found: int = getattr(of, quantile)
    return found
