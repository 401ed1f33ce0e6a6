"""What a chain is made of, from batches of any kind: the same as aiokafka makes of their records."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from events.codec import BODY_BYTES_MAX, headers
from events.links import Link, batch_end, link_of, slices_in, slices_of, together
from events.record_batches import CHAIN_HEADER, CHAIN_HEX_BYTES, HEAD, BatchWriter

BODIES = [path.read_bytes() for path in (Path(__file__).parents[1] / "golden" / "events").glob("*.json")]
ORDINARY = [body for body in BODIES if len(body) < 7_000]
AT_MS = 1_772_357_415_123
CHAIN = sha256(b"").digest()
AS_RELAYED = (AT_MS, b"match/1", ORDINARY[0], headers(ORDINARY[0], 1, CHAIN))

Record = tuple[int, bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]


def of_the_relay(bodies: Sequence[bytes]) -> bytes:
    writer = BatchWriter(100_000_000)
    assert not writer.take(
        [(position, body, sha256(body).digest()) for position, body in enumerate(bodies, 1)]
    )
    return bytes(writer.end(AT_MS)._build())


def of_the_library(records: Sequence[Record], compression: int = 0) -> bytes:
    builder = BatchBuilder(100_000_000, compression)
    for at_ms, key, value, found in records:
        assert builder.append(timestamp=at_ms, key=key, value=value, headers=found) is not None
    return bytes(builder._build())


def links_of(batch: Any, content: bytes, at: int) -> Iterator[Link]:
    for found in slices_of(batch, content, at):
        yield from found.links()


def links(content: bytes) -> list[Link]:
    """Of a batch that other bytes stand before; it has to be what aiokafka makes of it."""
    before = b"\0" * 3
    batch = MemoryRecords(content).next_batch()
    assert batch is not None
    found = list(links_of(batch, before + content, len(before)))
    assert len(before) + len(content) == batch_end(before + content, len(before))
    assert [link_of(record) for record in MemoryRecords(content).next_batch() or ()] == found
    return found


def test_short_slices_go_together_and_long_ones_alone() -> None:
    parts = [slices_of((), of_the_relay(ORDINARY[:1] * count), 0) for count in (1, 30, 30, 264, 5, 164)]
    given_ = [found for part in parts for found in part]
    assert [1, 30, 30, 64, 100, 100, 5, 64, 100] == [len(found.bodies) for found in given_]
    made = list(together(given_))
    assert [61, 64, 100, 100, 69, 100] == [len(found.bodies) for found in made]
    assert [link for found in given_ for link in found.links()] == [
        link for found in made for link in found.links()
    ]
    assert made[2].offsets[99] == made[2].since(163).offsets[0] == made[2].part(99, 100).offsets[0] == 163


@given(st.lists(st.sampled_from(ORDINARY), min_size=1, max_size=200))
def test_the_relays_batches_are_read_without_the_library(bodies: list[bytes]) -> None:
    content = of_the_relay(bodies)
    expected = [Link(offset, body, sha256(body).digest()) for offset, body in enumerate(bodies)]
    assert expected == list(links_of((), content, 0)) == links(content)


SMALL = st.integers(1, 64).map(lambda count: of_the_relay(ORDINARY[:1] * count))
ALONE = st.sampled_from(
    [
        of_the_relay(ORDINARY[:1] * 65),
        of_the_relay(ORDINARY[:1] * 230),
        of_the_library([AS_RELAYED, (AT_MS, b"k", b"{}", []), AS_RELAYED]),
        of_the_library([AS_RELAYED] * 3, 1),
    ]
)
ANSWERS = st.lists(st.tuples(SMALL | ALONE, st.sampled_from([0, 0, 0, 2])), min_size=1, max_size=12)
"""Batches, and how many offsets lie unused before each."""


def one_after_another(batches: list[tuple[bytes, int]]) -> tuple[bytes, list[int], list[Link]]:
    """As an answer holds them, where each begins, and what the library makes of them."""
    content, places, expected, offset = b"", list[int](), list[Link](), 0
    for batch, gap in batches:
        offset += gap
        places.append(len(content))
        moved = offset.to_bytes(8) + batch[8:]
        found = [link_of(record) for record in batch_of(moved)]
        offset += len(found)
        content, expected = content + moved, expected + found
    return content, places, expected


@given(ANSWERS)
def test_batches_that_follow_one_another_are_read_as_each_by_itself(batches: list[tuple[bytes, int]]) -> None:
    content, places, expected = one_after_another(batches)
    slices = list(slices_in(content, places))
    assert expected == [link for found in slices for link in found.links()]
    assert max(len(found.bodies) for found in slices) <= 100


@pytest.mark.parametrize("body", [b"", b"x" * 100])
def test_messages_of_an_older_form_are_the_librarys(body: bytes) -> None:
    builder = LegacyRecordBatchBuilder(magic=1, compression_type=0, batch_size=10_000)
    for offset in range(2):
        assert builder.append(offset, AT_MS, b"k", body) is not None
    content, relayed = bytes(builder.build()), of_the_relay(ORDINARY[:1])
    size = len(content) // 2
    places = [0, len(relayed), len(relayed) + size]
    found, error = outcome(each for part in slices_in(relayed + content, places) for each in part.links())
    assert ([ORDINARY[0], body, body], "") == ([each.body for each in found], error)
    tipped = relayed + content[:-1] + bytes([content[-1] ^ 1])
    found, error = outcome(each for part in slices_in(tipped, places) for each in part.links())
    assert ([ORDINARY[0], body], "CorruptRecordException") == ([each.body for each in found], error)


def test_small_batches_make_whole_slices() -> None:
    content, places, _ = one_after_another([(of_the_relay(ORDINARY[:1] * 3), 0)] * 45)
    assert [99, 36] == [len(found.bodies) for found in slices_in(content, places)]


@given(ANSWERS, st.data())
def test_what_is_before_a_batch_that_is_not_whole_is_taken(
    batches: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    content, places, _ = one_after_another(batches)
    broken = data.draw(st.sampled_from(range(len(places))))
    _, _, before = one_after_another(batches[:broken])
    tipped = bytearray(content)
    tipped[places[broken] + HEAD.size] ^= 1
    found, error = outcome(link for part in slices_in(bytes(tipped), places) for link in part.links())
    assert (before, "CorruptRecordException") == (found, error)


@pytest.mark.parametrize("length", [8_191, 8_192, BODY_BYTES_MAX])
def test_long_bodies_too(length: int) -> None:
    long = ORDINARY[0] + b" " * (length - len(ORDINARY[0]))
    assert [ORDINARY[0], long] == [link.body for link in links(of_the_relay([ORDINARY[0], long]))]


def test_more_records_than_there_are_beginnings() -> None:
    assert 8_200 == len(links(of_the_relay(ORDINARY[:1] * 8_200)))


@pytest.mark.parametrize(
    "other",
    [
        (AT_MS, b"k" * 64, *AS_RELAYED[2:]),
        (AT_MS, None, *AS_RELAYED[2:]),
        (AT_MS + 1, *AS_RELAYED[1:]),
        (AT_MS, b"k", None, AS_RELAYED[3]),
        (AT_MS, b"k", b"{}", AS_RELAYED[3]),
        (AT_MS, b"k", ORDINARY[0], headers(ORDINARY[0], 1, CHAIN, "00-trace")),
        (AT_MS, b"k", ORDINARY[0], AS_RELAYED[3][:-1]),
        (AT_MS, b"k", ORDINARY[0], [*AS_RELAYED[3][:-1], ("chain", b"x" * 64)]),
        (AT_MS, b"k", ORDINARY[0], [*AS_RELAYED[3][:-1], ("chain", None)]),
        (AT_MS, b"k", ORDINARY[0], [("chain", CHAIN.hex().encode())]),
        (AT_MS, b"k", ORDINARY[0], []),
    ],
)
def test_whatever_the_relay_does_not_write_is_the_librarys(other: Record) -> None:
    records = [AS_RELAYED, other, AS_RELAYED]
    assert 3 == len(links(of_the_library(records)))


def test_what_is_compressed_is_the_librarys() -> None:
    content = of_the_library([AS_RELAYED] * 3, compression=1)
    assert [Link(offset, ORDINARY[0], CHAIN) for offset in range(3)] == links(content)


@given(
    st.integers(0, 20) | st.integers(-len(CHAIN_HEADER) - CHAIN_HEX_BYTES, -1),
    st.integers(1, 255),
    st.sampled_from(ORDINARY),
)
def test_with_another_length_or_head_it_is_read_as_the_library_does_or_left_to_it(
    place: int, change: int, body: bytes
) -> None:
    content = bytearray(of_the_relay([ORDINARY[0], body]))
    content[second_at(content) + place if place >= 0 else place] ^= change
    assert outcome(map(link_of, batch_of(content))) == outcome(links_of(batch_of(content), bytes(content), 0))


def second_at(content: bytearray) -> int:
    low, high = content[HEAD.size : HEAD.size + 2]
    return HEAD.size + 2 + (high << 6 | low >> 1 & 0x3F)


def batch_of(content: bytes | bytearray) -> Iterable[Any]:
    batch: Iterable[Any] | None = MemoryRecords(bytes(content)).next_batch()
    assert batch is not None
    return batch


def outcome(records: Iterable[Link]) -> tuple[list[Link], str]:
    """What comes until an error, and its name."""
    found: list[Link] = []
    try:
        found.extend(iter(records))
    except Exception as error:  # noqa: BLE001  whichever it is, it has to be the library's
        return found, type(error).__name__
    return found, ""


@pytest.mark.parametrize("count", [-1, 1, 3])
def test_another_count_of_records_is_left_to_the_library(count: int) -> None:
    content = bytearray(of_the_relay(ORDINARY[:2]))
    content[HEAD.size - 4 : HEAD.size] = count.to_bytes(4, "big", signed=True)
    assert outcome(map(link_of, batch_of(content))) == outcome(links_of(batch_of(content), bytes(content), 0))


def test_what_is_shorter_than_a_head_is_left_to_the_library() -> None:
    batch = MemoryRecords(of_the_library([AS_RELAYED])).next_batch()
    assert [Link(0, ORDINARY[0], CHAIN)] == list(links_of(batch, b"\0" * (HEAD.size - 1), 0))


@given(
    st.lists(
        st.tuples(
            st.integers(AT_MS, AT_MS + 1),
            st.none() | st.binary(max_size=70),
            st.none() | st.binary(max_size=300),
            st.lists(
                st.tuples(
                    st.sampled_from(["ce_id", "chain"]), st.none() | st.binary(min_size=63, max_size=65)
                ),
                max_size=10,
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_record_at_all(records: list[Record]) -> None:
    assert len(records) == len(links(of_the_library(records)))
