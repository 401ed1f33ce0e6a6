"""Requirements: post, amend, withdraw, read one's own, and who would fit."""

from collections.abc import Awaitable
from typing import Any, Final, Self

from events.callers import Caller
from events.decision import Request
from events.desk import Desk
from events.market_events import RequirementAmended, RequirementPosted
from events.market_terms import RequirementTerms as RecordedTerms
from market.commands import requirements as commands
from market.http.orders import candidates, order_explanations, order_lists
from market.http.orders.candidates import FOUND, CandidatesView
from market.http.orders.claim_warnings import of_cap
from market.http.orders.name_warnings import of_names
from market.http.orders.order_explanations import EXPLAINED, OrderInRoundView, RoundQuery
from market.http.orders.order_lists import OrderEntryView, OrderQuery
from market.http.orders.policy_lines import EffectiveLineView
from market.http.orders.price_warnings import of_price
from market.http.orders.requirement_terms import RequirementTerms
from market.http.orders.supplies import exchange_rate
from market.http.orders.tolerance_warnings import of_tolerance
from market.http.wire import screening_warnings
from market.http.wire.access import READERS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.examples import REQUIREMENT
from market.http.wire.ids import MarketId, OrganisationId, RequirementId, to_text, to_uuid
from market.http.wire.judging import draft_of
from market.http.wire.loading import COST
from market.http.wire.material import ExchangeRate
from market.http.wire.numbers import KILOGRAMS, SIGNED_EUR_PER_KG, DecimalText
from market.http.wire.paging import Listing
from market.http.wire.patching import patch_of, patched
from market.http.wire.reads import Looking, as_caller, own, viewer
from market.http.wire.receipts import Accepted, Done, Result, Warned, done, warned
from market.rules.book import OrderStatus, RequirementOrder, SupplyOrder
from market.rules.orders.requirement_drafts import cautions
from market.rules.policy_lines import effective_lines
from market.rules.visibility.visibility import SealedOrder, see_order
from market.store import requirements as store
from market.store.requirements import RequirementRow

TAG: Final = "Requirements"

RequirementPatch: Any = patch_of(
    "RequirementPatch",
    RequirementTerms,
    "Members of a requirement that change; each replaces the whole member, what is absent stays.",
)


class PostRequirement(RequirementTerms, frozen=True, kw_only=True):
    """Material wanted in a market, and what the buyer bids for it."""

    market: MarketId


class RequirementView(PostRequirement, frozen=True, kw_only=True, tag_field="shown", tag="whole"):
    """A requirement in its current state, for its owner; the limit was converted once, at posting, rounded
    down.

    `rank` is the lane position that gives its time priority; `held_kg` is reserved by open matches,
    `filled_kg` bought. `effective_lines`: the strictest of its own lines and its policies', with their
    source.
    """

    id: RequirementId
    organisation: OrganisationId
    status: OrderStatus
    version: int
    rank: int
    available_kg: DecimalText
    held_kg: DecimalText
    filled_kg: DecimalText
    limit_eur_per_basis_kg: DecimalText
    exchange_rate: ExchangeRate | None
    effective_lines: tuple[EffectiveLineView, ...]

    @classmethod
    def of(cls, order: RequirementOrder) -> Self:
        terms = RequirementTerms.outside(order.terms)
        return cls(
            **{name: getattr(terms, name) for name in RequirementTerms.__struct_fields__},
            id=to_text("req", order.order),
            market=to_text("mkt", order.market),
            organisation=to_text("org", order.organisation),
            status=order.status,
            version=order.version,
            rank=order.rank,
            available_kg=KILOGRAMS.text(order.available_g),
            held_kg=KILOGRAMS.text(order.held_g),
            filled_kg=KILOGRAMS.text(order.filled_g),
            limit_eur_per_basis_kg=SIGNED_EUR_PER_KG.text(order.terms.limit.ueur_per_kg),
            exchange_rate=exchange_rate(order.terms.limit),
            effective_lines=_effective(order.terms),
        )


