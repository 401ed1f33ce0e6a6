"""The load generator, a process of its own: closed-loop keep-alive POSTs over raw sockets and one epoll.

Reads a Job as JSON from stdin, writes a Result as JSON to stdout. It parses only what it must: the status and
where the answer ends; so it takes a small part of what a request costs the server.
"""

import asyncio
import os
import select
import socket
import sys
import time
from collections import Counter
from subprocess import PIPE

import msgspec
from msgspec import Struct

RECEIVE_BYTES = 65536
CREATED = b"HTTP/1.1 201"
STRIDE = 101
"""So that connections start far apart among the orders."""


class Order(Struct, frozen=True, kw_only=True):
    """One POST, without its idempotency key."""

    token: str
    path: str
    body: str


class Job(Struct, frozen=True, kw_only=True):
    """`orders` are sent in turn, by each connection from its own place on; connections take ports in turn."""

    ports: list[int]
    orders: list[Order]
    connections: int
    seconds: float
    warm_seconds: float
    key_prefix: str


class Result(Struct, frozen=True, kw_only=True):
    """Counted after the warm-up only. `failures` are the first words of other answers."""

    accepted: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_seconds: float
    failures: dict[str, int]


async def generate(job: Job) -> Result:
    """Runs the job in a process of its own."""
    child = await asyncio.create_subprocess_exec(sys.executable, __file__, stdin=PIPE, stdout=PIPE)
    output, _ = await child.communicate(msgspec.json.encode(job))
    return msgspec.json.decode(output, type=Result)


class Client:
    """One connection: at most one request under way."""

    __slots__ = ("_heads", "_key", "_parts", "_tails", "_turn", "began_at", "socket")

    def __init__(self, job: Job, number: int, heads: list[bytes], tails: list[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", job.ports[number % len(job.ports)]))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heads = heads
        self._tails = tails
        self._key = f"{job.key_prefix}-{number}-".encode()
        self._turn = number * STRIDE
        self._parts = b""
        self.began_at = 0.0

    def send(self) -> None:
        turn = self._turn
        self._turn = turn + 1
        place = turn % len(self._heads)
        self.began_at = time.perf_counter()
        self.socket.sendall(b"%b%b%d%b" % (self._heads[place], self._key, turn, self._tails[place]))

    def receive(self) -> bytes | None:
        """The whole answer; None while a part of it is missing."""
        received = self.socket.recv(RECEIVE_BYTES)
        if not received:
            raise ConnectionError("the server closed a connection")
        data = self._parts + received if self._parts else received
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            head = data[:end].lower()
            place = head.find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(data) >= end + 4 + length:
                self._parts = b""
                return data
        self._parts = data
        return None


def run(job: Job) -> Result:
    poll = select.epoll()
    clients: dict[int, Client] = {}
    heads = [_head(order) for order in job.orders]
    tails = [b"\r\n\r\n" + order.body.encode() for order in job.orders]
    for number in range(job.connections):
        client = Client(job, number, heads, tails)
        clients[client.socket.fileno()] = client
        poll.register(client.socket.fileno(), select.EPOLLIN)
    for client in clients.values():
        client.send()
    start = time.perf_counter() + job.warm_seconds
    end = start + job.seconds
    times: list[float] = []
    failures: Counter[str] = Counter()
    cpu_before = None
    while True:
        for handle, _ in poll.poll(5):
            client = clients[handle]
            answer = client.receive()
            if answer is None:
                continue
            now = time.perf_counter()
            if now >= start:
                if cpu_before is None:
                    cpu_before = time.process_time()
                if answer.startswith(CREATED):
                    times.append(now - client.began_at)
                else:
                    failures[answer[:20].decode(errors="replace") + _code(answer)] += 1
            client.send()
        if time.perf_counter() >= end:
            break
    times.sort()
    return Result(
        accepted=len(times),
        seconds=job.seconds,
        p50_ms=_at(times, 0.5),
        p99_ms=_at(times, 0.99),
        cpu_seconds=time.process_time() - (cpu_before or 0.0),
        failures=dict(failures),
    )


def _head(order: Order) -> bytes:
    return (
        f"POST {order.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {order.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(order.body.encode())}\r\nIdempotency-Key: "
    ).encode()


def _code(answer: bytes) -> str:
    body = answer.partition(b"\r\n\r\n")[2]
    return " " + body[:400].decode(errors="replace")


def _at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else 0.0


if __name__ == "__main__":
    os.write(1, msgspec.json.encode(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Job))))
