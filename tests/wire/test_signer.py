"""Checkpoints on a real topic: what is signed continues what was signed, whatever is killed or restored."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError

from events import seals
from events.connections import open_consumer
from events.head_ledger import HandedOver, Head
from events.journal import read_rows
from events.key_files import KeyFileError, read_keys
from events.merkle import Frontier, leaf_hash
from events.replay import restore_lane
from events.signer import Signer
from tests.record_support import (
    apply_effects,
    crash_points,
    crashed_child,
    eventually,
    recreate_topic,
    running,
    send_raw,
)
from tests.seal_support import Sealed, signer_on
from tests.wire_support import FIRST, LANES

WHOLE = ("lane", "journal", "relay", "consumer", "tile", "checkpoint", "cosignature", "key_rotation")


async def journal_root(sealed: Sealed, size: int) -> bytes:
    """Of the lane's first events, leaf by leaf."""
    frontier = Frontier()
    async with sealed.pool.acquire() as connection:
        for row in await read_rows(connection, FIRST, 0, size, 10**6):
            frontier.append(leaf_hash(row.body))
    assert size == frontier.size
    return frontier.root()


async def test_every_lane_that_moved_is_signed_over_its_journal(sealed: Sealed) -> None:
    await sealed.wire.write("a", 20)
    await sealed.audited()
    signer = await sealed.seal()
    await sealed.seal(signer)
    await sealed.wire.write("b", 9)
    await sealed.audited()
    await sealed.seal(signer)
    found = [each for each in await sealed.learnt() if isinstance(each, Head)]
    assert len(await sealed.messages()) == len(found)
    assert 8 == signer.signed
    mine = [each.checkpoint for each in found if each.lane == FIRST]
    assert [5, 8] == [each.size for each in mine]
    assert [await journal_root(sealed, size) for size in (5, 8)] == [each.root for each in mine]
    assert "exchange.example/parties/0" == mine[0].origin
    assert {} == signer.refused


async def test_a_long_lane_is_signed_through_its_tiles(sealed: Sealed) -> None:
    for number in range(3):
        await sealed.wire.write(f"n{number}.", 4 * 450)
    await sealed.audited()
    await sealed.seal()
    assert [1_344, 1_350] == await sealed.heads()
    found = [each for each in await sealed.learnt() if isinstance(each, Head) and each.lane == FIRST]
    roots = [await journal_root(sealed, size) for size in (1_344, 1_350)]
    assert roots == [each.checkpoint.root for each in found]


async def test_it_runs_by_itself_and_signs_early_what_is_much(sealed: Sealed) -> None:
    signer = signer_on(
        sealed.pool,
        sealed.wire.bootstrap,
        sealed.wire.prefix,
        sealed.key_file,
        sealed.writer,
        events=5,
        seconds=3600.0,
    )
    async with running(signer):
        await sealed.wire.write("a", 4)
        await sealed.audited()
        await sealed.wire.write("b", 40)
        await sealed.audited()

        async def signed() -> bool:
            return 11 in await sealed.heads()

        await eventually(signed)


async def test_nothing_is_signed_that_the_auditor_has_not_read(sealed: Sealed) -> None:
    await sealed.wire.write("a", 20)
    await sealed.seal()
    await sealed.wire.publish()
    await sealed.seal()
    assert [] == await sealed.messages()


async def test_a_restored_backup_signs_nothing_until_it_holds_what_was_signed(sealed: Sealed) -> None:
    await sealed.wire.write("a", 20)
    await sealed.audited()
    await sealed.seal()
    await sealed.saved(*WHOLE)
    await sealed.wire.write("b", 20)
    await sealed.audited()
    await sealed.seal()
    assert [5, 10] == await sealed.heads()
    await sealed.execute("delete from public.effect where position > 5")
    await sealed.restored(*WHOLE)
    signer = await sealed.seal()
    assert {} == signer.refused
    await sealed.follow_topic(10)
    await sealed.seal(signer)
    assert "does not hold the same" in signer.refused[FIRST]
    await taken_back(sealed)
    await sealed.seal(signer)
    assert {} == signer.refused
    assert [5, 10] == await sealed.heads()
    await sealed.wire.write("c", 4)
    await sealed.audited()
    await sealed.seal(signer)
    assert [5, 10, 11] == await sealed.heads()


