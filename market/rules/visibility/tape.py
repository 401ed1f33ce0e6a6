"""The public tape and the anonymised book: no name, no price before a trade, no assay."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    MarketHalted,
    MarketResumed,
    MatchStruck,
    RuleSetPublished,
)
from events.market_terms import RequirementTerms, RuleSet, SupplyTerms
from events.vocabulary import Commitment, ProductForm, Side, Tranche
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.viewers import (
    Band,
    content_band_ppb,
    mass_band_g,
    price_band,
    public_id,
)
from market.rules.visibility.content_bands import widened
from market.rules.visibility.crowd import (
    Crowd,
    TapeViewer,
    crowd_of,
    forms_of,
    is_published,
    published_forms,
    shown_to,
)

TWO_STEPS = 2
Action = Literal["posted", "amended", "withdrawn", "expired"]
OrderTopic = Literal["public.supply-offers.v1", "public.recovered-lots.v1", "public.requirements.v1"]


class TapeOrder(Struct, frozen=True, kw_only=True, gc=False, tag="order"):
    """An order without owner, place, price or composition. Grams of basis and ppb of product in bands.

    `content_ppb`: a step of 10 %, wider where few groups of companies are in it.
    `forecast`: true of supply that is not there yet; else absent.
    """

    topic: OrderTopic
    id: str
    market: UUID
    action: Action
    forms: tuple[ProductForm, ...]
    commitment: Commitment
    start_month: str
    end_month: str
    quantity_basis_g: Band
    content_ppb: Band | None = None
    start_year: int | None = None
    forecast: bool | UnsetType = UNSET


class TapeTrade(Struct, frozen=True, kw_only=True, tag="trade"):
    """A trade in bands: price of the market's tick, quantity, the quarter in which delivery starts.

    `forecast`: true of supply that was not there yet; else absent.
    """

    topic: Literal["public.trades.v1"] = "public.trades.v1"
    id: str
    market: UUID
    round: int
    form: ProductForm
    quantity_basis_g: Band
    price_ueur_per_kg: Band
    delivery_quarter: str
    start_year: int | None = None
    forecast: bool | UnsetType = UNSET


class TapeClearing(Struct, frozen=True, kw_only=True, tag="clearing"):
    """A round's commitments, without any total from which a price could be told."""

    topic: Literal["public.clearings.v1"] = "public.clearings.v1"
    market: UUID
    plan: UUID
    round: int
    outcome: Literal["completed", "abandoned"]
    rule_set_sha256: str | None = None
    algorithm: str | None = None
    evidence_sha256: tuple[str, ...] = ()
    matches_sha256: str | None = None
    previous_sha256: str | None = None
    code: str | None = None


class TapeRuleSet(Struct, frozen=True, kw_only=True, tag="rule_set"):
    topic: Literal["public.pricing-rules.v1"] = "public.pricing-rules.v1"
    market: UUID
    rule_set: RuleSet


class TapeMarket(Struct, frozen=True, kw_only=True, tag="market"):
    """That a market neither takes orders nor clears from now on, or does again, and why."""

    topic: Literal["public.markets.v1"] = "public.markets.v1"
    market: UUID
    standing: Literal["halted", "resumed"]
    reason: str


TapeLine = TapeOrder | TapeTrade | TapeClearing | TapeRuleSet | TapeMarket


def public_book(book: Book, viewer: TapeViewer) -> tuple[TapeOrder, ...]:
    """The anonymised book: all open orders that may be shown, sorted by public id, which tells nothing."""
    found: dict[tuple[str, ...], list[tuple[UUID, TapeOrder]]] = {}
    sides: tuple[Side, ...] = ("seller", "buyer")
    crowd = crowd_of(book, viewer)
    for side in sides:
        forms = published_forms(crowd, book, side)
        for order in _shown_orders(book, side, viewer):
            shown = tuple([form for form in forms_of(order.terms) if form in forms])
            line = _line(order_topic(order), order.order, "posted", order.terms, book.market, shown, viewer)
            if line is not None:
                alike = found.setdefault((line.topic, *line.forms), [])
                alike.append((book.members[order.organisation].group, line))
    lines = [line for alike in found.values() for line in in_shared_bands(alike, book)]
    return tuple(sorted(lines, key=lambda line: (line.topic, line.id)))


def in_shared_bands(alike: Sequence[tuple[UUID, TapeOrder]], book: Book) -> list[TapeOrder]:
    """Lines of one kind and its forms that are shown together, each with its group, in the same order."""
    contents = [(group, line.content_ppb) for group, line in alike if line.content_ppb is not None]
    if len({step.low for _, step in contents}) < TWO_STEPS:
        # A step that all are in is shown as it is.
        return [line for _, line in alike]
    bands = widened(contents, book.terms.public_organisations_min)
    found: list[TapeOrder] = []
    for _, line in alike:
        step = line.content_ppb
        if step is not None:
            band = bands[step.low]
            if band is not step:
                line = replace(line, content_ppb=band)
        found.append(line)
    return found


def order_topic(order: SupplyOrder | RequirementOrder) -> OrderTopic:
    if isinstance(order, RequirementOrder):
        return "public.requirements.v1"
    return "public.supply-offers.v1" if order.kind == "offer" else "public.recovered-lots.v1"


def order_line(
    topic: OrderTopic,
    order: UUID,
    action: Action,
    terms: SupplyTerms | RequirementTerms,
    book: Book,
    crowd: Crowd,
    viewer: TapeViewer,
) -> TapeOrder | None:
    """None when none of the order's forms is published, or when it is shown to other initiatives only."""
    if isinstance(terms, SupplyTerms):
        return supply_line(topic, order, action, terms, book, crowd, viewer)
    shown = tuple([form for form in forms_of(terms) if is_published(crowd, book, "buyer", form)])
    return _line(topic, order, action, terms, book.market, shown, viewer)


