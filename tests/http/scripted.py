"""A server that answers as told, byte by byte: what no sound server does to a client."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import msgspec

HANG = b"(nothing more comes)"


@dataclass
class Asked:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """One connection takes one answer, and is cut off after it; the last one is given for ever."""

    answers: Sequence[bytes]
    address: str = ""
    asked: list[Asked] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.strip().split("\r\n")
            headers = dict(each.lower().split(": ", 1) for each in fields)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
            self.asked.append(Asked(line, headers, body))
            writer.write(answer.removesuffix(HANG))
            await writer.drain()
            if answer.endswith(HANG):
                await reader.read()
        writer.close()


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[Script]:
    script = Script(answers)
    server = await asyncio.start_server(script.take, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        script.address = f"http://{host}:{port}"
        yield script


def answer(status: str, body: bytes = b"", kind: str = "application/json", **fields: str) -> bytes:
    given = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    given |= {name.replace("_", "-"): value for name, value in fields.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def problem(status: str, code: str, *faults: dict[str, str], **fields: str) -> bytes:
    told = {
        "type": f"urn:lodestone:problem:{code}",
        "title": code,
        "status": int(status[:3]),
        "code": code,
        "detail": "as the script says",
        "instance": "urn:uuid:0",
        "errors": faults,
    }
    return answer(status, msgspec.json.encode(told), "application/problem+json", **fields)


def chunked(kind: str, *parts: bytes, whole: bool = False) -> bytes:
    """An answer in parts; without `whole` it is cut off where they end."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return head + body + (b"0\r\n\r\n" if whole else b"")
