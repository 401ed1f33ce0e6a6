"""Matches: read one's side with its explanation, confirm, decline. Answers are sealed until both are in."""

from collections.abc import Iterable
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta

from events.connections import Connection
from events.market_events import MatchAnswered, MatchConfirmed
from events.market_terms import Member
from events.vocabulary import CODE_PATTERN, Side
from market.commands import matches as commands
from market.http.rounds.failings import decline_warnings
from market.http.rounds.match_views import MatchView, overseer_view, party_view
from market.http.wire import lists, reads
from market.http.wire.access import READERS, TRADERS
from market.http.wire.endpoint import Answer, Call, DryRun, Nothing, endpoint, not_found
from market.http.wire.ids import MarketId, MatchId, to_text, to_uuid
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller, as_desk, own, viewer
from market.http.wire.receipts import Accepted, done
from market.rules.matches import MatchStatus
from market.rules.refusing.wording import ONE_LINE
from market.rules.visibility.explanations import MatchExplanation, match_explanation
from market.rules.visibility.own_side import OwnExplanation
from market.rules.visibility.term_matches import TermOfMatch, is_term, term_of_match
from market.rules.visibility.visibility import see_match
from market.store import clearings, markets, members, requirements, supplies
from market.store import lists as views
from market.store import matches as store
from market.store.matches import MatchRow

TAG: Final = "Matches"


class MatchQuery(PageQuery, frozen=True, kw_only=True):
    market: MarketId | None = None
    status: MatchStatus | None = None


ReasonCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=CODE_PATTERN + ONE_LINE,
        description="A code without blanks, such as quality, logistics, credit or compliance.",
        examples=["quality", "logistics", "credit", "compliance"],
    ),
]


class Decline(Body, frozen=True, kw_only=True):
    """A decline needs a reason; after two declines or lapses of a group of companies in 90 days, it may only
    trade firm orders, which `warnings` announce. A lapse counts for a side that could have confirmed."""

    reason: ReasonCode


class MatchAccepted(Accepted, frozen=True, kw_only=True):
    """`confirmed`: this was the last required answer, and both sides have confirmed."""

    id: MatchId
    confirmed: bool


def side_of(row: MatchRow, organisation: UUID) -> Side | None:
    if organisation == row.match.seller:
        return "seller"
    return "buyer" if organisation == row.match.buyer else None


@endpoint(
    "GET",
    "/v1/matches",
    roles=READERS,
    summary="List matches",
    tag=TAG,
    query=MatchQuery,
    answer=Listing[MatchView],
    description="One's own, without explanations, with the other side's name after confirmation; "
    "operators and auditors see all.",
)
async def index(call: Call[Nothing, MatchQuery]) -> Answer:
    query = call.query
    as_of: dict[str, int] = {}
    async with as_caller(call) as connection:
        page = await views.list_matches(
            connection,
            own(call.caller),
            market=None if query.market is None else to_uuid(query.market),
            status=query.status,
            after=lists.after(call, UUID),
            limit=lists.limit(call),
        )
        for market in {row.match.struck.market for row in page.items}:
            as_of[to_text("mkt", market)] = await reads.as_of(call, connection, market)
    others: dict[UUID, Member] = {}
    terms: dict[UUID, TermOfMatch] = {}
    if any(row.status == "confirmed" or is_term(row.match.struck) for row in page.items):
        async with as_desk(call) as connection:
            others = await _others(connection, page.items, call.caller.organisation)
            terms = await _terms(connection, page.items, call.caller.organisation)
    return lists.answer(
        call,
        page,
        key=lambda row: row.match.struck.match,
        view=lambda row: _short(
            call, row, others.get(row.match.struck.match), terms.get(row.match.struck.match)
        ),
        as_of=as_of,
    )


def _short(call: Call[Any, Any], row: MatchRow, other: Member | None, term: TermOfMatch | None) -> MatchView:
    side = side_of(row, call.caller.organisation)
    return overseer_view(row, None, term) if side is None else party_view(row, side, other, None, term)


