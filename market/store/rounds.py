"""What a completed round recorded about its orders: its evidence, from the journal. Never for a tenant."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from uuid import UUID

from msgspec import Struct

from events.clearing_terms import ListedWaterfall, OrderDual
from events.codec import decode_event
from events.connections import Connection
from events.market_events import ClearingEvidence
from events.vocabulary import OrderKind
from market.rules.visibility.standings import RoundDual, RoundMultiplier
from market.store.clearings import ClearingRow
from market.store.evidence import EVIDENCE_TYPES
from market.store.reading import Page, page

SectionKey = tuple[str, UUID, int]
"""Section, order, tranche."""
Bodies = Sequence[tuple[bytes, bytes]]
"""Events of evidence with their chain heads, as `decode` takes them."""

# Rounds of other markets of the lane may lie between too: `decode` tells them apart.
READ = """
select body, chain from record.journal
where stream = 'market' and lane = $1 and position > $2 and position < $3 and type = any($4::text[])
order by position
"""


async def read_evidence(connection: Connection, row: ClearingRow) -> Bodies:
    """Of a round that has ended. As the writer: readers see no journal."""
    rows = await connection.fetch(READ, row.lane, row.cut, row.position, EVIDENCE_TYPES)
    return [(each["body"], each["chain"]) for each in rows]


def decode(bodies: Bodies, plan: UUID) -> "RoundEvidence":
    """Undecodable where the journal is damaged."""
    facts = [decode_event(body, chain).data for body, chain in bodies]
    return RoundEvidence(
        parts=tuple(fact for fact in facts if isinstance(fact, ClearingEvidence) and fact.plan == plan)
    )


class RoundEvidence(Struct, frozen=True, kw_only=True, dict=True):
    """The parts of a round's evidence in order: firm sections were cleared before the ones of all orders."""

    parts: tuple[ClearingEvidence, ...]

    @cached_property
    def duals(self) -> tuple[RoundDual, ...]:
        """Of every order, section by section in the order of clearing; its tranches ascending."""
        return tuple(
            RoundDual(section=part.section, dual=dual)
            for part in self.parts
            for dual in sorted(part.duals, key=lambda dual: dual.tranche)
        )

    @cached_property
    def pairs(self) -> frozenset[tuple[UUID, UUID]]:
        """Which supplies traded with which requirements."""
        return frozenset((fall.supply, fall.requirement) for part in self.parts for fall in part.waterfalls)

    def trades(self, order: UUID) -> tuple[ListedWaterfall, ...]:
        """Those of one order."""
        return tuple(
            fall
            for part in self.parts
            for fall in part.waterfalls
            if order in (fall.supply, fall.requirement)
        )

    def multipliers(self, requirement: UUID) -> tuple[RoundMultiplier, ...]:
        """What each of its portfolio limits cost it, section by section."""
        return tuple(
            RoundMultiplier(section=part.section, multiplier=each)
            for part in self.parts
            for each in part.multipliers
            if each.requirement == requirement
        )


class MarginalRow(Struct, frozen=True, kw_only=True):
    """An order that a round filled in part, and whose it is."""

    section: str
    kind: OrderKind
    organisation: UUID
    dual: OrderDual

    @property
    def key(self) -> SectionKey:
        return self.section, self.dual.order, self.dual.tranche


READ_OWNERS = """
select supply as id, kind, organisation from supply
where lane = $1 and market = $2 and supply = any($3::uuid[])
union all
select requirement, 'requirement', organisation from requirement
where lane = $1 and market = $2 and requirement = any($3::uuid[])
"""


async def list_marginal(
    connection: Connection,
    row: ClearingRow,
    duals: Iterable[RoundDual],
    organisation: UUID | None,
    *,
    after: SectionKey | None,
    limit: int,
) -> Page[MarginalRow]:
    """The round's marginal orders of an organisation, of all for None, by section, order and tranche."""
    marginal = [each for each in duals if each.dual.marginal]
    orders = list({each.dual.order for each in marginal})
    owners = {
        owner["id"]: owner for owner in await connection.fetch(READ_OWNERS, row.lane, row.market, orders)
    }
    found = [
        MarginalRow(
            section=each.section,
            kind=owners[each.dual.order]["kind"],
            organisation=owners[each.dual.order]["organisation"],
            dual=each.dual,
        )
        for each in marginal
    ]
    wanted = [
        each
        for each in sorted(found, key=lambda each: each.key)
        if organisation in (None, each.organisation) and (after is None or each.key > after)
    ]
    return page(wanted[: limit + 1], limit)
