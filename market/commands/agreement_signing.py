"""Signing an agreement: where the seller binds itself, its facility has its turn and is counted."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.commands import agreements
from contracts.commands.steps import AgreementStep
from contracts.rules import agreements as rules
from contracts.rules.agreement import BOUND, Agreement
from contracts.rules.agreements import SignProposal
from contracts.rules.days import day_of
from contracts.rules.refusals import SourceMissing, SourceNotOwned
from contracts.rules.steps import AgreementState
from events.capacity_terms import CapacityCount, CapacityRule
from events.connections import Connection
from events.contract_terms import AgreementTerms
from events.decision import Decision, Moment
from events.desk import InMarket
from events.market_terms import Member
from events.refusal import Refusals, refuse
from market.commands.counting import COUNTED
from market.rules.agreement_counting import capacity_count, contract_volume, start_of
from market.rules.committed import Claim, ContractClaim
from market.store import claims
from market.store.posting import load_pictures


class Counting(Struct, frozen=True, kw_only=True):
    """What the market's rule set asks for, the seller's copy in it, and all other claims on its facility."""

    rule: CapacityRule
    seller: Member
    claims: tuple[Claim | ContractClaim, ...]


class SigningState(Struct, frozen=True, kw_only=True):
    """`counting`: where a seller binds itself and the market counts."""

    agreement: AgreementState
    counting: Counting | None = None


async def load(
    connection: Connection, asked: Sequence[InMarket[SignProposal]], moment: Moment
) -> Sequence[SigningState]:
    states = await agreements.load(connection, asked, moment)
    return [
        SigningState(agreement=state, counting=await _counting(connection, ask, state.agreement, moment))
        for ask, state in zip(asked, states, strict=True)
    ]


async def _counting(
    connection: Connection, ask: InMarket[SignProposal], agreement: Agreement | None, moment: Moment
) -> Counting | None:
    """The market's lane has the same number as the agreement's and is not held: what is read of it, rule set
    and member, is what a posting of this moment would read."""
    terms = None if agreement is None else _binding(agreement, ask.argument)
    if agreement is None or terms is None:
        return None
    pictures = await load_pictures(connection, [(ask.lane, ask.market, agreement.seller)], moment)
    rule_set = pictures.markets[ask.market].rule_set
    member = pictures.members.get((ask.market, agreement.seller))
    if rule_set is None or rule_set.capacity is UNSET or member is None:
        return None
    found: tuple[Claim | ContractClaim, ...] = ()
    if terms.source is not UNSET:
        turn = await claims.read_in_turn(connection, [terms.source.facility], moment.now)
        found = turn.get(terms.source.facility, ())
    return Counting(
        rule=rule_set.capacity,
        seller=member.member,
        claims=tuple(each for each in found if not _is_of(each, agreement.agreement)),
    )


def _binding(agreement: Agreement, argument: SignProposal) -> AgreementTerms | None:
    """The terms that the caller, as seller, would be bound by; an order has counted those of a match."""
    if agreement.match is not None or agreement.table is None or not argument.binding:
        return None
    return agreement.table.terms if argument.caller.organisation == agreement.seller else None


def _is_of(claim: Claim | ContractClaim, agreement: UUID) -> bool:
    return isinstance(claim, ContractClaim) and claim.agreement == agreement


def decide(state: SigningState, argument: SignProposal, moment: Moment) -> Decision:
    """Raises Refusals: those of the signature first, then what the facility cannot make."""
    decision = rules.sign(state.agreement, argument, moment)
    if state.counting is None:
        return decision
    agreement = state.agreement.agreement
    assert agreement is not None
    assert agreement.table is not None
    count = _count(state.counting, agreement, agreement.table.terms, moment)
    return rules.sign(state.agreement, replace(argument, capacity=count), moment)


def _count(counting: Counting, agreement: Agreement, terms: AgreementTerms, moment: Moment) -> CapacityCount:
    """No quarters where nothing is named and the rule only flags. Raises Refusals."""
    today = day_of(moment.now)
    asked = contract_volume(terms, start_of(terms, agreement.starts_on, today), agreement.extensions)
    if terms.source is UNSET or asked is None:
        if counting.rule == "refuse":
            refuse([SourceMissing(pointer="/proposal")])
        return CapacityCount(rule=counting.rule, position=counting.seller.source_position)
    source = terms.source.facility
    site = next((each for each in counting.seller.facilities if each.facility == source), None)
    if site is None:
        raise Refusals((SourceNotOwned(pointer="/proposal"),))
    stands = None
    if agreement.standing is not None and agreement.status in BOUND and _same_source(agreement, source):
        bound = agreement.standing.terms
        stands = contract_volume(bound, start_of(bound, agreement.starts_on, today), agreement.extensions)
    return capacity_count(
        counting.rule, counting.seller, counting.claims, asked, stands, site.capacities, moment.now
    )


def _same_source(agreement: Agreement, facility: UUID) -> bool:
    source = agreement.terms.source
    return source is not UNSET and source.facility == facility


sign: Final = AgreementStep("agreement.sign", load, decide, touches=COUNTED)
