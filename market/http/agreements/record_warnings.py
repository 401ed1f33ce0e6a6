"""Warnings about terms by other data: published indices, balances of earlier years, the parties, the market's
reference price."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias
from uuid import UUID

from msgspec.structs import replace

from contracts.rules.balances import balance_cautions
from contracts.rules.cautions import reference_cautions, umpire_is_party
from contracts.rules.days import day_of
from contracts.rules.effective_days import ahead_cautions
from contracts.rules.index_units import clause_units, unit_cautions, unknown_cautions
from contracts.rules.volumes import Volumes
from contracts.store import indices
from events.contract_events import AgreementDrafted
from events.contract_terms import AgreementTerms
from events.price_clauses import MatchedPrice
from events.refusal import Caution
from events.vocabulary import Side
from market.http.agreements.contract_reads import load_with_volumes
from market.http.agreements.index_warnings import CODES_MAX
from market.http.wire.endpoint import Call
from market.http.wire.ids import to_text
from market.http.wire.reads import as_caller, as_desk
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.parties.alike_names import reading_of
from market.rules.references import trade_reference
from market.store import markets, party_reads
from market.store.inputs import load_inputs

Sides: TypeAlias = tuple[tuple[Side, UUID], ...]


async def of_draft(call: Call[Any, Any], fact: AgreementDrafted) -> tuple[Warned, ...]:
    sides: Sides = (("seller", fact.seller), ("buyer", fact.buyer))
    return await unless_unread(_told(call, fact.terms, None, fact.market, sides))


async def of_proposal(call: Call[Any, Any], terms: AgreementTerms) -> tuple[Warned, ...]:
    """Of the agreement in the path."""
    return await unless_unread(_amending(call, terms))


async def of_signature(call: Call[Any, Any], terms: AgreementTerms) -> tuple[Warned, ...]:
    return tuple(replace(each, pointer="/proposal") for each in await of_proposal(call, terms))


async def _amending(call: Call[Any, Any], terms: AgreementTerms) -> tuple[Warned, ...]:
    agreement, volumes = await load_with_volumes(call)
    fall = warned(_in_terms(ahead_cautions(agreement, terms, day_of(call.door.clock()))))
    sides: Sides = (("seller", agreement.seller), ("buyer", agreement.buyer))
    return (*fall, *await _told(call, terms, volumes, agreement.market, sides))


async def _told(
    call: Call[Any, Any], terms: AgreementTerms, volumes: Volumes | None, market: UUID, sides: Sides
) -> tuple[Warned, ...]:
    desk = call.door.desk
    places = {(desk.lane("contracts", each.code).lane, each.code) for each in clause_units(terms)}
    async with as_caller(call) as connection:
        units = await indices.load_units(connection, places)
        published = await indices.load_codes(connection, limit=CODES_MAX) if len(units) < len(places) else ()
    told = (
        unit_cautions(terms, units),
        unknown_cautions(terms, units, published),
        balance_cautions(terms, volumes),
        await _umpire(call, terms, sides),
        await _reference(call, terms, market),
    )
    return warned(_in_terms(*told))


async def _umpire(call: Call[Any, Any], terms: AgreementTerms, sides: Sides) -> list[Caution]:
    """Named by a party's id, or by what reads as its registered name."""
    umpire = terms.assay.umpire
    found: list[Caution] = []
    async with as_desk(call) as connection:
        for side, each in sides:
            known = await party_reads.load_organisation(connection, each)
            name = to_text("org", each) if known is None else known.name
            if reading_of(umpire) in {reading_of(name), reading_of(to_text("org", each))}:
                found.append(umpire_is_party(side, name))
    return found


async def _reference(call: Call[Any, Any], terms: AgreementTerms, market: UUID) -> Iterable[Caution]:
    if isinstance(terms.price, MatchedPrice):
        return ()
    async with as_desk(call) as connection:
        row = await markets.load_market(connection, market)
        inputs = {} if row is None else await load_inputs(connection, row.lane, [market])
    found = trade_reference(inputs[market], terms.product.basis) if market in inputs else None
    if found is None:
        return ()
    return reference_cautions(terms, f"{found.code} as of {found.as_of}", found.ueur_per_kg)


def _in_terms(*cautions: Iterable[Caution]) -> Iterator[Caution]:
    for each in cautions:
        for caution in each:
            yield replace(caution, pointer=f"/terms{caution.pointer}")
