"""Quotes: what an order would have got in the last completed round. Answered in bands, a few per day,
recorded."""

from typing import Any, Final, TypeAlias

from events.connections import acquire
from events.envelope import Recorded
from events.market_events import QuoteAsked
from events.vocabulary import Instant, Side
from market.commands import quotes as commands
from market.http.orders.candidates import ReasonView, WithheldView, reason_view
from market.http.orders.order_explanations import RemovedView
from market.http.orders.requirements import PostRequirement
from market.http.orders.supplies import PostSupply
from market.http.rounds.book import KilogramBand
from market.http.wire import rounds
from market.http.wire.access import TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun, endpoint
from market.http.wire.examples import OFFER, REQUIREMENT
from market.http.wire.ids import MarketId, PlanId, to_text, to_uuid
from market.http.wire.judging import draft_of
from market.http.wire.loading import BookLoads
from market.http.wire.material import Body
from market.http.wire.numbers import KILOGRAMS, SIGNED_EUR_PER_KG
from market.http.wire.receipts import Accepted, done
from market.rules.orders import offers, requirements
from market.rules.viewers import Band, OrganisationViewer
from market.rules.visibility import quotes
from market.rules.visibility.own_round import OwnQuote, Why
from market.rules.visibility.visibility import see_quote
from market.store import clearings

TAG: Final = "Quotes"
FEW_GROUPS: Final = (
    "Fewer than three groups of companies stand behind those that fit, if anybody does: so whether the order "
    "would have traded, how much and at which price, is not told. The question counts towards the day's all "
    "the same."
)


class QuoteRequirement(PostRequirement, frozen=True, kw_only=True, tag_field="kind", tag="requirement"):
    """As `POST /v1/requirements` takes it."""


class QuoteSupply(PostSupply, frozen=True, kw_only=True, tag_field="kind", tag="supply_offer"):
    """As `POST /v1/supply-offers` takes it; a recovered lot is asked about in the same way."""


Asked: TypeAlias = QuoteRequirement | QuoteSupply


class PriceBand(Body, frozen=True, kw_only=True):
    """EUR per kg of basis, from `low` up to, but without, `high`: one tick of the market."""

    low: str
    high: str


class QuoteAnswer(Body, frozen=True, kw_only=True):
    """How the order would have come out of `round`.

    Others' prices are rounded to whole ticks, to the asker's disadvantage; the own order is treated as
    divisible, with the lower edge of its band as quantity. `would_trade` is null if fewer than three groups
    of companies fit, or if only one or two other groups compete for them, which `withheld` then says, and if
    `present` is false: at the cut the asker was not a member, or its order would have been resting. `reasons`
    are those that affect at least three groups. `three_groups_ticks`, how far the order is from trades of
    three groups of companies if it would have none, and `why` are as in an order's explanation.
    """

    clearing: PlanId
    round: int
    side: Side
    present: bool
    would_trade: bool | None
    quantity_kg: KilogramBand | None
    price_eur_per_kg: PriceBand | None
    why: Why | None
    removed: RemovedView | None
    eligible: int | None
    three_groups_ticks: int | None
    reasons: tuple[ReasonView, ...]
    withheld: WithheldView | None = None


class QuoteAccepted(Accepted, frozen=True, kw_only=True):
    """The recorded question and its answer; both are null after a dry run."""

    market: MarketId
    asked_at: Instant | None = None
    answer: QuoteAnswer | None = None


def _posting(
    call: Call[Any, Any], body: Asked, unread: frozenset[str]
) -> offers.PostSupply | requirements.PostRequirement:
    if isinstance(body, QuoteSupply):
        return offers.PostSupply(caller=call.caller, draft=draft_of(body, unread))
    return requirements.PostRequirement(caller=call.caller, draft=draft_of(body, unread))


async def judge(call: Call[Asked, DryRun], body: Asked, unread: frozenset[str]) -> None:
    await commands.judge(call.door.desk, _posting(call, body, unread), market=to_uuid(body.market))


@endpoint(
    "POST",
    "/v1/quotes",
    roles=TRADERS,
    summary="Ask how an order would have done",
    tag=TAG,
    body=Asked,  # type: ignore[arg-type]
    query=DryRun,
    answer=QuoteAccepted,
    idempotent=True,
    description=(
        "What if this order had stood in the market's last completed round. Opens no order and changes "
        "nothing; every question is on the record and counts for its group of companies, "
        "`quotes_per_day` of the market from midnight UTC on: beyond that 429. 409 before the first round. "
        f"A request counts as {rounds.COST} in the organisation's rate."
    ),
    example={"kind": "requirement", **REQUIREMENT},
    stand_ins={**OFFER, **REQUIREMENT},
    judge=judge,
    cost=rounds.COST,
)
async def ask(call: Call[Asked, DryRun]) -> Answer:
    result = await commands.ask(
        call.door.desk,
        _posting(call, call.body, frozenset()),
        market=to_uuid(call.body.market),
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    if outcome.validated_only:
        return Answer(body=QuoteAccepted(market=call.body.market, **outcome.accepted()))
    (event,) = outcome.events
    return outcome.answer(
        QuoteAccepted(
            market=call.body.market,
            asked_at=event.time,
            answer=_answer(await _answered(call, event, outcome.fact(QuoteAsked))),
            **outcome.accepted(),
        )
    )


async def _answered(call: Call[Any, Any], event: Recorded, asked: QuoteAsked) -> OwnQuote:
    """The same for every repeat: all of it follows from the record."""
    pool = call.door.desk.pool
    async with acquire(pool) as connection:
        row = await clearings.load_clearing(connection, asked.market, asked.plan)
    assert row is not None, f"{event.id} asks about a round that is not there"
    book = await rounds.book_at_cut(call, row)
    plan = await rounds.plan_event(pool, row)
    loads: BookLoads = call.state.loads
    posed, changed, order = await loads.work(lambda: quotes.posed(book, plan, asked))
    drafts = await rounds.conclude(call.door.solver, posed, changed)
    found = await loads.work(lambda: quotes.answered(posed, changed, drafts, order, asked))
    seen = see_quote(found, OrganisationViewer(organisation=call.caller.organisation))
    assert seen is not None, f"{event.id} was asked by another organisation"
    return seen


def _answer(seen: OwnQuote) -> QuoteAnswer:
    quantity = seen.quantity_g
    return QuoteAnswer(
        clearing=to_text("plan", seen.plan),
        round=seen.round,
        side=seen.side,
        present=seen.present,
        would_trade=seen.would_trade,
        quantity_kg=None
        if quantity is None
        else KilogramBand(low=KILOGRAMS.text(quantity.low), high=KILOGRAMS.text(quantity.high)),
        price_eur_per_kg=_price_band(seen.price_ueur_per_kg),
        why=seen.why,
        removed=None if seen.removed is None else RemovedView.of(seen.removed),
        eligible=seen.eligible,
        three_groups_ticks=seen.three_groups_ticks,
        reasons=tuple(map(reason_view, seen.reasons)),
        withheld=WithheldView.of(seen.withheld, FEW_GROUPS if seen.withheld == "few_groups" else None),
    )


def _price_band(band: Band | None) -> PriceBand | None:
    if band is None:
        return None
    return PriceBand(low=SIGNED_EUR_PER_KG.text(band.low), high=SIGNED_EUR_PER_KG.text(band.high))


HANDLERS: Final = (ask,)
