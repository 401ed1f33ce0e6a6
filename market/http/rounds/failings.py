"""Who declined matches of a market or let them lapse: operators and auditors see all, others themselves."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from events.vocabulary import Instant
from market.http.rounds.markets import load as load_market
from market.http.wire import lists
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.ids import OrganisationId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.reads import as_desk, own
from market.http.wire.receipts import Warned, unless_unread, warned
from market.rules.book import rule_set_at
from market.rules.reliability import decline_cautions, firm_only_until
from market.store import inputs, matches
from market.store import members as store
from market.store.members import FailedRow

TAG: Final = "Markets"


class FailingsView(Body, frozen=True, kw_only=True):
    """Matches that a member declined or let lapse within the last 90 days, and those of its whole group.

    From two of the group on, its members may only post and amend firm orders, until `firm_only_until`; if the
    rule set has `conditional_orders_rest`, their orders subject to confirmation are not eligible until then,
    but may be amended to firm.
    """

    organisation: OrganisationId
    name: str
    group: OrganisationId
    failings: int
    group_failings: int
    firm_only_until: Instant | None

    @classmethod
    def of(cls, row: FailedRow, now: datetime) -> "FailingsView":
        return cls(
            organisation=to_text("org", row.member.organisation),
            name=row.member.name,
            group=to_text("org", row.member.group),
            failings=row.failings,
            group_failings=row.of_group,
            firm_only_until=firm_only_until(row.newest, now),
        )


@endpoint(
    "GET",
    "/v1/markets/{market}/failings",
    roles=READERS,
    summary="List who declined matches or let them lapse",
    tag=TAG,
    query=PageQuery,
    answer=Listing[FailingsView],
    description="Of the last 90 days. Operators and auditors see every member with any, everybody else their "
    "own line.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    market = await load_market(call)
    now = call.door.clock()
    async with as_desk(call) as connection:
        page = await store.list_failed(
            connection,
            market.lane,
            market.market,
            own(call.caller),
            at=now,
            after=lists.after(call, UUID),
            limit=lists.limit(call),
        )
    return lists.answer(
        call,
        page,
        key=lambda row: row.member.organisation,
        view=lambda row: FailingsView.of(row, now),
    )


async def decline_warnings(call: Call[Any, Any]) -> tuple[Warned, ...]:
    """Of the match of the path, which the caller declines or has declined; the other side's answer changes
    nothing of them."""
    return await unless_unread(_of_decline(call))


async def _of_decline(call: Call[Any, Any]) -> tuple[Warned, ...]:
    now = call.door.clock()
    async with as_desk(call) as connection:
        match = await matches.load_match(connection, call.caller.organisation, call.ids["match"])
        if match is None:
            return ()
        lane, market = match.lane, match.match.struck.market
        page = await store.list_failed(
            connection, lane, market, call.caller.organisation, at=now, after=None, limit=1
        )
        rule_sets = await inputs.load_rule_sets(connection, lane, [market])
    (row,) = page.items
    rule_set = rule_set_at(rule_sets[market], now)
    rests = rule_set is not None and rule_set.conditional_orders_rest is True
    others = row.newest if match.status == "open" else row.newest[1:]
    return warned(decline_cautions(others, now, rests=rests))


HANDLERS: Final = (index,)
