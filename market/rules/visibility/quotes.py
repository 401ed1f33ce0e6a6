"""Quotes: what an order would have got in the market's last completed round. They change nothing in the
market.

An answer is computed from the book at the cut with all prices in whole ticks, and from the asker's own order
as a divisible one, with the lower edge of its band as quantity: so repeated questions reveal nothing more
precise.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from events.callers import Caller
from events.clearing_terms import ListedWaterfall
from events.decision import Decision, Moment
from events.envelope import Draft, Fact, Recorded
from events.market_events import ClearingAbandoned, ClearingEvidence, ClearingPlanned, QuoteAsked
from events.market_terms import RequirementTerms, SupplyTerms
from events.refusal import Refusal, refuse
from market.rules.book import Book, RequirementOrder, SupplyOrder
from market.rules.clearing.evidence import derived_id
from market.rules.clearing.rounds_again import again
from market.rules.clearing.whole_ticks import book_in_ticks
from market.rules.orders import offers, requirements
from market.rules.orders.offers import PostSupply
from market.rules.orders.orders import PostingState, market_draft, named_market
from market.rules.orders.requirements import PostRequirement
from market.rules.refusing.refusals import QuotesUsed, RoundMissing, RoundNotComputable
from market.rules.tranches import tranche_shares_g
from market.rules.viewers import mass_band_g
from market.rules.visibility.standings import OrderInRound, RoundDual, order_in_round, rival_groups

Posting = PostSupply | PostRequirement
F = TypeVar("F", bound=Fact)

LEAST_PARCEL_G = 1
RIVALS_COUNTED = 3


class LastRound(Struct, frozen=True, kw_only=True):
    """The market's newest completed round."""

    plan: UUID
    round: int


class AskQuote(Struct, frozen=True, kw_only=True):
    """`posting` is the order as it would be posted."""

    posting: Posting

    @property
    def caller(self) -> Caller:
        return self.posting.caller


class QuoteState(Struct, frozen=True, kw_only=True):
    """`asked` counts the questions of the asker's group of companies in this market since midnight UTC."""

    posting: PostingState
    last_round: LastRound | None
    asked: int


class Quote(Struct, frozen=True, kw_only=True):
    """An answer as it was computed; `price_ueur_per_kg` is weighted by volume, None without a trade.

    `asked_g`: basis of the order as it was asked about; `counted_g`: of that, what stood in the round.
    `rivals`: how many other groups of companies competed for what fits it, counted up to `RIVALS_COUNTED`.
    """

    quote: UUID
    standing: OrderInRound
    price_ueur_per_kg: int | None
    tick_ueur_per_kg: int
    asked_g: int
    counted_g: int
    rivals: int


