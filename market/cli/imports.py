"""`lodestone import FILE`: hands a file of rows to the API over HTTP, and follows it to its end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

import httpx
import msgspec
import rich_click as click

from events.counts import counted
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    progress,
    run_async,
    say,
)
from market.cli.files import check_writable
from market.cli.outages import reason_of
from market.client.client import keyed_origin
from market.client.faults import Fault, Problem
from market.client.imports import CSV, NDJSON, OVER, XLSX, ImportLine
from market.store.imports import FileFormat

MEDIA: Final[dict[FileFormat, str]] = {"csv": CSV, "xlsx": XLSX, "ndjson": NDJSON}
SUFFIXES: Final[dict[str, FileFormat]] = {
    ".csv": "csv", ".tsv": "csv", ".xlsx": "xlsx", ".ndjson": "ndjson", ".jsonl": "ndjson",
}  # fmt: skip
PART_BYTES: Final = 256 * 1024
SECONDS_MAX: Final = 60.0
LOOK_SECONDS: Final = 0.5
TRIES: Final = 4
SHOWN_MAX: Final = 20
FAULTS_MAX: Final = 5
HEAD_ROW: Final = "1"
AGAIN: Final = (429, 503)
_BUSY_SECONDS: Final = 2.0

View = dict[str, Any]


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--kind",
    required=True,
    help="offers, lots, requirements, their -amendments and -withdrawals, index-values, assays; of operators "
    "organisations, facilities, memberships.",
)
@click.option("--market", help="Market of rows without a market.")
@click.option(
    "--mode",
    default="all_or_nothing",
    show_default=True,
    type=click.Choice(["all_or_nothing", "partial", "dry_run"]),
    help="All rows or none, or each row separately; dry_run stores nothing and shows what would be refused.",
)
@click.option("--format", "form", type=click.Choice([*MEDIA]), help="Default: by the file name's ending.")
@click.option(
    "--separator", type=click.Choice(["comma", "semicolon", "tab"]), help="Default: as in the header row."
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Save the report as CSV.")
@click.option(
    "--request", "request_key", help="Idempotency key; the same key and file continue the same import."
)
@click.option("--json", "as_json", is_flag=True, help="Print the import as JSON.")
@click.option(
    "--url", envvar="LODESTONE_URL", required=True, help="Address of the API; or set LODESTONE_URL."
)
@click.option(
    "--key", envvar="LODESTONE_API_KEY", required=True, help="API key; better set LODESTONE_API_KEY."
)
def command(
    *,
    file: Path,
    form: FileFormat | None,
    report: Path | None,
    request_key: str | None,
    as_json: bool,
    url: str,
    key: str,
    **query: str | None,
) -> None:
    """Import a file of rows: all or nothing, or with --mode partial each row separately.

    Exit codes: 0 all rows were accepted; 3 some or all were refused, or the report cannot be written; 5 the
    API does not answer.
    """
    found = form or SUFFIXES.get(file.suffix.lower())
    if found is None:
        raise CommandFailed(
            Exit.USAGE,
            f"the format of {file.name} is unknown: use --format; known endings: {', '.join(SUFFIXES)}",
        )
    if report is not None:
        check_writable(report)
    _check_key(key)
    asked = {name: value for name, value in query.items() if value is not None}
    api = _Api(url, key, request_key or str(uuid4()))
    with file.open("rb") as opened:
        view, lines, missed = run_async(api.follow(opened, file.stat().st_size, MEDIA[found], asked, report))
    _tell(view, lines, as_json=as_json)
    if view["state"] != "completed" or view["refused"]:
        if missed is not None:
            say(missed.sentence)
        raise CommandFailed(Exit.INVALID_INPUT, _sentence(view))
    if missed is not None:
        raise missed


def _check_key(key: str) -> None:
    """CommandFailed for what no request could be sent with."""
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise CommandFailed(Exit.INVALID_INPUT, "the API key contains characters that no key has")


class _Api:
    """The HTTP side. CommandFailed with the API's own sentences."""

    def __init__(self, url: str, key: str, request_key: str) -> None:
        try:
            self._url = keyed_origin(url)
            httpx.URL(self._url)
        except (ValueError, httpx.InvalidURL) as error:
            named = "--url" if "@" in url else f"--url {url}"
            raise CommandFailed(Exit.INVALID_INPUT, f"{named}: {error}") from error
        self._headers = {"Authorization": f"Bearer {key}"}
        self._request_key = request_key
        self._sent = False

    async def follow(
        self, file: BinaryIO, size: int, media: str, query: dict[str, str], report: Path | None
    ) -> tuple[View, list[ImportLine], CommandFailed | None]:
        """The import when it is over, its first faults and warnings, and why its report could not be had."""
        say(f"idempotency key of the request: {self._request_key}")
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=SECONDS_MAX
        ) as client:
            try:
                view = await self._upload(client, file, size, media, query)
                say(f"import {view['id']}")
                view = await self._watch(client, view)
            except CommandFailed as failure:
                if self._sent and failure.code == Exit.UNAVAILABLE:
                    again = f"to continue this import, run it again with --request {self._request_key}"
                    raise CommandFailed(failure.code, f"{failure.sentence}; {again}") from failure
                raise
            return view, *await self._report(client, view, report)

    async def _report(
        self, client: httpx.AsyncClient, view: View, report: Path | None
    ) -> tuple[list[ImportLine], CommandFailed | None]:
        """A report that cannot be written keeps no refused row from being shown."""
        path = f"/v1/imports/{view['id']}/report"
        again = f"GET {self._url}{path} has the report of this import"
        missed = None
        try:
            if report is not None:
                try:
                    await _save(client, path, report)
                except OSError as error:
                    reason = f"{report} cannot be written: {reason_of(error)}"
                    missed = CommandFailed(Exit.INVALID_INPUT, f"{reason}; {again}")
            return await _told(client, path) if view["refused"] or view["warned"] else [], missed
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            reason = f"the report was not read to its end: {_failure(error)}"
        return [], missed or CommandFailed(Exit.UNAVAILABLE, f"{reason}; {again}")

    async def _upload(
        self, client: httpx.AsyncClient, file: BinaryIO, size: int, media: str, query: dict[str, str]
    ) -> View:
        headers = {"Idempotency-Key": self._request_key, "Content-Type": media}

        async def give() -> httpx.Response:
            file.seek(0)
            with progress("sent, bytes", size) as advance:
                return await client.post(
                    "/v1/imports", params=query, headers=headers, content=_parts(file, advance)
                )

        return self._body(await self._ask(give))

    async def _watch(self, client: httpx.AsyncClient, view: View) -> View:
        while view["rows_total"] is None and view["state"] not in OVER:
            view = await self._look(client, view)
        if view["rows_total"] is None:
            return view
        with progress("rows", view["rows_total"]) as advance:
            shown = 0
            while True:
                advance(view["rows_read"] - shown)
                shown = view["rows_read"]
                if view["state"] in OVER:
                    return view
                view = await self._look(client, view)

    async def _look(self, client: httpx.AsyncClient, view: View) -> View:
        await asyncio.sleep(LOOK_SECONDS)
        return self._body(await self._ask(lambda: client.get(f"/v1/imports/{view['id']}")))

    async def _ask(self, give: Callable[[], Any]) -> httpx.Response:
        """An answer, tried a few times while the API is away or busy. CommandFailed when it stays so."""
        failure = ""
        for left in reversed(range(TRIES)):
            try:
                answer: httpx.Response = await give()
            except httpx.TransportError as error:
                self._sent |= not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                failure = f"no answer from {self._url}: {_failure(error)}"
            else:
                self._sent = True
                if answer.status_code not in AGAIN:
                    return answer
                failure = f"the API at {self._url} accepts nothing at present: {_problem(answer)}"
            if left:
                await asyncio.sleep(_BUSY_SECONDS)
        raise CommandFailed(Exit.UNAVAILABLE, failure)

    def _body(self, answer: httpx.Response) -> View:
        if not answer.is_success:
            code = Exit.UNAVAILABLE if answer.is_server_error else Exit.INVALID_INPUT
            raise CommandFailed(code, f"the API refuses the request: {_problem(answer)}")
        try:
            body: View = answer.json()
        except ValueError as error:
            other = f"the server at {self._url} is not a Lodestone API"
            raise CommandFailed(Exit.INVALID_INPUT, other) from error
        return body


