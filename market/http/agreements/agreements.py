"""Agreements: draft, read, propose, compare proposals, sign."""

from typing import Any, Final
from uuid import UUID

import msgspec

from contracts.commands import agreements as commands
from contracts.rules import agreements as rules
from contracts.rules.agreement import Agreement
from contracts.rules.agreement_times import DATED, times_of
from contracts.rules.contests import is_contested
from contracts.rules.days import day_of
from contracts.rules.differences import differences
from contracts.store import agreement_events
from contracts.store import agreements as store
from contracts.store.agreements import ProposalRow
from events.contract_events import AgreementDrafted, AgreementSigned
from events.contract_terms import AgreementKind, AgreementStatus
from events.vocabulary import MarketBasis, Side
from market.commands import agreement_signing
from market.http.agreements import agreement_warnings, record_warnings, waste_warnings
from market.http.agreements.agreement_answers import TAG, AgreementAccepted, accepted, agreement_step
from market.http.agreements.agreement_terms import AgreementTerms
from market.http.agreements.agreement_views import (
    AgreementSummary,
    AgreementView,
    DifferencesView,
    DifferenceView,
    ProposedView,
    agreement_view,
    summary_view,
)
from market.http.agreements.contract_reads import ReasonedPage, ReasonQuery, as_party, load
from market.http.agreements.sides import names_of, parties_of
from market.http.wire import lists, screening_warnings
from market.http.wire.access import READERS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.examples import AGREEMENT, AGREEMENT_TERMS
from market.http.wire.ids import MarketId, OrganisationId, to_uuid
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.reads import as_desk
from market.http.wire.receipts import Warned, unless_unread
from market.http.wire.steps import given, step_endpoint
from market.rules.refusing.refusals import MarketUnknown
from market.rules.refusing.wording import LongText
from market.store import markets, members, party_reads
from market.store.reading import page

PROPOSALS: Final = range(1, 100_000)


class AgreementQuery(ReasonedPage, frozen=True, kw_only=True):
    market: MarketId | None = None
    status: AgreementStatus | None = None


class DifferencesQuery(ReasonQuery, frozen=True, kw_only=True):
    """`since`: the proposal to compare with; without it the one before."""

    since: int | None = None


class DraftAgreement(Body, frozen=True, kw_only=True):
    """Proposal 1 to another member of the market; the caller is `side`."""

    market: MarketId
    kind: AgreementKind
    side: Side
    counterparty: OrganisationId
    terms: AgreementTerms


class ProposeTerms(Body, frozen=True, kw_only=True):
    """A counter-proposal, or an amendment of an agreement in force, with all clauses."""

    terms: AgreementTerms
    note: LongText | None = None


class Sign(Body, frozen=True, kw_only=True):
    """`binding` false: as a term sheet. `side` may state the side for which the caller intends to sign, which
    has to be its own."""

    proposal: int
    binding: bool
    side: Side | None = None


@step_endpoint(
    "/v1/agreements",
    summary="Draft an agreement",
    located=True,
    tag=TAG,
    body=DraftAgreement,
    answer=AgreementAccepted,
    description="""Both parties are members of the market. Nothing binds before both have signed.
Amounts have two decimals: currencies that ISO 4217 gives others are refused. An agreement stays with
its parties: nothing assigns it to another company, nor sets its invoices off against those of another.

Warned of, since it may not be meant:

- an analyte that is paid, penalised or limited and that assays do not exchange; a limit that limits
  nothing
- a factor of 0, a form without one
- a rate of other currencies, an index that nothing was published under
- a flat price of 0, or five times from the market's reference price
- an umpire that is a party; a splitting limit above 5 %, or below what laboratories agree within
- payment after more than 60 days
- waste without its status; the buyer is told of a permit or a consent for it that it lacks
""",
    example=AGREEMENT,
)
async def draft(call: Call[DraftAgreement, DryRun]) -> Answer:
    body, market = call.body, to_uuid(call.body.market)
    counterparty = to_uuid(body.counterparty)
    basis, active = await _market(call, market, counterparty)
    argument = rules.DraftAgreement(
        caller=call.caller,
        market=market,
        kind=body.kind,
        side=body.side,
        counterparty=counterparty,
        basis=basis,
        members=active,
        terms=body.terms.inside(),
        at_door=True,
    )
    outcome = await given(call, commands.draft, argument)
    fact = outcome.fact(AgreementDrafted)
    found = outcome.made("agr", fact.agreement)
    return outcome.answer(
        AgreementAccepted(
            id=found,
            version=1,
            status="draft",
            proposal=1,
            warnings=(
                *agreement_warnings.of_draft(fact.terms, day_of(call.door.clock())),
                *await record_warnings.of_draft(call, fact),
                *await waste_warnings.of_draft(call, market, fact.seller, fact.buyer, fact.terms),
                *await screening_warnings.of_parties(
                    call.door, market, fact.seller, fact.buyer, pointer="/counterparty", act="sign"
                ),
            ),
            **outcome.accepted(),
        ),
        version=1,
        location=f"/v1/agreements/{found}",
    )