def _effective(terms: RecordedTerms) -> tuple[EffectiveLineView, ...]:
    return tuple(map(EffectiveLineView.of, effective_lines(terms)))


class RequirementAccepted(Accepted, frozen=True, kw_only=True):
    """The accepted requirement, and its limit in the market's unit; `id` is null after a dry run."""

    id: RequirementId | None
    version: int | None = None
    basis_kg: DecimalText | None = None
    limit_eur_per_basis_kg: DecimalText | None = None
    exchange_rate: ExchangeRate | None = None
    effective_lines: tuple[EffectiveLineView, ...] = ()


async def warnings_of(
    on: Looking, fact: RequirementPosted | RequirementAmended, *, unhurried: bool
) -> tuple[Warned, ...]:
    """`unhurried`: no posting waits for it, so that screenings and the tolerance of large orders are checked
    too."""
    market, terms = fact.market, fact.terms
    tolerance = await of_tolerance(on, market, terms) if unhurried else ()
    screened = await screening_warnings.of_order(on, market, fact.organisation) if unhurried else ()
    named, capped = await of_names(on, market, terms), await of_cap(on, market, terms)
    stated, priced = warned(cautions(terms)), await of_price(on, market, terms)
    return *stated, *priced, *capped, *named, *tolerance, *screened


async def _accepted(
    call: Call[Any, DryRun],
    outcome: Done,
    found: str | None,
    version: int,
    fact: RequirementPosted | RequirementAmended,
) -> RequirementAccepted:
    terms = fact.terms
    return RequirementAccepted(
        id=found,
        version=version,
        basis_kg=KILOGRAMS.text(terms.basis_g),
        limit_eur_per_basis_kg=SIGNED_EUR_PER_KG.text(terms.limit.ueur_per_kg),
        exchange_rate=exchange_rate(terms.limit),
        effective_lines=_effective(terms),
        warnings=await warnings_of(call.door, fact, unhurried=call.query.validate_only),
        **outcome.accepted(),
    )


def give(
    desk: Desk, caller: Caller, body: PostRequirement, *, request: Request | None, dry_run: bool
) -> Awaitable[Result]:
    """The command that a body asks for, over HTTP or as a row of a file."""
    return commands.post(
        desk, caller, market=to_uuid(body.market), draft=body.draft(), request=request, dry_run=dry_run
    )


async def judge(call: Call[PostRequirement, DryRun], body: PostRequirement, unread: frozenset[str]) -> None:
    await commands.judge(
        call.door.desk, call.caller, market=to_uuid(body.market), draft=draft_of(body, unread)
    )


