"""An event of the record as lines of partner streams: one per organisation concerned, or one for all."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from events.catalog import FACT_TYPES
from events.envelope import Recorded
from events.facts import OwnFact
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    MatchConfirmed,
    MatchStruck,
    RuleSetRehearsed,
)
from market.rules.book import Books, fold
from market.rules.clearing.evidence import derived_id
from market.rules.passport import Lots, fold_lots
from market.rules.streams.wire_units import PARTNER_UNITS
from market.rules.streams.wire_writing import Encode, encoded, line_encoder
from market.rules.viewers import OrganisationViewer
from market.rules.visibility.audience import EVERYBODY
from market.rules.visibility.deals import Deals, fold_deal
from market.rules.visibility.record_visibility import Before, audience_of, see_event

ALL: Final = UUID(int=0)
"""Stands for every organisation where the audience of a line is one id."""
NEVER_SHOWN: Final = frozenset({ClearingEvidence, RuleSetRehearsed})
OF_ROUNDS: Final = frozenset({ClearingAbandoned, ClearingCompleted, MatchConfirmed, MatchStruck})


@lru_cache(maxsize=1_024)
def partner_type(name: str) -> str:
    """`market.supply-offer.offered.v1` → `partner.supply-offer.offered.v1`."""
    return f"partner.{name.partition('.')[2]}"


PARTNER_TYPES: Final = tuple(
    sorted(partner_type(name) for name, fact in FACT_TYPES.items() if fact not in NEVER_SHOWN)
)
"""Every type that a partner stream may hold."""
ROUND_TYPES: Final = tuple(
    sorted(partner_type(name) for name, fact in FACT_TYPES.items() if fact in OF_ROUNDS)
)
"""A round appends these with the time of its cut, after events that came meanwhile; all other times never
decrease within a lane."""


class PartnerLine(Struct, frozen=True, kw_only=True, gc=False):
    """What `audience` sees of the event at a place of the record; `body` is its JSON.

    For an organisation's own events, `event` is the id in its receipts. For lines that all see, it is a
    derived id, and the place is not published, since positions reveal how active others are.
    """

    stream: str
    lane: int
    position: int
    audience: UUID
    event: UUID
    type: str
    subject: str
    market: UUID | None
    time: datetime
    body: bytes

    @property
    def own(self) -> bool:
        return self.audience.int != ALL.int


class Shown(Struct, frozen=True, gc=False):
    """What `audience` sees of an event, before it is written."""

    event: Recorded
    audience: UUID
    seen: Struct


Telling: TypeAlias = Shown | Recorded
"""For an event that concerns only one organisation, which sees it in full, the event itself is used."""


def shown(event: Recorded, before: Before) -> list[Telling]:
    """By audience, ascending."""
    if isinstance(event.data, OwnFact):
        return [event]
    audience = audience_of(event, before)
    if audience == EVERYBODY:
        return [_shown(event, before, ALL)]
    return [_shown(event, before, each) for each in sorted(audience)]


def partner_lines(event: Recorded, before: Before) -> tuple[PartnerLine, ...]:
    """By audience, ascending."""
    return tuple(lines_of(shown(event, before)))


def lines_of(told: Iterable[Telling]) -> list[PartnerLine]:
    """In the same order."""
    lines: list[PartnerLine] = []
    of, name = "", ""
    kind: Any = None
    encode: Encode = bytes
    for each in told:
        if isinstance(each, Shown):
            lines.append(_line(each))
            continue
        fact: Any = each.data
        if each.type != of or type(fact) is not kind:
            of, kind, name = each.type, type(fact), partner_type(each.type)
            encode = line_encoder(kind, PARTNER_UNITS)
        lines.append(
            PartnerLine(
                stream=each.stream,
                lane=each.lane,
                position=each.position,
                audience=fact.organisation,
                event=each.id,
                type=name,
                subject=each.subject,
                market=fact.market,
                time=each.time,
                body=encode(fact),
            )
        )
    return lines


class ShownLane(Struct, kw_only=True):
    """The state of a lane, from its first event on, on which lines depend."""

    books: Books = {}
    deals: Deals = {}
    lots: Lots = {}

    def step(self, event: Recorded) -> tuple[PartnerLine, ...]:
        """The lines of the lane's next event."""
        fact: Any = event.data
        match event.stream:
            case "market":
                lines = partner_lines(event, Before(book=self.books.get(fact.market)))
                fold(self.books, event)
            case "contracts":
                lines = partner_lines(event, Before(deals=self.deals))
                fold_deal(self.deals, fact)
            case "materials":
                lines = partner_lines(event, Before(lots=self.lots))
                fold_lots(self.lots, fact)
            case _:
                lines = partner_lines(event, Before())
        return lines


def _shown(event: Recorded, before: Before, audience: UUID) -> Shown:
    seen = see_event(event, OrganisationViewer(organisation=audience), before)
    assert seen is not None, f"{event.type} concerns {audience}, who is shown nothing"
    return Shown(event, audience, seen)


def _line(told: Shown) -> PartnerLine:
    """The id of a line for all cannot be traced back to that of its event."""
    event, audience = told.event, told.audience
    fact: Any = event.data
    return PartnerLine(
        stream=event.stream,
        lane=event.lane,
        position=event.position,
        audience=audience,
        event=derived_id(event.id, "feed") if audience is ALL else event.id,
        type=partner_type(event.type),
        subject=event.subject,
        market=getattr(fact, "market", None),
        time=event.time,
        body=encoded(told.seen, PARTNER_UNITS),
    )
