"""What was said of an agreement and when, fact by fact: as a page, and as a file for who has no account."""

from typing import Annotated, Any, Final, Literal, Self, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta

from contracts.rules.agreement import Agreement, LifecycleFact
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
from events.vocabulary import Instant, Side
from market.http.agreements import own_lists
from market.http.agreements.agreement_answers import TAG
from market.http.agreements.agreement_views import Evidence, evidence_view
from market.http.agreements.contract_reads import ReasonedPage, as_party
from market.http.agreements.history_words import sentence
from market.http.agreements.own_lists import FILES
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import EventId, to_text
from market.http.wire.material import Body
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
]
_KINDS: Final[dict[type[LifecycleFact], AgreementStepKind]] = {
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
}
Place: TypeAlias = tuple[int, int]
"""Position in the lane, version of the agreement."""


class HistoryQuery(ReasonedPage, frozen=True, kw_only=True):
    format: Annotated[FileFormat, Meta(description="A file names documents by their hashes, in `told`.")] = (
        "json"
    )


class AgreementStepView(Body, frozen=True, kw_only=True):
    """One fact of an agreement. `at`: when it was recorded, which is when it counts; `by` is null for what
    the clock, the operator or the match did. `told` says it in words; `suspension` numbers force majeure.

    `version` is that of the agreement from here on.
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
            told=sentence(fact, event.time),
            proposal=1 if isinstance(fact, AgreementDrafted) else found("proposal"),
            status=status,
            reason=found("reason"),
            note=found("note"),
            suspension=found("suspension"),
            contest_by=found("contest_by"),
            evidence=evidence_view(found("evidence") or ()),
        )


COLUMNS: Final[tuple[Column, ...]] = (
    member("version", number=True),
    *map(member, ("at", "by", "kind", "told", "proposal", "status", "reason", "note", "suspension")),
    *map(member, ("contest_by", "event")),
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
    description="Every proposal, signature, step, declaration and contest in its order, with when it was "
    "recorded and by which side, from the events of the record, however old. Terms stand with the "
    "proposals. For both parties, an auditor with a reason, and an operator with one while a contest of "
    f"force majeure or of a termination waits. {FILES}",
)
async def history(call: Call[Nothing, HistoryQuery]) -> Answer:
    agreement = await _readable(call)
    position, version = lists.after(call, tuple[int, int]) or (0, 0)
    async with call.door.desk.looking() as connection:
        events = await agreement_events.load_life(
            connection,
            agreement.lane,
            agreement.agreement,
            after=position,
            to=agreement.position,
            limit=own_lists.page_limit(call) + 1,
        )
    return await own_lists.answer(
        call,
        list(enumerate(events, version + 1)),
        key=_place,
        view=lambda row: AgreementStepView.of(row[1], row[0], agreement),
        name="history",
        columns=COLUMNS,
    )


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
