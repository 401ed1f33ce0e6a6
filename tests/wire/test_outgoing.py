"""Posting over TLS to a name, at the very address that was looked at, and nowhere else."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from uuid_utils.compat import uuid7

from market.lookups import Resolve, forbidden, resolve
from market.outgoing import Answered, Postman
from market.rules.streams.reach import Address, Reach
from tests.receiver_support import Receiver, receiving

NAME = "partner.example"
BROKE = "the connection broke"
HERE, CLOSED = ip_address("127.0.0.1"), ip_address("127.0.0.2")


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A receiver's context for NAME, and one that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    path = folder / "receiver.pem"
    path.write_bytes(made + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(path)
    return serving, ssl.create_default_context(cadata=made.decode())


def leads_to(*addresses: Address) -> Resolve:
    async def look(host: str, port: int) -> tuple[Address, ...]:
        return addresses

    return look


@asynccontextmanager
async def postman(receiver: Receiver, resolve: Resolve, tls: ssl.SSLContext) -> AsyncIterator[Postman]:
    reach = Reach(ports=frozenset({receiver.port}), networks=(ip_network("127.0.0.0/8"),))
    made = Postman(reach, resolve, tls, seconds_max=10)
    try:
        yield made
    finally:
        await made.close()


async def post(made: Postman, receiver: Receiver, host: str = NAME) -> Answered:
    return await made.post(receiver.url(host, "https"), {"webhook-id": str(uuid7())}, b"{}")


async def test_the_certificate_is_held_to_the_name_at_the_address_that_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever proxy the environment names; and an address where nothing listens is passed over."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    serving, trusting = certificate(tmp_path)
    names: list[str] = []
    serving.sni_callback = lambda _socket, name, _context: names.append(name)
    async with (
        receiving(serving) as receiver,
        postman(receiver, leads_to(CLOSED, HERE), trusting) as made,
    ):
        assert (204, None) == ((answered := await post(made, receiver)).status, answered.error)
        assert f"{NAME}:{receiver.port}" == receiver.got[0].headers["host"]
        wrong = await post(made, receiver, "other.example")
        assert (None, "the certificate does not hold for the name") == (wrong.status, wrong.error)
        assert [NAME, "other.example"] == names
        assert 1 == len(receiver.got)


async def test_a_name_without_an_address_is_told(tmp_path: Path) -> None:
    _, trusting = certificate(tmp_path)
    async with receiving() as receiver:
        for found, error in (
            ((), "the name cannot be looked up"),
            ((CLOSED,), "the connection was refused"),
            ((HERE, ip_address("10.0.0.1")), "the name leads to an address that is not public"),
        ):
            async with postman(receiver, leads_to(*found), trusting) as made:
                assert error == (await post(made, receiver)).error
        assert [] == receiver.got


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1"])
async def test_other_notations_of_an_address_are_looked_up_and_refused(host: str) -> None:
    assert await forbidden(host, 443, Reach(), resolve, seconds_max=10)


OK = b"HTTP/1.1 200 Fine\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("said", "status", "error", "is_kept"),
    [
        (OK, 200, None, True),
        (b"HTTP/1.1 200 Fine\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, None, True),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK, 200, None, True),
        (b"HTTP/1.1 503 Later\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n", 503, None, True),
        (b"HTTP/1.1 200 Fine\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 200, None, False),
        (b"HTTP/1.0 200 Fine\r\ncontent-length: 0\r\n\r\n", 200, None, False),
        (OK + OK, 200, None, False),
        (OK + b"unasked", None, BROKE, False),
        (b"HTTP/1.1 200 Fine\r\ncontent-length: 99999\r\n\r\n" + b"x" * 20_000, 200, None, False),
        (b"HTTP/1.1 101 Other\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", 101, None, False),
        (b"HTTP/1.1 200 Fine\r\nx: " + b"y" * 20_000, None, BROKE, False),
        (b"HTTP/1.1 200 Fine\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx", None, BROKE, False),
        (b"220 mail.example ESMTP\r\n", None, BROKE, False),
    ],
)
async def test_an_answer_is_told_by_its_status_and_only_what_was_read_whole_keeps_the_connection(
    said: bytes, status: int | None, error: str | None, *, is_kept: bool
) -> None:
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n{}"):
                writer.write(said)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reach = Reach(ports=frozenset({port}), networks=(ip_network("127.0.0.0/8"),), plain=True)
        made = Postman(reach, resolve, ssl.create_default_context(), seconds_max=10)
        answers = [await made.post(f"http://127.0.0.1:{port}/", {}, b"{}") for _ in range(2)]
        await made.close()
    assert [(status, error)] * 2 == [(answered.status, answered.error) for answered in answers]
    assert (1 if is_kept else 2) == len(connections)
    assert {"7" if status == 503 else None} == {answered.retry_after for answered in answers}


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 202 Taken\r\n\r\nthanks")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reach = Reach(ports=frozenset({port}), networks=(ip_network("127.0.0.0/8"),), plain=True)
        made = Postman(reach, resolve, ssl.create_default_context(), seconds_max=10)
        answered = await made.post(f"http://127.0.0.1:{port}/", {}, b"{}")
        await made.close()
    assert (202, None) == (answered.status, answered.error)


async def test_what_is_no_name_has_no_address() -> None:
    for host in ("a" * 64 + ".example", "..", "x" * 300):
        with pytest.raises(OSError, match=r"."):
            await resolve(host, 443)
