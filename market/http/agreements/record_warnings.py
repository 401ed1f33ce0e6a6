"""What terms are held against beside themselves: how their indices are published, what earlier years left."""

from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from contracts.rules.balances import balance_cautions
from contracts.rules.days import day_of
from contracts.rules.effective_days import ahead_cautions
from contracts.rules.index_units import clause_units, unit_cautions, unknown_cautions
from contracts.rules.volumes import Volumes
from contracts.store import indices
from events.contract_terms import AgreementTerms
from events.refusal import Caution
from market.http.agreements.contract_reads import load_with_volumes
from market.http.wire.endpoint import Call
from market.http.wire.reads import as_caller
from market.http.wire.receipts import Warned, unless_unread, warned

CODES_MAX: Final = 1_000
"""Of those that a code is held against which is not known."""


async def of_draft(call: Call[Any, Any], terms: AgreementTerms) -> tuple[Warned, ...]:
    return await unless_unread(_told(call, terms, None))


async def of_proposal(call: Call[Any, Any], terms: AgreementTerms) -> tuple[Warned, ...]:
    """Of the agreement in the path."""
    return await unless_unread(_amending(call, terms))


async def of_signature(call: Call[Any, Any], terms: AgreementTerms) -> tuple[Warned, ...]:
    return tuple(replace(each, pointer="/proposal") for each in await of_proposal(call, terms))


async def _amending(call: Call[Any, Any], terms: AgreementTerms) -> tuple[Warned, ...]:
    agreement, volumes = await load_with_volumes(call)
    fall = warned(_in_terms(ahead_cautions(agreement, terms, day_of(call.door.clock()))))
    return (*fall, *await _told(call, terms, volumes))


async def _told(call: Call[Any, Any], terms: AgreementTerms, volumes: Volumes | None) -> tuple[Warned, ...]:
    desk = call.door.desk
    places = {(desk.lane("contracts", each.code).lane, each.code) for each in clause_units(terms)}
    async with as_caller(call) as connection:
        units = await indices.load_units(connection, places)
        published = await indices.load_codes(connection, limit=CODES_MAX) if len(units) < len(places) else ()
    told = (
        unit_cautions(terms, units),
        unknown_cautions(terms, units, published),
        balance_cautions(terms, volumes),
    )
    return warned(_in_terms(*told))


def _in_terms(*cautions: Iterator[Caution]) -> Iterator[Caution]:
    for each in cautions:
        for caution in each:
            yield replace(caution, pointer=f"/terms{caution.pointer}")
