"""Open disputes between the sides of agreements, for operators: the oldest first."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta

from contracts.rules.open_contests import ContestKind, operator_may_settle
from contracts.store import contests as store
from contracts.store.contests import ListedContest
from events.vocabulary import Instant
from market.http.agreements.agreement_answers import TAG
from market.http.wire import lists
from market.http.wire.access import OPERATORS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.ids import AgreementId, DeliveryId, MarketId, OrganisationId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.reads import as_desk
from market.store.reading import page


class ContestsQuery(PageQuery, frozen=True, kw_only=True):
    kind: ContestKind | None = None


class OpenContestView(Body, frozen=True, kw_only=True):
    """`delivery` null: the dispute is about a declaration; its `suspension` is the number of a force majeure,
    null: the termination."""

    kind: Annotated[
        ContestKind,
        Meta(
            description="declaration: force majeure or a termination; mass: what a lot weighs; assay: one "
            "that is before its umpire; non_arrival: whether a lot was lost; "
            "return: whether an accepted lot goes back."
        ),
    ]
    market: MarketId
    agreement: AgreementId
    seller: OrganisationId
    buyer: OrganisationId
    suspension: int | None
    delivery: DeliveryId | None
    contested_at: Instant
    operator_may_settle: Annotated[
        bool,
        Meta(description="Whether its sides come no further by themselves, or a tribunal may have spoken."),
    ]

    @classmethod
    def of(cls, row: ListedContest) -> "OpenContestView":
        of, agreement, declared = row.contested, row.agreement, row.delivery is None
        return cls(
            kind=of.kind,
            market=to_text("mkt", agreement.market),
            agreement=to_text("agr", agreement.agreement),
            seller=to_text("org", agreement.seller),
            buyer=to_text("org", agreement.buyer),
            suspension=of.number if declared and of.number else None,
            delivery=None if declared else to_text("del", of.subject),
            contested_at=row.since,
            operator_may_settle=operator_may_settle(of.kind, agreement, row.delivery),
        )


@endpoint(
    "GET",
    "/v1/contests",
    roles=OPERATORS,
    summary="List what two sides differ on and nobody has settled",
    tag=TAG,
    query=ContestsQuery,
    answer=Listing[OpenContestView],
    description="Of all agreements, the oldest first; a side's reasons and documents stand with the "
    "agreement or the delivery, which an operator reads with a `reason`.",
)
async def index(call: Call[Nothing, ContestsQuery]) -> Answer:
    limit, after = lists.limit(call), lists.after(call, tuple[datetime, UUID, str, int])
    async with as_desk(call) as connection:
        rows = await store.list_open(connection, call.query.kind, after=after, limit=limit + 1)
    return lists.answer(call, page(rows, limit), key=lambda row: row.key, view=OpenContestView.of)


HANDLERS: Final = (index,)