async def _market(
    call: Call[Any, Any], market: UUID, counterparty: UUID
) -> tuple[MarketBasis, frozenset[UUID]]:
    """What the market counts, and which of the two are active members of it. Raises MarketUnknown."""
    async with as_desk(call) as connection:
        row = await markets.load_market(connection, market)
        if row is None:
            raise MarketUnknown(pointer="/market")
        found = [
            await members.load_member(connection, market, organisation)
            for organisation in (call.caller.organisation, counterparty)
        ]
    active = {each.member.organisation for each in found if each is not None and not each.suspended}
    return row.terms.basis, frozenset(active)


@endpoint(
    "GET",
    "/v1/agreements",
    roles=READERS,
    summary="List agreements",
    tag=TAG,
    query=AgreementQuery,
    answer=Listing[AgreementSummary],
    description="One's own; an auditor sees all and says why.",
)
async def index(call: Call[Nothing, AgreementQuery]) -> Answer:
    query, limit = call.query, lists.limit(call)
    async with as_party(call) as (connection, organisation):
        rows = await store.list_agreements(
            connection,
            organisation,
            market=None if query.market is None else to_uuid(query.market),
            status=query.status,
            after=lists.after(call, UUID),
            limit=limit + 1,
        )
    shown, today = rows[:limit], day_of(call.door.clock())
    names = await names_of(call, (party for row in shown for party in (row.seller, row.buyer)))
    return lists.answer(
        call,
        page(rows, limit),
        key=lambda row: row.agreement,
        view=lambda row: summary_view(row, _side(call, row), today, names),
    )


def _side(call: Call[Any, Any], agreement: Agreement) -> Side | None:
    return agreement.side_of(call.caller.organisation)


@endpoint(
    "GET",
    "/v1/agreements/{agreement}",
    roles=READERS,
    summary="Read an agreement",
    tag=TAG,
    query=ReasonQuery,
    problems=(422,),
    answer=AgreementView,
    etagged=True,
    description="Both parties see it whole, and nobody else but an auditor with a reason, and an operator "
    "with one while a contest of force majeure or of a termination waits.",
)
async def read(call: Call[Nothing, ReasonQuery]) -> Answer:
    async with as_party(call, operators=True) as (connection, organisation):
        agreement = await store.load_agreement(connection, organisation, call.ids["agreement"])
    if agreement is None:
        raise not_found()
    side = _side(call, agreement)
    if side is None and "auditor" not in call.caller.roles and not is_contested(agreement):
        raise not_found()
    async with call.door.desk.looking() as journal:
        dated = await agreement_events.load_life(
            journal, agreement.lane, agreement.agreement, to=agreement.position, types=DATED
        )
    parties = await parties_of(call, agreement.seller, agreement.buyer)
    body = agreement_view(agreement, side, day_of(call.door.clock()), times_of(dated), parties)
    return Answer(body=body, version=agreement.version)


@agreement_step(
    "/v1/agreements/{agreement}/proposals",
    summary="Propose other terms",
    located=True,
    body=ProposeTerms,
    description="Replaces what is on the table and its signatures; what both have signed stands meanwhile. "
    "An amendment of a running agreement counts for shipments from the day in `terms.effective_from`, else "
    "from the day after both have signed it, by UTC. That day may lie ahead, or back as far as nothing has "
    "left, no quarter is settled and no contract year assessed since; `day_settled` names what is. What is "
    "signed last counts for all days from its own on: `signed_terms_fall` warns of signed terms that it "
    "leaves none.",
    example={"terms": AGREEMENT_TERMS, "note": "floor as discussed"},
)
async def propose(call: Call[ProposeTerms, DryRun]) -> Answer:
    argument = rules.ProposeTerms(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        terms=call.body.terms.inside(),
        note=call.body.note,
        at_door=True,
    )
    outcome = await given(call, commands.propose, argument)
    held = (
        *await record_warnings.of_proposal(call, argument.terms),
        *await waste_warnings.of_proposal(call, argument.terms),
    )
    meant = agreement_warnings.of_proposal(argument.terms, day_of(call.door.clock()))
    return accepted(call, outcome, (*meant, *held))