@endpoint(
    "GET",
    "/v1/matches/{match}",
    roles=READERS,
    summary="Read a match and why it has its price",
    tag=TAG,
    answer=MatchView,
    etagged=True,
    description="Nothing of the other side's limit, ask, terms or name before both have confirmed.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    async with as_caller(call) as connection:
        row = await store.load_match(connection, own(call.caller), call.ids["match"])
        if row is None:
            raise not_found()
        side = side_of(row, call.caller.organisation)
        looking = await viewer(
            call, connection, row.match.struck.market, None if side is None else call.caller.organisation
        )
    async with as_desk(call) as connection:
        whole = await explain(connection, row)
        seen = None if whole is None else see_match(whole, looking)
        other = (await _others(connection, [row], call.caller.organisation)).get(row.match.struck.match)
        term = (await _terms(connection, [row], call.caller.organisation)).get(row.match.struck.match)
    match seen:
        case OwnExplanation() if side is not None:
            body = party_view(row, side, other, seen, term)
        case None if side is not None:
            body = party_view(row, side, other, None, term)
        case MatchExplanation():
            body = overseer_view(row, seen, term)
        case _:
            body = overseer_view(row, None, term)
    return Answer(body=body, hashed=True)


async def explain(connection: Connection, row: MatchRow) -> MatchExplanation | None:
    """Whole; None until the view holds the waterfall."""
    struck = row.match.struck
    waterfall = await views.load_waterfall(connection, struck)
    supply = await supplies.load_supply(connection, None, struck.supply)
    requirement = await requirements.load_requirement(connection, None, struck.requirement)
    market = await markets.load_market(connection, struck.market)
    clearing = await clearings.load_clearing(connection, struck.market, struck.plan)
    if waterfall is None or supply is None or requirement is None or market is None or clearing is None:
        return None
    return match_explanation(
        struck,
        waterfall,
        supply.order.terms,
        requirement.order.terms,
        market.terms.basis,
        clearing.planned.rule_set,
        seller=row.match.seller,
        buyer=row.match.buyer,
        outcome=row.status,
    )


async def _terms(
    connection: Connection, rows: Iterable[MatchRow], organisation: UUID
) -> dict[UUID, TermOfMatch]:
    """By match, what each of the term section is about, as far as the caller may see it."""
    found: dict[UUID, TermOfMatch] = {}
    asked = [row for row in rows if is_term(row.match.struck)]
    if not asked:
        return found
    keys = [(row.lane, row.match.struck) for row in asked]
    sold = await supplies.load_orders(connection, [(lane, of.market, of.supply) for lane, of in keys])
    bought = await requirements.load_orders(
        connection, [(lane, of.market, of.requirement) for lane, of in keys]
    )
    for row in asked:
        struck = row.match.struck
        term = term_of_match(
            struck,
            sold[struck.supply].order.terms.term,
            bought[struck.requirement].order.terms.term,
            side_of(row, organisation),
            confirmed=row.status == "confirmed",
        )
        assert term is not None
        found[struck.match] = term
    return found


async def _others(connection: Connection, rows: Iterable[MatchRow], organisation: UUID) -> dict[UUID, Member]:
    """By match, who stands on the other side of those that both sides have confirmed."""
    keys: dict[UUID, tuple[int, UUID, UUID]] = {}
    for row in rows:
        side = side_of(row, organisation)
        if side is not None and row.status == "confirmed":
            other = row.match.buyer if side == "seller" else row.match.seller
            keys[row.match.struck.match] = (row.lane, row.match.struck.market, other)
    named = await members.load_named(connection, set(keys.values()))
    return {match: named[key[1:]] for match, key in keys.items() if key[1:] in named}


@endpoint(
    "POST",
    "/v1/matches/{match}/confirm",
    roles=TRADERS,
    summary="Confirm a match",
    tag=TAG,
    query=DryRun,
    answer=MatchAccepted,
    idempotent=True,
    description="Names are exchanged when both sides have confirmed.",
)
async def confirm(call: Call[Nothing, DryRun]) -> Answer:
    return await _answer(call, None)


@endpoint(
    "POST",
    "/v1/matches/{match}/decline",
    roles=TRADERS,
    summary="Decline a match",
    tag=TAG,
    body=Decline,
    query=DryRun,
    answer=MatchAccepted,
    idempotent=True,
    description="It does not change any more, and the other side hears of it when the match is "
    "decided: when all answers are in, or the time is out.",
    example={"reason": "quality"},
)
async def decline(call: Call[Decline, DryRun]) -> Answer:
    return await _answer(call, call.body.reason)


async def _answer(call: Call[Any, DryRun], reason: str | None) -> Answer:
    result = await commands.answer(
        call.door.desk,
        call.caller,
        match=call.ids["match"],
        answer="confirmed" if reason is None else "declined",
        reason=reason,
        request=call.idempotent_request(),
        dry_run=call.query.validate_only,
    )
    outcome = done(call, result)
    found = to_text("match", call.ids["match"])
    told = () if reason is None else await decline_warnings(call)
    if outcome.validated_only:
        # A dry run's consequences would reveal the other side's sealed answer to somebody who does not
        # commit.
        sealed = outcome.accepted() | {"would_record": (MatchAnswered.TYPE,)}
        return Answer(body=MatchAccepted(id=found, confirmed=False, warnings=told, **sealed))
    return outcome.answer(
        MatchAccepted(
            id=found,
            confirmed=any(isinstance(fact, MatchConfirmed) for fact in outcome.facts),
            warnings=told,
            **outcome.accepted(),
        )
    )


HANDLERS: Final = (index, read, confirm, decline)
