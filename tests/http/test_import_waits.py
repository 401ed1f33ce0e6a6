"""Rows that the record does not take: given again while nobody's are taken, refused for now where one's own
take too long, and named meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs

from market.http.wire.ids import to_text, to_uuid
from market.imports import Imports
from market.row_commands import TRIES_MAX
from tests.conftest import Database
from tests.http.shop import Shop
from tests.http.test_imports import counts, imported, lines, offer, see, send, stored, work

T = TypeVar("T")
SLOW = "2026-03-29T00:00:00Z"
BREAKING_OFF = """
create sequence state.broken_off;
grant usage on sequence state.broken_off to public;
create function state.break_off() returns trigger language plpgsql as $$ declare n bigint; begin
    if new.valid_until = '{slow}' then
        n := nextval('state.broken_off');
        if n <= {times} then
            raise exception 'took too long' using errcode = case n when 1 then '57014' else '{code}' end;
        end if;
    end if;
    return new;
end $$;
create trigger slow before insert on state.supply for each row execute function state.break_off();
"""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("market.row_commands.BUSY_SECONDS", 0.01)
    monkeypatch.setattr("market.row_commands.PAUSE_SECONDS_MAX", 0.02)


@asynccontextmanager
async def owner_of(database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database.dsn("owner"))
    try:
        yield connection
    finally:
        await connection.close()


async def break_off(database: Database, code: str, times: int = 10**6) -> None:
    """Each command, so often, whose supply is valid until then."""
    async with owner_of(database) as owner:
        await owner.execute(BREAKING_OFF.format(slow=SLOW, code=code, times=times))


async def until(ready: Callable[[], Awaitable[T]]) -> T:
    """What it gives, once that is something."""
    async with asyncio.timeout(20):
        while not (found := await ready()):  # noqa: ASYNC110  a worker tells of none of it
            await asyncio.sleep(0)
    return found


async def is_storing(shop: Shop, answer: httpx.Response) -> bool:
    return bool("storing" == (await see(shop, answer)).json()["state"])


async def of_event(lines: Sequence[Mapping[str, Any]], event: str) -> list[Mapping[str, Any]]:
    return [line for line in lines if line["event"] == event]


def offers(shop: Shop) -> list[dict[str, Any]]:
    return [offer(shop), offer(shop, valid_until=SLOW), offer(shop)]


@pytest.mark.parametrize("code", ["57014", "25P04"])
async def test_a_row_that_always_takes_too_long_is_refused_for_now_and_alone(
    shop: Shop, database: Database, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second code ends the transaction of all that are decided together."""
    monkeypatch.setattr("events.optimistic.LOCK_FIRST_SECONDS", 1_000.0)
    await break_off(database, code)
    before = await stored(shop)
    view, report = await imported(shop, offers(shop), query="&mode=partial")
    assert ("completed", 3, 2, 1) == counts(view)
    assert [(1, "accepted"), (2, "record_unavailable"), (3, "accepted")] == [
        (line["row"], line["code"]) for line in report
    ]
    told = f"the database has broken this row off {TRIES_MAX} times, since it took too long, and nothing of "
    assert told + "it is stored: send the row again later" == report[1]["sentence"]
    assert 2 == (await stored(shop))["supply"] - before["supply"]


async def test_rows_that_take_too_long_together_end_the_import(shop: Shop, database: Database) -> None:
    await break_off(database, "25P04")
    before = await stored(shop)
    view, report = await imported(shop, offers(shop))
    assert ("refused", 0, 0, 0) == counts(view)
    assert ("record_unavailable", []) == (view["problem"][0]["code"], report)
    assert view["problem"][0]["detail"].endswith("send the file again later, in parts, or with mode=partial")
    assert before == await stored(shop)


