"""`make bench-imports`: the most memory that a process holds while it takes few rows, and many."""

import asyncio
import csv
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import uvloop
import xlsxwriter
from api import Process, services
from cpu import Meter
from figures import Figure, Report, arguments, machine, ratio, say, tell
from servers import Database, Servers, server_versions, servers

from market.ground import Ground, wire
from market.operators import ensure_operator, issue_key

ROWS = (10_000, 1_000_000)
DAYS_OF_AN_INDEX = 10_000
FIRST_DAY = date(1990, 1, 1)
PART_BYTES = 256 * 1024
LOOK_SECONDS = 0.5
HEAD = (
    "index", "currency", "per", "first_day", "last_day", "amount", "as_of", "published_at", "source",
)  # fmt: skip
MEDIA = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


async def main() -> None:
    parser = arguments(__doc__, repetitions=1)
    parser.add_argument("--rows", type=int, nargs=2, default=ROWS, help="few and many")
    parser.add_argument("--format", choices=[*MEDIA], default="csv")
    options = parser.parse_args()
    async with servers(kafka=False) as running:
        report = Report(
            title=f"an import of index values, {options.format}, each row for itself",
            machine=f"{machine()}, {await server_versions(running)}",
        )
        few, many = [
            await _measure(running, rows, options.format, options.repetitions, report)
            for rows in options.rows
        ]
        report.ratios.append(ratio(many, few))
    tell(report, as_json=options.json)


async def _measure(running: Servers, rows: int, form: str, repetitions: int, report: Report) -> Figure:
    """Every file in a process and a database of its own."""
    peaks: list[float] = []
    for repetition in range(repetitions):
        database = await running.new_database(f"rows-{rows}-{repetition}")
        key = await _key(database)
        with tempfile.TemporaryFile() as file:
            await asyncio.to_thread(_write_csv if form == "csv" else _write_workbook, file, rows)
            async with services(database, ["api", "imports"]) as (process,):
                at_rest = _resident_mib(process, "VmRSS")
                meter = Meter(running, {"service": [process.child.pid]})
                seconds = await _hand_in(process, key, file, MEDIA[form])
                spent = meter.per_item_us(rows)
                peaks.append(_resident_mib(process, "VmHWM"))
        report.notes.append(
            f"{rows:,} rows: {at_rest:,.0f} MiB before, {rows / seconds:,.0f} rows/s, "
            f"processor time per row: service {spent['service']:,.0f} µs, "
            f"PostgreSQL {spent['PostgreSQL']:,.0f} µs"
        )
    figure = Figure(case=f"{rows:,} rows", unit="MiB", values=tuple(peaks))
    report.figures.append(figure)
    return figure


async def _key(database: Database) -> str:
    ground = Ground(settings=database.settings, admin_url=database.admin_url, bootstrap="")
    async with wire(ground) as wiring:
        now = wiring.clock()
        operator = await ensure_operator(wiring.desk, wiring.deployment.deployment_id, now)
        minted = await issue_key(
            wiring.desk,
            operator,
            operator.organisation,
            roles=("operator",),
            label="bench",
            expires_at=now + timedelta(days=1),
            secret=b"b" * 32,
        )
    return minted.token


def _rows(count: int) -> Iterator[tuple[str, ...]]:
    for number in range(count):
        day = (FIRST_DAY + timedelta(days=number % DAYS_OF_AN_INDEX)).isoformat()
        index = f"index-{number // DAYS_OF_AN_INDEX}"
        amount = f"{50 + number % 40}.{number % 100:02}"
        yield index, "USD", "oxide", day, day, amount, day, f"{day}T18:00:00Z", "entered by the operator"


def _write_csv(file: BinaryIO, count: int) -> None:
    text = TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(HEAD)
    writer.writerows(_rows(count))
    text.flush()
    text.detach()


def _write_workbook(file: BinaryIO, count: int) -> None:
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEAD)
    for number, row in enumerate(_rows(count), start=1):
        sheet.write_row(number, 0, row)
    book.close()


def _resident_mib(process: Process, name: str) -> float:
    status = Path(f"/proc/{process.child.pid}/status").read_text("utf-8")
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


async def _hand_in(process: Process, key: str, file: BinaryIO, media: str) -> float:
    """Seconds until every row was accepted."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "bench", "Content-Type": media}
    query = {"kind": "index-values", "mode": "partial"}
    began_at = datetime.now(UTC)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=120) as client:
        answer = await client.post("/v1/imports", params=query, headers=headers, content=_parts(file))
        view = _view(answer)
        while view["state"] in ("waiting", "checking", "storing"):
            await asyncio.sleep(LOOK_SECONDS)
            view = _view(await client.get(f"/v1/imports/{view['id']}", headers=headers))
            say(f"{view['state']}: {view['rows_read']:,} rows, {view['seconds_left']} s left")
    if view["state"] != "completed" or view["refused"]:
        raise RuntimeError(f"the import did not go through: {view}")
    return (datetime.now(UTC) - began_at).total_seconds()


def _view(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    view: dict[str, Any] = answer.json()
    return view


async def _parts(file: BinaryIO) -> AsyncIterator[bytes]:
    file.seek(0)
    while part := await asyncio.to_thread(file.read, PART_BYTES):
        yield part


if __name__ == "__main__":
    uvloop.run(main())
