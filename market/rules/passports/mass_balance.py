"""Accounts of mass balance (ISO 22095): claimed mass that came in and may be claimed for outputs until it
expires.

There is one account per facility, element and kind of claim. Both methods use it, so that changing the method
creates no claims: by credit, an output may claim any share that the account covers; by rolling average, never
more than the inputs of the current period carry.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from events.fractions import decimal_text, percent_text
from events.passport_terms import (
    CLAIM_KINDS,
    ClaimKind,
    CreditUse,
    MassBalanceLine,
    MassBalanceMethod,
)
from events.refusal import Refusal
from events.vocabulary import PPB
from market.rules.custody import Batch, claimed_ppb
from market.rules.element_masses import BALANCED, MG_PER_G, SCALE_PER_MG
from market.rules.refusing.passport_refusals import ClaimAboveInputs, CreditShort

USES_MAX = 1_024


class Credit(Struct, frozen=True, kw_only=True):
    """What an earlier transformation added to the account and is not used yet."""

    transformation: UUID
    expires_at: datetime
    remaining_mg: int


class Account(Struct, frozen=True, kw_only=True):
    """Sums over what has not expired; `credits` by expiry, those of them that hold something."""

    input_mg: int = 0
    claimed_mg: int = 0
    credits: tuple[Credit, ...] = ()


class Movement(Struct, frozen=True, kw_only=True):
    """One transformation at one facility."""

    transformation: UUID
    expires_at: datetime
    method: MassBalanceMethod
    inputs: tuple[Batch, ...]
    outputs: tuple[Batch, ...]


def move(
    movement: Movement, accounts: Mapping[tuple[str, ClaimKind], Account]
) -> tuple[list[Refusal], tuple[MassBalanceLine, ...]]:
    """Refusals if the outputs claim too much, else what is added to and taken from each account."""
    reasons: list[Refusal] = []
    lines = []
    for element in BALANCED:
        for claim in CLAIM_KINDS:
            account = accounts.get((element, claim), Account())
            line = _line(movement, element, claim)
            if movement.method == "rolling_average":
                reasons += _average_refusals(movement, line, account)
            wanted_mg = _claimed_mg_up(movement.outputs, element, claim)
            uses, available_mg = _uses(movement, line, account, wanted_mg)
            if wanted_mg > available_mg:
                reasons.append(
                    CreditShort(
                        pointer="/outputs",
                        element=element,
                        claim=claim,
                        wanted=decimal_text(wanted_mg, MG_PER_G),
                        available=decimal_text(available_mg, MG_PER_G),
                    )
                )
            if line.input_mg or uses:
                lines.append(
                    MassBalanceLine(
                        element=element,
                        claim=claim,
                        input_mg=line.input_mg,
                        claimed_mg=line.claimed_mg,
                        deposited_mg=line.deposited_mg,
                        uses=uses,
                    )
                )
    return reasons, tuple(lines)


def _line(movement: Movement, element: str, claim: ClaimKind) -> MassBalanceLine:
    """Claims of losses, and of an element not measured in an output, are lost with it. Inputs are rounded up,
    claims down."""
    whole = sum(each.masses[element].most for each in movement.inputs if element in each.masses)
    made = sum(each.masses[element].least for each in movement.outputs if element in each.masses)
    claimed = sum(each.claimed(element, claim) for each in movement.inputs)
    kept = claimed * min(made, whole) // whole if whole else 0
    return MassBalanceLine(
        element=element,
        claim=claim,
        input_mg=-(-whole // SCALE_PER_MG),
        claimed_mg=claimed // (SCALE_PER_MG * PPB),
        deposited_mg=kept // (SCALE_PER_MG * PPB),
    )


def _claimed_mg_up(outputs: Sequence[Batch], element: str, claim: ClaimKind) -> int:
    return -(-sum(each.claimed(element, claim) for each in outputs) // (SCALE_PER_MG * PPB))


def _uses(
    movement: Movement, line: MassBalanceLine, account: Account, wanted_mg: int
) -> tuple[tuple[CreditUse, ...], int]:
    """The credits to use, the earliest expiring first, and how much there is."""
    own = Credit(
        transformation=movement.transformation,
        expires_at=movement.expires_at,
        remaining_mg=line.deposited_mg,
    )
    held = sorted((*account.credits, own), key=lambda each: (each.expires_at, each.transformation))
    held = [each for each in held if each.remaining_mg][:USES_MAX]
    uses = []
    rest_mg = wanted_mg
    for each in held:
        if rest_mg == 0:
            break
        taken_mg = min(rest_mg, each.remaining_mg)
        uses.append(CreditUse(transformation=each.transformation, mass_mg=taken_mg))
        rest_mg -= taken_mg
    return tuple(uses), sum(each.remaining_mg for each in held)


def _average_refusals(movement: Movement, line: MassBalanceLine, account: Account) -> list[Refusal]:
    input_mg = account.input_mg + line.input_mg
    most_ppb = (account.claimed_mg + line.claimed_mg) * PPB // input_mg if input_mg else 0
    reasons: list[Refusal] = []
    for index, output in enumerate(movement.outputs):
        stated_ppb = claimed_ppb(output.content, line.element, line.claim)
        if stated_ppb > most_ppb:
            reasons.append(
                ClaimAboveInputs(
                    pointer=f"/outputs/{index}/recycled",
                    element=line.element,
                    claim=line.claim,
                    stated=percent_text(stated_ppb),
                    custody="rolling average",
                    most=percent_text(most_ppb),
                )
            )
    return reasons
