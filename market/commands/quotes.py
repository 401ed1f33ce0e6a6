"""Commands of quotes: record a question about the last completed round. The answer is computed from the
record."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from events.connections import Connection
from events.decision import Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit_alone
from market.commands.orders import load_posting, policies_of
from market.rules.orders.offers import PostSupply
from market.rules.orders.orders import PostingState
from market.rules.orders.requirements import PostRequirement
from market.rules.visibility import quotes as rules
from market.rules.visibility.quotes import AskQuote, LastRound, QuoteState
from market.store import clearings
from market.store import quotes as store


async def load(
    connection: Connection, asked: Sequence[InMarket[AskQuote]], moment: Moment
) -> Sequence[QuoteState | None]:
    """Alone on its lane, so one at a time. A lot that is reserved may be asked about."""
    states: list[QuoteState | None] = []
    for ask in asked:
        known = await _posting_state(connection, ask, moment)
        if known is None:
            states.append(None)
            continue
        asked_today = 0
        if known.member is not None:
            since = rules.midnight(moment.now)
            asked_today = await store.count_since(connection, ask.lane, ask.market, known.member.group, since)
        states.append(
            QuoteState(
                posting=replace(known, reservation=None),
                last_round=await last_round(connection, ask.market),
                asked=asked_today,
            )
        )
    return states


async def _posting_state(
    connection: Connection, ask: InMarket[AskQuote], moment: Moment
) -> PostingState | None:
    posting = ask.argument.posting
    where: dict[str, Any] = {"lane": ask.lane, "lanes": ask.lanes, "market": ask.market}
    if isinstance(posting, PostSupply):
        (known,) = await load_posting(connection, [InMarket(**where, argument=posting)], moment)
    else:
        (known,) = await load_posting(connection, [InMarket(**where, argument=posting)], moment)
    return known


async def last_round(connection: Connection, market: UUID) -> LastRound | None:
    row = await clearings.load_completed(connection, market)
    return None if row is None else LastRound(plan=row.plan, round=row.round)


ASK: Operation[InMarket[AskQuote], QuoteState | None] = in_market("quote.ask", load, rules.ask)
JUDGE: Operation[InMarket[AskQuote], QuoteState | None] = in_market("quote.judge", load, rules.judge)


async def ask(
    desk: Desk,
    posting: PostSupply | PostRequirement,
    *,
    market: UUID,
    request: Request | None = None,
    dry_run: bool = False,
) -> Answer:
    return await _submit(desk, ASK, posting, market, request, dry_run=dry_run)


async def judge(desk: Desk, posting: PostSupply | PostRequirement, *, market: UUID) -> None:
    """What keeps a draft with unread members from being asked about. Raises Refusals."""
    await _submit(desk, JUDGE, posting, market, None, dry_run=True)


async def _submit(
    desk: Desk,
    operation: Operation[InMarket[AskQuote], QuoteState | None],
    posting: PostSupply | PostRequirement,
    market: UUID,
    request: Request | None,
    *,
    dry_run: bool,
) -> Answer:
    under = policies_of(posting.draft) if isinstance(posting, PostRequirement) else ()
    return await submit_alone(
        desk,
        operation,
        AskQuote(posting=posting),
        market=market,
        beside=[desk.lane("parties", policy) for policy in under],
        request=request,
        dry_run=dry_run,
    )
