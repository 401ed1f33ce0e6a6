"""Heads that an older database lacks come back from their topics, and a topic made anew has no hole then."""

from pathlib import Path
from typing import Any

import asyncpg

from events.connections import acquire
from events.head_ledger import Fault, HandedOver, Head, Witnessed
from market.lacking_heads import TakenBack, count_lacking, take_back_heads
from tests.record_support import eventually, pool_on, recreate_topic
from tests.seal_support import Sealed
from tests.wire.test_signer import WHOLE, taken_back
from tests.wire.test_witness import witness_on
from tests.wire_support import FIRST, LANES


async def grown(sealed: Sealed, word: str, events: int) -> None:
    """So many events more in every lane, signed and told to everybody."""
    await sealed.wire.write(word, LANES * events)
    await sealed.audited()
    await sealed.seal()


async def older(sealed: Sealed) -> None:
    """The database as it was saved, and the journal taken back from its topic as before."""
    await sealed.execute("delete from public.effect where position > 3")
    await sealed.restored(*WHOLE)
    await taken_back(sealed)


async def heads_taken_back(sealed: Sealed) -> TakenBack:
    async with pool_on(sealed.owner_dsn) as owner:
        return await take_back_heads(owner, sealed.wire.bootstrap, sealed.wire.prefix, sealed.operator())


async def counted(sealed: Sealed) -> int:
    async with acquire(sealed.pool) as connection:
        return await count_lacking(connection, sealed.wire.bootstrap, sealed.wire.prefix, sealed.operator())


async def made_anew(sealed: Sealed) -> None:
    """Both topics, and what a signer makes of them."""
    for topic in (sealed.topic, sealed.public_topic):
        await recreate_topic(sealed.wire.bootstrap, topic, 1)
    await eventually(sealed.topic_exists)
    signer = await sealed.seal()
    await sealed.seal(signer)


async def kinds(sealed: Sealed, topic: str | None = None) -> set[type]:
    return {type(each) for each in await sealed.learnt(topic)}


async def stored(sealed: Sealed) -> list[tuple[Any, ...]]:
    """All that was signed, in the order in which a topic would get it again."""
    admin = await asyncpg.connect(sealed.admin_dsn)
    try:
        heads = await admin.fetch("select stream, lane, size, note from record.checkpoint order by number")
        lines = await admin.fetch("select lane, size, line from record.cosignature order by lane, size")
        return [tuple(row) for row in (*heads, *lines)]
    finally:
        await admin.close()


async def traded(sealed: Sealed, folder: Path) -> None:
    """3, 64, 67 events a lane; saved; 128 with a witness, another key, 131."""
    await grown(sealed, "a", 3)
    await sealed.saved(*WHOLE)
    await grown(sealed, "b", 64)
    await witness_on(sealed, folder / "witness").turn(sealed.consumer)
    sealed.rotate()
    signer = await sealed.seal()
    await sealed.wire.write("c", LANES * 64)
    await sealed.audited()
    await sealed.seal(signer)
    await sealed.seal(signer)


async def test_an_older_database_gets_back_what_was_signed_and_a_topic_made_anew_gets_all_of_it(
    sealed: Sealed, tmp_path: Path
) -> None:
    await traded(sealed, tmp_path)
    before, public, rows = (
        await sealed.messages(), await sealed.messages(sealed.public_topic), await stored(sealed)
    )  # fmt: skip
    await older(sealed)
    assert 4 * LANES == await counted(sealed)
    done = await heads_taken_back(sealed)
    assert (4 * LANES, 2 * LANES, 1, {}, []) == (
        done.heads, done.cosignatures, done.rotations, done.beyond, done.faults
    )  # fmt: skip
    assert (rows, 0) == (await stored(sealed), await counted(sealed))
    assert TakenBack() == await heads_taken_back(sealed)
    await made_anew(sealed)
    operators = [each for each in before if b'"cosignature"' not in each]
    assert operators == await sealed.messages()
    assert [each for each in public if b'"cosignature"' not in each] == await sealed.messages(
        sealed.public_topic
    )
    assert {Head, HandedOver} == await kinds(sealed)


async def test_what_was_signed_over_a_hole_is_shown_to_continue_and_a_late_filling_is_in_order(
    sealed: Sealed, tmp_path: Path
) -> None:
    """The services were started before the heads were taken back, and signed further."""
    await traded(sealed, tmp_path)
    await older(sealed)
    await grown(sealed, "d", 3)
    assert [3, 64, 67, 128, 131, 134] == await sealed.heads()
    hole = await stored(sealed)
    done = await heads_taken_back(sealed)
    assert (4 * LANES, []) == (done.heads, done.faults)
    filled = [row[2] for row in await stored(sealed) if row[1] == 0 and len(row) == 4]
    assert [3, 64, 67, 128, 131, 134] == filled
    await made_anew(sealed)
    for topic in (sealed.topic, sealed.public_topic):
        assert {Head, HandedOver} == await kinds(sealed, topic)
    assert [3, 64, 67, 128, 131, 134] == await sealed.heads()
    kept = {row[2] for row in hole if len(row) == 4}
    await sealed.execute(
        "delete from record.cosignature",
        f"delete from record.checkpoint where size not in ({', '.join(map(str, kept))})",
    )
    await made_anew(sealed)
    assert [3, 134] == await sealed.heads()
    for topic in (sealed.topic, sealed.public_topic):
        assert not {Fault, Witnessed} & await kinds(sealed, topic)


async def test_a_head_is_taken_back_only_where_the_lanes_tree_has_its_root(sealed: Sealed) -> None:
    await grown(sealed, "a", 3)
    await sealed.saved(*WHOLE)
    await grown(sealed, "b", 3)
    await sealed.execute("delete from public.effect where position > 3")
    await sealed.restored(*WHOLE)
    done = await heads_taken_back(sealed)
    assert (0, dict.fromkeys([FIRST._replace(lane=lane) for lane in range(LANES)], 1), []) == (
        done.heads, dict(done.beyond), done.faults
    )  # fmt: skip
    await sealed.wire.write("other", LANES * 3)
    done = await heads_taken_back(sealed)
    assert (0, LANES) == (done.heads, len(done.faults))
    assert "the first 6 events of parties/0 are not those over which a head was signed" == done.faults[0]
