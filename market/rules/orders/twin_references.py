"""Checks of orders based on a product twin: a forecast of its returns, a lot of its cores."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias
from uuid import UUID

from msgspec import UNSET

from events.forecast_terms import Bounds, ElementShare, ProductMagnet, ReturnForecast, ShareBounds
from events.fractions import decimal_text, ppb_text
from events.refusal import Refusal
from events.rex_terms import Core
from events.twin_terms import TwinMagnet
from events.vocabulary import MICRO, TwinReference
from market.rules.orders.supplies import SupplyDraft
from market.rules.refusing.twin_defects import CoreAboveTwin, ForecastNotOfTwin, TwinUnknown
from market.rules.twins.product_twins import ProductTwin, bill_of, bill_text, g_text, magnets_mg

Twins: TypeAlias = Mapping[TwinReference, ProductTwin]
Elements: TypeAlias = tuple[ElementShare, ...]
FORECAST = "/forecast/returns"


def named_twins(draft: SupplyDraft) -> Iterator[tuple[str, TwinReference]]:
    """The twins on which a supply is based, with the pointers to them."""
    if isinstance(draft.forecast, ReturnForecast) and draft.forecast.twin is not UNSET:
        yield f"{FORECAST}/twin", draft.forecast.twin
    if draft.core is not UNSET and draft.core.twin is not UNSET:
        yield "/core/twin", draft.core.twin


def twin_refusals(draft: SupplyDraft, twins: Twins, organisation: UUID) -> Iterator[Refusal]:
    """Refusals unless a forecast agrees with its twin, and no core contains more than its product was made
    with."""
    for pointer, reference in named_twins(draft):
        twin = twins.get(reference)
        if twin is None or twin.organisation != organisation:
            yield TwinUnknown(pointer=pointer)
        elif isinstance(draft.forecast, ReturnForecast) and pointer.startswith(FORECAST):
            yield from _forecast_refusals(draft.forecast, twin)
        elif draft.core is not UNSET:
            yield from _core_refusals(draft.core, twin)


def product_magnets(magnets: Iterable[TwinMagnet]) -> tuple[ProductMagnet, ...]:
    """The bill as a return forecast states it."""
    return tuple(
        ProductMagnet(pieces=magnet.pieces, mass_mg=magnet.mass_mg, elements=magnet.elements)
        for magnet in magnets
    )


def _forecast_refusals(forecast: ReturnForecast, twin: ProductTwin) -> Iterator[Refusal]:
    kept = twin.terms
    told = []
    magnets = product_magnets(kept.magnets)
    if _alike(forecast.magnets) != _alike(magnets):
        told.append(("magnets", *_magnets_texts(forecast.magnets, magnets)))
    stated_life = (forecast.scale_micro_years, forecast.shape_micro)
    kept_life = (kept.scale_micro_years, kept.shape_micro)
    if stated_life != kept_life:
        told.append(("life", _life_text(*stated_life), _life_text(*kept_life)))
    for member, stated, of_twin in told:
        yield ForecastNotOfTwin(
            pointer=f"{FORECAST}/{member}",
            member=member,
            version=twin.version,
            stated=stated,
            kept=of_twin,
        )


def _alike(magnets: Iterable[ProductMagnet]) -> Counter[tuple[int, Elements]]:
    """Pieces by mass and elements, in whatever lines and order they are stated."""
    found: Counter[tuple[int, Elements]] = Counter()
    for magnet in magnets:
        elements = sorted(magnet.elements, key=lambda each: each.element)
        found[magnet.mass_mg, tuple(elements)] += magnet.pieces
    return found


def _magnets_texts(stated: Iterable[ProductMagnet], kept: Iterable[ProductMagnet]) -> tuple[str, str]:
    """Both bills; where these agree, what the first magnets that differ are made of."""
    bills = bill_of(stated), bill_of(kept)
    if bills[0] != bills[1]:
        return bill_text(bills[0]), bill_text(bills[1])
    ours, theirs = _alike(stated), _alike(kept)
    return _made_text(*next(iter(ours - theirs))), _made_text(*next(iter(theirs - ours)))


def _made_text(mass_mg: int, elements: Elements) -> str:
    shares = [f"{each.element} {_shares_text(each.fraction_ppb)}" for each in elements]
    return f"{g_text(mass_mg)} with {', '.join(shares)}"


def _shares_text(share_ppb: ShareBounds) -> str:
    return " / ".join(map(ppb_text, (share_ppb.low, share_ppb.middle, share_ppb.high)))


def _core_refusals(core: Core, twin: ProductTwin) -> Iterator[Refusal]:
    held_mg, made_mg = magnets_mg(bill_of(core.magnets)), magnets_mg(bill_of(twin.terms.magnets))
    if held_mg > made_mg:
        yield CoreAboveTwin(pointer="/core/magnets", core=g_text(held_mg), product=g_text(made_mg))


def _life_text(scale_micro_years: Bounds, shape_micro: int) -> str:
    bounds = (scale_micro_years.low, scale_micro_years.middle, scale_micro_years.high)
    years = ", ".join(decimal_text(each, MICRO) for each in bounds)
    return f"{years} years, shape {decimal_text(shape_micro, MICRO)}"
