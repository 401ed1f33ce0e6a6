"""`make bench-write`: durable POSTs of supply offers over HTTP, against pgbench writing the same rows."""

from collections.abc import Sequence
from functools import partial
from statistics import median

import asyncpg
import pgbench
import uvloop
from api import Process, services
from cpu import Meter
from figures import CpuTimes, Figure, Report, alternate, arguments, machine, ratio, tell
from load import Job, Order, Result, generate
from pgbench import Sample, Way
from servers import Database, Servers, server_versions, servers
from traders import populate
from uuid_utils.compat import uuid7

CONNECTIONS = (1, 16, 64)
WARM_SECONDS = 0.7


async def main() -> None:
    parser = arguments(__doc__, repetitions=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement; default 4")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--lanes", type=int, nargs="+", default=(12, 1), choices=(12, 1))
    parser.add_argument("--workers", type=int, nargs="+", default=(1, 2), choices=(1, 2))
    options = parser.parse_args()
    async with servers(kafka=False) as running:
        report = Report(
            title="durable POSTs of supply offers", machine=f"{machine()}, {await server_versions(running)}"
        )
        measure = Measure(running, report, options.connections, options.seconds, options.repetitions)
        await measure.run(options.lanes, options.workers)
    tell(report, as_json=options.json)


class Measure:
    """All cases, ours and pgbench's, in turn, on databases of their own in one server."""

    def __init__(
        self, running: Servers, report: Report, connections: Sequence[int], seconds: int, repetitions: int
    ) -> None:
        self._running = running
        self._connections = connections
        self._report = report
        self._seconds = seconds
        self._repetitions = repetitions
        self._times = CpuTimes()
        self._delays: dict[str, list[Result]] = {}
        self._batches: dict[str, list[float]] = {}
        self._ours: Database

    async def run(self, lanes: Sequence[int], workers: Sequence[int]) -> None:
        ours = self._ours = await self._running.new_database("ours")
        peer = await self._running.new_database("peer")
        await _execute(peer, pgbench.MARKETS)
        exchange = await populate(ours)
        orders = {12: exchange.orders(exchange.spread), 1: exchange.orders(exchange.narrow)}
        async with services(ours, ["api"], count=max(workers)) as processes:
            await self._post(processes, orders[12], connections=16, warming=True)
            sample = await _sample(ours)
            self._report.notes.append(
                f"an offer: {len(orders[12][0].body)} bytes posted, {len(sample.body)} journalled, "
                f"{len(sample.terms)} of terms in its row"
            )
            found: dict[str, Figure] = {}
            for lane_count in lanes:
                cases = [
                    (
                        _ours(lane_count, count, worker_count),
                        partial(self._case, processes[:worker_count], orders, lane_count, count),
                    )
                    for count in self._connections
                    for worker_count in workers
                ] + [
                    (
                        _peer(lane_count, count, way),
                        partial(self._pgbench, peer, way, sample, lane_count, count),
                    )
                    for count in self._connections
                    for way in pgbench.WAYS
                ]
                found |= await alternate(cases, self._repetitions, "offers/s")
        self._report.figures += found.values()
        for lane_count in lanes:
            for count in self._connections:
                for worker_count in workers:
                    self._compare(found, lane_count, count, worker_count)
        self._report.notes += self._times.lines("offer")

    def _compare(self, found: dict[str, Figure], lanes: int, connections: int, workers: int) -> None:
        """Against pgbench's best that commits order by order, and against the bound of 64 orders at once.

        The best is over all counts of connections up to ours: more of them make a contended lane slower.
        """
        name = _ours(lanes, connections, workers)
        for rows, aim in ((1, 0.8 if workers == 1 and connections >= 16 else None), (64, None)):
            peers = [
                found[_peer(lanes, count, way)]
                for way in pgbench.WAYS
                for count in self._connections
                if way.rows == rows and count <= connections
            ]
            best = max(peers, key=lambda peer: peer.middle)
            self._report.ratios.append(ratio(found[name], best, aim))
        results = self._delays[name][-self._repetitions :]
        p50, p99 = (
            sorted(getattr(one, part) for one in results)[len(results) // 2] for part in ("p50_ms", "p99_ms")
        )
        together = median(self._batches[name][-self._repetitions :])
        self._report.notes.append(
            f"{name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {together:.1f} offers a transaction"
        )

    async def _case(
        self, processes: list[Process], orders: dict[int, list[Order]], lanes: int, connections: int
    ) -> float:
        name = _ours(lanes, connections, len(processes))
        began = await _row(self._ours, NOW)
        meter = Meter(self._running, {"API": [process.child.pid for process in processes]})
        result = await self._post(processes, orders[lanes], connections=connections)
        self._delays.setdefault(name, []).append(result)
        found = await _row(self._ours, BATCHES, began["now"])
        self._batches.setdefault(name, []).append(found["offers"] / found["transactions"])
        counted = result.accepted * (self._seconds + WARM_SECONDS) / self._seconds
        self._times.add(
            name, meter.per_item_us(counted) | {"generator": result.cpu_seconds / result.accepted * 1e6}
        )
        return result.accepted / result.seconds

    async def _post(
        self, processes: list[Process], orders: list[Order], *, connections: int, warming: bool = False
    ) -> Result:
        job = Job(
            ports=[process.port for process in processes],
            orders=orders,
            connections=connections,
            seconds=1 if warming else self._seconds,
            warm_seconds=WARM_SECONDS,
            key_prefix=uuid7().hex,
        )
        result = await generate(job)
        if result.failures or not result.accepted:
            log = max(
                self._running.settings.instance_dir.glob("api-*.log"), key=lambda path: path.stat().st_size
            )
            raise RuntimeError(f"offers were refused: {result.failures}; {log.read_text()[-2000:]}")
        return result

    async def _pgbench(self, peer: Database, way: Way, sample: Sample, lanes: int, connections: int) -> float:
        return await pgbench.run(
            peer,
            way,
            sample,
            clients=connections,
            lanes=lanes,
            seconds=self._seconds,
            folder=self._running.settings.instance_dir,
        )


def _ours(lanes: int, connections: int, workers: int) -> str:
    return f"POST, {_count(lanes, 'lane')}, {_count(connections, 'connection')}, {_count(workers, 'worker')}"


def _peer(lanes: int, connections: int, way: Way) -> str:
    return f"pgbench {way.name}, {_count(lanes, 'lane')}, {_count(connections, 'connection')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


async def _execute(database: Database, statement: str) -> None:
    connection = await asyncpg.connect(database.admin_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


NOW = "select clock_timestamp() as now"

BATCHES = """
select count(*) as offers, count(distinct xmin::text) as transactions
from record.journal where recorded_at >= $1
"""


async def _row(database: Database, statement: str, *arguments: object) -> asyncpg.Record:
    """The one row that the statement returns."""
    connection = await asyncpg.connect(database.admin_url)
    try:
        row = await connection.fetchrow(statement, *arguments)
    finally:
        await connection.close()
    if row is None:
        raise RuntimeError("no offer was stored")
    return row


SAMPLE = """
select j.body, t.body as terms from record.journal j
join state.supply s on s.lane = j.lane and s.position = j.position
join state.order_terms t on t.lane = s.lane and t.market = s.market and t.order_id = s.supply
where j.stream = 'market' order by j.lane, j.position limit 1
"""


async def _sample(database: Database) -> Sample:
    """What an accepted POST left in the tables, for pgbench to write again."""
    row = await _row(database, SAMPLE)
    return Sample(row["body"], row["terms"])


if __name__ == "__main__":
    uvloop.run(main())