async def test_what_holds_a_head_up_is_named(sealed: Sealed) -> None:
    """A database that was taken back, and an auditor that has not read on."""
    await sealed.wire.write("a", 20)
    await sealed.audited()
    await sealed.saved(*WHOLE)
    await sealed.wire.write("b", 20)
    await sealed.audited()
    await sealed.seal()
    await sealed.execute("delete from public.effect where position > 5")
    await sealed.restored(*WHOLE)
    signer = await sealed.seal()
    older = (
        "the lane ends at 5: the database is an older state. Recovery: lodestone replay --restore parties/0"
    )
    assert f"a head of parties/0 at 10 events was signed, and {older}" == signer.refused[FIRST]
    await taken_back(sealed)
    await sealed.seal(signer)
    verified = "the auditor has verified 5 of 10"
    assert signer.refused[FIRST].endswith(f"{verified} so far")
    await sealed.execute("update record.consumer set stopped_reason = 'a fork' where lane = 0")
    await sealed.seal(signer)
    resume = "Recovery: lodestone doctor --resume auditor/parties/0"
    assert signer.refused[FIRST].endswith(f"{verified} and stopped: a fork. {resume}")
    await sealed.execute("update record.consumer set stopped_reason = null")
    await sealed.follow()
    await sealed.seal(signer)
    assert ({}, [10]) == (signer.refused, await sealed.heads())


async def taken_back(sealed: Sealed) -> None:
    for lane in range(LANES):
        await restore_lane(
            sealed.wire.pool,
            sealed.consumer,
            FIRST._replace(lane=lane),
            apply_effects,
            topic_prefix=sealed.wire.prefix,
        )


async def test_another_history_is_not_signed(sealed: Sealed) -> None:
    """The journal and its topic made anew together: only what was signed tells."""
    await sealed.wire.write("a", 20)
    await sealed.audited()
    await sealed.seal()
    await sealed.execute(
        "alter table record.journal disable trigger journal_is_append_only",
        "delete from record.journal",
        "delete from record.consumer",
        "delete from record.tile",
        "delete from public.effect",
    )
    await sealed.forget_lanes()
    await recreate_topic(sealed.wire.bootstrap, sealed.wire.topic, 4)
    await sealed.wire.write("z", 40)
    await sealed.audited()
    signer = await sealed.seal()
    assert "are not those over which a head was signed" in signer.refused[FIRST]
    assert [5] == await sealed.heads()
    await sealed.execute("delete from record.checkpoint")
    signer = await sealed.seal()
    assert "are not those over which a head was signed" in signer.refused[FIRST]
    assert [5] == await sealed.heads()


async def test_an_edited_journal_is_not_signed(sealed: Sealed) -> None:
    await sealed.wire.write("a", 8)
    await sealed.audited()
    await sealed.execute(
        "alter table record.journal disable trigger journal_is_append_only",
        "update record.journal set body = convert_to(replace(convert_from(body, 'UTF8'), 'a0', 'z0'), 'UTF8')"
        " where lane = 0 and position = 1",
    )
    signer = await sealed.seal()
    assert "breaks off before position 1" in signer.refused[FIRST]
    assert [] == await sealed.heads()
    assert [2] == await sealed.heads(FIRST._replace(lane=1))


async def test_a_key_hands_over_and_the_next_signs(sealed: Sealed) -> None:
    await sealed.wire.write("a", 4)
    await sealed.audited()
    signer = await sealed.seal()
    old = read_keys(sealed.key_file).current
    sealed.rotate()
    await sealed.wire.write("b", 4)
    await sealed.audited()
    await sealed.seal(signer)
    await sealed.seal(signer)
    found = await sealed.learnt()
    assert [HandedOver] == [type(each) for each in found if not isinstance(each, Head)]
    assert [1, 2] == await sealed.heads()
    assert old.secret_text.encode() not in sealed.key_file.read_bytes()
    sealed.rotate()
    await sealed.wire.write("c", 4)
    await sealed.audited()
    again = await sealed.seal()
    await sealed.seal(again)
    assert [1, 2, 3] == await sealed.heads()


