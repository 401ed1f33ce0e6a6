"""Warnings about force majeure or a termination by the quantities of the agreement's years."""

from typing import Any

from contracts.rules.declared import suspension_cautions, termination_cautions
from events.contract_events import AgreementTerminated, ForceMajeureDeclared
from market.http.agreements.contract_reads import load_with_volumes
from market.http.wire.endpoint import Call
from market.http.wire.receipts import Warned, unless_unread, warned


async def of_suspension(call: Call[Any, Any], fact: ForceMajeureDeclared) -> tuple[Warned, ...]:
    return await unless_unread(_of_suspension(call, fact))


async def of_termination(call: Call[Any, Any], fact: AgreementTerminated) -> tuple[Warned, ...]:
    return await unless_unread(_of_termination(call, fact))


async def _of_suspension(call: Call[Any, Any], fact: ForceMajeureDeclared) -> tuple[Warned, ...]:
    agreement, volumes = await load_with_volumes(call)
    return warned(suspension_cautions(agreement, volumes, fact, call.door.clock()))


async def _of_termination(call: Call[Any, Any], fact: AgreementTerminated) -> tuple[Warned, ...]:
    agreement, volumes = await load_with_volumes(call)
    return warned(termination_cautions(agreement, volumes, fact, call.door.clock()))
