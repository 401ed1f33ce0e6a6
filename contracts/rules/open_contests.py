"""Open disputes between the sides of an agreement, from the fact that begins one to the fact that settles
it."""

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from contracts.rules import non_arrivals, results, returns, weighings
from contracts.rules.agreement import Agreement
from contracts.rules.delivery import Delivery
from events.contract_events import ContestSettled, DeclarationContested
from events.delivery_events import (
    AssaysExchanged,
    DeliveryWeighed,
    NonArrivalContested,
    NonArrivalSettled,
    ReturnContested,
    ReturnSettled,
    UmpireDecided,
    UmpireObjected,
    WeighingObjected,
    WeighingSettled,
)

ContestKind = Literal["declaration", "mass", "assay", "non_arrival", "return"]
"""Force majeure or a termination · the mass received · an assay before its umpire · a lot that never came · a
return."""
KINDS: Final[tuple[ContestKind, ...]] = ("declaration", "mass", "assay", "non_arrival", "return")
ContestFact: TypeAlias = (
    DeclarationContested
    | ContestSettled
    | WeighingObjected
    | WeighingSettled
    | DeliveryWeighed
    | AssaysExchanged
    | UmpireObjected
    | UmpireDecided
    | NonArrivalContested
    | NonArrivalSettled
    | ReturnContested
    | ReturnSettled
)


class Contested(Struct, frozen=True):
    """`subject`: the agreement of a declaration, else the delivery. `number`: of the force majeure; 0 for
    other disputes."""

    kind: ContestKind
    subject: UUID
    number: int = 0


def changes(fact: ContestFact) -> Iterator[tuple[Contested, bool]]:
    """The disputes that a fact begins (True) or ends, if they were open. A weighing ends a non-arrival, and
    an objection to an earlier weighing."""
    match fact:
        case DeclarationContested() | ContestSettled():
            declared = Contested("declaration", fact.agreement, fact.suspension or 0)
            yield declared, isinstance(fact, DeclarationContested)
        case WeighingObjected() | WeighingSettled():
            yield Contested("mass", fact.delivery), isinstance(fact, WeighingObjected)
        case DeliveryWeighed():
            yield Contested("mass", fact.delivery), False
            yield Contested("non_arrival", fact.delivery), False
        case AssaysExchanged():
            if fact.to_umpire:
                yield Contested("assay", fact.delivery), True
        case UmpireObjected() | UmpireDecided():
            yield Contested("assay", fact.delivery), isinstance(fact, UmpireObjected)
        case NonArrivalContested() | NonArrivalSettled():
            yield Contested("non_arrival", fact.delivery), isinstance(fact, NonArrivalContested)
        case ReturnContested() | ReturnSettled():
            yield Contested("return", fact.delivery), isinstance(fact, ReturnContested)


def operator_may_settle(kind: ContestKind, agreement: Agreement, delivery: Delivery | None) -> bool:
    """Whether the operator may settle an open dispute. Without a delivery it is about a declaration: always
    possible, with a tribunal's decision."""
    if delivery is None or kind == "declaration":
        return True
    if kind == "assay":
        return results.is_operators(agreement, delivery)
    if kind == "mass":
        return weighings.is_operators(agreement, delivery)
    return returns.is_operators(delivery) if kind == "return" else non_arrivals.is_operators(delivery)