async def test_a_head_of_another_signer_goes_before_the_change_of_key_that_followed_it(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are stored between two readings of what is to be published."""
    await sealed.wire.write("a", 4)
    await sealed.audited()
    signer = await sealed.seal()
    with monkeypatch.context() as failing:
        failing.setattr(Signer, "_publish_some", unsent)
        await sealed.wire.write("b", 4)
        await sealed.audited()
        with pytest.raises(KafkaConnectionError):
            await sealed.seal(signer)
        sealed.rotate()
        with pytest.raises(KafkaConnectionError):
            await sealed.seal(signer)
    stored = "update record.{} set published = {}"
    for table in ("checkpoint", "key_rotation"):
        await sealed.execute(stored.format(table, "true"))
    read = seals.read_unpublished

    async def meanwhile(connection: Any, limit: int) -> Any:
        monkeypatch.setattr(seals, "read_unpublished", read)
        found = await read(connection, limit)
        await sealed.execute(stored.format("checkpoint", "size = 1"), stored.format("key_rotation", "false"))
        return found

    monkeypatch.setattr(seals, "read_unpublished", meanwhile)
    with pytest.raises(KeyFileError, match="to which the topic has last handed over"):
        await sealed.seal(signer)
    await sealed.seal(signer)
    *heads, last = await sealed.learnt()
    assert ({Head}, HandedOver) == ({type(each) for each in heads}, type(last))
    assert [1, 2] == await sealed.heads()


async def unsent(*_: Any) -> None:
    raise KafkaConnectionError("no broker")


async def test_another_key_of_the_same_name_signs_nothing(sealed: Sealed, tmp_path: Path) -> None:
    await sealed.wire.write("a", 4)
    await sealed.audited()
    await sealed.seal()
    sealed.rotate()
    await sealed.seal()
    sealed.key_file.write_bytes(sealed.key_file.read_bytes().replace(b"key-rotation/v1", b"key-rotation/v2"))
    with pytest.raises(KeyFileError):
        await sealed.seal()


async def test_a_key_from_a_backup_signs_nothing(sealed: Sealed) -> None:
    await sealed.wire.write("a", 4)
    await sealed.audited()
    await sealed.seal()
    old = sealed.key_file.read_bytes()
    sealed.rotate()
    await sealed.seal()
    sealed.key_file.write_bytes(old)
    await sealed.wire.write("b", 4)
    await sealed.audited()
    with pytest.raises(KeyFileError, match="does not hand over as"):
        await sealed.seal()
    await sealed.execute("delete from record.key_rotation")
    with pytest.raises(KeyFileError, match="not hold the key to which the topic has last handed over"):
        await sealed.seal()
    assert [1] == await sealed.heads()


async def test_every_64th_event_has_a_head_of_its_own(sealed: Sealed) -> None:
    signer = sealed.signer()
    for count in (63, 3, 62, 70):
        await sealed.wire.write(f"n{count}.", 4 * count)
        await sealed.audited()
        await sealed.seal(signer)
    assert [63, 64, 66, 128, 192, 198] == await sealed.heads()
    assert {} == signer.refused


async def test_why_a_lane_is_not_signed_is_kept_until_it_is(sealed: Sealed) -> None:
    await sealed.wire.write("a", 8)
    await sealed.audited()
    await sealed.execute("create table public.saved_journal as table record.journal")
    await sealed.execute(
        "alter table record.journal disable trigger journal_is_append_only",
        "update record.journal set body = convert_to(replace(convert_from(body, 'UTF8'), 'a0', 'z0'), 'UTF8')"
        " where lane = 0 and position = 1",
    )
    signer = await sealed.seal()
    await sealed.seal(signer)
    rows = await sealed.pool.fetch("select stream, lane, reason from record.unsigned_lane")
    assert [(*FIRST, signer.refused[FIRST])] == [tuple(row) for row in rows]
    await sealed.restored("journal")
    await sealed.seal()
    assert [] == await sealed.pool.fetch("select from record.unsigned_lane")
    assert [2] == await sealed.heads()


async def test_a_running_signer_notices_that_the_topic_was_made_anew(sealed: Sealed) -> None:
    signer = sealed.signer()
    for word in ("a", "b"):
        await sealed.wire.write(word, 8)
        await sealed.audited()
        await sealed.seal(signer)
    before = await sealed.messages()
    await recreate_topic(sealed.wire.bootstrap, sealed.topic, 1)
    await eventually(sealed.topic_exists)
    await sealed.seal(signer)
    await sealed.seal(signer)
    assert before == await sealed.messages()
    await recreate_topic(sealed.wire.bootstrap, sealed.topic, 1)
    await eventually(sealed.topic_exists)
    await send_raw(sealed.wire.bootstrap, sealed.topic, 0, [(b"{}", [])] * (len(before) + 1))
    await sealed.seal(signer)
    assert before == (await sealed.messages())[-len(before) :]
    await sealed.wire.write("c", 4)
    await sealed.audited()
    await sealed.seal(signer)
    assert [2, 4, 5] == await sealed.heads()


async def test_a_topic_that_was_made_anew_gets_the_same_notes_again(sealed: Sealed) -> None:
    await sealed.wire.write("a", 8)
    await sealed.audited()
    await sealed.seal()
    sealed.rotate()
    await sealed.seal()
    await sealed.wire.write("b", 8)
    await sealed.audited()
    await sealed.seal()
    before = await sealed.messages()
    await recreate_topic(sealed.wire.bootstrap, sealed.topic, 1)
    await eventually(sealed.topic_exists)
    signer = await sealed.seal()
    await sealed.seal(signer)
    assert before == await sealed.messages()
    assert [2, 4] == await sealed.heads()


CHILD = """
import asyncio, sys
from functools import partial
from pathlib import Path
from events.connections import open_consumer, open_producer
from events.publishing import TopicWriter
from tests.record_support import pool_on
from tests.seal_support import signer_on

async def main():
    dsn, bootstrap, prefix, key_file = sys.argv[1:]
    async with pool_on(dsn) as pool:
        writer = TopicWriter(partial(open_producer, bootstrap))
        signer = signer_on(pool, bootstrap, prefix, Path(key_file), writer)
        await signer.turn(await open_consumer(bootstrap), everything=True)

asyncio.run(main())
"""


LABELS = ("signer.signed", "signer.stored", "signer.stored:3", "signer.published")


@pytest.mark.parametrize("label", LABELS)
async def test_a_killed_signer_never_signs_two_histories(sealed: Sealed, label: str) -> None:
    for number in range(2):
        await sealed.wire.write(f"n{number}.", 8)
        await sealed.audited()
        given = (sealed.dsn, sealed.wire.bootstrap, sealed.wire.prefix, str(sealed.key_file))
        assert -signal.SIGKILL == await crashed_child(CHILD, *given, crash_at=label)
    await sealed.seal()
    found = await sealed.learnt()
    assert set() == {type(each).__name__ for each in found} - {"Head", "Repeat"}
    assert 4 == (await sealed.heads())[-1]
    rows = await sealed.pool.fetch("select note, published from record.checkpoint order by number")
    notes = {row["note"] for row in rows}
    assert all(row["published"] for row in rows)
    assert notes == {_note(value) for value in await sealed.messages()}


AUDITOR = """
import asyncio, sys
from market.audit.auditor import ChainFollower
from tests.record_support import pool_on, subscription_on

async def main():
    dsn, bootstrap, prefix = sys.argv[1:]
    async with pool_on(dsn) as pool:
        await subscription_on(pool, bootstrap, prefix, ChainFollower(), name="auditor").run()

asyncio.run(main())
"""
AUDITOR_LABELS = ("subscription.handled", "subscription.committed:3")


@pytest.mark.parametrize("label", AUDITOR_LABELS)
async def test_a_killed_auditor_lets_nobody_sign_two_histories(sealed: Sealed, label: str) -> None:
    """The signer goes by the place that the auditor has committed, whatever it had read beyond."""
    await sealed.wire.write("a", 8)
    await sealed.wire.publish()
    given = (sealed.dsn, sealed.wire.bootstrap, sealed.wire.prefix)
    assert -signal.SIGKILL == await crashed_child(AUDITOR, *given, crash_at=label)
    await sealed.seal()
    await sealed.wire.write("b", 8)
    await sealed.audited()
    await sealed.seal()
    assert 4 == (await sealed.heads())[-1]
    assert {"Head"} == {type(each).__name__ for each in await sealed.learnt()}
    found = [each.checkpoint for each in await sealed.learnt() if isinstance(each, Head)]
    roots = [await journal_root(sealed, each.size) for each in found if each.origin.endswith("parties/0")]
    assert roots == [each.root for each in found if each.origin.endswith("parties/0")]


def test_every_crash_point_of_signer_and_auditor_has_its_test() -> None:
    assert crash_points("signer") == {label.partition(":")[0] for label in LABELS}
    assert crash_points("handling") == {label.partition(":")[0] for label in AUDITOR_LABELS}


def _note(value: bytes) -> str:
    return str(msgspec.json.decode(value)["note"])


async def test_two_signers_sign_one_history(sealed: Sealed) -> None:
    signers = [sealed.signer(), sealed.signer()]
    other = await open_consumer(sealed.wire.bootstrap)
    for number in range(3):
        await sealed.wire.write(f"n{number}.", 12)
        await sealed.audited()
        await asyncio.gather(
            signers[0].turn(sealed.consumer, everything=True), signers[1].turn(other, everything=True)
        )
    await other.stop()
    assert [3, 6, 9] == await sealed.heads()
    assert set() == {type(each).__name__ for each in await sealed.learnt()} - {"Head", "Repeat"}
