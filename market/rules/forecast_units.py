"""Units that two orders would rest on: what comes back of them in a quarter is offered once.

Orders of one seller rest on the same units where they are forecast of the same product, for the same quarter,
from units placed in a quarter that both name. The product is that of their twin, else its magnets and life.
"""

from collections.abc import Iterable, Iterator

from msgspec import UNSET
from msgspec.structs import replace

from events.forecast_terms import PlacedUnits, ReturnForecast
from events.market_terms import SupplyTerms
from events.refusal import Refusal
from events.vocabulary import BASIS_ELEMENTS, MarketBasis
from market.rules.capacities import quarter_text
from market.rules.committed import Claim
from market.rules.forecast_defects import ForecastShared
from market.rules.forecast_supply import quarter_in, returned_g
from market.rules.ineligibility import kg_text
from market.rules.quantities import basis_g


def shared_refusals(
    terms: SupplyTerms, basis: MarketBasis, claims: Iterable[Claim], before: SupplyTerms | None
) -> Iterator[Refusal]:
    """`claims`: of the seller's other orders, in all markets; `before`: as the order stood.

    Where all together pass the figure of all these units at this order's losses. An order that rests on the
    same forecast and offers no more than it did keeps what it has.
    """
    forecast = terms.forecast
    if not isinstance(forecast, ReturnForecast) or not BASIS_ELEMENTS[basis]:
        return
    if before is not None and before.forecast == forecast and terms.basis_g <= before.basis_g:
        return
    others_g, placed = 0, {(each.year, each.quarter): each.units for each in forecast.placed}
    for claim in claims:
        other = claim.order.terms.forecast
        if isinstance(other, ReturnForecast) and _same_units(forecast, other):
            others_g += _held_g(claim, basis)
            for each in other.placed:
                key = (each.year, each.quarter)
                placed[key] = max(each.units, placed.get(key, 0))
    if others_g:
        union = tuple(
            PlacedUnits(year=year, quarter=quarter, units=units)
            for (year, quarter), units in sorted(placed.items())
        )
        most_g = returned_g(replace(forecast, placed=union), basis)
        if others_g + terms.basis_g > most_g:
            yield ForecastShared(
                pointer="/net_wet_g",
                quantile=forecast.quantile,
                product=basis,
                quarter=quarter_text(quarter_in(forecast)),
                figure=kg_text(most_g),
                others=kg_text(others_g),
                offered=kg_text(terms.basis_g),
            )


def _same_units(one: ReturnForecast, other: ReturnForecast) -> bool:
    if quarter_in(one) != quarter_in(other):
        return False
    if one.twin is not UNSET and other.twin is not UNSET:
        same = one.twin.twin == other.twin.twin
    else:
        same = (one.magnets, one.scale_micro_years, one.shape_micro) == (
            other.magnets,
            other.scale_micro_years,
            other.shape_micro,
        )
    placed = {(each.year, each.quarter) for each in one.placed if each.units}
    return same and any((each.year, each.quarter) in placed for each in other.placed if each.units)


def _held_g(claim: Claim, basis: MarketBasis) -> int:
    """What an open order states, of a closed one what was taken; counted as `basis`, rounded down."""
    terms = claim.order.terms
    whole_g = basis_g(
        basis=basis,
        net_wet_g=terms.net_wet_g,
        moisture_ppb=terms.moisture_ppb,
        composition=terms.composition,
    )
    if claim.order.status == "open" or not terms.basis_g:
        return whole_g
    taken_g = sum(taken.quantity_g for taken in claim.taken)
    return whole_g * min(taken_g, terms.basis_g) // terms.basis_g
