"""Warnings to the sides of an agreement about waste: permits that the buyer lacks at signature, and on the
day of shipment."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from contracts.rules.agreement import Agreement
from contracts.rules.agreements import end_of
from contracts.rules.days import day_of
from events.connections import Connection
from events.contract_terms import AgreementTerms
from events.market_terms import Member
from market.http.agreements.contract_reads import load
from market.http.wire.endpoint import Call
from market.http.wire.reads import as_desk
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules import agreed_waste
from market.rules.agreed_waste import AgreedWaste, paper_cautions, unstated_cautions
from market.store import matches, members, requirements, supplies

IN_TERMS: Final = "/terms/product/waste"


async def of_draft(
    call: Call[Any, Any], market: UUID, seller: UUID, buyer: UUID, terms: AgreementTerms
) -> tuple[Warned, ...]:
    """Missing permits are only shown to the buyer: otherwise a seller could query those of strangers by
    drafting."""
    shown = call.caller.organisation == buyer
    return await unless_unread(_of_terms(call, market, (seller, buyer), None, terms, IN_TERMS, shown=shown))


async def of_proposal(call: Call[Any, Any], terms: AgreementTerms) -> tuple[Warned, ...]:
    """Of the agreement in the path; as of a draft."""
    return await unless_unread(_of_agreement(call, terms, None, IN_TERMS))


async def of_signature(call: Call[Any, Any], terms: AgreementTerms, proposal: int) -> tuple[Warned, ...]:
    """For a signed proposal: the seller is warned too once the buyer has proposed or signed it."""
    return await unless_unread(_of_agreement(call, terms, proposal, "/proposal"))


async def _of_agreement(
    call: Call[Any, Any], terms: AgreementTerms, proposal: int | None, pointer: str
) -> tuple[Warned, ...]:
    agreement = await load(call)
    parties = agreement.seller, agreement.buyer
    shown = call.caller.organisation == agreement.buyer or _by_buyer(agreement, proposal)
    return await _of_terms(call, agreement.market, parties, agreement.match, terms, pointer, shown=shown)


def _by_buyer(agreement: Agreement, number: int | None) -> bool:
    """Whether the buyer has proposed, signed or confirmed what the proposal says."""
    return any(
        each is not None and each.number == number and (each.by != "seller" or each.buyer is not None)
        for each in (agreement.table, agreement.standing)
    )


async def _of_terms(
    call: Call[Any, Any],
    market: UUID,
    parties: tuple[UUID, UUID],
    match: UUID | None,
    terms: AgreementTerms,
    pointer: str,
    *,
    shown: bool,
) -> tuple[Warned, ...]:
    """As papers stand on the first day of the terms, today at the earliest; `shown`: to the caller."""
    async with as_desk(call) as connection:
        waste, buyer = await _waste(connection, market, parties, match, terms)
    if buyer is None:
        return ()
    if waste is None:
        return warned(unstated_cautions(terms.product.form, pointer)) if match is None else ()
    if not shown:
        return ()
    today = day_of(call.door.clock())
    first = max(today, terms.term.starts_on or today)
    return warned(paper_cautions(waste, buyer, first, until=end_of(terms, first, 0), pointer=pointer))


async def of_delivery(
    call: Call[Any, Any], agreement: Agreement, shipped_on: date, pointer: str
) -> tuple[Warned, ...]:
    """Papers of the day shipped, as the market knows them now."""
    terms, parties = agreement.terms_on(shipped_on), (agreement.seller, agreement.buyer)
    async with as_desk(call) as connection:
        waste, buyer = await _waste(connection, agreement.market, parties, agreement.match, terms)
    if waste is None or buyer is None:
        return ()
    return warned(paper_cautions(waste, buyer, shipped_on, pointer=pointer))


async def _waste(
    connection: Connection,
    market: UUID,
    parties: tuple[UUID, UUID],
    match: UUID | None,
    terms: AgreementTerms,
) -> tuple[AgreedWaste | None, Member | None]:
    """What the terms say of waste, else the orders of their match; and the buyer as its market knows it."""
    rows = [await members.load_member(connection, market, each) for each in parties]
    if rows[0] is None or rows[1] is None:
        return None, None
    seller, buyer = rows[0].member, rows[1].member
    stated = agreed_waste.of_terms(terms, seller, buyer)
    place = None if stated is not None or match is None else await matches.locate(connection, None, match)
    if place is None:
        return stated, buyer
    sold = await supplies.load_orders(connection, [(place.lane, place.market, place.supply)])
    bought = await requirements.load_orders(connection, [(place.lane, place.market, place.requirement)])
    supply, requirement = sold[place.supply].order.terms, bought[place.requirement].order.terms
    return agreed_waste.of_match(supply, requirement, seller, buyer), buyer
