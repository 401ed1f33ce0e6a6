"""The history of an agreement, fact by fact, with times: as a list, and as a file for readers without an
account."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Annotated, Any, Final, Literal, Self, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta

from contracts.rules.agreement import Agreement
from contracts.rules.contests import is_contested
from contracts.store import agreement_events
from contracts.store import agreements as store
from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementExtended,
    AgreementProposed,
    AgreementSigned,
    AgreementTerminated,
    ConditionSettled,
    ContestSettled,
    DeclarationContested,
    ForceMajeureDeclared,
    ForceMajeureEnded,
    ProposalWithdrawn,
)
from events.contract_terms import AgreementStatus
from events.envelope import Recorded
from events.facts import LifecycleFact, PaymentFact
from events.payment_events import (
    PaymentDenied,
    PaymentReceived,
    PaymentReversed,
    PaymentStated,
    PaymentWithdrawn,
)
from events.vocabulary import INTEGER_MAX, Instant, Side
from market.http.agreements import own_lists
from market.http.agreements.agreement_answers import TAG
from market.http.agreements.agreement_views import Evidence, evidence_view
from market.http.agreements.contract_reads import ReasonedPage, as_party
from market.http.agreements.history_words import payment_sentence, sentence
from market.http.agreements.own_lists import FILES
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import EventId, PaymentId, to_text
from market.http.wire.material import Body
from market.http.wire.numbers import SIGNED_CENTS, SignedCents
from market.http.wire.paging import Listing
from market.http.wire.row_files import CSV, XLSX
from market.http.wire.row_tables import Column, FileFormat, member

AgreementStepKind = Literal[
    "drafted",
    "proposed",
    "proposal_withdrawn",
    "signed",
    "advanced",
    "condition_settled",
    "extended",
    "force_majeure_declared",
    "force_majeure_ended",
    "terminated",
    "contested",
    "contest_settled",
    "payment_stated",
    "payment_received",
    "payment_denied",
    "payment_withdrawn",
    "payment_reversed",
]
_KINDS: Final[dict[type[LifecycleFact | PaymentFact], AgreementStepKind]] = {
    AgreementDrafted: "drafted",
    AgreementProposed: "proposed",
    ProposalWithdrawn: "proposal_withdrawn",
    AgreementSigned: "signed",
    AgreementAdvanced: "advanced",
    ConditionSettled: "condition_settled",
    AgreementExtended: "extended",
    ForceMajeureDeclared: "force_majeure_declared",
    ForceMajeureEnded: "force_majeure_ended",
    AgreementTerminated: "terminated",
    DeclarationContested: "contested",
    ContestSettled: "contest_settled",
    PaymentStated: "payment_stated",
    PaymentReceived: "payment_received",
    PaymentDenied: "payment_denied",
    PaymentWithdrawn: "payment_withdrawn",
    PaymentReversed: "payment_reversed",
}
Place: TypeAlias = tuple[int, int]
"""Position in the lane, version of the agreement."""


class HistoryQuery(ReasonedPage, frozen=True, kw_only=True):
    format: Annotated[FileFormat, Meta(description="A file names documents by their hashes, in `told`.")] = (
        "json"
    )


class AgreementStepView(Body, frozen=True, kw_only=True):
    """One fact of an agreement. `at`: when it was recorded, which is when it counts; `by` is null for acts of
    the clock, the operator or the match. `told` is a sentence; `suspension` is the number of a force majeure.

    `version` is the agreement's version after the fact; payments do not change it. For a stated or received
    payment, `amount` is the part for invoices of this agreement; positive: the payer owes it.
    """

    version: int
    event: EventId
    at: Instant
    kind: AgreementStepKind
    by: Side | None
    told: str
    proposal: int | None
    status: AgreementStatus | None
    reason: str | None
    note: str | None
    suspension: int | None
    contest_by: Instant | None
    evidence: tuple[Evidence, ...]
    payment: PaymentId | None
    currency: str | None
    amount: SignedCents | None
    value_on: date | None

    @classmethod
    def of(cls, event: Recorded, version: int, agreement: Agreement) -> Self:
        fact: Any = event.data

        def found(name: str) -> Any:
            value = getattr(fact, name, None)
            return None if value is UNSET else value

        status: AgreementStatus | None = found("status")
        if isinstance(fact, AgreementTerminated):
            status = "terminated"
        return cls(
            version=version,
            event=to_text("evt", event.id),
            at=event.time,
            kind=_KINDS[type(fact)],
            by=agreement.side_of(event.actor),
            told=_told(fact, event, agreement),
            proposal=1 if isinstance(fact, AgreementDrafted) else found("proposal"),
            status=status,
            reason=found("reason"),
            note=found("note"),
            suspension=found("suspension"),
            contest_by=found("contest_by"),
            evidence=evidence_view(found("evidence") or ()),
            payment=to_text("pay", fact.payment) if isinstance(fact, PaymentFact) else None,
            currency=found("currency"),
            amount=SIGNED_CENTS.text_optional(_paid_cents(fact, agreement)),
            value_on=found("value_on"),
        )


def _told(fact: Any, event: Recorded, agreement: Agreement) -> str:
    if isinstance(fact, PaymentFact):
        payer = agreement.side_of(fact.payer)
        assert payer is not None, fact.payment
        return payment_sentence(fact, payer, _paid_cents(fact, agreement))
    return sentence(fact, event.time)


def _paid_cents(fact: Any, agreement: Agreement) -> int | None:
    """For invoices of the agreement; None of what is no statement and no receipt."""
    if not isinstance(fact, PaymentStated | PaymentReceived):
        return None
    return sum(part.amount_cents for part in fact.parts if part.agreement == agreement.agreement)


COLUMNS: Final[tuple[Column, ...]] = (
    member("version", number=True),
    *map(member, ("at", "by", "kind", "told")),
    member("proposal", number=True),
    *map(member, ("status", "reason", "note")),
    member("suspension", number=True),
    *map(member, ("contest_by", "event", "payment", "currency")),
    member("amount", number=True),
    member("value_on"),
)


@endpoint(
    "GET",
    "/v1/agreements/{agreement}/history",
    roles=READERS,
    summary="What was said of an agreement",
    tag=TAG,
    query=HistoryQuery,
    problems=(422,),
    answer=Listing[AgreementStepView],
    shapes=(CSV, XLSX),
    description="Every proposal, signature, step, declaration and contest in its order, and what was said of "
    "payments that name its invoices, with when it was recorded and by which side, from the events of the "
    "record, however old. Terms stand with the proposals, parts for invoices of other agreements with the "
    "payments. For both parties, an auditor with a reason, and, without payments, an operator with one while "
    f"a contest of force majeure or of a termination waits. {FILES}",
)
async def history(call: Call[Nothing, HistoryQuery]) -> Answer:
    agreement = await _readable(call)
    position, version = lists.after(call, tuple[int, int]) or (0, 0)
    place, limit = (agreement.lane, agreement.agreement), own_lists.rows_wanted(call)
    async with call.door.desk.looking() as connection:
        life = await agreement_events.load_life(
            connection, *place, after=position, to=INTEGER_MAX, limit=limit
        )
        paid: list[Recorded] = []
        if agreement.side_of(call.caller.organisation) is not None or "auditor" in call.caller.roles:
            paid = await agreement_events.load_payments(connection, *place, after=position, limit=limit)
    return await own_lists.answer(
        call,
        list(_numbered([*life, *paid], version))[:limit],
        key=_place,
        view=lambda row: AgreementStepView.of(row[1], row[0], agreement),
        name="history",
        columns=COLUMNS,
    )


def _numbered(events: Iterable[Recorded], version: int) -> Iterator[tuple[int, Recorded]]:
    """In the order of the lane; `version`: of the agreement before them."""
    for event in sorted(events, key=lambda each: each.position):
        version += not isinstance(event.data, PaymentFact)
        yield version, event


def _place(row: tuple[int, Recorded]) -> Place:
    return row[1].position, row[0]


async def _readable(call: Call[Nothing, HistoryQuery]) -> Agreement:
    """As `GET /v1/agreements/{id}` shows it. DoorError `not_found`."""
    named: UUID = call.ids["agreement"]
    async with as_party(call, operators=True) as (connection, organisation):
        agreement = await store.load_agreement(connection, organisation, named)
    if agreement is None:
        raise not_found()
    party = agreement.side_of(call.caller.organisation) is not None
    if not party and "auditor" not in call.caller.roles and not is_contested(agreement):
        raise not_found()
    return agreement


HANDLERS: Final = (history,)