def supply_line(
    topic: OrderTopic,
    order: UUID,
    action: Action,
    terms: SupplyTerms,
    book: Book,
    crowd: Crowd,
    viewer: TapeViewer,
) -> TapeOrder | None:
    """As `order_line`."""
    form = terms.form
    if not is_published(crowd, book, "seller", form):
        return None
    return _line(topic, order, action, terms, book.market, (form,), viewer)


def _line(
    topic: OrderTopic,
    order: UUID,
    action: Action,
    terms: SupplyTerms | RequirementTerms,
    market: UUID,
    shown: tuple[ProductForm, ...],
    viewer: TapeViewer,
) -> TapeOrder | None:
    if not shown or (terms.visible_to_initiatives and not shown_to(terms, viewer)):
        return None
    identity = public_id(viewer.key, topic, order)
    if isinstance(terms, SupplyTerms):
        return supply_in_bands(topic, identity, action, terms, market, shown)
    return TapeOrder(
        topic=topic,
        id=identity,
        market=market,
        action=action,
        forms=shown,
        commitment=terms.commitment,
        start_month=_month(terms.window.start.year, terms.window.start.month),
        end_month=_month(terms.window.end.year, terms.window.end.month),
        quantity_basis_g=mass_band_g(terms.basis_g),
        start_year=None if terms.term is None else terms.term.start_year,
    )


def supply_in_bands(
    topic: OrderTopic,
    identity: str,
    action: Action,
    terms: SupplyTerms,
    market: UUID,
    forms: tuple[ProductForm, ...],
) -> TapeOrder:
    """The line of a supply that may be shown under its public id."""
    tranches, basis_g = terms.tranches, terms.basis_g
    if len(tranches) == 1:
        window = tranches[0].window
        starts, ends = window.start, window.end
    else:
        starts, ends = _span(tranches)
    return TapeOrder(
        topic=topic,
        id=identity,
        market=market,
        action=action,
        forms=forms,
        commitment=terms.commitment,
        start_month=_month(starts.year, starts.month),
        end_month=_month(ends.year, ends.month),
        quantity_basis_g=mass_band_g(basis_g),
        content_ppb=content_band_ppb(basis_g, terms.net_wet_g),
        start_year=None if terms.term is None else terms.term.start_year,
        forecast=UNSET if terms.forecast is UNSET else True,
    )


def _span(tranches: Sequence[Tranche]) -> tuple[datetime, datetime]:
    """From the first start to the last end."""
    return min([each.window.start for each in tranches]), max([each.window.end for each in tranches])


@lru_cache(maxsize=1_024)
def _month(year: int, month: int) -> str:
    return f"{year:04}-{month:02}"


def trade_line(book: Book, crowd: Crowd, struck: MatchStruck, viewer: TapeViewer) -> TapeTrade | None:
    """`book` and `crowd` stand before the fact: both sides of the form have to be published and both
    orders shown."""
    supply, requirement = book.supplies[struck.supply], book.requirements[struck.requirement]
    form = (struck.form,)
    sellers = published_forms(crowd, book, "seller", form, with_held=True)
    published = sellers & published_forms(crowd, book, "buyer", form, with_held=True)
    shown = shown_to(supply.terms, viewer) and shown_to(requirement.terms, viewer)
    if struck.form not in published or not shown:
        return None
    start = struck.delivery.start
    return TapeTrade(
        id=public_id(viewer.key, "public.trades.v1", struck.match),
        market=struck.market,
        round=struck.round,
        form=struck.form,
        quantity_basis_g=mass_band_g(struck.quantity_basis_g),
        price_ueur_per_kg=price_band(struck.price_ueur_per_kg, book.terms.tick_ueur_per_kg),
        delivery_quarter=f"{start.year}-Q{(start.month + 2) // 3}",
        start_year=None if supply.terms.term is None else supply.terms.term.start_year,
        forecast=UNSET if struck.forecast is UNSET else True,
    )


def completed_line(fact: ClearingCompleted) -> TapeClearing:
    return TapeClearing(
        market=fact.market,
        plan=fact.plan,
        round=fact.round,
        outcome="completed",
        rule_set_sha256=fact.rule_set_sha256,
        algorithm=fact.algorithm,
        evidence_sha256=fact.evidence_sha256,
        matches_sha256=fact.matches_sha256,
        previous_sha256=fact.previous_sha256,
    )


def abandoned_line(fact: ClearingAbandoned) -> TapeClearing:
    return TapeClearing(
        market=fact.market, plan=fact.plan, round=fact.round, outcome="abandoned", code=fact.code
    )


def rule_set_line(fact: RuleSetPublished) -> TapeRuleSet:
    return TapeRuleSet(market=fact.market, rule_set=fact.rule_set)


def market_line(fact: RuleSetPublished | MarketHalted | MarketResumed) -> TapeRuleSet | TapeMarket:
    if isinstance(fact, RuleSetPublished):
        return rule_set_line(fact)
    standing: Literal["halted", "resumed"] = "halted" if isinstance(fact, MarketHalted) else "resumed"
    return TapeMarket(market=fact.market, standing=standing, reason=fact.reason)


def _shown_orders(book: Book, side: Side, viewer: TapeViewer) -> Iterable[SupplyOrder | RequirementOrder]:
    orders: Iterable[SupplyOrder | RequirementOrder] = (
        book.supplies.values() if side == "seller" else book.requirements.values()
    )
    return [
        order
        for order in orders
        if order.available_g > 0
        and order.organisation not in book.suspended
        and shown_to(order.terms, viewer)
    ]
