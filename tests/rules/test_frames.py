"""Answers cut from one buffer are the library's, however they come."""

import asyncio
from typing import Any

from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from hypothesis import given
from hypothesis import strategies as st

from events.frames import KEPT_BYTES, Answers, FrameConnection

VERSIONS = {0: (3, 7), 1: (0, 4)}
FETCH = FetchRequest(500, 1, 8_000_000, 0, [("t", [(0, 0, 1_000_000)])]).prepare(VERSIONS)
PRODUCE = ProduceRequest(None, -1, 1_000, [("t", [(0, b"x")])]).prepare(VERSIONS)
CONTENTS = st.binary(max_size=300) | st.sampled_from([b"y" * KEPT_BYTES, b"z" * 200_000])
ANSWERS = st.lists(st.none() | st.lists(CONTENTS, max_size=3), min_size=1, max_size=4)
"""None: that batches were taken."""


def body_of(contents: list[bytes] | None) -> bytes:
    if contents is None:
        return bytes(PRODUCE.RESPONSE_TYPE([("t", [(0, 0, 7, -1, 0)])], 0).encode())
    nothing: list[object] = []
    parts = [(number, 0, 9, 9, nothing, content) for number, content in enumerate(contents)]
    return bytes(FETCH.RESPONSE_TYPE(0, [("t", parts)]).encode())


def asked_on(connection: FrameConnection, request: Any) -> "asyncio.Future[Any]":
    answered = asyncio.get_running_loop().create_future()
    connection._requests.append((connection._next_correlation_id(), request, answered))
    return answered


def feed(answers: Answers, content: bytes, at_once: list[int]) -> None:
    turn, left = 0, memoryview(content)
    while left:
        room = answers.get_buffer(-1)
        size = min(len(room), at_once[turn % len(at_once)], len(left))
        room[:size], left = left[:size], left[size:]
        answers.buffer_updated(size)
        turn += 1


@given(ANSWERS, st.lists(st.integers(1, 90_000), min_size=1, max_size=5))
def test_answers_are_the_librarys_however_they_come(
    found: list[list[bytes] | None], at_once: list[int]
) -> None:
    async def compare() -> None:
        connection = FrameConnection("localhost", 1)
        answers, wire, waiting = Answers(connection, None), b"", []
        for contents in [*found, None]:
            asked = PRODUCE if contents is None else FETCH
            waiting.append((asked, contents, asked_on(connection, asked)))
            frame = connection._correlation_id.to_bytes(4) + body_of(contents)
            wire += len(frame).to_bytes(4) + frame
        feed(answers, wire, at_once)
        for asked, contents, answered in waiting:
            expected = asked.RESPONSE_TYPE.decode(body_of(contents))
            assert vars(expected) == vars(answered.result())
        assert not connection._requests
        assert len(answers.get_buffer(-1)) >= KEPT_BYTES

    asyncio.run(compare())


async def test_a_large_answers_room_is_given_back_once_a_small_one_came() -> None:
    connection = FrameConnection("localhost", 1)
    answers, sizes = Answers(connection, None), []
    for contents in ([b"z" * 1_000_000], None):
        asked_on(connection, PRODUCE if contents is None else FETCH)
        frame = connection._correlation_id.to_bytes(4) + body_of(contents)
        feed(answers, len(frame).to_bytes(4) + frame, [65_536])
        sizes.append(len(answers.get_buffer(-1)))
    assert sizes[0] > 1_000_000
    assert sizes[1] == KEPT_BYTES
