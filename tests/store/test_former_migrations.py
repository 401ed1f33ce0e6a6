"""Databases that have a migration by a text or a name of before become what a new one is."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from events.migration_plans import plan
from events.migrations import FORMER, FORMER_DIGITS, compare, migrate, pending
from market.provision import MIGRATIONS

FIGURES_TABLE = """CREATE TABLE state.initiative_figures (
    lane bigint NOT NULL,
    initiative text COLLATE "C" NOT NULL,
    since_day date NOT NULL,
    position bigint NOT NULL CHECK (position >= 1),
    body bytea NOT NULL,
    PRIMARY KEY (lane, initiative, since_day)
);
CREATE INDEX initiative_figures_of ON state.initiative_figures (initiative, since_day);
CREATE INDEX initiative_figures_in_time ON state.initiative_figures (since_day);

"""
FIGURES_RIGHTS = """ALTER TABLE state.initiative_figures ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON state.initiative_figures TO lodestone_writer;
GRANT SELECT ON state.initiative_figures TO lodestone_reader, lodestone_auditor;
CREATE POLICY writer ON state.initiative_figures FOR ALL TO lodestone_writer USING (true) WITH CHECK (true);
CREATE POLICY auditor ON state.initiative_figures FOR SELECT TO lodestone_auditor USING (true);
CREATE POLICY overseers ON state.initiative_figures FOR SELECT TO lodestone_reader
USING ((SELECT state.reader_sees_all()));
"""
HALTS_ALONE = """-- A market that is halted takes no orders and plans no round.
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE state.market ADD COLUMN halted_time timestamptz, ADD COLUMN halted_reason text;
"""

# What stands now, and what stood there in the text that the digits are of.
FORMER_TEXTS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "1192184c0724": (
        "0044_halts_and_suspensions.sql",
        (
            (
                (
                    "j\n        WHERE\n"
                    "            j.stream = 'market' AND j.type = 'market.member.suspended.v1'\n"
                    "            AND j.lane IN (SELECT lane FROM state.member WHERE suspended)\n"
                ),
                "j WHERE j.stream = 'market' AND j.type = 'market.member.suspended.v1'\n",
            ),
        ),
    ),
    "909239a10e13": (
        "0048_lots_that_never_arrived.sql",
        (
            ("-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid\n", ""),
            (
                "'lost')\n);",
                (
                    "'lost')\n) NOT VALID;\n"
                    "ALTER TABLE state.delivery VALIDATE CONSTRAINT delivery_status_check;"
                ),
            ),
        ),
    ),
    "8bcbee396dba": (
        "0059_lots_that_are_presented_again.sql",
        ((", ban-drop-constraint\n", "\n"),),
    ),
    "6dcc071a3377": (
        "0066_shipments_that_are_withdrawn.sql",
        (
            (
                "index-deletion\n-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid\n",
                "index-deletion, constraint-missing-not-valid\n",
            ),
        ),
    ),
    "b2f65c2f7b3c": (
        "0063_contests_of_every_kind.sql",
        (
            (", 'return')),", ")),"),
            (
                ",\n                'contracts.return.contested.v1', 'contracts.return.settled.v1'\n",
                "\n",
            ),
            (
                (
                    ",\n            ('contracts.return.contested.v1', 'return', true),\n"
                    "            ('contracts.return.settled.v1', 'return', false)\n"
                ),
                "\n",
            ),
        ),
    ),
    "244b5835dd44": (
        "0064_agreements_and_lanes_that_wait.sql",
        (
            ("-- And why a reader waits on a lane: it has read what an older journal lacks.\n", ""),
            (
                (
                    "\nALTER TABLE record.consumer ADD COLUMN waits_reason text;\n"
                    "GRANT UPDATE (waits_reason) ON record.consumer TO lodestone_writer, lodestone_auditor;\n"
                ),
                "",
            ),
        ),
    ),
    "c32ac2d3989b": (
        "0070_payments_of_invoices.sql",
        (("sign(c.set_off_cents) * i", "c.set_off_cents * i"),),
    ),
    "f41c39830aa2": (
        "0070_payments_of_invoices.sql",
        (
            ("sign(c.set_off_cents) * i", "c.set_off_cents * i"),
            ("CREATE INDEX payment_by_id ON state.payment (payment);\n", ""),
        ),
    ),
    "1d4789fe80b1": (
        "0071_partners_of_initiatives.sql",
        (
            (
                ", who is invited into one (docs/decisions/0288), and its figures by quarter (0289). Part",
                ", and who is invited into one: docs/decisions/0288. Part",
            ),
            (FIGURES_TABLE, ""),
            (FIGURES_RIGHTS, ""),
        ),
    ),
    "17709f31407d": (
        "0074_registrations_of_organisations.sql",
        (("(lane, key) WHERE", "(key) WHERE"),),
    ),
}
WHOLE = (MIGRATIONS / "0044_halts_and_suspensions.sql").read_text("utf-8")
FORMER_TEXTS["a5335fbeab33"] = ("0044_halts_and_suspensions.sql", ((WHOLE, HALTS_ALONE),))
FORMER_NAMES = {
    "": "0044_halted_markets.sql",
    "0064_agreements_and_lanes_that_wait.sql": "0064_events_of_an_agreement.sql",
}

SHAPE = """
select 'column', table_schema || '.' || table_name, column_name, data_type || ' ' || is_nullable
from information_schema.columns where table_schema in ('state', 'record', 'view', 'ops')
union all select 'index', schemaname || '.' || tablename, indexname, indexdef
from pg_indexes where schemaname in ('state', 'record', 'view', 'ops')
union all select 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
from pg_constraint where connamespace::regnamespace::text in ('state', 'record', 'view', 'ops')
union all select 'policy', tablename, policyname, concat_ws(' ', cmd, roles, qual, with_check)
from pg_policies where schemaname in ('state', 'record', 'view', 'ops')
union all select 'right', table_schema || '.' || table_name, grantee || ' ' || column_name, privilege_type
from information_schema.column_privileges where table_schema in ('state', 'record', 'view', 'ops')
union all select 'applied', name, sha256, '' from ops.migration
"""


def of_before(digits: str) -> tuple[str, str]:
    """The name and text that a database of before applied."""
    name, replaced = FORMER_TEXTS[digits]
    text = (MIGRATIONS / name).read_text("utf-8")
    for now, before in replaced:
        assert 1 == text.count(now), now
        text = text.replace(now, before)
    assert sha256(text.encode()).hexdigest().startswith(digits)
    return FORMER_NAMES.get(name if text != HALTS_ALONE else "", name), text


@pytest.fixture
async def empty(postgres_admin_dsn: str, database: Any) -> AsyncIterator[Any]:
    """A database that has nothing but its owner, who migrates."""
    admin = await asyncpg.connect(database.admin_dsn)
    for schema in ("state", "record", "view", "ops"):
        await admin.execute(f"drop schema if exists {schema} cascade")
    await admin.execute("set role lodestone_owner")
    yield admin
    await admin.close()


async def shape(connection: Any) -> list[tuple[str, ...]]:
    return sorted(tuple(row) for row in await connection.fetch(SHAPE))


@pytest.mark.parametrize("digits", sorted(FORMER_TEXTS))
async def test_a_former_text_is_brought_to_what_stands_now(
    database: Any, empty: Any, tmp_path: Path, digits: str
) -> None:
    name, text = of_before(digits)
    target = FORMER_TEXTS[digits][0]
    for path in MIGRATIONS.glob("*.sql"):
        if path.name < target:
            (tmp_path / path.name).write_text(path.read_text("utf-8"), "utf-8")
    (tmp_path / name).write_text(text, "utf-8")
    await migrate(empty, tmp_path)
    found = await compare(empty, MIGRATIONS)
    assert ([(name, target)], None) == (
        [(each.applied, each.target) for each in found.former],
        found.told_beyond,
    )
    assert target == (await pending(empty, MIGRATIONS))[0] == (await plan(empty, MIGRATIONS))[0].name
    await migrate(empty, MIGRATIONS)
    assert () == await migrate(empty, MIGRATIONS)
    mended = await shape(empty)
    for schema in ("state", "record", "view", "ops"):
        await empty.execute(f"drop schema {schema} cascade")
    await migrate(empty, MIGRATIONS)
    assert await shape(empty) == mended


def test_every_former_text_names_a_migration_that_is_there() -> None:
    names = [path.name.split(".") for path in (MIGRATIONS / FORMER).glob("*.sql")]
    assert names
    for name, digits, _ in names:
        assert (MIGRATIONS / f"{name}.sql").exists()
        assert FORMER_DIGITS == len(digits)
    assert set(FORMER_TEXTS) == {digits for _, digits, _ in names}


async def test_a_migration_that_was_given_another_number_is_not_applied_again(
    empty: Any, tmp_path: Path
) -> None:
    (tmp_path / "0001_one.sql").write_text("create schema state; create table state.one (n bigint);", "utf-8")
    (tmp_path / "0002_two.sql").write_text("insert into state.one values (2);", "utf-8")
    await migrate(empty, tmp_path)
    (tmp_path / "0002_two.sql").rename(tmp_path / "0003_two.sql")
    (tmp_path / "0002_between.sql").write_text("insert into state.one values (1);", "utf-8")
    assert "Applied under another name, which alone changes." == (await plan(empty, tmp_path))[0].about
    assert ("0003_two.sql", "0002_between.sql") == await migrate(empty, tmp_path)
    assert [2, 1] == [row["n"] for row in await empty.fetch("select n from state.one")]
    names = await empty.fetch("select name from ops.migration order by name")
    assert ["0001_one.sql", "0002_between.sql", "0003_two.sql"] == [row["name"] for row in names]
