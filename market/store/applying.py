"""The only writer of state: applies each fact to the tables. Runs when events are appended, and in a
rebuild."""

from collections.abc import Collection, Sequence
from typing import assert_never, cast
from uuid import UUID

from contracts.store import applying as contracts
from events.connections import Connection
from events.envelope import Recorded
from events.facts import DeclaredVolumeFact, MaterialFact, PassportFact
from events.material_events import (
    LotReleased,
    LotReserved,
    MassBalanceMoved,
    PassportAcknowledged,
    PassportCorrected,
    PassportDrawn,
    PassportIssued,
    PassportNoted,
    PassportRetired,
    PassportTransferred,
    PassportTransformed,
    ProductTwinStated,
    VolumeCorrected,
    VolumeDeclared,
    VolumeWithdrawn,
)
from events.writes import Write
from market.store import (
    clearings,
    declared_volumes,
    initiatives,
    inputs,
    markets,
    matches,
    members,
    order_terms,
    parties,
    partners,
    passports,
    policies,
    product_twins,
    quotes,
    requirements,
    reservations,
    supplies,
    transformations,
    webhooks,
)
from market.store.market_facts import Batch, Named


async def apply(connection: Connection, events: Sequence[Recorded]) -> list[Write]:
    """Applies events to the state tables, in a constant number of statements for those of markets.

    Returns the writes for the tables of markets, to be sent with the transaction's other writes. Events of
    one lane come in order of position. RowCountWrong or LookupError when tables and record do not agree.
    """
    writes: list[Write] = []
    streams: dict[str, list[Recorded]] = {}
    for event in events:
        streams.setdefault(event.stream, []).append(event)
    for stream, part in streams.items():
        match stream:
            case "market":
                writes += await _writes_of_market(connection, part)
            case "contracts":
                await contracts.apply(connection, part)
            case "materials":
                await _apply_materials(connection, part)
            case "parties":
                await _apply_parties(connection, part)
            case _:
                raise ValueError(f"no table is placed for events of the stream {stream}")
    return writes


async def _apply_parties(connection: Connection, events: Sequence[Recorded]) -> None:
    """Facts about recoveries have no row: they are only in the journal."""
    await webhooks.apply(connection, [event for event in events if webhooks.holds(event)])
    await initiatives.apply(connection, [event for event in events if initiatives.holds(event)])
    await parties.apply(connection, [event for event in events if parties.holds(event)])
    await partners.apply(connection, [event for event in events if partners.holds(event)])
    await policies.apply(connection, [event for event in events if policies.holds(event)])


async def _apply_materials(connection: Connection, events: Sequence[Recorded]) -> None:
    """Applies each family of tables separately, since none reads another. A transfer belongs to two
    families."""
    lots: list[Recorded] = []
    of_passports: list[tuple[Recorded, PassportFact]] = []
    of_transformations: list[tuple[Recorded, transformations.TransformationFact]] = []
    of_twins: list[tuple[Recorded, ProductTwinStated]] = []
    of_volumes: list[tuple[Recorded, DeclaredVolumeFact]] = []
    for event in events:
        fact = cast(MaterialFact, event.data)
        match fact:
            case LotReserved() | LotReleased():
                lots.append(event)
            case PassportTransformed() | MassBalanceMoved():
                of_transformations.append((event, fact))
            case ProductTwinStated():
                of_twins.append((event, fact))
            case VolumeDeclared() | VolumeCorrected() | VolumeWithdrawn():
                of_volumes.append((event, fact))
            case PassportTransferred():
                lots.append(event)
                of_passports.append((event, fact))
            case PassportIssued() | PassportDrawn() | PassportCorrected() | PassportNoted():
                of_passports.append((event, fact))
            case PassportAcknowledged() | PassportRetired():
                of_passports.append((event, fact))
            case _:
                assert_never(fact)
    await reservations.apply(connection, lots)
    if of_passports:
        await passports.apply(connection, of_passports)
    await transformations.apply(connection, of_transformations)
    await product_twins.apply(connection, of_twins)
    await declared_volumes.apply(connection, of_volumes)


async def _writes_of_market(connection: Connection, events: Sequence[Recorded]) -> list[Write]:
    """Reads the rows that the events name, applies the events, writes each row once."""
    batch = await read_batch(connection, Named(events))
    for event in events:
        batch.pass_over(event)
    return writes_of(batch)


async def read_batch(connection: Connection, named: Named) -> Batch:
    return Batch(
        supplies=await supplies.read_changes(connection, named.supplies.values(), named.whole),
        requirements=await requirements.read_changes(connection, named.requirements.values()),
        matches=await matches.read_changes(connection, named.matches.values()),
    )


def writes_of(batch: Batch, *, inserted: Collection[UUID] = ()) -> list[Write]:
    """The writes of a batch after all its events; the matches in `inserted` are already inserted."""
    batch.count_orders()
    orders = [*batch.supplies.values(), *batch.requirements.values()]
    matched = [match for match in batch.matches.values() if match.match not in inserted]
    return [
        *(supplies.writes(batch.supplies.values()) if batch.supplies else ()),
        *(requirements.writes(batch.requirements.values()) if batch.requirements else ()),
        *(order_terms.writes(orders) if orders else ()),
        *(matches.writes(matched) if matched else ()),
        *(clearings.writes(list(batch.clearings.values())) if batch.clearings else ()),
        *(members.writes(batch.members.values()) if batch.members else ()),
        *(members.writes_of_failings(batch.failings) if batch.failings else ()),
        *(inputs.writes_of_inputs(batch.inputs.values()) if batch.inputs else ()),
        *(inputs.writes_of_rule_sets(batch.rule_sets) if batch.rule_sets else ()),
        *(quotes.writes(batch.quotes) if batch.quotes else ()),
        *markets.writes(batch.markets.values()),
    ]
