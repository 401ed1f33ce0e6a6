"""Agreements and their proposals: tables `agreement` and `agreement_proposal`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from contracts.rules.agreement import Agreement, fold
from contracts.rules.standing import next_due
from contracts.rules.volumes import VolumeFact
from contracts.store import bodies
from events.connections import Connection
from events.contract_events import AgreementDrafted, AgreementProposed
from events.contract_terms import AgreementStatus, AgreementTerms
from events.envelope import Recorded
from events.facts import LifecycleFact
from events.row_counts import expect_rows
from events.vocabulary import Side

AgreementKey: TypeAlias = tuple[int, UUID, UUID]
"""lane, market, agreement."""
Step: TypeAlias = tuple[Recorded, LifecycleFact]


class AgreementPlace(Struct, frozen=True, kw_only=True):
    """What never changes in an agreement."""

    lane: int
    market: UUID
    agreement: UUID
    seller: UUID
    buyer: UUID


class ProposalRow(Struct, frozen=True, kw_only=True):
    """Terms as they were proposed; `proposed_by` None: they come from a match."""

    proposal: int
    position: int
    proposed_time: datetime
    proposed_by: Side | None
    note: str | None
    terms: AgreementTerms


async def apply(connection: Connection, steps: Sequence[Step]) -> None:
    """Folds the events into their agreements, and writes each agreement once. LookupError when one is
    missing."""
    named = {key_of(event, fact) for event, fact in steps if not isinstance(fact, AgreementDrafted)}
    named -= {key_of(event, fact) for event, fact in steps if isinstance(fact, AgreementDrafted)}
    stored = await load_agreements(connection, sorted(named))
    if len(stored) != len(named):
        raise LookupError(f"agreement: {len(stored)} rows of {len(named)} that events name")
    agreements = dict(stored)
    proposals: list[tuple[Agreement, Recorded, AgreementDrafted | AgreementProposed]] = []
    for event, fact in steps:
        agreement = fold(agreements.get(fact.agreement), event, fact)
        agreements[fact.agreement] = agreement
        if isinstance(fact, AgreementDrafted | AgreementProposed):
            proposals.append((agreement, event, fact))
    new = [agreement for key, agreement in agreements.items() if key not in stored]
    old = [agreement for key, agreement in agreements.items() if key in stored]
    await _write(connection, new, old)
    await _write_proposals(connection, proposals)


def key_of(event: Recorded, fact: LifecycleFact | VolumeFact) -> AgreementKey:
    return event.lane, fact.market, fact.agreement


INSERT = """
insert into agreement (
    lane, market, agreement, kind, seller, buyer, match, status, version, position, due_time, body,
    ended_reason, currency
)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[],
    $9::bigint[], $10::bigint[], $11::timestamptz[], $12::bytea[], $13::text[], $14::text[]
)
"""

UPDATE = """
update agreement a set
    status = n.status, version = n.version, position = n.position, due_time = n.due_time, body = n.body,
    ended_reason = n.ended_reason, currency = n.currency
from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[],
    $8::bytea[], $9::text[], $10::text[]
) as n (lane, market, agreement, status, version, position, due_time, body, ended_reason, currency)
where a.lane = n.lane and a.market = n.market and a.agreement = n.agreement
"""


async def _write(connection: Connection, new: Sequence[Agreement], old: Sequence[Agreement]) -> None:
    inserted = [
        (of.lane, of.market, of.agreement, of.kind, of.seller, of.buyer, of.match, *_changing(of))
        for of in new
    ]
    updated = [(of.lane, of.market, of.agreement, *_changing(of)) for of in old]
    if inserted:
        status = await connection.execute(INSERT, *zip(*inserted, strict=True))
        expect_rows(status, len(inserted), "agreement insert")
    if updated:
        status = await connection.execute(UPDATE, *zip(*updated, strict=True))
        expect_rows(status, len(updated), "agreement update")


def _changing(of: Agreement) -> tuple[object, ...]:
    currency = None if of.standing is None else of.terms.payment.currency
    return of.status, of.version, of.position, next_due(of), bodies.encode(of), of.ended_reason, currency


INSERT_PROPOSALS = """
insert into agreement_proposal (
    lane, market, agreement, proposal, seller, buyer, position, proposed_time, proposed_by, note, body
)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::uuid[], $7::bigint[],
    $8::timestamptz[], $9::text[], $10::text[], $11::bytea[]
)
"""


async def _write_proposals(
    connection: Connection,
    proposals: Sequence[tuple[Agreement, Recorded, AgreementDrafted | AgreementProposed]],
) -> None:
    rows = [
        (
            of.lane,
            of.market,
            of.agreement,
            fact.proposal if isinstance(fact, AgreementProposed) else 1,
            of.seller,
            of.buyer,
            event.position,
            event.time,
            fact.proposed_by,
            fact.note if isinstance(fact, AgreementProposed) else None,
            bodies.encode(fact.terms),
        )
        for of, event, fact in proposals
    ]
    if rows:
        status = await connection.execute(INSERT_PROPOSALS, *zip(*rows, strict=True))
        expect_rows(status, len(rows), "agreement_proposal insert")


READ_STATES = """
select a.agreement, a.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[]) as n (lane, market, agreement)
join agreement a on a.lane = n.lane and a.market = n.market and a.agreement = n.agreement
"""


async def load_agreements(connection: Connection, keys: Sequence[AgreementKey]) -> dict[UUID, Agreement]:
    """The agreements that exist among the keys; under their lane's lock when they are read for a decision."""
    if not keys:
        return {}
    rows = await connection.fetch(READ_STATES, *(list(column) for column in zip(*keys, strict=True)))
    return {row["agreement"]: _agreements.decode(row["body"]) for row in rows}


