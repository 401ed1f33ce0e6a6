"""The audit with checkpoints: complete to what was signed; it names truncation, two heads, forgeries."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from events.chain import genesis, next_head
from events.checkpoints import TOPIC, Signed, encode_message
from events.codec import decode_envelope
from events.decision import LaneKey
from events.key_files import read_keys
from events.notes import VerifierKey
from events.topics import record_topic
from events.vocabulary import STREAMS
from market.audit.auditor import AuditImpossible, audit
from market.audit.lane_verdict import Divergence
from market.audit.ranges import Span
from market.audit.receipt_audit import GivenReceipt, NoReceipt, check_receipts, parse_receipts
from market.audit.report import AuditReport
from market.cli.commands import commands
from market.cli.console import CommandFailed, Exit
from market.topics import TopicError
from tests.process_support import finish, start_bare_cli
from tests.record_support import STREAM, create_topic, send_raw
from tests.rules.test_checkpoints import SECOND, head_of, leaves
from tests.seal_support import Sealed, sealed_on
from tests.wire.test_witness import witness_on
from tests.wire_support import FIRST, LANES, Wire

scratches = count(1)
Rows = list[tuple[bytes, list[tuple[str, bytes]]]]


@pytest.fixture
async def sealed(wire: Wire, database: Any, tmp_path: Path) -> AsyncIterator[Sealed]:
    """20 events under checkpoints, and 8 after them."""
    async with sealed_on(wire, database, tmp_path) as made:
        await wire.write("a", 20)
        await made.audited()
        await made.seal()
        await witness_on(made, tmp_path / "witness").turn(made.consumer)
        await wire.write("b", 8)
        await made.audited()
        yield made


async def audited(sealed: Sealed, prefix: str | None = None, key: VerifierKey | None = None) -> AuditReport:
    return await audit(
        sealed.wire.bootstrap,
        prefix=sealed.wire.prefix if prefix is None else prefix,
        deployment_id=sealed.wire.deployment.deployment_id,
        streams=(STREAM,),
        key=key or sealed.operator(),
    )


async def copied(
    sealed: Sealed, change: Callable[[LaneKey, Rows], Rows], more: list[bytes] | None = None
) -> str:
    """The topics under another prefix, the lanes changed, and more checkpoints at the end."""
    scratch = f"c{next(scratches)}-{sealed.wire.prefix}"
    await create_topic(sealed.wire.bootstrap, record_topic(scratch, STREAM), LANES)
    await create_topic(sealed.wire.bootstrap, scratch + TOPIC, 1)
    for lane in range(LANES):
        rows = change(LaneKey(STREAM, lane), await sealed.wire.rows(lane))
        await send_raw(sealed.wire.bootstrap, record_topic(scratch, STREAM), lane, rows)
    values = [*await sealed.messages(), *(more or [])]
    await send_raw(sealed.wire.bootstrap, scratch + TOPIC, 0, [(value, []) for value in values])
    return scratch


def as_it_is(_: LaneKey, rows: Rows) -> Rows:
    return rows


def of_first(change: Callable[[Rows], Rows]) -> Callable[[LaneKey, Rows], Rows]:
    return lambda lane, rows: change(rows) if lane == FIRST else rows


async def diverged(sealed: Sealed, prefix: str) -> Divergence:
    report = await audited(sealed, prefix)
    assert report.diverged
    assert "diverged" == report.ending
    assert report.first_divergence is not None
    return report.first_divergence


async def test_the_record_is_complete_to_its_checkpoints(sealed: Sealed) -> None:
    report = await audited(sealed)
    assert "complete to checkpoint 20; tail of 8 unsealed events, no hole" == report.ending
    assert (20, 8) == (report.sealed, report.tail)
    assert [("witness.example/w1", 20)] == [(each.name, each.sealed) for each in report.cosigners]
    await sealed.seal()
    report = await audited(sealed)
    assert "complete to checkpoint 28; tail of 0 unsealed events, no hole" == report.ending


async def test_without_a_key_no_checkpoint_is_believed(sealed: Sealed) -> None:
    report = await audit(sealed.wire.bootstrap, prefix=sealed.wire.prefix, streams=(STREAM,))
    assert report.ending.startswith("end not proven: no key to check checkpoints with")
    other = await audited(sealed, key=SECOND.verifier)
    assert other.ending.startswith("end not proven: no checkpoints")
    name = sealed.operator().name
    assert other.ending.endswith(f"; checkpoints of {name} are there, which this key did not sign")
    assert ((name,), ()) == (other.strangers, (await audited(sealed)).strangers)


async def test_a_newest_checkpoint_of_another_key_is_told(sealed: Sealed) -> None:
    """A sound head behind the operator's own: whoever pins the operator's key has to know."""
    strange = head_of(leaves(3, "x"), by=SECOND, lane=LaneKey(STREAM, 0))
    report = await audited(sealed, await copied(sealed, as_it_is, [encode_message(strange)]))
    assert ((SECOND.name,), False) == (report.strangers, report.diverged)


async def test_a_lane_cut_off_below_a_checkpoint_is_named(sealed: Sealed) -> None:
    found = await diverged(sealed, await copied(sealed, of_first(lambda rows: rows[:4])))
    assert ("truncated", STREAM, 0, 5) == (found.kind, found.stream, found.lane, found.position)
    assert "the lane ends at position 4, a checkpoint holds 5 events" in found.sentence
    report = await audited(sealed, await copied(sealed, of_first(lambda rows: rows[:6])))
    assert "complete to checkpoint 20; tail of 7 unsealed events, no hole" == report.ending


async def test_a_lane_that_was_emptied_is_named(sealed: Sealed) -> None:
    found = await diverged(sealed, await copied(sealed, of_first(lambda rows: [])))
    assert ("truncated", 1) == (found.kind, found.position)


async def test_a_rewritten_history_is_named_at_its_checkpoint(sealed: Sealed) -> None:
    """Whoever owns the cluster computes every chain value anew; what was signed remains."""

    def rewritten(rows: Rows) -> Rows:
        head, found = genesis(sealed.wire.deployment.deployment_id, *FIRST), Rows()
        for place, (body, _) in enumerate(rows):
            changed = body.replace(b'"subject":"a', b'"subject":"x') if place == 1 else body
            head = next_head(head, changed)
            found.append((changed, [("chain", head.hex().encode())]))
        return found

    scratch = await copied(sealed, of_first(rewritten))
    found = await diverged(sealed, scratch)
    assert ("checkpoint", 5) == (found.kind, found.position)
    assert not (await audit(sealed.wire.bootstrap, prefix=scratch, streams=(STREAM,))).diverged


async def test_two_heads_a_fork_a_forgery_and_a_retired_key_are_named(sealed: Sealed) -> None:
    key, encode = read_keys(sealed.key_file).current, msgspec.json.encode
    second = head_of(leaves(5, "other"), by=key, lane=FIRST)
    forged = Signed(note=second.note.replace("\n5\n", "\n4\n"), old_size=0, proof=())
    fork = head_of(leaves(9, "other"), 5, by=key, lane=FIRST)
    elsewhere = head_of(leaves(2), by=key, lane=LaneKey("market", 9))
    for message, kind in ((second, "two_heads"), (forged, "forged"), (fork, "inconsistent")):
        found = await diverged(sealed, await copied(sealed, as_it_is, [encode(message)]))
        assert kind == found.kind
        assert re.match(rf"{re.escape(TOPIC)}, offset \d+: ", found.sentence)
    assert not (await audited(sealed, await copied(sealed, as_it_is, [encode(elsewhere)]))).diverged
    sealed.rotate()
    await sealed.seal()
    late = head_of(leaves(9, "other"), 5, by=key, lane=FIRST)
    found = await diverged(sealed, await copied(sealed, as_it_is, [encode(late)]))
    assert "retired_key" == found.kind


async def test_a_new_key_vouches_for_what_the_old_one_signed(sealed: Sealed) -> None:
    sealed.rotate()
    await sealed.seal()
    await sealed.seal()
    current = read_keys(sealed.key_file).current.verifier
    for key in (sealed.operator(), current):
        report = await audited(sealed, key=key)
        assert "complete to checkpoint 28; tail of 0 unsealed events, no hole" == report.ending


async def receipt_at(sealed: Sealed, position: int, **changes: Any) -> GivenReceipt:
    body = (await sealed.wire.rows(0))[position - 1][0]
    values = {
        "event": f"evt_{decode_envelope(body).id.hex}",
        "stream": STREAM,
        "lane": 0,
        "position": position,
        "event_sha256": sha256(body).hexdigest(),
    }
    return msgspec.convert(values | changes, GivenReceipt)


async def test_a_receipt_is_proved_by_topic_and_checkpoint(sealed: Sealed) -> None:
    given = [
        await receipt_at(sealed, 3),
        await receipt_at(sealed, 6),
        await receipt_at(sealed, 3, event_sha256="0" * 64),
        await receipt_at(sealed, 3, event="evt_" + "0" * 32),
        msgspec.structs.replace(await receipt_at(sealed, 3), position=99),
    ]
    bootstrap, prefix = sealed.wire.bootstrap, sealed.wire.prefix
    found = await check_receipts(bootstrap, prefix, given, sealed.operator())
    assert ["proved", "unsealed", "changed", "changed", "missing"] == [each.state for each in found]
    assert [5, None, None, None, None] == [each.checkpoint for each in found]
    (unkeyed,) = await check_receipts(bootstrap, prefix, given[:1], None)
    assert "unsealed" == unkeyed.state
    with pytest.raises(TopicError, match="has no lane 900"):
        await check_receipts(bootstrap, prefix, [await receipt_at(sealed, 3, lane=900)], None)


async def test_a_receipt_of_what_was_cut_off_or_rewritten_is_broken(sealed: Sealed) -> None:
    given = [await receipt_at(sealed, 5)]
    cut = await copied(sealed, of_first(lambda rows: rows[:4]))
    (found,) = await check_receipts(sealed.wire.bootstrap, cut, given, sealed.operator())
    assert "missing" == found.state

    def other_beginning(rows: Rows) -> Rows:
        return [(rows[0][0].replace(b'"subject":"a', b'"subject":"x'), rows[0][1]), *rows[1:]]

    rewritten = await copied(sealed, of_first(other_beginning))
    (found,) = await check_receipts(sealed.wire.bootstrap, rewritten, given, sealed.operator())
    assert ("contradicted", None) == (found.state, found.checkpoint)


def test_what_holds_no_receipt_is_refused() -> None:
    for raw in (b"", b"{}", b'{"receipts":[]}', b'{"receipts":[{"event":"evt_1"}]}', b"[" * 100_000):
        with pytest.raises(NoReceipt):
            parse_receipts(raw)


async def test_the_chain_alone_proves_the_same_end(sealed: Sealed) -> None:
    full = await audited(sealed)
    for processes in (1, 2, 9):
        report = await by_chain(sealed, sealed.wire.prefix, processes=processes)
        assert "complete to checkpoint 20; tail of 8 unsealed events, no hole" == report.ending
        assert [(lane.lane, lane.position, lane.head) for lane in full.lanes] == [
            (lane.lane, lane.position, lane.head) for lane in report.lanes
        ]
    cut = await copied(sealed, of_first(lambda rows: rows[:4]))
    found = (await by_chain(sealed, cut, processes=2)).first_divergence
    assert found is not None
    assert ("truncated", 5) == (found.kind, found.position)


async def test_one_lane_and_a_range_of_it(sealed: Sealed) -> None:
    report = await by_chain(sealed, sealed.wire.prefix, lanes=[FIRST], span=Span(last=6))
    assert [(0, 6, 5, True)] == [
        (lane.lane, lane.position, lane.sealed, lane.bounded) for lane in report.lanes
    ]
    wanted = "complete to checkpoint 5; tail of 1 unsealed events, no hole; only the range that was asked for"
    assert wanted == report.ending
    report = await by_chain(sealed, sealed.wire.prefix, lanes=[FIRST], span=Span(first=3))
    assert [(3, 7, 0)] == [(lane.first, lane.position, lane.sealed) for lane in report.lanes]
    assert 6 == report.records
    with pytest.raises(AuditImpossible, match="a range needs --chain or --clearings"):
        await by_chain(sealed, sealed.wire.prefix, mode="full", span=Span(first=3))
    with pytest.raises(AuditImpossible, match="no such lanes: parties/900"):
        await by_chain(sealed, sealed.wire.prefix, lanes=[LaneKey(STREAM, 900)])


async def test_an_audit_begins_and_ends_at_times(sealed: Sealed) -> None:
    times = [decode_envelope(body).time for body, _ in await sealed.wire.rows(0)]
    assert times[4] < times[5]
    tick = timedelta(microseconds=1)
    for span, first, position in (
        (Span(last=times[4]), 1, 5),
        (Span(last=times[5] - tick), 1, 5),
        (Span(first=times[5], last=times[-1]), 6, 7),
        (Span(first=times[4] + tick), 6, 7),
    ):
        report = await by_chain(sealed, sealed.wire.prefix, lanes=[FIRST], span=span)
        assert [(None, first, position)] == [
            (lane.divergence, lane.first, lane.position) for lane in report.lanes
        ]
    for span in (Span(first=times[-1] + tick), Span(last=times[0] - tick)):
        with pytest.raises(AuditImpossible, match="nothing was proved"):
            await by_chain(sealed, sealed.wire.prefix, lanes=[FIRST], span=span)


async def by_chain(sealed: Sealed, prefix: str, **asked: Any) -> AuditReport:
    return await audit(
        sealed.wire.bootstrap,
        **{
            "prefix": prefix,
            "deployment_id": sealed.wire.deployment.deployment_id,
            "streams": (STREAM,),
            "key": sealed.operator(),
            "mode": "chain",
            **asked,
        },
    )


async def test_the_commands_say_it(sealed: Sealed, tmp_path: Path) -> None:
    common = ["--bootstrap", sealed.wire.bootstrap, "--topic-prefix", sealed.wire.prefix]
    keyed = [*common, "--key", sealed.operator().text]
    witness = read_keys(tmp_path / "witness" / "witness.key").current.verifier.text
    for stream in set(STREAMS) - {STREAM}:
        await create_topic(sealed.wire.bootstrap, record_topic(sealed.wire.prefix, stream), LANES)
    arguments = ["audit", *keyed, "--witness", witness]
    code, out, err = await finish(await start_bare_cli(*arguments))
    assert Exit.OK == code, err
    assert "verdict: nothing diverges; complete to checkpoint 20; tail of 8 unsealed events, no hole" in out
    assert "cosigned to 20 by witness.example/w1" in out
    await sealed.seal()
    code, _, err = await finish(await start_bare_cli(*arguments))
    assert Exit.DIVERGENCE == code
    assert "28 events are sealed, but witness.example/w1 has cosigned 20" in err
    other = ["audit", *common, "--key", SECOND.verifier.text]
    code, _, err = await finish(await start_bare_cli(*other))
    assert (Exit.DIVERGENCE, True) == (
        code,
        f"the newest checkpoint of at least one lane is signed by {sealed.operator().name}" in err,
    ), err
    ranged = [*keyed, "--stream", STREAM, "--lane", f"{STREAM}/0", "--from", "2", "--to", "4", "--json"]
    code, out, err = await finish(await start_bare_cli("audit", "--chain", *ranged))
    assert Exit.OK == code, err
    (lane,) = msgspec.json.decode(out, type=AuditReport).lanes
    assert (2, 4, True, None) == (lane.first, lane.position, lane.bounded, lane.divergence)
    for wrong in (["--from", "9", "--to", "4"], ["--lane", "parties"], ["--to", "soon"]):
        failed = CliRunner().invoke(commands, ["audit", "--chain", *keyed, *wrong]).exception
        assert isinstance(failed, CommandFailed)
        assert Exit.INVALID_INPUT == failed.code
    file = tmp_path / "answer.json"
    receipts = [await receipt_at(sealed, position) for position in (2, 4)]
    file.write_bytes(msgspec.json.encode({"id": "req_1", "receipts": receipts}))
    code, out, err = await finish(await start_bare_cli("audit", "receipt", str(file), *keyed))
    assert Exit.OK == code, err
    assert 2 == out.count("proved")
    file.write_bytes(msgspec.json.encode(await receipt_at(sealed, 2, event_sha256="1" * 64)))
    code, out, err = await finish(await start_bare_cli("audit", "receipt", str(file), *keyed, "--json"))
    assert Exit.DIVERGENCE == code
    assert "changed" == msgspec.json.decode(out)[0]["state"]
    assert "its bytes have the hash" in err
