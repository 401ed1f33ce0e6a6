"""Trials of a draft rule set on the last completed round (operators): what it would have changed."""

from typing import Any, Final
from uuid import UUID

from events.connections import acquire
from events.market_events import RuleSetRehearsed
from events.vocabulary import Instant
from market.commands import rehearsals as commands
from market.http.rounds.rule_sets import EXAMPLE, TAG, RuleSetTerms, rule_set_warnings
from market.http.wire import rounds
from market.http.wire.access import OPERATORS
from market.http.wire.endpoint import Answer, Call, DryRun, endpoint
from market.http.wire.ids import OrganisationId, PlanId, RequirementId, to_text
from market.http.wire.loading import BookLoads
from market.http.wire.material import Body
from market.http.wire.numbers import EUR_CENTS, KILOGRAMS, SIGNED_EUR_PER_KG, WELFARE, DecimalText
from market.http.wire.receipts import Accepted, done
from market.rules.clearing.rounds_again import again
from market.rules.rehearsals import Kind, OrganisationChange, PairChange, Rehearsal, Traded, compare
from market.store import clearings

PAIRS_MAX: Final = 1_000
ORGANISATIONS_MAX: Final = 1_000


class TradedView(Body, frozen=True, kw_only=True):
    matches: int
    quantity_basis_kg: DecimalText
    amount_eur: DecimalText

    @classmethod
    def of(cls, value: Traded) -> "TradedView":
        return cls(
            matches=value.matches,
            quantity_basis_kg=KILOGRAMS.text(value.quantity_basis_g),
            amount_eur=EUR_CENTS.text(value.amount_cents_eur),
        )


class PairChangeView(Body, frozen=True, kw_only=True):
    """Two orders whose trade changes: `gained`, `lost` or `changed`; the price is per kg."""

    kind: Kind
    supply: str
    tranche: int
    requirement: RequirementId
    seller: OrganisationId
    buyer: OrganisationId
    quantity_before_kg: DecimalText
    quantity_after_kg: DecimalText
    price_before_eur_per_kg: DecimalText | None
    price_after_eur_per_kg: DecimalText | None

    @classmethod
    def of(cls, change: PairChange) -> "PairChangeView":
        return cls(
            kind=change.kind,
            supply=to_text("lot" if change.supply_kind == "lot" else "offer", change.supply),
            tranche=change.tranche,
            requirement=to_text("req", change.requirement),
            seller=to_text("org", change.seller),
            buyer=to_text("org", change.buyer),
            quantity_before_kg=KILOGRAMS.text(change.quantity_before_g),
            quantity_after_kg=KILOGRAMS.text(change.quantity_after_g),
            price_before_eur_per_kg=SIGNED_EUR_PER_KG.text_optional(change.price_before_ueur_per_kg),
            price_after_eur_per_kg=SIGNED_EUR_PER_KG.text_optional(change.price_after_ueur_per_kg),
        )


class OrganisationChangeView(Body, frozen=True, kw_only=True):
    """What an organisation sold and bought."""

    organisation: OrganisationId
    before: TradedView
    after: TradedView

    @classmethod
    def of(cls, change: OrganisationChange) -> "OrganisationChangeView":
        return cls(
            organisation=to_text("org", change.organisation),
            before=TradedView.of(change.before),
            after=TradedView.of(change.after),
        )


class RehearsalView(Body, frozen=True, kw_only=True):
    """The comparison of a round with its trial. Welfare is Σ quantity × value, in EUR.

    `pairs` and `organisations` are those that change, at most a thousand of each; the counts are of all.
    """

    clearing: PlanId
    round: int
    before: TradedView
    after: TradedView
    welfare_before_eur: DecimalText
    welfare_after_eur: DecimalText
    pairs_changed: int
    organisations_changed: int
    pairs: tuple[PairChangeView, ...]
    organisations: tuple[OrganisationChangeView, ...]

    @classmethod
    def of(cls, plan: UUID, found: Rehearsal) -> "RehearsalView":
        return cls(
            clearing=to_text("plan", plan),
            round=found.round,
            before=TradedView.of(found.before),
            after=TradedView.of(found.after),
            welfare_before_eur=WELFARE.text(found.welfare_before),
            welfare_after_eur=WELFARE.text(found.welfare_after),
            pairs_changed=len(found.pairs),
            organisations_changed=len(found.organisations),
            pairs=tuple(map(PairChangeView.of, found.pairs[:PAIRS_MAX])),
            organisations=tuple(map(OrganisationChangeView.of, found.organisations[:ORGANISATIONS_MAX])),
        )


class RehearsalAccepted(Accepted, frozen=True, kw_only=True):
    """The recorded trial and its result; both are null after `validate_only`."""

    rule_set_sha256: str
    tried_at: Instant | None = None
    result: RehearsalView | None = None


@endpoint(
    "POST",
    "/v1/markets/{market}/rule-sets/dry-run",
    roles=OPERATORS,
    summary="Try a draft rule set on the last completed round",
    tag=TAG,
    body=RuleSetTerms,
    query=DryRun,
    answer=RehearsalAccepted,
    idempotent=True,
    description=(
        "Clears the last completed round again under the draft, in a process of its own, and publishes "
        "nothing; every trial is on the record. Version and notice are checked when it is published. New "
        "default amounts move those requirements alone whose `profile` is `rule-set-default`. "
        "409 before the first round."
    ),
    example=EXAMPLE,
    cost=rounds.COST,
)
async def rehearse(call: Call[RuleSetTerms, DryRun]) -> Answer:
    result = await commands.rehearse(
        call.door.desk,
        call.caller,
        market=call.ids["market"],
        rule_set=call.body.inside(),
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    fact = outcome.fact(RuleSetRehearsed)
    accepted: dict[str, Any] = {
        "rule_set_sha256": fact.rule_set_sha256,
        "warnings": rule_set_warnings(call.body, call.door.clock()),
        **outcome.accepted(),
    }
    if outcome.validated_only:
        return Answer(body=RehearsalAccepted(**accepted))
    found = await _compared(call, fact)
    return outcome.answer(
        RehearsalAccepted(
            tried_at=outcome.events[0].time, result=RehearsalView.of(fact.plan, found), **accepted
        )
    )


async def _compared(call: Call[Any, Any], fact: RuleSetRehearsed) -> Rehearsal:
    pool = call.door.desk.pool
    async with acquire(pool) as connection:
        row = await clearings.load_clearing(connection, fact.market, fact.plan)
    assert row is not None, f"trial {fact.rehearsal} names a round that is not there"
    book = await rounds.book_at_cut(call, row)
    changed = again(book, await rounds.plan_event(pool, row), fact.rule_set)
    drafts = await rounds.conclude(call.door.solver, *changed)
    before = await rounds.recorded(pool, row)
    loads: BookLoads = call.state.loads
    return await loads.work(lambda: compare(book, before, drafts))


HANDLERS: Final = (rehearse,)
