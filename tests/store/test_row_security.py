"""What the real reader role sees: its organisation's rows, and everything only in the roles that may."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.store import tables as contracts
from events.connections import Pool, open_pool
from market.commands import parties
from market.rules.parties.keys import IssueKey
from market.rules.parties.parties import KeyDetails
from market.rules.streams.partner_lines import ALL
from market.store import (
    lists,
    matches,
    members,
    orders,
    party_reads,
    requirements,
    rounds,
    supplies,
    tables,
)
from market.store.reading import ReaderRole, reading
from tests.conftest import Database
from tests.feed_support import publish
from tests.market_support import Scene, done, project, scene_on

INDICES = {"price_index", "index_value"}
FOR_EVERY_MEMBER = {"market", "rule_set", "clearing", "initiative", *INDICES}
OF_PAYMENTS = ("payment", "payment_part")
OF_TWO_PARTIES = [name for name in contracts.STATE if name not in INDICES]


@pytest.fixture
def database(traded_database: Database) -> Database:
    return traded_database


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    async with scene_on(database) as opened:
        await project(opened)
        await publish(opened)
        yield opened


@pytest.fixture
async def readers(database: Any, scene: Scene) -> AsyncIterator[Pool]:
    pool = await open_pool(database.dsn("reader"), size=2)
    yield pool
    await pool.close()


async def counts(readers: Pool, organisation: UUID | None, role: ReaderRole) -> dict[str, int]:
    async with reading(readers, organisation=organisation, role=role) as connection:
        return {
            name: await connection.fetchval(f"select count(*) from {name}")
            for name in (*tables.STATE, *tables.VIEW)
        }


async def owned(scene: Scene, name: str, organisation: UUID) -> int:
    """Rows that name the organisation, counted by the writer, who sees all."""
    statements = {
        "match": "select count(*) from match where $1 in (seller, buyer)",
        "match_entry": "select count(*) from match_entry where $1 in (seller, buyer)",
        "market_input": "select count(*) from market_input where organisation is null or organisation = $1",
        "feed": f"select count(*) from feed where audience in ($1, '{ALL}')",
        "initiative_figures": "select 0 where $1::uuid is not null",
        "waterfall": "select 0 where $1::uuid is not null",
        "passport": "select count(*) from passport where $1 in (organisation, owner, holder)",
        **{name: f"select count(*) from {name} where $1 in (seller, buyer)" for name in OF_TWO_PARTIES},
        **{name: f"select count(*) from {name} where $1 in (payer, payee)" for name in OF_PAYMENTS},
    }
    default = f"select count(*) from {name} where organisation = $1"
    async with scene.pool.acquire() as connection:
        return int(await connection.fetchval(statements.get(name, default), organisation))


async def test_a_tenant_sees_its_own_rows(scene: Scene, readers: Pool) -> None:
    seen = {firm: await counts(readers, firm, "tenant") for firm in firms(scene)}
    for firm, found in seen.items():
        expected = {name: await owned(scene, name, firm) for name in found if name not in FOR_EVERY_MEMBER}
        assert expected == {name: count for name, count in found.items() if name not in FOR_EVERY_MEMBER}
    assert all(found["supply"] + found["requirement"] > 0 for found in seen.values())


async def test_a_session_that_names_nobody_sees_nobody(scene: Scene, readers: Pool) -> None:
    found = await counts(readers, None, "tenant")
    public = FOR_EVERY_MEMBER | {"market_input", "feed"}
    assert set() == {name for name, count in found.items() if count and name not in public}


@pytest.mark.parametrize("role", ["operator", "auditor", "desk"])
async def test_who_sees_everything(scene: Scene, readers: Pool, role: ReaderRole) -> None:
    async with scene.pool.acquire() as connection:
        expected = {
            name: await connection.fetchval(f"select count(*) from {name}")
            for name in (*tables.STATE, *tables.VIEW)
        }
        everybodys = await connection.fetchval("select count(*) from feed where audience = $1", ALL)
    assert all(expected.values())
    if role != "desk":
        expected["feed"] = everybodys
    if role == "operator":
        expected |= dict.fromkeys(OF_TWO_PARTIES, 0)
    assert expected == await counts(readers, None, role)


async def test_nothing_is_left_on_the_connection(scene: Scene, readers: Pool) -> None:
    await counts(readers, None, "operator")
    async with readers.acquire() as connection:
        assert 0 == await connection.fetchval("select count(*) from supply")


async def test_the_door_sees_the_key_that_is_presented(scene: Scene, readers: Pool) -> None:
    firm = scene.sellers[0]
    keys: list[UUID] = []
    for label in ("one", "two"):
        details = KeyDetails(
            label=label,
            secret_sha256="1" * 64,
            roles=("trader",),
            expires_at=scene.clock.now.replace(year=2030),
        )
        issued = done(
            await parties.issue_key(
                scene.desk,
                IssueKey(
                    caller=firm.trader,
                    organisation=firm.organisation,
                    details=details,
                    key=scene.desk.new_id(),
                ),
            )
        )
        keys.append(issued.events[0].data.key)  # type: ignore[attr-defined]
    async with reading(readers, organisation=None, role="door", key=keys[0]) as connection:
        found = await party_reads.find_key(connection, keys[0])
        assert found is not None
        assert (firm.organisation, "one") == (found.organisation, found.details.label)
        assert None is await party_reads.find_key(connection, keys[1])
        assert 1 == await connection.fetchval("select count(*) from api_key")
        assert 0 == await connection.fetchval("select count(*) from supply")


async def test_another_tenants_objects_are_unknown(scene: Scene, readers: Pool) -> None:
    mine, other = scene.sellers[0].organisation, scene.sellers[1].organisation
    async with scene.pool.acquire() as connection:
        supply = await connection.fetchval("select supply from supply where organisation = $1", other)
        match = await connection.fetchval(
            "select match from match where $1 not in (seller, buyer) limit 1", mine
        )
        requirement = await connection.fetchval("select requirement from requirement limit 1")
    async with reading(readers, organisation=mine, role="tenant") as connection:
        for claimed in (mine, None, other):
            assert None is await supplies.load_supply(connection, claimed, supply)
            assert None is await orders.locate(connection, claimed, supply)
            assert None is await requirements.load_requirement(connection, claimed, requirement)
            assert None is await matches.load_match(connection, claimed, match)
            assert None is await matches.locate(connection, claimed, match)
        assert None is await members.load_member(connection, scene.market, other)
        assert None is await party_reads.load_organisation(connection, other)
        assert () == (await lists.list_supplies(connection, other, "offer", limit=10)).items


async def test_tenants_read_no_evidence(scene: Scene, readers: Pool) -> None:
    async with scene.pool.acquire() as connection:
        row = await connection.fetchrow("select match, seller from match limit 1")
    assert row is not None
    async with reading(readers, organisation=row["seller"], role="tenant") as connection:
        known = await matches.load_match(connection, row["seller"], row["match"])
        assert known is not None
        assert None is await lists.load_waterfall(connection, known.match.struck)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(rounds.READ, 0, 0, 1, [])
    async with reading(readers, organisation=None, role="desk") as connection:
        waterfall = await lists.load_waterfall(connection, known.match.struck)
        assert waterfall is not None
        assert waterfall.price_ueur_per_kg == known.match.struck.price_ueur_per_kg


async def test_the_reader_cannot_write(scene: Scene, readers: Pool) -> None:
    async with reading(readers, organisation=None, role="operator") as connection:
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("update supply set held_g = 0")


async def test_the_writer_reaches_both_sides(scene: Scene) -> None:
    async with scene.pool.acquire() as connection:
        await connection.fetchval("select set_config('lodestone.organisation', $1, false)", str(uuid4()))
        expected = await connection.fetchval("select count(*) from supply")
        assert expected > 0
        assert f"UPDATE {expected}" == await connection.execute("update supply set version = version")


def firms(scene: Scene) -> list[UUID]:
    return [firm.organisation for firm in (*scene.sellers, *scene.buyers)]