def midnight(now: datetime) -> datetime:
    """When the day of UTC began, from which questions are counted."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def ask(state: QuoteState | None, argument: AskQuote, moment: Moment) -> Decision:
    """Records a question; refused for the same reasons as posting the order. Raises Refusals."""
    known = named_market(None if state is None else state.posting)
    assert state is not None
    refuse(_posting_reasons(known, argument.posting, moment.now) + _quote_reasons(state, moment.now))
    assert known.member is not None
    assert state.last_round is not None
    quote, posting = moment.new_id(), argument.posting
    supply = requirement = None
    if isinstance(posting, PostSupply):
        supply = offers.posting_terms(known, posting.draft, moment.now)
    else:
        requirement = requirements.posting_terms(known, posting.draft)
    fact = QuoteAsked(
        market=known.market,
        quote=quote,
        organisation=posting.caller.organisation,
        group=known.member.group,
        plan=state.last_round.plan,
        round=state.last_round.round,
        supply=supply,
        requirement=requirement,
    )
    return Decision(drafts=(market_draft(known, quote, fact),))


def judge(state: QuoteState | None, argument: AskQuote, moment: Moment) -> Decision:
    """Checks a draft without the members that could not be read. Raises Refusals."""
    known = named_market(None if state is None else state.posting)
    assert state is not None
    refuse(_posting_reasons(known, argument.posting, moment.now) + _quote_reasons(state, moment.now))
    return Decision(drafts=())


def _posting_reasons(known: PostingState, posting: Posting, now: datetime) -> list[Refusal]:
    if isinstance(posting, PostSupply):
        return offers.posting_reasons(known, posting, now, [])
    return requirements.posting_reasons(known, posting, now)


def _quote_reasons(state: QuoteState, now: datetime) -> list[Refusal]:
    reasons: list[Refusal] = []
    if state.last_round is None:
        reasons.append(RoundMissing())
    most = state.posting.terms.quotes_per_day
    if state.asked >= most:
        opens = midnight(now) + timedelta(days=1)
        reasons.append(
            QuotesUsed(
                most=most,
                opens=opens.isoformat(),
                retry_after_seconds=-(-(opens - now) // timedelta(seconds=1)),
            )
        )
    return reasons


def posed(book: Book, plan: Recorded, asked: QuoteAsked) -> tuple[Book, Recorded, UUID]:
    """The round with the asked order in it, last in time, and the order's id; `book` stands at the cut.

    The id follows from what was asked, so that the same question gets the same answer.
    """
    fixed = msgspec.json.encode((asked.organisation, asked.supply, asked.requirement), order="deterministic")
    order = derived_id(asked.plan, "quote", fixed)
    banded = book_in_ticks(book)
    common: dict[str, Any] = {
        "order": order,
        "market": book.market,
        "organisation": asked.organisation,
        "rank": book.position,
        "version": 1,
        "status": "open",
    }
    if asked.supply is not None:
        supply = _supply(asked.supply, common)
        banded = replace(banded, supplies=banded.supplies | {order: supply})
    if asked.requirement is not None:
        requirement = _requirement(asked.requirement, common)
        banded = replace(banded, requirements=banded.requirements | {order: requirement})
    return (*again(banded, plan), order)


def _supply(terms: SupplyTerms, common: dict[str, Any]) -> SupplyOrder:
    """Each tranche at the low edge of its band: the rest counts as sold."""
    divisible = replace(
        terms,
        packaging=replace(terms.packaging, unit="bulk"),
        minimum_parcel_wet_g=LEAST_PARCEL_G,
        all_or_nothing=False,
        minimum_quantity_wet_g=None,
    )
    if terms.term is not None:
        return SupplyOrder(
            kind="offer", terms=divisible, filled_g=terms.basis_g - _low_edge_g(terms.basis_g), **common
        )
    sold_g = tuple(share_g - _low_edge_g(share_g) for share_g in tranche_shares_g(terms))
    return SupplyOrder(
        kind="offer", terms=divisible, filled_g=sum(sold_g), tranche_committed_g=sold_g, **common
    )


def _requirement(terms: RequirementTerms, common: dict[str, Any]) -> RequirementOrder:
    divisible = replace(
        terms,
        basis_g=_low_edge_g(terms.basis_g),
        minimum_parcel_g=LEAST_PARCEL_G,
        minimum_quantity_g=None,
    )
    return RequirementOrder(terms=divisible, **common)


def _low_edge_g(mass_g: int) -> int:
    """A quantity below the first edge stays."""
    return mass_band_g(mass_g).low or mass_g


def answered(book: Book, plan: Recorded, drafts: Sequence[Draft], order: UUID, asked: QuoteAsked) -> Quote:
    """`drafts`: what the round with the order in it would record. Raises RoundNotComputable."""
    assert isinstance(plan.data, ClearingPlanned)
    abandoned = list(_of_type(drafts, ClearingAbandoned))
    if abandoned:
        raise RoundNotComputable(reason=abandoned[0].reason)
    evidence = list(_of_type(drafts, ClearingEvidence))
    duals = [RoundDual(section=part.section, dual=dual) for part in evidence for dual in part.duals]
    falls = [fall for part in evidence for fall in part.waterfalls]
    pairs = [(fall.supply, fall.requirement) for fall in falls]
    trades = [fall for fall, pair in zip(falls, pairs, strict=True) if order in pair]
    standing = order_in_round(book, plan.data, duals, trades, order, pairs)
    assert standing is not None
    terms = asked.requirement if asked.supply is None else asked.supply
    assert terms is not None
    posed_order = book.supplies.get(order) or book.requirements[order]
    return Quote(
        quote=asked.quote,
        standing=standing,
        price_ueur_per_kg=_mean_price(trades),
        tick_ueur_per_kg=book.terms.tick_ueur_per_kg,
        asked_g=terms.basis_g,
        counted_g=posed_order.available_g,
        rivals=rival_groups(book, plan.data, standing, RIVALS_COUNTED),
    )


def _mean_price(trades: Sequence[ListedWaterfall]) -> int | None:
    quantity_g = sum(trade.quantity_basis_g for trade in trades)
    if quantity_g == 0:
        return None
    return sum(trade.quantity_basis_g * trade.price_ueur_per_kg for trade in trades) // quantity_g


def _of_type(drafts: Iterable[Draft], kind: type[F]) -> Iterable[F]:
    return (draft.data for draft in drafts if isinstance(draft.data, kind))