@endpoint(
    "POST",
    "/v1/requirements",
    roles=TRADERS,
    summary="Post a requirement",
    tag=TAG,
    body=PostRequirement,
    query=DryRun,
    answer=RequirementAccepted,
    status=201,
    located=True,
    idempotent=True,
    description="The limit and all sustainability amounts are the buyer's own bid; nobody else sees them.",
    example=REQUIREMENT,
    judge=judge,
)
async def post(call: Call[PostRequirement, DryRun]) -> Answer:
    result = await give(
        call.door.desk,
        call.caller,
        call.body,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    fact = outcome.fact(RequirementPosted)
    found = outcome.made("req", fact.requirement)
    return outcome.answer(
        await _accepted(call, outcome, found, 1, fact),
        version=1,
        position=outcome.position,
        location=f"/v1/requirements/{found}",
    )


@endpoint(
    "GET",
    "/v1/requirements",
    roles=READERS,
    summary="List requirements",
    tag=TAG,
    query=OrderQuery,
    answer=Listing[OrderEntryView],
    description="One's own; operators and auditors see all. `as_of` says where the view stands.",
)
async def index(call: Call[Nothing, OrderQuery]) -> Answer:
    return await order_lists.index(call, "requirement")


async def load(call: Call[Any, Any]) -> RequirementRow:
    """The requirement of the path. DoorError `not_found` for another organisation's."""
    async with as_caller(call) as connection:
        row = await store.load_requirement(connection, own(call.caller), call.ids["requirement"])
    if row is None:
        raise not_found()
    return row


@endpoint(
    "GET",
    "/v1/requirements/{requirement}",
    roles=READERS,
    summary="Read a requirement",
    tag=TAG,
    answer=(RequirementView, OrderEntryView),
    description="Before a cut has taken the order, operators see only whose it is and how much.",
    etagged=True,
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    row = await load(call)
    async with as_caller(call) as connection:
        looking = await viewer(call, connection, row.order.market, row.order.organisation)
    match see_order(row.order, looking):
        case None | SupplyOrder():
            raise not_found()
        case SealedOrder() as sealed:
            return Answer(body=order_lists.entry("requirement", sealed))
        case order:
            return Answer(body=RequirementView.of(order), version=order.version, position=row.position)


@endpoint(
    "PATCH",
    "/v1/requirements/{requirement}",
    roles=TRADERS,
    summary="Amend a requirement",
    tag=TAG,
    body=RequirementPatch,
    query=DryRun,
    answer=RequirementAccepted,
    versioned=True,
    description="A pure reduction of quantity keeps its place in time; any other change gives it a new one. "
    "Policies that it was posted under stay at their versions until it names others.",
    example={"basis_kg": "4000.000"},
)
async def amend(call: Call[Any, DryRun]) -> Answer:
    row = await load(call)
    result = await commands.amend(
        call.door.desk,
        call.caller,
        order=row.order.order,
        expected_version=call.expected_version,
        draft=patched(
            RequirementTerms.outside(row.order.terms),
            call.body,
            read=row.order.version,
            expected=call.expected_version,
        ).draft(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    fact = outcome.fact(RequirementAmended)
    version = call.expected_version + 1
    return outcome.answer(
        await _accepted(call, outcome, to_text("req", fact.requirement), version, fact),
        version=version,
        position=outcome.position,
    )


@endpoint(
    "DELETE",
    "/v1/requirements/{requirement}",
    roles=TRADERS,
    summary="Withdraw a requirement",
    tag=TAG,
    query=DryRun,
    answer=RequirementAccepted,
    versioned=True,
    description="What open matches hold stays held. A withdrawn requirement stays readable.",
)
async def withdraw(call: Call[Nothing, DryRun]) -> Answer:
    result = await commands.withdraw(
        call.door.desk,
        call.caller,
        order=call.ids["requirement"],
        expected_version=call.expected_version,
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    version = call.expected_version + 1
    return outcome.answer(
        RequirementAccepted(
            id=to_text("req", call.ids["requirement"]), version=version, **outcome.accepted()
        ),
        version=version,
        position=outcome.position,
    )


@endpoint(
    "GET",
    "/v1/requirements/{requirement}/candidates",
    roles=READERS,
    summary="Who would supply, and who would not and why",
    tag=TAG,
    answer=CandidatesView,
    cost=COST,
    description=FOUND,
)
async def candidates_of(call: Call[Nothing, Nothing]) -> Answer:
    row = await load(call)
    return await candidates.answer(call, "req", row.order)


@endpoint(
    "GET",
    "/v1/requirements/{requirement}/explanation",
    roles=READERS,
    summary="What became of it in a round, and why",
    tag=TAG,
    query=RoundQuery,
    answer=OrderInRoundView,
    description=EXPLAINED,
    cost=COST,
)
async def explanation_of(call: Call[Nothing, RoundQuery]) -> Answer:
    return await order_explanations.answer(call, "req", (await load(call)).order)


HANDLERS: Final = (post, index, read, candidates_of, explanation_of, amend, withdraw)
