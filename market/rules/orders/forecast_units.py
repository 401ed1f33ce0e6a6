"""Prevents that two orders are based on the same units: what comes back of them in a quarter can be offered
only once.

Orders of one seller are based on the same units if their forecasts are for the same product and quarter, with
units placed in a quarter that both name. The product is identified by its twin, else by its magnets and
lifetime.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from events.forecast_terms import PlacedUnits, ReturnForecast
from events.market_terms import SupplyTerms
from events.refusal import Refusal
from events.vocabulary import BASIS_ELEMENTS, PPB, MarketBasis
from market.rules.orders.forecast_supply import figure_text, fleet_of, quarter_in, returned_g
from market.rules.quantities import basis_g
from market.rules.refusing.forecast_defects import ForecastShared
from market.rules.refusing.ineligibility import kg_text
from market.rules.twins.capacities import quarter_text
from market.rules.twins.committed import Claim
from market.rules.twins.returns import WHOLE_MAGNETS, Span, contents_of, magnets_mg_of


def shared_refusals(
    terms: SupplyTerms, basis: MarketBasis, claims: Iterable[Claim], before: SupplyTerms | None
) -> Iterator[Refusal]:
    """`claims`: of the seller's other orders, in all markets; `before`: as the order stood.

    Refused if the orders based on this order's units together exceed their figure at this order's losses, or
    if all orders connected by shared units exceed the figure of all their units: so an order that names more
    units makes no room for the others. An amended order with the same forecast and no higher quantity is not
    refused.
    """
    forecast = terms.forecast
    if not isinstance(forecast, ReturnForecast):
        return
    if before is not None and before.forecast == forecast and terms.basis_g <= before.basis_g:
        return
    alike = [
        (claim, other, placed)
        for claim in claims
        if isinstance(other := claim.order.terms.forecast, ReturnForecast)
        and _same_product(forecast, other)
        and (placed := _quarters_placed(other))
    ]
    own = _quarters_placed(forecast)
    reached = own.union(*(placed for _, _, placed in alike if not own.isdisjoint(placed)))
    for named in (own, reached):
        inside = [(claim, other) for claim, other, placed in alike if placed <= named]
        refusal = _passed(terms, forecast, basis, inside)
        if refusal is not None:
            yield refusal
            return


def _passed(
    terms: SupplyTerms,
    forecast: ReturnForecast,
    basis: MarketBasis,
    others: Sequence[tuple[Claim, ReturnForecast]],
) -> Refusal | None:
    """Held together with those of its route, then of both: a unit whose magnets are used again is not
    recycled."""
    of_both = 0
    of_route = 0
    for claim, other in others:
        if (other.reuse is UNSET) == (forecast.reuse is UNSET):
            of_route += _held_g(claim, basis)
        else:
            of_both += _of_other_route_g(claim, other, forecast, basis)
    union = replace(forecast, placed=_placed((forecast, *(other for _, other in others))))
    for rests_on, others_g in ((union, of_route), (_whatever_route(union), of_route + of_both)):
        if others_g and others_g + terms.basis_g > (most_g := returned_g(rests_on, basis)):
            return ForecastShared(
                pointer="/net_wet_g",
                quantile=figure_text(forecast),
                product=basis if rests_on == union else f"{basis}, recycled magnets among them,",
                quarter=quarter_text(quarter_in(forecast)),
                figure=kg_text(most_g),
                others=kg_text(others_g),
                offered=kg_text(terms.basis_g),
            )
    return None


def _placed(forecasts: Iterable[ReturnForecast]) -> tuple[PlacedUnits, ...]:
    """All units of them, those of a quarter once."""
    found: dict[tuple[int, int], int] = {}
    for forecast in forecasts:
        for each in forecast.placed:
            key = (each.year, each.quarter)
            found[key] = max(each.units, found.get(key, 0))
    return tuple(
        PlacedUnits(year=year, quarter=quarter, units=units)
        for (year, quarter), units in sorted(found.items())
    )


def _same_product(one: ReturnForecast, other: ReturnForecast) -> bool:
    """In the same quarter."""
    if quarter_in(one) != quarter_in(other):
        return False
    if one.twin is not UNSET and other.twin is not UNSET:
        return one.twin.twin == other.twin.twin
    return (one.magnets, one.scale_micro_years, one.shape_micro) == (
        other.magnets,
        other.scale_micro_years,
        other.shape_micro,
    )


def _quarters_placed(forecast: ReturnForecast) -> frozenset[tuple[int, int]]:
    return frozenset((each.year, each.quarter) for each in forecast.placed if each.units)


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


def _whatever_route(forecast: ReturnForecast) -> ReturnForecast:
    """Of all units taken apart: whole magnets fit for reuse or not, or what is recovered."""
    if forecast.reuse is UNSET:
        return forecast
    return replace(forecast, reuse=replace(forecast.reuse, low=PPB, middle=PPB, high=PPB))


def _of_other_route_g(
    claim: Claim, other: ReturnForecast, forecast: ReturnForecast, basis: MarketBasis
) -> int:
    """What an order takes of this basis that sells whole magnets where this recycles, or the reverse."""
    if other.reuse is UNSET:
        return _magnets_g(claim, other)
    return _recovered_g(_held_g(claim, WHOLE_MAGNETS), forecast, basis)


def _recovered_g(magnets_g: int, forecast: ReturnForecast, basis: MarketBasis) -> int:
    """What whole magnets would give at this order's losses, rounded up."""
    magnets_mg, recovered = _unit(forecast, basis)
    return -(-magnets_g * recovered // (magnets_mg * PPB**2)) if magnets_mg else 0


def _magnets_g(claim: Claim, forecast: ReturnForecast) -> int:
    """Magnets that have to be recycled for what the other order delivers, at its losses, rounded up: of the
    basis that asks for most."""
    found = [0]
    for basis, elements in BASIS_ELEMENTS.items():
        magnets_mg, recovered = _unit(forecast, basis)
        if elements and recovered:
            found.append(-(-_held_g(claim, basis) * magnets_mg * PPB**2 // recovered))
    return max(found)


def _unit(forecast: ReturnForecast, basis: MarketBasis) -> tuple[int, int]:
    """Milligrams of magnets in one unit; what is recovered of its basis, in milligrams over PPB²."""
    fleet = fleet_of(forecast)
    index = Span._fields.index(forecast.quantile)
    contents = contents_of(fleet.bill)
    content = sum(contents[element][index] for element in BASIS_ELEMENTS[basis] if element in contents)
    return magnets_mg_of(fleet.bill), content * fleet.losses.recovery_ppb[index]
