"""Head and body of an answer leave in one packet, in order, and nothing is held for long."""

import asyncio

from market.http.sending import HELD_BYTES_MAX, OncePerTurn


class Recording(asyncio.Transport):
    """What a socket would have been given, packet by packet; b"" is its end."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.packets.append(bytes(data))

    def close(self) -> None:
        self.packets.append(b"")

    def is_closing(self) -> bool:
        return b"" in self.packets


def sending() -> tuple[Recording, OncePerTurn]:
    socket = Recording()
    return socket, OncePerTurn(socket, asyncio.get_running_loop())


async def test_what_is_written_in_a_turn_leaves_together_at_its_end() -> None:
    socket, transport = sending()
    transport.write(b"head ")
    transport.write(b"body")
    assert [] == socket.packets
    await asyncio.sleep(0)
    transport.write(b"next")
    await asyncio.sleep(0)
    assert [b"head body", b"next"] == socket.packets


async def test_what_is_much_does_not_wait_for_the_end_of_the_turn() -> None:
    socket, transport = sending()
    transport.write(b"a" * HELD_BYTES_MAX)
    assert [] == socket.packets
    transport.write(b"b")
    assert [b"a" * HELD_BYTES_MAX + b"b"] == socket.packets
    await asyncio.sleep(0)
    assert 1 == len(socket.packets)


async def test_closing_sends_what_is_held_first() -> None:
    socket, transport = sending()
    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)
    assert [b"last words", b""] == socket.packets


async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    socket, transport = sending()
    transport.write(b"too late")
    socket.close()
    await asyncio.sleep(0)
    assert [b""] == socket.packets
