"""The only encoder and decoder of events."""

import re
from binascii import hexlify
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Raw
from msgspec.structs import force_setattr, replace

from events.catalog import FACT_TYPES, LIFTS, lift, stream_of, type_of
from events.envelope import Draft, Envelope, Fact, Received, Recorded, Unplaced

BODY_BYTES_MAX = 512 * 1024
SPEC_VERSION = b"1.0"
CONTENT_TYPE = b"application/json"
_SPEC_VERSION_HEADER = ("ce_specversion", SPEC_VERSION)
_CONTENT_TYPE_HEADER = ("content-type", CONTENT_TYPE)

_FIRST_POSITION = 1
_POSITION = b',"position":%d' % _FIRST_POSITION
"""The member `position` as written in a body; the members before it contain no quote."""

_TEXT = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{1,256}")
_CONTROL = re.compile(rb"\\(?<!\\\\)(?:\\\\)*(?:[bfnrt]|u00[01])|\x7f|\xc2[\x80-\x9f]")
"""A control character (U+0000–001F, 007F–009F) in encoded JSON; an escaped backslash before an n is none."""

_UTC = timedelta(0)
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_encoder = msgspec.json.Encoder(order="deterministic")
_envelopes = msgspec.json.Decoder(Envelope)
_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(fact) for name, fact in FACT_TYPES.items()
}


def _decoder(name: str) -> Callable[[bytes], Recorded]:
    """Decodes a whole body of this type in one pass, if `encode_event` wrote it."""
    stream = stream_of(name)
    kind: Any = Received[FACT_TYPES[name], Literal[name], Literal[stream]]  # type: ignore[valid-type]
    decode: Callable[[bytes], Recorded] = msgspec.json.Decoder(kind).decode
    return decode


_events = {name.encode(): _decoder(name) for name in FACT_TYPES.keys() - LIFTS}
"""Decoders by the type as it is written in a body."""
_TYPE_AT = len('{"id":"00000000-0000-0000-0000-000000000000","type":"')


class BodyTooLarge(ValueError):
    """An event body above 512 KiB, which Kafka would refuse; split the fact into parts."""


class Undecodable(ValueError):
    """Bytes that are not an event of the catalog."""


def encode_event(
    *,
    event_id: UUID,
    source: str,
    subject: str,
    time: datetime,
    lane: int,
    position: int,
    cause: str,
    actor: UUID,
    salt: str,
    data: Fact,
) -> bytes:
    """The body of an event: canonical JSON, at most 512 KiB.

    ValueError for what a reader could not decode, so it never enters the journal. `source` and `subject` are
    printable ASCII without quote and backslash, `time` is UTC.
    """
    name = type_of(data)
    if not (_TEXT.fullmatch(subject) and _TEXT.fullmatch(source)):
        raise ValueError(f"{name}: subject {subject!r} or source {source!r} is not plain ASCII text")
    if time.utcoffset() != _UTC:
        raise ValueError(f"{name}: time {time!r} is not UTC")
    body = _encoder.encode(
        Envelope(
            id=event_id,
            type=name,
            source=source,
            subject=subject,
            time=time,
            stream=stream_of(name),
            lane=lane,
            position=position,
            cause=cause,
            actor=actor,
            salt=salt,
            data=Raw(encode_fact(data)),
        )
    )
    check_size(data, len(body))
    return body


def encode_ahead(draft: Draft, source: str) -> Draft:
    """The draft with its body encoded except for the position, so that little remains to be done under the
    lane lock. ValueError as for `encode_event`, and for a draft that lacks more than its position."""
    if (
        draft.id is None
        or draft.time is None
        or draft.salt is None
        or draft.cause is None
        or draft.actor is None
    ):
        raise ValueError(f"{type_of(draft.data)}: the draft leaves more than its position open")
    body = encode_event(
        event_id=draft.id,
        source=source,
        subject=draft.subject,
        time=draft.time,
        lane=draft.lane,
        position=_FIRST_POSITION,
        cause=draft.cause,
        actor=draft.actor,
        salt=draft.salt,
        data=draft.data,
    )
    before, found, after = body.partition(_POSITION)
    assert found
    return replace(draft, unplaced=Unplaced(source, before + found[:-1], after))


def place(draft: Draft, unplaced: Unplaced, source: str, position: int) -> bytes:
    """The body of a draft from `encode_ahead` at its position. ValueError for another source."""
    check_source(unplaced, source)
    body = b"%b%d%b" % (unplaced.before, position, unplaced.after)
    check_size(draft.data, len(body))
    return body


def check_source(unplaced: Unplaced, source: str) -> None:
    """ValueError for a body of another source."""
    if unplaced.source != source:
        raise ValueError(f"a body of {unplaced.source} is none of {source}")


