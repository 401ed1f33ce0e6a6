"""Imports as they are used: over the command line to the end, and on past kill -9 at every point."""

import asyncio
import json
import re
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from market.cli.commands import commands
from market.cli.console import CommandFailed, Exit
from market.commands import parties
from market.http.files.import_kinds import KINDS
from market.http.wire.tokens import mint, secret_sha256
from market.imports import Imports
from market.rules.parties.keys import IssueKey
from market.rules.parties.parties import KeyDetails
from market.store import imports as store
from market.store.imports import Import, Mode
from tests.conftest import Database
from tests.market_support import Scene, scene_on
from tests.process_support import finish, serving, start_bare_cli, start_cli, wired

pytestmark = pytest.mark.timeout(300)
TOKEN_SECRET = b"t" * 32
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


def value(number: int, **changes: str) -> dict[str, Any]:
    day = f"{1970 + number // 28}-01-{number % 28 + 1:02}"
    days = {"first_day": day, "last_day": day, "as_of": day, "published_at": f"{day}T18:00:00Z"}
    return KINDS["index-values"].example | days | changes


async def operators_key(scene: Scene) -> tuple[UUID, str]:
    key = uuid7()
    token = mint(key, TOKEN_SECRET)
    await parties.issue_key(
        scene.desk,
        IssueKey(
            caller=scene.operator,
            organisation=scene.sellers[0].organisation,
            key=key,
            details=KeyDetails(
                label="imports",
                secret_sha256=secret_sha256(token),
                roles=("operator", "trader"),
                expires_at=FAR,
            ),
        ),
    )
    return key, token


async def hand_in(scene: Scene, rows: list[dict[str, Any]], mode: Mode) -> UUID:
    key, _ = await operators_key(scene)
    content = "\n".join(map(json.dumps, rows)).encode()
    new = Import(
        id=uuid7(), organisation=scene.sellers[0].organisation, key=key, roles=("operator",), request_key="k",
        request_hash=None, kind="index-values", format="ndjson", mode=mode, separator=None, market=None,
        state="receiving", size_bytes=0, rows_total=None, rows_read=0, accepted=0, warned=0, refused=0,
        problem=None, cancel_asked=False, created_at=scene.clock.now, storing_since=None, finished_at=None,
    )  # fmt: skip
    async with scene.pool.acquire() as connection:
        assert await store.begin(connection, new)
        for number, start in enumerate(range(0, len(content), 50_000)):
            assert await store.add_part(connection, new.id, number, content[start : start + 50_000])
        assert await store.received(connection, new.id, len(content), b"h" * 32)
    return new.id


async def found(scene: Scene, imported: UUID) -> Import:
    async with scene.pool.acquire() as connection:
        loaded = await store.load(connection, imported)
    assert loaded is not None
    return loaded


@pytest.mark.parametrize(
    ("mode", "rows", "label"),
    [
        ("partial", 1_200, "lane.after_commit:7"),
        ("partial", 1_200, "imports.advanced:2"),
        ("all_or_nothing", 400, "imports.stored"),
    ],
)
async def test_a_killed_import_goes_on_and_doubles_nothing(
    database: Any, kafka_bootstrap: str, topic_prefix: str, mode: Mode, rows: int, label: str
) -> None:
    async with scene_on(database) as scene:
        content = [value(number) for number in range(rows)]
        refused = 0
        if mode == "partial":
            content[700], refused = value(700, amount="-1"), 1
        imported = await hand_in(scene, content, mode)
        killed = await start_cli(database, kafka_bootstrap, topic_prefix, "run", "imports", crash_at=label)
        code, _, told = await finish(killed)
        assert -signal.SIGKILL == code, told
        assert "storing" == (await found(scene, imported)).state
        await scene.pool.execute("update ops.import set leased_until = now()")
        async with wired(database, kafka_bootstrap, topic_prefix, now=scene.clock) as wiring:
            await Imports(wiring, owner="next").work_once("next", asyncio.Event())
        after = await found(scene, imported)
        assert ("completed", rows, rows - refused, refused) == (
            after.state,
            after.rows_read,
            after.accepted,
            after.refused,
        )
        published = "select count(*), count(distinct period_start) from index_value"
        assert (rows - refused,) * 2 == tuple(await scene.pool.fetchrow(published) or ())
        assert 0 == await scene.pool.fetchval("select count(*) from ops.import_part")


