"""The bytes of every event version ever written: each decoder reads all of them, for ever."""

import json
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from msgspec.structs import replace

from events import catalog
from events.catalog import FACT_TYPES, LIFTS, Lift, stream_of, type_of
from events.chain import genesis, next_head
from events.codec import (
    BODY_BYTES_MAX,
    BodyTooLarge,
    Undecodable,
    decode_envelope,
    decode_event,
    encode_ahead,
    encode_event,
    headers,
    place,
)
from events.envelope import Draft, deployment_of, source_of
from events.market_events import ClearingEvidence, MemberSuspended
from events.vocabulary import STREAMS
from tests.golden.samples import ACTOR, BEGIN, DEPLOYMENT_ID, sample_bodies
from tests.golden.write_golden import write_golden

GOLDEN = sorted((Path(__file__).parent / "events").glob("*.json"))
CHAIN = bytes(range(32))

golden = pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name.removesuffix(".json"))


def contains(whole: Any, part: Any) -> bool:
    """Whether every member of `part` stands in `whole`; what was added since may stand beside it."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and contains(whole[name], value) for name, value in part.items()
        )
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)


def test_every_type_has_golden_bytes() -> None:
    have = {path.name.rsplit(".", 2)[0] for path in GOLDEN}
    assert set() == set(FACT_TYPES) - have, "run python -m tests.golden.write_golden"


def test_writing_golden_bytes_again_changes_nothing() -> None:
    before = {path: path.read_bytes() for path in GOLDEN}
    assert [] == write_golden()
    assert before == {path: path.read_bytes() for path in GOLDEN}


@golden
def test_golden_bytes_decode_with_every_member(path: Path) -> None:
    body = path.read_bytes()
    event = decode_event(body, CHAIN)
    assert (type_of(event.data), stream_of(event.type)) == (event.type, event.stream)
    assert sha256(body).digest() == event.body_hash
    assert CHAIN == event.chain
    stored = json.loads(body)
    if stored["type"] not in LIFTS:
        assert contains(msgspec.to_builtins(event.data), stored["data"])


@golden
def test_golden_bytes_follow_the_committed_schema(path: Path) -> None:
    name = path.name.rsplit(".", 2)[0]
    schema = Path(catalog.__file__).parent / "schemas" / f"{name}.json"
    validator = jsonschema_rs.validator_for(json.loads(schema.read_text("utf-8")), validate_formats=True)
    assert [] == [error.message for error in validator.iter_errors(json.loads(path.read_bytes()))]


@golden
def test_headers_repeat_the_value(path: Path) -> None:
    body = path.read_bytes()
    value = json.loads(body)
    found = dict(headers(body, value["position"], CHAIN, traceparent="00-ab-cd-01"))
    expected = {f"ce_{name}": value[name].encode() for name in ("id", "type", "source", "subject", "time")}
    expected |= {
        "ce_specversion": b"1.0",
        "content-type": b"application/json",
        "position": str(value["position"]).encode(),
        "chain": CHAIN.hex().encode(),
        "traceparent": b"00-ab-cd-01",
    }
    assert expected == found


@golden
def test_the_cloudevents_sdk_reads_headers_and_value(path: Path) -> None:
    body = path.read_bytes()
    value = json.loads(body)
    message = KafkaMessage(
        headers=dict(headers(body, value["position"], CHAIN)), key=value["subject"].encode(), value=body
    )
    event = from_binary(message, JSONFormat())
    assert (value["id"], value["type"], value["source"]) == (
        event.get_id(),
        event.get_type(),
        event.get_source(),
    )
    assert (value["subject"], datetime.fromisoformat(value["time"])) == (
        event.get_subject(),
        event.get_time(),
    )
    assert value == event.get_data()


@pytest.mark.parametrize("name", FACT_TYPES)
def test_a_fact_comes_back_as_it_was_written(name: str) -> None:
    for body in sample_bodies(name):
        event = decode_event(body, CHAIN)
        again = encode_event(
            event_id=event.id,
            source=source_of(DEPLOYMENT_ID),
            subject=event.subject,
            time=event.time,
            lane=event.lane,
            position=event.position,
            cause=event.cause,
            actor=event.actor,
            salt=event.salt,
            data=event.data,
        )
        assert body == again


@pytest.mark.parametrize("name", FACT_TYPES)
def test_a_body_made_ahead_is_the_same_at_every_position(name: str) -> None:
    source = source_of(DEPLOYMENT_ID)
    for body in sample_bodies(name):
        event = decode_event(body, CHAIN)
        draft = Draft(
            stream=event.stream,
            lane=event.lane,
            subject=event.subject,
            data=event.data,
            id=event.id,
            salt=event.salt,
            time=event.time,
            cause=event.cause,
            actor=event.actor,
        )
        ahead = encode_ahead(draft, source)
        assert ahead.unplaced is not None
        assert body == place(ahead, ahead.unplaced, source, event.position)
        far = decode_event(place(ahead, ahead.unplaced, source, 10**9), CHAIN)
        assert (10**9, event.data) == (far.position, far.data)
        with pytest.raises(ValueError, match="is none of"):
            place(ahead, ahead.unplaced, source_of(ACTOR), event.position)
        with pytest.raises(ValueError, match="more than its position open"):
            encode_ahead(replace(draft, salt=None), source)


def test_types_name_their_stream_and_version() -> None:
    assert {stream_of(name) for name in FACT_TYPES} <= set(STREAMS)
    for name in FACT_TYPES:
        parts = name.split(".")
        assert 4 == len(parts)
        assert parts[3].startswith("v")
        assert parts[3][1:].isdecimal()


def suspended(**changes: Any) -> bytes:
    given: dict[str, Any] = {
        "event_id": ACTOR,
        "source": source_of(DEPLOYMENT_ID),
        "subject": "s",
        "time": BEGIN,
        "lane": 0,
        "position": 1,
        "cause": "c",
        "actor": ACTOR,
        "salt": "0" * 32,
        "data": MemberSuspended(market=ACTOR, organisation=ACTOR, reason="late"),
    }
    return encode_event(**(given | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": 'a"b'},
        {"subject": "a\\b"},
        {"subject": "ä"},
        {"subject": ""},
        {"source": "a\nb"},
        {"time": BEGIN.replace(tzinfo=None)},
        {"data": MemberSuspended(market=ACTOR, organisation=ACTOR, reason="")},
        {"data": MemberSuspended(market=ACTOR, organisation=ACTOR, reason="tab\t")},
        {"data": MemberSuspended(market="nobody", organisation=ACTOR, reason="late")},  # type: ignore[arg-type]
    ],
    ids=["quote", "backslash", "not ascii", "empty", "newline", "naive", "too short", "control", "no id"],
)
def test_what_no_reader_could_decode_is_not_encoded(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"market\.member\.suspended\.v1"):
        suspended(**changes)


@pytest.mark.parametrize("text", ["C:\\new\\bin", "\\\\", '\\"', "\\u0001", "é×−", "\u2028"])
def test_backslashes_and_other_signs_are_text(text: str) -> None:
    body = suspended(data=MemberSuspended(market=ACTOR, organisation=ACTOR, reason=text))
    fact = decode_event(body, CHAIN).data
    assert isinstance(fact, MemberSuspended)
    assert text == fact.reason


@pytest.mark.parametrize("text", ["a\nb", "\\\n", "\x00", "\x1f", "\x7f", "\x85", "\\\x01"])
def test_control_characters_are_no_text(text: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        suspended(data=MemberSuspended(market=ACTOR, organisation=ACTOR, reason=text))


@pytest.mark.parametrize("opening", [b'{"unknown":', b'{"data":'])
def test_a_body_of_endless_depth_is_undecodable(opening: bytes) -> None:
    with pytest.raises(Undecodable, match="recursion"):
        decode_event(opening + b"[" * 200_000, CHAIN)
    with pytest.raises(Undecodable):
        decode_event(suspended().replace(b'"late"', b"[" * 200_000), CHAIN)


def test_an_old_version_that_cannot_be_lifted_is_undecodable(monkeypatch: pytest.MonkeyPatch) -> None:
    lift = Lift("market.member.suspended.v1", lambda old: {"reason": old["why"]})
    monkeypatch.setitem(LIFTS, "market.member.barred.v1", lift)
    body = suspended().replace(b"member.suspended.v1", b"member.barred.v1")
    with pytest.raises(Undecodable, match=r"market\.member\.barred\.v1 at market/0/1 cannot be lifted"):
        decode_event(body, CHAIN)


def test_a_struct_outside_the_catalog_is_no_fact() -> None:
    with pytest.raises(TypeError, match="no fact of the catalog"):
        suspended(data=msgspec.defstruct("Stranger", [])())


def test_a_body_is_at_most_512_kib() -> None:
    text = "x" * 64
    evidence = ClearingEvidence(
        market=ACTOR, plan=ACTOR, round=1, part=1, parts=1, section=text, waterfalls=(), duals=()
    )
    assert BODY_BYTES_MAX > len(suspended(data=evidence))
    sample = decode_event(sample_bodies(ClearingEvidence.TYPE)[1], CHAIN).data
    assert isinstance(sample, ClearingEvidence)
    large = msgspec.structs.replace(sample, duals=sample.duals * 3000)
    with pytest.raises(BodyTooLarge, match="exceeds 524288"):
        suspended(data=large)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"position":1', b'"position":0'),
        (b'"position":1', b'"position":1.5'),
        (b'"lane":0', b'"lane":-1'),
        (b'"stream":"market"', b'"stream":"parties"'),
        (b".suspended.v1", b".suspended.v99"),
        (b'"reason":"late"', b'"reason":7'),
        (b'"reason":"late"', b'"because":"late"'),
        (b'Z"', b'"'),
        (b"{", b""),
    ],
)
def test_broken_bodies_are_undecodable(old: bytes, new: bytes) -> None:
    body = suspended().replace(old, new, 1)
    with pytest.raises(Undecodable):
        decode_event(body, CHAIN)


def test_members_that_came_later_are_ignored() -> None:
    body = suspended().replace(b'"reason":"late"', b'"reason":"late","mood":"fine"')
    assert decode_event(suspended(), CHAIN).data == decode_event(body, CHAIN).data


def test_old_versions_are_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        LIFTS,
        "market.member.barred.v1",
        Lift("market.member.barred.v2", lambda old: {**old, "reason": old["why"]}),
    )
    monkeypatch.setitem(
        LIFTS,
        "market.member.barred.v2",
        Lift("market.member.suspended.v1", lambda old: {n: v for n, v in old.items() if n != "why"}),
    )
    body = suspended().replace(b"member.suspended.v1", b"member.barred.v1").replace(b'"reason"', b'"why"')
    event = decode_event(body, CHAIN)
    assert "market.member.suspended.v1" == event.type
    assert decode_event(suspended(), CHAIN).data == event.data
    assert sha256(body).digest() == event.body_hash


def test_the_chain_is_sha256_over_the_previous_head_and_the_body() -> None:
    first = genesis(DEPLOYMENT_ID, "market", 3)
    assert sha256(DEPLOYMENT_ID.bytes + b"market" + b"\x00\x00\x00\x03").digest() == first
    assert sha256(first + b"body").digest() == next_head(first, b"body")
    assert 3 == len(
        {genesis(DEPLOYMENT_ID, *lane) for lane in (("market", 1), ("market", 2), ("parties", 1))}
    )


def test_the_source_names_the_deployment() -> None:
    assert DEPLOYMENT_ID == deployment_of(decode_envelope(suspended()).source)
    with pytest.raises(ValueError, match="names no deployment"):
        deployment_of("urn:other")