MATCHED = """
select match from agreement where lane = $1 and match = any($2::uuid[])
"""


async def matched(connection: Connection, lane: int, matches: Sequence[UUID]) -> set[UUID]:
    """The matches that already have an agreement."""
    return {row["match"] for row in await connection.fetch(MATCHED, lane, list(matches))}


LOCATE = """
select lane, market, agreement, seller, buyer from agreement
where agreement = $1 and ($2::uuid is null or $2 in (seller, buyer))
"""


async def locate(connection: Connection, organisation: UUID | None, agreement: UUID) -> AgreementPlace | None:
    """None when the agreement is unknown or the organisation is no party to it; `organisation` None: any
    party's."""
    row = await connection.fetchrow(LOCATE, agreement, organisation)
    return None if row is None else AgreementPlace(**row)


READ_ONE = """
select body from agreement where agreement = $1 and ($2::uuid is null or $2 in (seller, buyer))
"""


async def load_agreement(
    connection: Connection, organisation: UUID | None, agreement: UUID
) -> Agreement | None:
    """None as in `locate`."""
    body = await connection.fetchval(READ_ONE, agreement, organisation)
    return None if body is None else _agreements.decode(body)


# Each side has its own index; newest first, since ids grow with time.
READ_OWN = """
select agreement, body from (
    (select agreement, body from agreement
     where seller = $1 and ($2::uuid is null or agreement < $2) and ($3::uuid is null or market = $3)
         and ($4::text is null or status = $4)
     order by agreement desc limit $5)
    union all
    (select agreement, body from agreement
     where buyer = $1 and ($2::uuid is null or agreement < $2) and ($3::uuid is null or market = $3)
         and ($4::text is null or status = $4)
     order by agreement desc limit $5)
) sides order by agreement desc limit $5
"""

READ_ALL = """
select body from agreement
where ($1::uuid is null or agreement < $1) and ($2::uuid is null or market = $2)
    and ($3::text is null or status = $3)
order by agreement desc limit $4
"""

# Agreements that are suspended or not in force yet are few: partial indexes list them, if the query names
# these statuses.
PENDING: Final[frozenset[AgreementStatus]] = frozenset(
    {"draft", "term_sheet", "binding_subject_to_cp", "suspended_fm"}
)
_PENDING = "and status in ('draft', 'term_sheet', 'binding_subject_to_cp', 'suspended_fm') order by"
READ_OWN_PENDING = READ_OWN.replace("     order by", f"     {_PENDING}")
READ_ALL_PENDING = READ_ALL.replace("order by", _PENDING)


async def list_agreements(
    connection: Connection,
    organisation: UUID | None,
    *,
    market: UUID | None = None,
    status: AgreementStatus | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Agreement]:
    """At most `limit`, the newest first; `organisation` None: of all."""
    if organisation is None:
        every = READ_ALL_PENDING if status in PENDING else READ_ALL
        rows = await connection.fetch(every, after, market, status, limit)
    else:
        own = READ_OWN_PENDING if status in PENDING else READ_OWN
        rows = await connection.fetch(own, organisation, after, market, status, limit)
    return [_agreements.decode(row["body"]) for row in rows]


READ_PROPOSALS = """
select proposal, position, proposed_time, proposed_by, note, body from agreement_proposal
where agreement = $1 and proposal = any($2::bigint[]) order by proposal
"""


async def load_proposals(
    connection: Connection, agreement: UUID, proposals: Sequence[int]
) -> list[ProposalRow]:
    """The existing proposals with these numbers, in order."""
    rows = await connection.fetch(READ_PROPOSALS, agreement, list(proposals))
    return [_proposal(row) for row in rows]


_agreements = msgspec.json.Decoder(Agreement)
_terms = msgspec.json.Decoder(AgreementTerms)


def _proposal(row: asyncpg.Record) -> ProposalRow:
    return ProposalRow(
        proposal=row["proposal"],
        position=row["position"],
        proposed_time=row["proposed_time"],
        proposed_by=row["proposed_by"],
        note=row["note"],
        terms=_terms.decode(row["body"]),
    )