def check_size(fact: Fact, size: int) -> None:
    """BodyTooLarge if `size`, the bytes of a fact's body, is above the limit."""
    if size > BODY_BYTES_MAX:
        raise BodyTooLarge(f"{type_of(fact)}: a body of {size} bytes exceeds {BODY_BYTES_MAX}")


def encode_fact(data: Fact) -> bytes:
    """The canonical JSON of a fact. ValueError for a fact that readers could not decode."""
    name = type_of(data)
    raw = _encoder.encode(data)
    if holds_control(raw):
        raise ValueError(f"{name}: a text holds a control character")
    try:
        _decoders[name].decode(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"{name}: no reader could decode this fact: {error}") from error
    return raw


def holds_control(encoded: bytes) -> bool:
    """Whether a text in encoded JSON holds a control character."""
    # The pattern examines every byte; three fast searches first rule it out for most bodies.
    if encoded.isascii() and b"\\" not in encoded and b"\x7f" not in encoded:
        return False
    return _CONTROL.search(encoded) is not None


def decode_envelope(body: bytes) -> Envelope:
    """The envelope, its data still encoded. Undecodable if the body is not an envelope."""
    try:
        return _envelopes.decode(body)
    except _UNREADABLE as error:
        raise Undecodable(f"no event envelope: {error}") from error


def decode_event(body: bytes, chain: bytes) -> Recorded:
    """The event in a body; `chain` is the chain hash after it. Old versions are lifted to the newest."""
    decode = _events.get(body[_TYPE_AT : body.find(b'"', _TYPE_AT)])
    if decode is None:
        return _decode_carefully(body, chain)
    try:
        event = decode(body)
    except _UNREADABLE:
        return _decode_carefully(body, chain)
    force_setattr(event, "body", body)
    force_setattr(event, "chain", chain)
    return event


def decode_events(bodies: Iterable[bytes], chains: Iterable[bytes]) -> list[Recorded]:
    """As `decode_event`, for several: the decoder is looked up only when the type changes."""
    events: list[Recorded] = []
    put, type_at = force_setattr, _TYPE_AT
    name, decode = b"?", None
    for body, chain in zip(bodies, chains, strict=True):
        if not body.startswith(name, type_at):
            name = body[type_at : body.find(b'"', type_at) + 1]
            decode = _events.get(name[:-1])
        try:
            event = _decode_carefully(body, chain) if decode is None else decode(body)
        except _UNREADABLE:
            event = _decode_carefully(body, chain)
        put(event, "body", body)
        put(event, "chain", chain)
        events.append(event)
    return events


def _decode_carefully(body: bytes, chain: bytes) -> Recorded:
    """Decodes the envelope first, then its fact: lifts old versions, and says what is wrong with bytes that
    are no event."""
    envelope = decode_envelope(body)
    name = envelope.type
    where = f"{name} at {envelope.stream}/{envelope.lane}/{envelope.position}"
    if stream_of(name) != envelope.stream:
        raise Undecodable(f"type {name} does not belong to stream {envelope.stream}")
    try:
        name, data = lift(name, bytes(envelope.data))
    except (*_UNREADABLE, LookupError, TypeError) as error:
        raise Undecodable(f"{where} cannot be lifted: {error!r}") from error
    decoder = _decoders.get(name)
    if decoder is None:
        raise Undecodable(f"type {name} is not in the catalog: unless forged, a newer version recorded it")
    try:
        fact = decoder.decode(data)
    except _UNREADABLE as error:
        raise Undecodable(f"{where}: {error}") from error
    return Recorded(
        id=envelope.id,
        type=name,
        subject=envelope.subject,
        time=envelope.time,
        stream=envelope.stream,
        lane=envelope.lane,
        position=envelope.position,
        cause=envelope.cause,
        actor=envelope.actor,
        salt=envelope.salt,
        data=fact,
        body=body,
        chain=chain,
    )


def headers(
    body: bytes, position: int, chain: bytes, traceparent: str | None = None
) -> list[tuple[str, bytes]]:
    """Kafka headers of a body that `encode_event` wrote: CloudEvents binary mode, position, chain in hex.

    The attributes are cut from the body: the members before `cause` contain neither quotes nor backslashes.
    """
    part = body.split(b'"', 20)
    found = [
        ("ce_id", part[3]),
        ("ce_type", part[7]),
        ("ce_source", part[11]),
        _SPEC_VERSION_HEADER,
        ("ce_time", part[19]),
        ("ce_subject", part[15]),
        _CONTENT_TYPE_HEADER,
        ("position", b"%d" % position),
        ("chain", hexlify(chain)),
    ]
    if traceparent is not None:
        found.append(("traceparent", traceparent.encode()))
    return found
