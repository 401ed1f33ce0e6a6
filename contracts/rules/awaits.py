"""What a delivery waits for: who has to act, by when, and what follows if nobody does."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct

from contracts.rules import non_arrivals, results, returns, weighings
from contracts.rules.agreement import SIDES, Agreement, other_side
from contracts.rules.calls import awaited
from contracts.rules.days import midnight
from contracts.rules.delivery import Delivery
from contracts.rules.prices import index_of
from contracts.rules.quotation import quotation_days
from events.vocabulary import Side

WhoActs: TypeAlias = Side | Literal["operator"]
DeliveryAct = Literal[
    "weigh",
    "answer_non_arrival",
    "settle_non_arrival",
    "object_to_mass",
    "settle_mass",
    "lodge_assay",
    "hand_in_umpire",
    "object_to_umpire",
    "accept_or_reject",
    "settle",
    "answer_return",
    "bring_return_to_operator",
    "settle_return",
]
Consequence = Literal[
    "deemed_weighed",
    "deemed_accepted",
    "lost_as_declared",
    "figure_stands",
    "others_figures_bind",
    "operator_may_be_asked",
    "stays_open",
]
OPERATOR: Final[tuple[WhoActs, ...]] = ("operator",)


class Wait(Struct, frozen=True, kw_only=True):
    """`side` may act, until `by` if a time is set; `consequence`: what follows if it does not."""

    side: WhoActs
    act: DeliveryAct
    by: datetime | None = None
    consequence: Consequence = "stays_open"


def waits(agreement: Agreement, delivery: Delivery, now: datetime, *, invoiced: bool) -> tuple[Wait, ...]:
    """`invoiced`: there is an invoice besides the provisional one. Waiting only for the clock or an index is
    not listed."""
    match delivery.status:
        case "shipped":
            found = _arrival(delivery, now)
        case "weighed":
            found = (*_mass(agreement, delivery, now), *_assays(agreement, delivery, now))
        case "before_umpire":
            found = (*_mass(agreement, delivery, now), *_umpire(agreement, delivery))
        case "assayed":
            found = (*_mass(agreement, delivery, now), *_judgement(delivery, now))
        case "accepted" | "lost":
            found = (*_return(delivery, now), *_invoice(agreement, delivery, now, invoiced=invoiced))
        case _:
            found = ()
    return tuple(found)


def _arrival(delivery: Delivery, now: datetime) -> tuple[Wait, ...]:
    if non_arrivals.is_operators(delivery):
        return (Wait(side="operator", act="settle_non_arrival"),)
    if delivery.missing_pending and delivery.missing is not UNSET:
        answer_by = delivery.missing.contest_by
        return (Wait(side="seller", act="answer_non_arrival", by=answer_by, consequence="lost_as_declared"),)
    weighing = awaited(delivery, now)
    by = None if weighing is None else weighing.act_by
    return (Wait(side="buyer", act="weigh", by=by, consequence="deemed_weighed"),)


def _mass(agreement: Agreement, delivery: Delivery, now: datetime) -> Iterator[Wait]:
    if delivery.mass_contested:
        yield from _settles(OPERATOR if weighings.is_operators(agreement, delivery) else SIDES, "settle_mass")
        return
    until = weighings.open_until(delivery, now)
    if until is not None:
        settled = delivery.mass_settled
        handed_in = "buyer" if settled is UNSET or settled.by is UNSET else settled.by
        side = other_side(handed_in)
        yield Wait(side=side, act="object_to_mass", by=until, consequence="figure_stands")


def _assays(agreement: Agreement, delivery: Delivery, now: datetime) -> Iterator[Wait]:
    assert delivery.weighed is not None
    by = delivery.weighed.exchange_by
    if not agreement.terms_on(delivery.shipped.shipped_on).assay.splitting or now >= by:
        return
    for side in SIDES:
        if delivery.lodged(side) is None:
            yield Wait(side=side, act="lodge_assay", by=by, consequence="others_figures_bind")


def _umpire(agreement: Agreement, delivery: Delivery) -> Iterator[Wait]:
    yield from _settles(OPERATOR if results.is_operators(agreement, delivery) else SIDES, "hand_in_umpire")


def _judgement(delivery: Delivery, now: datetime) -> Iterator[Wait]:
    """The other side's objection to the umpire's figures, and the buyer's decision, unless an open objection
    prevents it."""
    umpire = delivery.umpire
    until = UNSET if umpire is None else umpire.object_by
    if umpire is not None and umpire.by is not UNSET and until is not UNSET and now < until:
        side = other_side(umpire.by)
        yield Wait(side=side, act="object_to_umpire", by=until, consequence="figure_stands")
    if results.objection_refusals(delivery, "buyer", now) or weighings.mass_refusals(delivery, "buyer", now):
        return
    judging = awaited(delivery, now)
    if judging is not None:
        yield Wait(side="buyer", act="accept_or_reject", by=judging.act_by, consequence="deemed_accepted")


def _return(delivery: Delivery, now: datetime) -> Iterator[Wait]:
    returning = delivery.returning
    if returning is None:
        return
    declared, contested = returning.declared, returning.contested
    answers = other_side(declared.by)
    if returns.is_operators(delivery):
        yield Wait(side="operator", act="settle_return")
    by = None if declared.answer_by is UNSET else declared.answer_by
    if contested is None:
        consequence: Consequence = "stays_open" if by is None else "operator_may_be_asked"
        yield Wait(side=answers, act="answer_return", by=by, consequence=consequence)
        if by is not None and now >= by:
            yield Wait(side=declared.by, act="bring_return_to_operator")


def _invoice(agreement: Agreement, delivery: Delivery, now: datetime, *, invoiced: bool) -> Iterator[Wait]:
    """Either side can request the final invoice once its quotation period is over."""
    if invoiced or delivery.taken_g is None:
        return
    shipped_on = delivery.shipped.shipped_on
    reference = index_of(agreement.terms_on(shipped_on).price)
    if reference is not None and now < midnight(quotation_days(reference.quotation_period, shipped_on).end):
        return
    for side in SIDES:
        yield Wait(side=side, act="settle")


def _settles(who: tuple[WhoActs, ...], act: DeliveryAct) -> Iterator[Wait]:
    for side in who:
        yield Wait(side=side, act=act)