def _failure(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"nothing came within {SECONDS_MAX:.0f} s"
    return reason_of(error) if isinstance(error, httpx.HTTPError) else "one of its lines is cut off"


async def _parts(file: BinaryIO, advance: Callable[[int], None]) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(file.read, PART_BYTES):
        yield part
        advance(len(part))


def _problem(answer: httpx.Response) -> str:
    try:
        return msgspec.json.decode(answer.content, type=Problem).sentence
    except (msgspec.MsgspecError, ValueError):
        return f"HTTP {answer.status_code}"


def _faults(faults: Iterable[Fault]) -> str:
    """One sentence for all places that have the same fault, and not too many of either."""
    places: dict[str, list[str]] = {}
    for fault in faults:
        place = _place(fault.where)
        places.setdefault(fault.detail, []).extend([place] if place else [])
    told = [f"{_some(where, ', ')}: {detail}" if where else detail for detail, where in places.items()]
    return _some(told, "; ")


def _some(texts: Sequence[str], between: str) -> str:
    more = [f"and {len(texts) - FAULTS_MAX} more"] if len(texts) > FAULTS_MAX else []
    return between.join([*texts[:FAULTS_MAX], *more])


def _place(pointer: str) -> str:
    """A row, or one of its columns; nothing of the rows as a whole, whose fault is a sentence."""
    _, _, inside = pointer.removeprefix("/rows").partition("/")
    row, _, column = inside.partition("/")
    if not pointer.startswith("/rows"):
        return pointer
    if row == HEAD_ROW:
        return column
    return " ".join(filter(None, (f"row {row}" if row else "", column)))


async def _save(client: httpx.AsyncClient, path: str, report: Path) -> None:
    async with client.stream("GET", path) as answer:
        answer.raise_for_status()
        with await asyncio.to_thread(report.open, "wb") as opened:
            async for part in answer.aiter_bytes():
                opened.write(part)


async def _told(client: httpx.AsyncClient, path: str) -> list[ImportLine]:
    """The first faults, then the first warnings. MsgspecError for a line that is none of a report."""
    faults: list[ImportLine] = []
    warnings: list[ImportLine] = []
    async with client.stream("GET", path, params={"format": "ndjson"}) as answer:
        answer.raise_for_status()
        async for text in answer.aiter_lines():
            line = msgspec.json.decode(text, type=ImportLine)
            found = faults if line.kind == "fault" else warnings
            if line.kind != "accepted" and len(found) <= SHOWN_MAX:
                found.append(line)
            if len(faults) > SHOWN_MAX:
                break
    return faults + warnings


def _tell(view: View, lines: list[ImportLine], *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    told = f" ({view['warned']:,} with warnings)" if view["warned"] else ""
    taken = "acceptable" if view["mode"] == "dry_run" else "accepted"
    print_line(f"{view['state']}: {view['accepted']:,} {taken}{told}, {view['refused']:,} refused")
    for line in lines[:SHOWN_MAX]:
        where = f"row {line.row}" + (f", {line.column}" if line.column else "")
        kind = line.code if line.kind == "fault" else f"warning {line.code}"
        print_line(f"{where}: {kind}: {line.sentence}")
    if len(lines) > SHOWN_MAX:
        say("and more; --report FILE saves all of them")


def _sentence(view: View) -> str:
    refused = view["refused"]
    return _faults(msgspec.convert(view["problem"], tuple[Fault, ...])) or (
        "1 row was refused" if refused == 1 else f"{counted(refused, 'row was', 'rows were')} refused"
    )
