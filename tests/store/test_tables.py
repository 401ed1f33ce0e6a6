"""Every table has its place and its lane; migrations, generated schema and facts agree with the code."""

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import asyncpg
import pytest

from contracts.rules.volumes import VolumeFact
from events import (
    contract_events,
    delivery_events,
    facts,
    party_events,
    payment_events,
)
from events.connections import Connection
from events.facts import (
    InitiativeFact,
    InvitationFact,
    LifecycleFact,
    PaymentFact,
    PolicyFact,
    WebhookFact,
)
from market.folders import DEPLOY
from market.store import tables
from market.store.parties import PartyFact

POSTGRES = DEPLOY / "postgres"
WITHOUT_TABLES = (
    delivery_events.DeliveryShipped,
    delivery_events.DeliveryWeighed,
    delivery_events.WeighingObjected,
    delivery_events.WeighingSettled,
    delivery_events.NonArrivalDeclared,
    delivery_events.NonArrivalContested,
    delivery_events.ReturnDeclared,
    delivery_events.ReturnContested,
    delivery_events.NonArrivalSettled,
    delivery_events.BuyerCalled,
    delivery_events.AssayLodged,
    delivery_events.AssaysExchanged,
    delivery_events.UmpireDecided,
    delivery_events.UmpireObjected,
    contract_events.InvoiceSettled,
    contract_events.IndexPublished,
)
"""Facts that no command records yet."""
OF_THE_RECORD = (party_events.RecordRepublished, party_events.RecordRestored)
"""Facts about the record itself, which the journal and an audit tell."""


@pytest.fixture
async def connection(database: Any) -> AsyncIterator[Connection]:
    opened = await asyncpg.connect(database.admin_dsn)
    yield opened
    await opened.close()


def dumper() -> Any:
    spec = importlib.util.spec_from_file_location("dump_schema", POSTGRES / "dump_schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_every_table_is_placed(connection: Connection) -> None:
    rows = await connection.fetch(
        "select schemaname || '.' || tablename as name from pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema')"
    )
    placed = {f"state.{name}" for name in tables.STATE} | {f"view.{name}" for name in tables.VIEW}
    assert placed | set(tables.OPERATIONAL) == {row["name"] for row in rows}


async def test_state_and_views_share_no_name(connection: Connection) -> None:
    assert set() == set(tables.STATE) & set(tables.VIEW)


async def test_primary_keys_of_state_and_views_begin_with_the_lane(connection: Connection) -> None:
    rows = await connection.fetch(
        "select c.oid::regclass::text as name, a.attname as first from pg_class c"
        " left join pg_index i on i.indrelid = c.oid and i.indisprimary"
        " left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]"
        " where c.relkind = 'r' and c.relnamespace in ('state'::regnamespace, 'view'::regnamespace)"
    )
    assert len(tables.STATE) + len(tables.VIEW) == len(rows)
    assert [] == [row["name"] for row in rows if row["first"] != "lane"]


async def test_unique_indexes_of_state_and_views_hold_the_lane(connection: Connection) -> None:
    rows = await connection.fetch(
        "select i.indexrelid::regclass::text as name from pg_index i join pg_class c on c.oid = i.indrelid"
        " where i.indisunique and c.relnamespace in ('state'::regnamespace, 'view'::regnamespace)"
        " and not exists (select from pg_attribute a where a.attrelid = i.indrelid"
        " and a.attnum = any(i.indkey) and a.attname = 'lane')"
    )
    assert [] == [row["name"] for row in rows]


async def test_no_column_of_state_or_views_has_a_default(connection: Connection) -> None:
    rows = await connection.fetch(
        "select table_name, column_name from information_schema.columns"
        " where table_schema in ('state', 'view') and column_default is not null"
    )
    assert [] == rows


async def test_readers_of_state_and_views_pass_a_policy(connection: Connection) -> None:
    rows = await connection.fetch(
        "select c.oid::regclass::text as name from pg_class c"
        " where c.relkind = 'r' and c.relnamespace in ('state'::regnamespace, 'view'::regnamespace)"
        " and not (c.relrowsecurity and exists (select from pg_policy p"
        " where p.polrelid = c.oid and 'lodestone_reader'::regrole = any(p.polroles) and p.polcmd = 'r'))"
    )
    assert [] == [row["name"] for row in rows]


async def test_the_reader_may_write_nothing(connection: Connection) -> None:
    rows = await connection.fetch(
        "select table_schema, table_name, privilege_type from information_schema.role_table_grants"
        " where grantee = 'lodestone_reader' and privilege_type <> 'SELECT'"
    )
    assert [] == rows


async def test_schema_sql_is_all_migrations(database: Any) -> None:
    expected = dumper().dump(database.admin_dsn)
    assert expected == (POSTGRES / "schema.sql").read_text(), "run deploy/postgres/dump_schema.py"


def test_migrations_have_limits_of_their_own() -> None:
    files: list[Path] = sorted((POSTGRES / "migrations").glob("*.sql"))
    limits = ("SET LOCAL lock_timeout", "SET LOCAL statement_timeout")
    assert [] == [file.name for file in files if any(limit not in file.read_text() for limit in limits)]


@pytest.mark.parametrize(
    ("said", "placed"),
    [
        (
            get_args(facts.PartyFact),
            (
                *get_args(PartyFact),
                *get_args(InitiativeFact),
                *get_args(InvitationFact),
                *get_args(PolicyFact),
                *get_args(WebhookFact),
                *OF_THE_RECORD,
            ),
        ),
        (
            get_args(facts.ContractFact),
            (
                *get_args(LifecycleFact),
                *get_args(VolumeFact),
                *get_args(PaymentFact),
                payment_events.InvoiceReferenced,
                *WITHOUT_TABLES,
            ),
        ),
    ],
)
def test_every_fact_has_its_rows(said: tuple[type, ...], placed: tuple[type, ...]) -> None:
    assert set(said) == set(placed)
