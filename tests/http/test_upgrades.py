"""Java's client asks every connection without TLS for HTTP/2: its requests are answered as if it had not."""

from typing import Any

import msgspec

from market.http.wire.sending import HEAD_BYTES_MAX
from tests.http.shop import Shop
from tests.http.test_sending import answered, of_problem, served

WISH = b"connection: Upgrade, HTTP2-Settings\r\nhttp2-settings: AAEAAEAAAAIAAAAB\r\nupgrade: h2c\r\n"
LAST = b"GET /livez HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n"


async def posting(shop: Shop, framing: bytes, *, wish: bytes = WISH) -> tuple[bytes, bytes]:
    """Head and body of an offer that is only checked."""
    seller = shop.scene.sellers[0]
    head = (
        b"POST /v1/supply-offers?validate_only=true HTTP/1.1\r\nhost: door\r\nidempotency-key: 1\r\n%b"
        b"content-type: application/json\r\nauthorization: Bearer %b\r\n%b\r\n\r\n"
    )
    body = msgspec.json.encode(shop.offer_body(seller))
    return head % (wish, (await shop.token(seller)).encode(), framing % len(body)), body


def answers(found: bytes) -> list[tuple[int, Any]]:
    """Status and content of each, in order."""
    told = []
    while found:
        head, _, rest = found.partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        content = msgspec.json.decode(rest[:length]) if length else None
        told.append((int(head.split(b" ")[1]), content))
        found = rest[length:]
    return told


async def test_a_body_behind_a_wish_for_http2_is_read(shop: Shop) -> None:
    plain_head, body = await posting(shop, b"content-length: %d", wish=b"")
    head, _ = await posting(shop, b"content-length: %d")
    chunked, _ = await posting(shop, b"transfer-encoding: chunked\r\nx-length: %d")
    parts = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with served(shop) as port:
        expected = answers(await answered(port, plain_head + body + LAST))
        assert [200, 200] == [status for status, _ in expected]
        assert ["market.supply-offer.offered.v1"] == expected[0][1]["would_record"]
        for sent in (
            [head + body + LAST],
            [head, body, LAST],
            [head[:40], head[40:] + body[:100], body[100:] + LAST],
            [chunked + parts + LAST],
            [chunked, parts[:50], parts[50:], LAST],
            [head + body, head + body + LAST],
        ):
            *posted, last = answers(await answered(port, *sent))
            assert {200} == {status for status, _ in posted}
            assert [expected[0][1]["would_record"]] * len(posted) == [it["would_record"] for _, it in posted]
            assert expected[1] == last


async def test_many_wishes_in_a_packet_are_answered_each(shop: Shop) -> None:
    asking = b"GET /livez HTTP/1.1\r\nhost: door\r\n" + WISH + b"\r\n"
    async with served(shop) as port:
        found = answers(await answered(port, asking * 1_500 + LAST))
    assert [200] * 1_501 == [status for status, _ in found]


async def test_bounds_hold_for_who_asks_for_http2(shop: Shop) -> None:
    much = b"x-much: " + b"x" * HEAD_BYTES_MAX + b"\r\n"
    async with served(shop) as port:
        found = await answered(port, b"GET /livez HTTP/1.1\r\nhost: door\r\n" + WISH + much + b"\r\n")
        assert ("head_too_large", 431) == of_problem(found)
        head, _ = await posting(shop, b"transfer-encoding: chunked\r\nx-length: %d")
        assert ("invalid_request", 400) == of_problem(await answered(port, head + b"no chunk\r\n"))
        for line, framing in (
            (b"POST /livez", b"transfer-encoding: gzip\r\n"),
            (b"POST /livez", b"transfer-encoding: chunked, gzip\r\n"),
            (b"GET http://[::1", b""),
            (b"GET http://", b""),
        ):
            unreadable = b"%b HTTP/1.1\r\nhost: door\r\n%b%b\r\n" % (line, WISH, framing)
            assert ("invalid_request", 400) == of_problem(await answered(port, unreadable))
        tunnel = b"CONNECT door:80 HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n"
        assert (await answered(port, tunnel)).startswith(b"HTTP/1.1 4")
