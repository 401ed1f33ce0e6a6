"""A witness on a real topic: it cosigns what continues, and nothing else, whatever is killed or rewritten."""

import asyncio
import shutil
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from events.checkpoints import TOPIC, Cosigned, Signed, decode_message
from events.connections import open_consumer
from events.head_ledger import Witnessed
from events.key_files import read_keys
from events.notes import VerifierKey, parse_note, verifier_key
from events.witness import KEY_FILE, STATE_FILE, Folder, Witness, WitnessError
from market import sealing
from market.checkpoint_keys import WITNESS
from market.cli.console import Exit
from tests.process_support import finish, start_bare_cli, wired
from tests.record_support import crash_points, crashed_child, eventually, recreate_topic, send_raw, wall_clock
from tests.rules.test_checkpoints import head_of, leaves
from tests.seal_support import Sealed
from tests.wire_support import FIRST


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "witness"


def witness_on(
    sealed: Sealed, folder: Path, operator: VerifierKey | None = None, name: str = "witness.example/w1"
) -> Witness:
    storage = Folder(folder)
    with storage.owned():
        return Witness(
            storage,
            storage.key(name),
            operator or sealed.operator(),
            sealed.writer,
            partial(open_consumer, sealed.wire.bootstrap),
            topic_prefix=sealed.wire.prefix,
            clock=wall_clock,
        )


async def grown(sealed: Sealed, word: str, count: int = 8) -> None:
    await sealed.wire.write(word, count)
    await sealed.audited()
    await sealed.seal()


async def cosigned(sealed: Sealed) -> list[int]:
    """Sizes of the first lane's heads that carry a cosignature, in topic order."""
    return [
        each.checkpoint.size
        for each in await sealed.learnt()
        if isinstance(each, Witnessed) and each.lane == FIRST
    ]


async def send(sealed: Sealed, *messages: Signed) -> None:
    encoder = msgspec.json.Encoder()
    rows = [(encoder.encode(message), list[tuple[str, bytes]]()) for message in messages]
    await send_raw(sealed.wire.bootstrap, sealed.topic, 0, rows)