@endpoint(
    "GET",
    "/v1/agreements/{agreement}/proposals/{proposal}",
    roles=READERS,
    summary="Read a proposal",
    tag=TAG,
    query=ReasonQuery,
    problems=(422,),
    answer=ProposedView,
    etagged=True,
    description="The terms as they were proposed, whatever became of them. For both parties, and an "
    "auditor with a reason.",
)
async def read_proposal(call: Call[Nothing, ReasonQuery]) -> Answer:
    (row,) = await _proposals(call, _number(call))
    return Answer(body=ProposedView.of(row), version=row.proposal)


@endpoint(
    "GET",
    "/v1/agreements/{agreement}/proposals/{proposal}/differences",
    roles=READERS,
    summary="What a proposal changes",
    tag=TAG,
    query=DifferencesQuery,
    problems=(422,),
    answer=DifferencesView,
    description="Member by member, as JSON Pointers into the terms, in the units that they are written in.",
)
async def compare(call: Call[Nothing, DifferencesQuery]) -> Answer:
    new = _number(call)
    old = call.query.since if call.query.since is not None else max(new - 1, 1)
    rows = {row.proposal: row for row in await _proposals(call, *{old, new})}
    changed = differences(_written(rows[old]), _written(rows[new]))
    found = tuple(DifferenceView(pointer=each.pointer, old=each.old, new=each.new) for each in changed)
    return Answer(body=DifferencesView(old_proposal=old, new_proposal=new, differences=found))


def _written(row: ProposalRow) -> Any:
    return msgspec.to_builtins(AgreementTerms.outside(row.terms))


def _number(call: Call[Any, Any]) -> int:
    text = call.text_parameter["proposal"]
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise not_found()
    return int(text)


async def _proposals(call: Call[Any, Any], *numbers: int) -> list[ProposalRow]:
    """All of the numbers, in their order. DoorError `not_found` when one is missing."""
    agreement = await load(call)
    wanted = [number for number in numbers if number in PROPOSALS]
    async with as_party(call) as (connection, _):
        rows = await store.load_proposals(connection, agreement.agreement, wanted)
    if len(rows) != len(numbers):
        raise not_found()
    return rows


@endpoint(
    "DELETE",
    "/v1/agreements/{agreement}/proposals/{proposal}",
    roles=TRADERS,
    summary="Withdraw a proposal",
    tag=TAG,
    query=DryRun,
    answer=AgreementAccepted,
    versioned=True,
    description="One's own, as long as not both have signed it.",
)
async def withdraw(call: Call[Nothing, DryRun]) -> Answer:
    argument = rules.WithdrawProposal(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        proposal=_number(call),
    )
    return accepted(call, await given(call, commands.withdraw, argument))


@agreement_step(
    "/v1/agreements/{agreement}/signatures",
    summary="Sign what is on the table",
    body=Sign,
    description="The second signature of a level brings the agreement there; nobody brings it there alone. "
    "An amendment of a running agreement is for what is shipped from its `effective_from` on, without one "
    "from the next day on, whatever the parties' time zones: days are those of UTC. `counts_from` of the "
    "answer is that day; what is shipped before it keeps its price, limits, assay and payment, and what "
    "else has a day, such as a contract year or a nominated month, goes by the terms of that. Only the "
    "term's end is that of the terms signed last, at once. Where the market counts capacity, "
    "a seller that binds itself is held against its facility.",
    example={"proposal": 1, "binding": True},
)
async def sign(call: Call[Sign, DryRun]) -> Answer:
    argument = rules.SignProposal(
        caller=call.caller,
        agreement=call.ids["agreement"],
        expected_version=call.expected_version,
        proposal=call.body.proposal,
        binding=call.body.binding,
        side=call.body.side,
        group=await _group(call),
    )
    outcome = await given(call, agreement_signing.sign, argument)
    return accepted(call, outcome, await unless_unread(_warnings(call, outcome.fact(AgreementSigned))))


async def _warnings(call: Call[Any, Any], fact: AgreementSigned) -> tuple[Warned, ...]:
    (row,) = await _proposals(call, fact.proposal)
    held = await record_warnings.of_signature(call, row.terms)
    waste = await waste_warnings.of_signature(call, row.terms, fact.proposal)
    screened = await screening_warnings.of_agreement(
        call.door, await load(call), pointer="/proposal", act="sign"
    )
    meant = agreement_warnings.of_signature(row.terms, fact.capacity, day_of(call.door.clock()))
    return (*meant, *held, *waste, *screened)


async def _group(call: Call[Any, Any]) -> UUID | None:
    """The ultimate parent of who asks."""
    async with as_desk(call) as connection:
        organisation = await party_reads.load_organisation(connection, call.caller.organisation)
    return None if organisation is None else organisation.group


HANDLERS: Final = (draft, index, read, propose, read_proposal, compare, withdraw, sign)
