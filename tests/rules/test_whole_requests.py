"""Produce requests in pieces are the library's, byte for byte."""

from typing import Any

import pytest
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7
from hypothesis import given
from hypothesis import strategies as st

from events.record_batches import BatchBytes
from events.whole_requests import WholeRequest

NUMBERS = st.integers(0, 2**31 - 1)
TOPICS = st.lists(
    st.tuples(
        st.text(max_size=249),
        st.lists(st.tuples(NUMBERS, st.binary(max_size=2_000) | st.just(b"x" * 70_000))),
    ),
    max_size=4,
)


def in_pieces(topics: list[tuple[str, list[tuple[int, bytes]]]]) -> list[Any]:
    return [
        (name, [(number, BatchBytes((batch[:9], batch[9:]), len(batch))) for number, batch in partitions])
        for name, partitions in topics
    ]


@given(st.none() | st.text(max_size=40), st.sampled_from([-1, 1]), NUMBERS, TOPICS)
def test_any_request_has_the_librarys_bytes(
    transaction: str | None, acks: int, timeout_ms: int, topics: list[tuple[str, list[tuple[int, bytes]]]]
) -> None:
    versions = {0: (3, 13)}
    theirs = ProduceRequest(transaction, acks, timeout_ms, topics).prepare(versions)
    ours = WholeRequest(transaction, acks, timeout_ms, topics).prepare(versions)
    cut = WholeRequest(transaction, acks, timeout_ms, in_pieces(topics)).prepare(versions)
    assert theirs.encode() == ours.encode() == cut.encode()
    assert theirs.build_request_header(7, "c").encode() == ours.build_request_header(7, "c").encode()
    assert (theirs.RESPONSE_TYPE, repr(theirs)[len("ProduceRequest_v7") :]) == (
        ours.RESPONSE_TYPE,
        repr(ours)[len("_Whole") :],
    )


@pytest.mark.parametrize("newest", [2, 3, 6])
def test_an_older_broker_gets_what_the_library_writes(newest: int) -> None:
    topics = [("a", [(0, b"twelve bytes")])]
    theirs = ProduceRequest(None, -1, 1_000, topics).prepare({0: (0, newest)})
    request = WholeRequest(None, -1, 1_000, in_pieces(topics)).prepare({0: (0, newest)})
    assert theirs.encode() == request.encode()
    assert (newest, False) == (request.API_VERSION, isinstance(request, ProduceRequest_v7))