async def test_it_cosigns_the_newest_heads_once(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    await grown(sealed, "b")
    witness = witness_on(sealed, folder)
    await witness.turn(sealed.consumer)
    await witness.turn(sealed.consumer)
    assert [4] == await cosigned(sealed)
    await grown(sealed, "c")
    await witness.turn(sealed.consumer)
    await witness_on(sealed, folder).turn(sealed.consumer)
    assert [4, 6] == await cosigned(sealed)
    found = [each for each in await sealed.learnt() if isinstance(each, Witnessed)]
    assert {read_keys(folder / KEY_FILE).current.verifier} == {each.witness for each in found}
    assert 0o600 == (folder / STATE_FILE).stat().st_mode & 0o777
    assert () == tuple(witness.faults)


async def test_the_signer_stores_cosignatures(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    await witness_on(sealed, folder).turn(sealed.consumer)
    await sealed.seal()
    rows = await sealed.pool.fetch("select lane, size, witness, line from record.cosignature order by lane")
    assert [(0, 2), (1, 2), (2, 2), (3, 2)] == [(row["lane"], row["size"]) for row in rows]
    assert {read_keys(folder / KEY_FILE).current.verifier.text} == {row["witness"] for row in rows}


async def test_another_history_of_a_lane_is_not_cosigned(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    witness = witness_on(sealed, folder)
    await witness.turn(sealed.consumer)
    key = read_keys(sealed.key_file).current
    fork = head_of(leaves(9, "fork"), 2, by=key, lane=FIRST)
    await send(sealed, fork)
    await grown(sealed, "b")
    await witness.turn(sealed.consumer)
    assert [2] == await cosigned(sealed)
    assert "not shown to continue that at 2" in witness.faults[0]
    again = witness_on(sealed, folder)
    await grown(sealed, "c")
    await again.turn(sealed.consumer)
    assert [2] == await cosigned(sealed)
    others = [
        each.checkpoint.size
        for each in await sealed.learnt()
        if isinstance(each, Witnessed) and each.lane == FIRST._replace(lane=1)
    ]
    assert [2, 4, 6] == others


async def test_two_heads_and_a_forged_one_are_told(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    key = read_keys(sealed.key_file).current
    second = head_of(leaves(2, "fork"), 0, by=key, lane=FIRST)
    forged = Signed(note=second.note.replace("\n2\n", "\n3\n"), old_size=0, proof=())
    await send(sealed, second, forged)
    witness = witness_on(sealed, folder)
    await witness.turn(sealed.consumer)
    assert [] == await cosigned(sealed)
    told = "\n".join(witness.faults)
    assert "two heads of parties/0 at 2 events" in told
    assert "claims the signature of exchange.example" in told


async def test_a_rotation_is_followed_and_any_known_key_will_do(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    witness = witness_on(sealed, folder)
    await witness.turn(sealed.consumer)
    sealed.rotate()
    await sealed.seal()
    await grown(sealed, "b")
    await sealed.seal()
    await witness.turn(sealed.consumer)
    assert [2, 4] == await cosigned(sealed)
    current = read_keys(sealed.key_file).current.verifier
    late = witness_on(sealed, folder.with_name("late"), current, "witness.example/late")
    await late.turn(sealed.consumer)
    assert [2, 4, 4] == await cosigned(sealed)
    await witness_on(sealed, folder, current).turn(sealed.consumer)
    stranger = verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    with pytest.raises(WitnessError, match="belongs to a witness of exchange"):
        await witness_on(sealed, folder, stranger).turn(sealed.consumer)


async def test_a_topic_that_was_made_anew_is_noticed(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    witness = witness_on(sealed, folder)
    await witness.turn(sealed.consumer)
    await recreate_topic(sealed.wire.bootstrap, sealed.topic, 1)
    await eventually(sealed.topic_exists)
    with pytest.raises(WitnessError, match="shorter than it was"):
        await witness.turn(sealed.consumer)
    key = read_keys(sealed.key_file).current
    await send(
        sealed, *(head_of(leaves(size, "fork"), size - 1, by=key, lane=FIRST) for size in range(1, 20))
    )
    for late in (witness, witness_on(sealed, folder)):
        with pytest.raises(WitnessError, match="holds another record at offset"):
            await late.turn(sealed.consumer)
    assert [] == await cosigned(sealed)


async def test_a_recovered_topic_is_held_against_what_was_verified(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    await witness_on(sealed, folder).turn(sealed.consumer)
    sealed.rotate()
    await sealed.seal()
    await grown(sealed, "b")
    witness = witness_on(sealed, folder)
    await witness.turn(sealed.consumer)
    assert [2, 4] == await cosigned(sealed)
    await recreate_topic(sealed.wire.bootstrap, sealed.topic, 1)
    await eventually(sealed.topic_exists)
    witness = witness_on(sealed, folder)
    witness.begin_anew()
    await witness.turn(sealed.consumer)
    assert (4, 0) == (witness.awaited, witness.cosigned)
    await sealed.seal()
    await witness_on(sealed, folder).turn(sealed.consumer)
    assert [4] == await cosigned(sealed)
    late = witness_on(sealed, folder)
    assert (0, ()) == (late.awaited, late.faults)
    await grown(sealed, "c")
    await late.turn(sealed.consumer)
    assert [4, 6] == await cosigned(sealed)


async def test_the_local_witness_says_once_that_it_stands_and_goes_on_by_itself(
    market_database: Any, kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "WITNESS_LOOKS_SECONDS", 0.05)
    topic = f"{topic_prefix}{TOPIC}"
    async with wired(market_database, kafka_bootstrap, topic_prefix) as wiring:
        folder = Folder(wiring.settings.instance_dir / WITNESS)
        stop = asyncio.Event()

        async def has_read() -> bool:
            state = folder.read()
            return state is not None and state.next_offset == 2

        await send_raw(kafka_bootstrap, topic, 0, [(b"{}", [])] * 2)
        with capture_logs() as logs:
            running = asyncio.create_task(sealing.run_witness(wiring, stop))
            await eventually(has_read)
            await recreate_topic(kafka_bootstrap, topic, 1)

            async def stands() -> bool:
                return "witness_stands" in [each["event"] for each in logs]

            await eventually(stands)
            await asyncio.sleep(1.0)
            await send_raw(kafka_bootstrap, topic, 0, [(b"[]", [])] * 2)
            said = [each for each in logs if each["event"] == "witness_stands"]
            state = folder.read()
            assert state is not None
            folder.write(msgspec.structs.replace(state, next_offset=0, last_sha256=None))
            await eventually(has_read)
            stop.set()
            await running
    assert "is shorter than it was" in said[0]["told"]
    assert len({each["told"] for each in said}) == len(said)


async def test_a_recovered_topic_with_another_history_is_not_cosigned(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    await witness_on(sealed, folder).turn(sealed.consumer)
    await recreate_topic(sealed.wire.bootstrap, sealed.topic, 1)
    await eventually(sealed.topic_exists)
    key = read_keys(sealed.key_file).current
    await send(sealed, head_of(leaves(2, "fork"), by=key, lane=FIRST))
    await send(sealed, head_of(leaves(3, "fork"), 2, by=key, lane=FIRST))
    witness = witness_on(sealed, folder)
    witness.begin_anew()
    await witness.turn(sealed.consumer)
    assert [] == await cosigned(sealed)
    assert 4 == witness.awaited
    assert ["two heads of parties/0" in told for told in witness.faults] == [True, False]


async def test_a_folder_serves_one_witness_and_needs_its_key(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    await witness_on(sealed, folder).turn(sealed.consumer)
    storage = Folder(folder)
    with storage.owned(), pytest.raises(WitnessError, match="another witness works with"):
        witness_on(sealed, folder)
    (folder / KEY_FILE).unlink()
    with pytest.raises(WitnessError, match="put the key back"):
        storage.key("witness.example/w1")
    (folder / STATE_FILE).write_text("{")
    with pytest.raises(WitnessError, match="cannot be read"):
        storage.read()


@pytest.mark.parametrize("kept", [(), (KEY_FILE,)], ids=["nothing", "its key"])
async def test_a_folder_that_is_missing_is_not_made_anew_in_silence(
    sealed: Sealed, folder: Path, kept: Sequence[str]
) -> None:
    await grown(sealed, "a")
    await witness_on(sealed, folder).turn(sealed.consumer)
    moved = folder.rename(folder.with_name("elsewhere"))
    folder.mkdir(mode=0o700)
    for name in kept:
        shutil.copy2(moved / name, folder / name)
    await grown(sealed, "b")
    for _ in range(2):
        with pytest.raises(WitnessError, match=r"put the folder back .* --folder-lost"):
            await witness_on(sealed, folder).turn(sealed.consumer)
    assert [2] == await cosigned(sealed)
    assert not (folder / STATE_FILE).exists()
    assert (KEY_FILE in kept) == (folder / KEY_FILE).exists()
    shutil.rmtree(folder)
    moved.rename(folder)
    await witness_on(sealed, folder).turn(sealed.consumer)
    assert [2, 4] == await cosigned(sealed)


async def test_a_folder_that_is_lost_for_good_is_begun_anew_when_told(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    await witness_on(sealed, folder).turn(sealed.consumer)
    shutil.rmtree(folder)
    anew = witness_on(sealed, folder)
    anew.begin_without_folder()
    await anew.turn(sealed.consumer)
    assert () == anew.faults
    await grown(sealed, "b")
    await witness_on(sealed, folder).turn(sealed.consumer)
    assert [2, 2, 4] == await cosigned(sealed)


CHILD = """
import asyncio, sys
from functools import partial
from pathlib import Path
from events.connections import open_consumer, open_producer
from events.notes import verifier_key
from events.publishing import TopicWriter
from events.witness import Folder, Witness
from tests.record_support import wall_clock

async def main():
    bootstrap, prefix, folder, operator = sys.argv[1:]
    storage = Folder(Path(folder))
    open_one = partial(open_consumer, bootstrap)
    with storage.owned():
        witness = Witness(
            storage, storage.key("witness.example/w1"), verifier_key(operator),
            TopicWriter(partial(open_producer, bootstrap)), open_one, topic_prefix=prefix, clock=wall_clock,
        )
        await witness.turn(await open_one())

asyncio.run(main())
"""


LABELS = ("witness.verified", "witness.stored", "witness.published")


def test_every_crash_point_of_a_witness_has_its_test() -> None:
    assert crash_points("witness") == set(LABELS)


@pytest.mark.parametrize("label", LABELS)
async def test_a_killed_witness_never_cosigns_two_histories(sealed: Sealed, folder: Path, label: str) -> None:
    """After the crash the operator shows it another history from where it had not published yet."""
    await grown(sealed, "a")
    await witness_on(sealed, folder).turn(sealed.consumer)
    await grown(sealed, "b")
    given = (sealed.wire.bootstrap, sealed.wire.prefix, str(folder), sealed.operator().text)
    assert -signal.SIGKILL == await crashed_child(CHILD, *given, crash_at=label)
    key = read_keys(sealed.key_file).current
    await send(sealed, head_of(leaves(4, "fork"), 0, by=key, lane=FIRST))
    witness = witness_on(sealed, folder)
    await witness.turn(sealed.consumer)
    roots: dict[tuple[str, int], set[str]] = {}
    mine = read_keys(folder / KEY_FILE).current.verifier
    for value in await sealed.messages():
        message = decode_message(value)
        if isinstance(message, Cosigned):
            note = parse_note(message.note)
            assert note.cosigned_at(mine) is not None
            origin, size, root, _ = note.text.split("\n")
            roots.setdefault((origin, int(size)), set()).add(root)
    assert all(len(found) == 1 for found in roots.values())
    assert {2, 4} == {size for origin, size in roots if origin.endswith("/1")}
    assert any("two heads of parties/0" in told for told in witness.faults)


async def test_a_partner_runs_it_with_broker_and_key_alone(sealed: Sealed, folder: Path) -> None:
    await grown(sealed, "a")
    arguments = [
        "witness", "--bootstrap", sealed.wire.bootstrap, "--topic-prefix", sealed.wire.prefix, "--once",
        "--folder", str(folder), "--name", "partner.example/w", "--key", sealed.operator().text,
    ]  # fmt: skip
    code, out, err = await finish(await start_bare_cli(*arguments))
    assert Exit.OK == code, err
    assert "partner.example/w" == verifier_key(out.strip()).name
    assert [2] == await cosigned(sealed)
    key = read_keys(sealed.key_file).current
    await send(sealed, head_of(leaves(2, "fork"), 0, by=key, lane=FIRST))
    code, _, err = await finish(await start_bare_cli(*arguments))
    assert Exit.DIVERGENCE == code
    assert "two heads of parties/0 at 2 events" in err
    assert key.secret_text not in err
    code, _, err = await finish(await start_bare_cli(*arguments[:-1], "nonsense"))
    assert Exit.INVALID_INPUT == code, err