@pytest.mark.parametrize("mode", ["partial", "all_or_nothing"])
async def test_a_row_that_took_too_long_for_a_while_is_accepted_by_who_began_it(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """It waits for longer than a lease."""
    monkeypatch.setattr("market.row_commands.BUSY_SECONDS", 0.5)
    monkeypatch.setattr("market.row_commands.PAUSE_SECONDS_MAX", 0.5)
    await break_off(database, "57014", times=9)
    answer = await send(shop, offers(shop), query=f"&mode={mode}")
    worker = Imports(shop.door, owner="first", lease_seconds=0.6)
    working = asyncio.create_task(worker.work_once("first", asyncio.Event()))
    others = 0
    await until(partial(is_storing, shop, answer))
    while not working.done():
        others += await Imports(shop.door, owner="other").work_once("other", asyncio.Event())
        await asyncio.sleep(0.05)
    assert (True, 0) == (await working, others)
    assert ("completed", 3, 3, 0) == counts((await see(shop, answer)).json())


async def test_another_who_has_taken_the_import_over_is_left_to_it(shop: Shop, database: Database) -> None:
    await break_off(database, "57014")
    answer = await send(shop, offers(shop), query="&mode=partial")
    async with asyncio.TaskGroup() as group:
        running = Imports(shop.door, owner="first", lease_seconds=0.03)
        stop = asyncio.Event()
        with capture_logs() as told:
            group.create_task(running.run(stop))
            await until(partial(is_storing, shop, answer))
            await shop.scene.pool.execute(
                "update ops.import set owner = 'other', leased_until = now() + interval '60 s'"
            )
            waits = await until(partial(of_event, told, "import_waits"))
            stop.set()
    assert [(answer.json()["id"].removeprefix("imp_"), "LeaseLost()")] == [
        (line["import_id"].replace("-", ""), line["error"]) for line in waits
    ]


@pytest.mark.parametrize("mode", ["partial", "all_or_nothing"])
async def test_rows_that_wait_for_their_lane_are_named(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Nobody's rows are taken, so none is refused, however often it was given."""
    monkeypatch.setattr("market.row_commands.SAID_AFTER_SECONDS", 0.1)
    await stored(shop)
    async with owner_of(database) as owner:
        await owner.execute("update record.lane set stopped_reason = 'a test' where stream = 'market'")
        answer = await send(shop, [offer(shop), offer(shop)], query=f"&mode={mode}")
        stop = asyncio.Event()
        with capture_logs() as told:
            working = asyncio.create_task(Imports(shop.door, owner="test").work_once("test", stop))
            waits = await until(partial(of_event, told, "import_row_waits"))
            stop.set()
            await working
        assert [(1, "lane_stopped")] == [(line["row"], line["code"]) for line in waits]
        await owner.execute("update record.lane set stopped_reason = null")
    await work(shop)
    assert ("completed", 2, 2, 0) == counts((await see(shop, answer)).json())
    assert [1, 2] == [line["row"] for line in await lines(shop, answer)]


BREAKING_LOOKS = """
create sequence state.broken_looks;
grant usage on sequence state.broken_looks to public;
create function state.look(id uuid) returns boolean language plpgsql as $$ begin
    if id = '{order}' and nextval('state.broken_looks') <= 2 then
        raise exception 'took too long' using errcode = '57014';
    end if;
    return true;
end $$;
create policy slow on state.supply as restrictive to lodestone_writer using (state.look(supply));
"""


async def test_what_is_refused_before_a_look_takes_too_long_is_reported_once(
    shop: Shop, database: Database
) -> None:
    seller = shop.scene.sellers[0]
    kept = (await shop.ask("POST", "/v1/supply-offers", by=seller, body=offer(shop))).json()["id"]
    over = [{"id": to_text("offer", UUID(int=1)), "version": 1}, {"id": kept, "version": 1}]
    async with owner_of(database) as owner:
        await owner.execute(BREAKING_LOOKS.format(order=to_uuid(kept)))
        view, report = await imported(shop, over, "offer-withdrawals")
        assert 3 == await owner.fetchval("select last_value from state.broken_looks")
    assert ("refused", [(1, "order_unknown")]) == (
        view["state"],
        [(line["row"], line["code"]) for line in report],
    )
