"""The evidence of rounds from the journal, for decisions on matches after their round."""

from collections.abc import Sequence
from uuid import UUID

from events.clearing_terms import PriceTerm
from events.codec import decode_event
from events.connections import Connection
from events.envelope import Recorded
from events.market_events import ClearingEvidence, MatchStruck

EVIDENCE_TYPES = ("market.clearing.evidence.v1", ClearingEvidence.TYPE)

# Between the plan and the end of each round lie its matches and its evidence and nothing else of note.
READ = """
select j.body, j.chain
from clearing c
join record.journal j on j.stream = 'market' and j.lane = c.lane and j.position > c.cut
    and j.position < c.position
where c.lane = $1 and c.market = any($2::uuid[]) and c.plan = any($3::uuid[])
    and j.type = any($4::text[])
"""

# Of the events behind a round those few that are answers, and of these the ones that name the match.
READ_ANSWERS = """
select j.body, j.chain
from record.journal j
where j.stream = 'market' and j.lane = $1 and j.position > $2 and j.position < $3
    and j.type = 'market.match.answered.v1' and position($4::bytea in j.body) > 0
order by j.position
"""


async def load_answers(
    connection: Connection, lane: int, match: UUID, after: int, before: int
) -> tuple[Recorded, ...]:
    """The answers to a match, which lie between the end of its round and its decision."""
    rows = await connection.fetch(READ_ANSWERS, lane, after, before, str(match).encode())
    events = [decode_event(row["body"], row["chain"]) for row in rows]
    return tuple(event for event in events if getattr(event.data, "match", None) == match)


async def load_lines(
    connection: Connection, lane: int, struck: Sequence[MatchStruck]
) -> dict[UUID, tuple[PriceTerm, ...]]:
    """The price terms of matches of one lane, by match, as their rounds recorded them."""
    if not struck:
        return {}
    wanted = {_place(fact.plan, fact.section, fact): fact.match for fact in struck}
    rows = await connection.fetch(
        READ,
        lane,
        list({fact.market for fact in struck}),
        list({fact.plan for fact in struck}),
        EVIDENCE_TYPES,
    )
    lines: dict[UUID, tuple[PriceTerm, ...]] = {}
    for row in rows:
        fact = decode_event(row["body"], row["chain"]).data
        assert isinstance(fact, ClearingEvidence)
        for waterfall in fact.waterfalls:
            match = wanted.get(
                (fact.plan, fact.section, waterfall.supply, waterfall.tranche, waterfall.requirement)
            )
            if match is not None:
                lines[match] = tuple(fact.lines[place] for place in waterfall.lines)
    return lines


def _place(plan: UUID, section: str, fact: MatchStruck) -> tuple[UUID, str, UUID, int, UUID]:
    return plan, section, fact.supply, fact.tranche, fact.requirement
