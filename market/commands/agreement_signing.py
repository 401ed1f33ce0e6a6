"""Signing an agreement: if the seller signs as binding, the capacity of its facility is checked."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts.commands import agreements
from contracts.commands.steps import AgreementStep
from contracts.rules import agreements as rules
from contracts.rules.agreement import BOUND, Agreement
from contracts.rules.agreements import SignProposal
from contracts.rules.days import day_of
from contracts.rules.effective_days import AmendingState
from contracts.rules.refusals import SourceMissing, SourceNotOwned
from events.capacity_terms import CapacityCount, CapacityRule
from events.connections import Connection
from events.contract_terms import AgreementTerms
from events.decision import Decision, Moment
from events.desk import InMarket
from events.market_terms import Member
from events.refusal import Refusals, refuse
from market.commands.counting import COUNTED
from market.rules.orders.agreement_counting import (
    capacity_count,
    contract_volume,
    contract_years,
    matched_claim,
    start_of,
    without,
)
from market.rules.refusing.refusals import NotAMember
from market.rules.twins.committed import (
    Claim,
    ContractClaim,
    ContractVolume,
    ContractYears,
    OrderVolume,
    matched_years,
)
from market.store import claims, members
from market.store.posting import load_pictures


class Counting(Struct, frozen=True, kw_only=True):
    """The market's capacity rule, the seller's copy in the market, and all claims on the facility named by
    the terms, or by the order of their match."""

    rule: CapacityRule
    seller: Member
    facility: UUID | None
    claims: tuple[Claim | ContractClaim, ...] = ()


class SigningState(Struct, frozen=True, kw_only=True):
    """`has_left`: the signer has left the market. `counting`: set if a seller signs as binding and the market
    checks capacities."""

    agreement: AmendingState
    has_left: bool = False
    counting: Counting | None = None


async def load(
    connection: Connection, asked: Sequence[InMarket[SignProposal]], moment: Moment
) -> Sequence[SigningState]:
    states = await agreements.load_amending(connection, asked, moment)
    return [
        SigningState(
            agreement=state,
            has_left=await _has_left(connection, ask),
            counting=await _counting(connection, ask, state.agreement, moment),
        )
        for ask, state in zip(asked, states, strict=True)
    ]


async def _has_left(connection: Connection, ask: InMarket[SignProposal]) -> bool:
    """Leaving a market locks the agreement's lane too, so nobody can leave meanwhile."""
    signer = ask.argument.caller.organisation
    row = (await members.load_some(connection, ask.lane, ask.market, [signer])).get(signer)
    return row is not None and row.left_time is not None


async def _counting(
    connection: Connection, ask: InMarket[SignProposal], agreement: Agreement | None, moment: Moment
) -> Counting | None:
    """The market's lane, with the same number as the agreement's, is not locked: rule set and member are read
    as a posting at this moment would read them."""
    terms = None if agreement is None else _binding(agreement, ask.argument)
    if agreement is None or terms is None:
        return None
    pictures = await load_pictures(connection, [(ask.lane, ask.market, agreement.seller)], moment)
    rule_set = pictures.markets[ask.market].rule_set
    member = pictures.members.get((ask.market, agreement.seller))
    if rule_set is None or rule_set.capacity is UNSET or member is None:
        return None
    counting = Counting(rule=rule_set.capacity, seller=member.member, facility=None)
    facility = _facility(terms)
    if agreement.match is not None:
        facility = await claims.facility_of_match(connection, ask.lane, ask.market, agreement.match)
    if facility is None:
        return counting
    turn = await claims.read_in_turn(connection, [facility], moment.now)
    return replace(counting, facility=facility, claims=turn.get(facility, ()))


def _binding(agreement: Agreement, argument: SignProposal) -> AgreementTerms | None:
    """The terms that would bind the caller as seller; None for a spot contract, since its order was already
    checked."""
    if agreement.table is None or not argument.binding:
        return None
    if agreement.match is not None and agreement.kind == "spot":
        return None
    return agreement.table.terms if argument.caller.organisation == agreement.seller else None


def decide(state: SigningState, argument: SignProposal, moment: Moment) -> Decision:
    """Raises Refusals: first those of the signature, then those because of capacity."""
    decision = rules.sign(state.agreement, argument, moment)
    if state.has_left and argument.binding:
        raise NotAMember
    if state.counting is None:
        return decision
    agreement = state.agreement.agreement
    assert agreement is not None
    assert agreement.table is not None
    count = _count(state.counting, agreement, agreement.table.terms, moment)
    return rules.sign(state.agreement, replace(argument, capacity=count), moment)


def _count(
    counting: Counting, agreement: Agreement, terms: AgreementTerms, moment: Moment
) -> CapacityCount | UnsetType:
    """The check's result; without quarters if no facility is named and the rule only flags; UNSET if the
    contract of a match needs no more than was checked before. Raises Refusals."""
    asked, stands = _volumes(counting, agreement, terms, day_of(moment.now))
    site = next((each for each in counting.seller.facilities if each.facility == counting.facility), None)
    if agreement.match is None and asked is None:
        if counting.rule == "refuse":
            refuse([SourceMissing(pointer="/proposal")])
        return CapacityCount(rule=counting.rule, position=counting.seller.source_position)
    if agreement.match is None and site is None:
        raise Refusals((SourceNotOwned(pointer="/proposal"),))
    if asked is None or site is None:
        return UNSET
    others = without(counting.claims, agreement.agreement, agreement.match)
    count = capacity_count(counting.rule, counting.seller, others, asked, stands, site.capacities, moment.now)
    return count if count.quarters or agreement.match is None else UNSET


def _volumes(
    counting: Counting, agreement: Agreement, terms: AgreementTerms, today: date
) -> tuple[ContractVolume | OrderVolume | None, ContractVolume | OrderVolume | None]:
    """What the terms need from the facility, and what of it was checked before."""
    bound = agreement.standing.terms if agreement.standing and agreement.status in BOUND else None

    def years(of: AgreementTerms) -> ContractYears:
        return contract_years(of, start_of(of, agreement.starts_on, today), agreement.extensions)

    if agreement.match is None:
        asked, stands = (None if of is None else contract_volume(of, years(of)) for of in (terms, bound))
        same = bound is not None and _facility(bound) == counting.facility
        return asked, stands if same else None
    found = matched_claim(counting.claims, agreement.match)
    if found is None:
        return None, None
    order, taken = found
    kept = matched_years(order, taken.quantity_g) if bound is None else years(bound)
    return OrderVolume(terms=order, years=years(terms)), OrderVolume(terms=order, years=kept)


def _facility(terms: AgreementTerms) -> UUID | None:
    return None if terms.source is UNSET else terms.source.facility


sign: Final = AgreementStep("agreement.sign", load, decide, touches=COUNTED)