async def test_the_command_line_tells_of_every_row(
    database: Any, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    file, report = tmp_path / "values.ndjson", tmp_path / "report.csv"
    async with scene_on(database) as scene:
        _, token = await operators_key(scene)
        nobody = await start_bare_cli("import", *asked(file, [], "http://127.0.0.1:9", token))
        async with wired(database, kafka_bootstrap, topic_prefix) as wiring:
            bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            async with serving(wiring, "api", "imports", bound=bound):
                url = f"http://127.0.0.1:{await bound}/v1"
                rows = [value(1), value(2, amount="1,5"), value(3)]
                partial = (*asked(file, rows, url, token), "--mode", "partial", "--report", str(report))
                code, out, told = await finish(await start_bare_cli("import", *partial))
                assert (3, "completed: 2 accepted, 1 refused") == (code, out.splitlines()[0]), told
                assert out.splitlines()[1].startswith("row 2, amount: decimal_comma: '1,5' has a comma")
                assert 4 == len(report.read_text().splitlines())
                whole = (*asked(file, [value(7), value(8)], url, token), "--request", "k1")
                full = (*whole, "--json", "--report", "/dev/full")
                code, out, told = await finish(await start_bare_cli("import", *full))
                assert (3, 2) == (code, json.loads(out)["accepted"]), told
                assert "error: /dev/full cannot be written: No space left on device; GET http" in told
                asked(file, [value(9)], url, token)
                code, _, told = await finish(await start_bare_cli("import", *whole))
                assert (3, 1) == (code, told.splitlines()[-1].count("another body")), told
                one, both = ([value(10 + n, amount="x") for n in range(count)] for count in (1, 2))
                for wrong, expected in ((one, "1 row is"), (both, "2 rows are")):
                    code, _, told = await finish(
                        await start_bare_cli("import", *asked(file, wrong, url, token))
                    )
                    last = f"error: {expected} refused, so nothing was stored; the report says why"
                    assert (3, last) == (code, told.splitlines()[-1])
        code, _, told = await finish(nobody)
        assert (5, 2) == (code, len(told.splitlines()))
        assert told.startswith("idempotency key of the request: ")
        assert told.endswith("error: no answer from http://127.0.0.1:9: Connection refused\n")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (("--report", "/no-such-folder/report.csv"), "there is no folder /no-such-folder"),
        (("--url", "127.0.0.1:9"), "an address begins with http:// or https://"),
        (("--url", "http://[::1"), "--url http://[::1: Invalid IPv6 URL"),
        (("--url", "http://127.0.0.1:x"), "--url http://127.0.0.1:x: Invalid port"),
        (("--url", "http://me:pw@127.0.0.1:9"), "--url: an address holds no user or password"),
        (("--url", "http://market.example"), "http://market.example would carry the key in clear text"),
        (("--key", "a secret"), "the API key contains characters that no key has"),
    ],
)
def test_what_is_wrong_with_a_call_is_told_before_anything_is_sent(
    tmp_path: Path, changed: tuple[str, ...], expected: str
) -> None:
    given = (*asked(tmp_path / "values.ndjson", [value(1)], "http://127.0.0.1:9", "key"), *changed)
    with pytest.raises(CommandFailed, match=re.escape(expected)) as failed:
        commands(["import", *given], standalone_mode=False)
    assert Exit.INVALID_INPUT == failed.value.code


def asked(file: Path, rows: list[dict[str, Any]], url: str, token: str) -> tuple[str, ...]:
    file.write_text("\n".join(map(json.dumps, rows)))
    return str(file), "--kind", "index-values", "--url", url, "--key", token
