"""Head and body of an answer leave in one packet, in order, and nothing is held for long."""

import asyncio
import socket

import httpx
import pytest
import uvicorn

from market.http.wire.sending import HELD_BYTES_MAX, OncePerTurn, Protocol
from tests.http.shop import Shop


class Recording(asyncio.Transport):
    """What a socket would have been given, packet by packet; b"" is its end, b"!" that it was torn off."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.packets.append(bytes(data))

    def close(self) -> None:
        self.packets.append(b"")

    def abort(self) -> None:
        self.packets.append(b"!")

    def is_closing(self) -> bool:
        return not {b"", b"!"}.isdisjoint(self.packets)

    def get_write_buffer_size(self) -> int:
        return 1_000


def sending() -> tuple[Recording, OncePerTurn]:
    sent = Recording()
    return sent, OncePerTurn(sent, asyncio.get_running_loop())


async def test_what_is_written_in_a_turn_leaves_together_at_its_end() -> None:
    sent, transport = sending()
    transport.write(b"head ")
    transport.write(b"body")
    assert [] == sent.packets
    await asyncio.sleep(0)
    transport.write(b"next")
    await asyncio.sleep(0)
    assert [b"head body", b"next"] == sent.packets


async def test_what_is_much_does_not_wait_for_the_end_of_the_turn() -> None:
    sent, transport = sending()
    transport.write(b"a" * HELD_BYTES_MAX)
    assert [] == sent.packets
    transport.write(b"b")
    assert [b"a" * HELD_BYTES_MAX + b"b"] == sent.packets
    await asyncio.sleep(0)
    assert 1 == len(sent.packets)


async def test_closing_sends_what_is_held_first() -> None:
    sent, transport = sending()
    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)
    assert [b"last words", b""] == sent.packets


async def test_what_is_torn_off_sends_nothing_more() -> None:
    sent, transport = sending()
    transport.write(b"never said")
    transport.abort()
    await asyncio.sleep(0)
    assert [b"!"] == sent.packets


async def test_what_is_held_counts_as_not_sent() -> None:
    _, transport = sending()
    transport.write(b"12345")
    assert 1_005 == transport.get_write_buffer_size()
    await asyncio.sleep(0)
    assert 1_000 == transport.get_write_buffer_size()


def test_everything_of_a_transport_is_passed_on() -> None:
    asked = {name for name in dir(asyncio.Transport) if not name.startswith("_")}
    assert {"writelines"} == asked - vars(OncePerTurn).keys()


async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    sent, transport = sending()
    transport.write(b"too late")
    sent.close()
    await asyncio.sleep(0)
    assert [b""] == sent.packets


async def test_a_real_server_sends_large_answers_whole_and_heads_without_bodies(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    config = uvicorn.Config(shop.app, http=Protocol, loop="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=address, timeout=30) as client:
            for path in ("/livez", "/schema/files/swagger-ui-bundle.js"):
                whole, head = await client.get(path), await client.head(path)
                assert (200, 200) == (whole.status_code, head.status_code)
                assert str(len(whole.content)) == whole.headers["content-length"]
                assert (b"", whole.headers["content-length"]) == (
                    head.content,
                    head.headers["content-length"],
                )
            upgraded = await client.get("/livez", headers={"connection": "Upgrade", "upgrade": "h2c"})
            assert (200, []) == (upgraded.status_code, caplog.messages)
        server.should_exit = True
        await serving
