"""What the relay writes for Kafka, byte by byte as aiokafka's own builder writes it."""

from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from events.codec import BODY_BYTES_MAX, decode_envelope, headers
from events.record_batches import (
    BatchWriter,
    Headers,
    RecordWriter,
    WrittenRecord,
    varint,
    written_headers,
    written_text,
)

Row = tuple[int, bytes, bytes]

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "events").glob("*.json"))
BODIES = [path.read_bytes() for path in GOLDEN]
AT_MS = 1_772_357_415_123
KEY = written_text(b"k")


def rows_from(first: int, bodies: list[bytes]) -> list[Row]:
    return [(position, body, sha256(body).digest()) for position, body in enumerate(bodies, first)]


def padded(body: bytes, length: int) -> bytes:
    """The body with one more member, so that it has the length."""
    member = b',"padding":"%b"}'
    return body[:-1] + member % (b"x" * (length - len(body) - len(member) + 3))


def theirs(rows: list[Row], bytes_max: int = 100_000_000) -> tuple[bytes, int]:
    """The batch by aiokafka's builder, and how many rows it took."""
    builder = BatchBuilder(bytes_max, 0)
    for position, body, chain in rows:
        key = decode_envelope(body).subject.encode()
        found = headers(body, position, chain)
        if builder.append(timestamp=AT_MS, key=key, value=body, headers=found) is None:
            break
    builder._set_producer_state(4711, 3, 815)
    count = builder.record_count()
    return bytes(builder._build()), count


def ours(rows: list[Row], bytes_max: int = 100_000_000) -> tuple[bytes, int]:
    writer = BatchWriter(bytes_max)
    left = writer.take(rows)
    batch = writer.end(AT_MS)
    batch._set_producer_state(4711, 3, 815)
    assert (batch.record_count(), batch.size()) == (len(rows) - len(left), len(batch._build()))
    return bytes(batch._build()), batch.record_count()


@given(
    st.integers(1, 2**53 - 10_000),
    st.lists(st.sampled_from(BODIES), min_size=1, max_size=40),
    st.integers(100, 60_000),
)
def test_any_rows_become_the_bytes_of_the_librarys_builder(
    first: int, bodies: list[bytes], bytes_max: int
) -> None:
    rows = rows_from(first, bodies)
    assert theirs(rows) == ours(rows)
    theirs_limited, count = theirs(rows, bytes_max)
    assert len(theirs_limited) <= max(bytes_max, len(theirs(rows[:1])[0]))
    limited, taken = ours(rows, bytes_max)
    assert taken >= count
    assert limited == theirs(rows[:taken])[0]
    assert len(limited) <= bytes_max or taken == 1


@pytest.mark.parametrize("length", [8191, 8192, 65_536, BODY_BYTES_MAX])
def test_long_bodies_too(length: int) -> None:
    rows = rows_from(1, [padded(BODIES[0], length), BODIES[1]])
    assert [length, len(BODIES[1])] == [len(body) for _, body, _ in rows]
    assert theirs(rows) == ours(rows)


@pytest.mark.parametrize("length", [1, 40, 64, 65, 256])
def test_bodies_of_one_type_may_differ_in_all_lengths(length: int) -> None:
    """Whatever body of its type came before it, and however little stands behind the time. A time of a whole
    second is shorter by seven."""
    envelope = decode_envelope(BODIES[0])
    others = (
        replace(
            envelope,
            source=envelope.source + source,
            subject="x" * size,
            time=envelope.time.replace(microsecond=microsecond),
            cause="",
            data=Raw(b"{}"),
        )
        for source in ("", "st", "ss")
        for size, microsecond in ((256, 0), (length, 1), (length + 7, 0), (length, 0), (1, 1), (256, 0))
    )
    rows = rows_from(1, [msgspec.json.encode(other) for other in others])
    assert theirs(rows) == ours(rows)


def test_more_records_than_two_bytes_count() -> None:
    rows = rows_from(1, BODIES[:1] * 8_200)
    assert theirs(rows) == ours(rows)


def test_a_batch_grows_until_it_is_full_and_a_first_row_always_fits() -> None:
    rows = rows_from(7, BODIES[:1] * 3)
    size = len(theirs(rows[:2])[0])
    writer = BatchWriter(size)
    assert () == writer.take(rows[:1])
    assert rows[2:] == writer.take(rows[1:])
    batch = writer.end(AT_MS)
    assert (7, 8, size) == (batch.first, batch.last, batch.size())
    assert (theirs(rows[:1])[0], 1) == ours(rows, bytes_max=10)


@pytest.mark.parametrize("position", [1, 2, 4])
def test_a_batch_has_no_holes(position: int) -> None:
    body = BODIES[0]
    writer = BatchWriter(1_000_000)
    writer.take(rows_from(1, [body, body]))
    with pytest.raises(AssertionError, match="does not follow 2"):
        writer.take(rows_from(position, [body]))


def test_a_batch_is_built_once_and_its_checksum_holds() -> None:
    writer = BatchWriter(1_000_000)
    writer.take(rows_from(1, BODIES[:3]))
    batch = writer.end(AT_MS)
    batch._set_producer_state(1, 0, 10)
    built = bytes(batch._build())
    assert built == bytes(batch._build())
    found = MemoryRecords(built).next_batch()
    assert found is not None
    assert found.validate_crc()
    assert BODIES[:3] == [record.value for record in found]


@given(st.integers(0, 2**31 - 1))
@example(63)
@example(64)
@example(8191)
@example(8192)
def test_a_length_reads_back(number: int) -> None:
    zigzag = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(varint(number)))
    assert (number << 1, 0) == (zigzag, varint(number)[-1] & 0x80)


def record(at_ms: int, key: bytes, value: bytes, headers: bytes) -> WrittenRecord:
    return at_ms, key + varint(len(value)), value, headers


def counted(*headers: Headers) -> bytes:
    parts = [written_headers(found) for found in headers]
    return varint(sum(part.number for part in parts)) + b"".join(part.written for part in parts)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**41) | st.sampled_from([AT_MS, AT_MS + 9_000]),
            st.binary(max_size=300),
            st.binary(max_size=9_000),
            st.lists(st.tuples(st.sampled_from(["ce_id", "position"]), st.binary(max_size=40)), max_size=9),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_records_become_the_bytes_of_the_librarys_builder(
    records: list[tuple[int, bytes, bytes, list[tuple[str, bytes]]]],
) -> None:
    """Whatever their times, which may fall, and however their headers were written in parts."""
    builder, writer = BatchBuilder(100_000_000, 0), RecordWriter(100_000_000)
    for at_ms, key, value, found in records:
        builder.append(timestamp=at_ms, key=key, value=value, headers=found)
    given = [
        record(at_ms, written_text(key), value, counted(found[:2], found[2:]))
        for at_ms, key, value, found in records
    ]
    for some in (given[: len(given) // 2], given[len(given) // 2 :]):
        assert not writer.take(some)
    batch = writer.end()
    builder._set_producer_state(4711, 3, 815)
    batch._set_producer_state(4711, 3, 815)
    assert len(records) == batch.record_count()
    assert bytes(builder._build()) == bytes(batch._build())


def test_what_does_not_fit_is_left_but_for_a_first_record() -> None:
    writer = RecordWriter(200)
    first, second, short = (record(AT_MS, KEY, b"x" * length, counted()) for length in (100, 100, 10))
    assert [second, short] == writer.take([first, second, short])
    assert [] == writer.take([short])
    assert writer.end().size() <= 200
    assert not RecordWriter(200).take([record(AT_MS, KEY, b"x" * 300, counted())])
