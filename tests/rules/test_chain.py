"""Chain hashes by a second reckoning: event by event, and many at once."""

from hashlib import sha256
from uuid import UUID

from events.chain import genesis, heads_after, next_head

DEPLOYMENT = UUID("0193a000-0000-7000-8000-000000000001")


def test_a_head_is_the_hash_of_the_one_before_and_of_the_bytes_of_the_event() -> None:
    first = sha256(DEPLOYMENT.bytes + b"market" + b"\x00\x00\x00\x0b").digest()
    assert first == genesis(DEPLOYMENT, "market", 11)
    second = sha256(first + b"{}").digest()
    third = sha256(second + b"").digest()
    assert [second, third] == heads_after(first, [b"{}", b""])
    assert [second, third] == [next_head(first, b"{}"), next_head(second, b"")]
    assert [] == heads_after(first, [])
