"""What everybody may know of the heads, on a topic of its own: what stands there, and what keeps it right."""

from collections import Counter
from pathlib import Path

import msgspec

from events.checkpoints import encode_hashes, encode_message
from events.decision import LaneKey
from events.head_ledger import HandedOver, Head, Witnessed
from events.key_files import read_keys
from events.merkle import consistency_spans
from events.notes import signed
from events.trees import proof_of
from market.cli.console import Exit
from tests.process_support import finish, start_bare_cli
from tests.record_support import create_topic, delete_topic, eventually, send_raw
from tests.rules.test_checkpoints import head_of, leaves
from tests.seal_support import Sealed
from tests.wire.test_witness import witness_on
from tests.wire_support import FIRST, LANES

OTHER = LaneKey(FIRST.stream, 1)


async def grown(sealed: Sealed, word: str, events: int) -> None:
    """So many events more in every lane, signed."""
    await sealed.wire.write(word, LANES * events)
    await sealed.audited()
    await sealed.seal()


async def told(sealed: Sealed, lane: LaneKey = FIRST) -> list[tuple[str, int]]:
    """What a reader of the public topic believes of a lane, in its order."""
    return [
        (type(each).__name__, each.checkpoint.size)
        for each in await sealed.learnt(sealed.public_topic)
        if isinstance(each, Head | Witnessed) and each.lane == lane
    ]


async def test_every_64th_head_stands_there_with_its_cosignatures_and_continues_the_one_before(
    sealed: Sealed, tmp_path: Path
) -> None:
    witness = witness_on(sealed, tmp_path / "witness")
    signer = sealed.signer()
    for events in (63, 3):
        await sealed.wire.write(f"n{events}.", LANES * events)
        await sealed.audited()
        await sealed.seal(signer)
    await witness.turn(sealed.consumer)
    await sealed.seal(signer)
    assert [63, 64, 66] == await sealed.heads()
    assert [("Head", 64), ("Witnessed", 64)] == await told(sealed)
    sealed.rotate()
    await sealed.seal(signer)
    await sealed.wire.write("later", LANES * 130)
    await sealed.audited()
    await sealed.seal(signer)
    await sealed.seal(sealed.signer())
    await sealed.seal(signer)
    found = await sealed.learnt(sealed.public_topic)
    assert {Head: 2 * LANES, Witnessed: LANES, HandedOver: 1} == dict(Counter(map(type, found)))
    assert [("Head", 64), ("Witnessed", 64), ("Head", 192)] == await told(sealed)
    assert [0, 64] == [each.old_size for each in found if isinstance(each, Head) and each.lane == FIRST]
    await checked_with_the_command_line(sealed, tmp_path)
    cosigned = [value for value in await sealed.messages() if b'"cosignature"' in value]
    assert {value for value in cosigned if b"\\n64\\n" in value} == {
        value for value in await sealed.messages(sealed.public_topic) if b'"cosignature"' in value
    }


async def checked_with_the_command_line(sealed: Sealed, folder: Path) -> None:
    """Heads of 63, 64 and 192 events, all that a partner may have kept, with the first key."""
    notes = {
        each.checkpoint.size: signed(each.note.text, [one.line for one in each.note.signatures])
        for each in await sealed.learnt()
        if isinstance(each, Head) and each.lane == FIRST
    }
    files = {size: folder / f"{size}.txt" for size in (63, 64, 192)}
    for size, file in files.items():
        file.write_text(notes[size])
    topics = ("--bootstrap", sealed.wire.bootstrap, "--topic-prefix", sealed.wire.prefix)

    key = sealed.operator().text

    async def run(*arguments: str) -> tuple[int, str]:
        child = await start_bare_cli("audit", "heads", *topics, "--key", key, *arguments)
        code, out, err = await finish(child)
        return code, out + err

    code, out = await run(str(files[64]), str(files[192]))
    assert 0 == code, out
    assert "parties/0               192 events under its newest head" in out
    assert "witness.example/w1 has cosigned 256 events" in out
    assert 2 == out.count("stands on the topic, which continues it to 192 events")
    code, out = await run(str(files[63]))
    assert Exit.INVALID_INPUT == code
    assert "GET /v1/checkpoints/parties/0/consistency?old_size=63&new_size=64" in out
    async with sealed.pool.acquire() as connection:
        proof = await proof_of(connection, FIRST, consistency_spans(63, 64))
    answer = folder / "consistency.json"
    answer.write_bytes(msgspec.json.encode({"old_size": 63, "new_size": 64, "proof": encode_hashes(proof)}))
    assert 0 == (await run(str(files[63]), str(answer)))[0]
    fork = folder / "fork.txt"
    fork.write_text(head_of(leaves(64, "fork"), by=read_keys(sealed.key_file).current, lane=FIRST).note)
    code, out = await run(str(fork))
    assert Exit.DIVERGENCE == code and "two histories" in out


async def test_a_topic_that_is_not_there_keeps_nobody_from_signing_and_gets_in_order_what_can_be_proved(
    sealed: Sealed,
) -> None:
    """Nothing passes a change of key that comes after a head which the database does not hold."""
    signer = sealed.signer()
    await sealed.wire.write("a", LANES * 64)
    await sealed.audited()
    await sealed.seal(signer)
    await sealed.seal(signer)
    before = await sealed.messages(sealed.public_topic)
    assert LANES == len(before)
    await delete_topic(sealed.wire.bootstrap, sealed.public_topic)

    async def absent() -> bool:
        return sealed.public_topic not in await sealed.consumer.topics()

    await eventually(absent)
    await sealed.wire.write("b", LANES * 64)
    await sealed.audited()
    await sealed.seal(signer)
    await sealed.seal(signer)
    assert [64, 128] == await sealed.heads()
    sealed.rotate()
    await sealed.seal(signer)
    await sealed.saved("checkpoint")
    await sealed.execute("delete from record.checkpoint where lane = 1")
    await create_topic(sealed.wire.bootstrap, sealed.public_topic, 1)

    async def present() -> bool:
        return not await absent()

    await eventually(present)
    await sealed.seal(signer)
    assert [[("Head", 64), ("Head", 128)], []] == [await told(sealed, lane) for lane in (FIRST, OTHER)]
    assert HandedOver not in map(type, await sealed.learnt(sealed.public_topic))
    await sealed.restored("checkpoint")
    await sealed.seal(signer)
    again = await sealed.messages(sealed.public_topic)
    assert set(before) < set(again)
    assert [("Head", 64), ("Head", 128)] == await told(sealed, OTHER)
    kinds = [type(each) for each in await sealed.learnt(sealed.public_topic)]
    assert [*[Head] * 2 * LANES, HandedOver] == kinds


async def test_another_history_on_it_stops_the_lane_and_no_other(sealed: Sealed) -> None:
    await grown(sealed, "a", 64)
    key = read_keys(sealed.key_file).current
    fork = encode_message(head_of(leaves(64, "fork"), by=key, lane=FIRST))
    await send_raw(sealed.wire.bootstrap, sealed.public_topic, 0, [(fork, [])])
    await sealed.wire.write("b", LANES * 64)
    await sealed.audited()
    signer = await sealed.seal()
    assert "not those over which a head was signed" in signer.refused[FIRST]
    await sealed.seal(signer)
    assert {FIRST} == signer.refused.keys()
    assert [64] == await sealed.heads()
    assert [("Head", 64), ("Head", 128)] == await told(sealed, OTHER)
    assert [("Head", 64)] == await told(sealed)
