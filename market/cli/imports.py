"""`lodestone import FILE`: hands a file of rows to a door over HTTP, and follows it to its end."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import uuid4

import httpx
import msgspec
import rich_click as click

from market.cli.console import CommandFailed, Exit, print_json, print_line, progress, run_async, say
from market.client.client import api_origin
from market.client.faults import Fault, Problem
from market.store.imports import FileFormat

MEDIA: Final[dict[FileFormat, str]] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ndjson": "application/x-ndjson",
}
SUFFIXES: Final[dict[str, FileFormat]] = {
    ".csv": "csv", ".tsv": "csv", ".xlsx": "xlsx", ".ndjson": "ndjson", ".jsonl": "ndjson",
}  # fmt: skip
PART_BYTES: Final = 256 * 1024
SECONDS_MAX: Final = 60.0
LOOK_SECONDS: Final = 0.5
TRIES: Final = 4
SHOWN_MAX: Final = 20
OVER: Final = ("completed", "refused", "cancelled", "failed")
AGAIN: Final = (429, 503)
_BUSY_SECONDS: Final = 2.0

View = dict[str, Any]


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--kind", required=True, help="offers, lots, requirements, index-values or assays.")
@click.option("--market", help="Market of rows that name none.")
@click.option("--mode", default="all_or_nothing", type=click.Choice(["all_or_nothing", "partial"]))
@click.option("--format", "form", type=click.Choice([*MEDIA]), help="Otherwise told by the file's ending.")
@click.option(
    "--separator", type=click.Choice(["comma", "semicolon", "tab"]), help="Otherwise as the head shows."
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Save the report as CSV.")
@click.option("--request", "request_key", help="Idempotency key; the same again is the same import.")
@click.option("--json", "as_json", is_flag=True, help="Print the import as JSON.")
@click.option("--url", envvar="LODESTONE_URL", required=True, help="The door; or LODESTONE_URL.")
@click.option("--key", envvar="LODESTONE_API_KEY", required=True, help="Better: LODESTONE_API_KEY.")
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
    """Import a file of rows: all or nothing, or with --mode partial each row for itself.

    Exit codes: 0 all rows were accepted, 3 some or all were refused, 5 the door does not answer.
    """
    found = form or SUFFIXES.get(file.suffix.lower())
    if found is None:
        raise CommandFailed(
            Exit.USAGE, f"--format says what {file.name} is; endings known: {', '.join(SUFFIXES)}"
        )
    asked = {name: value for name, value in query.items() if value is not None}
    door = _Door(url, key, request_key or str(uuid4()))
    with file.open("rb") as opened:
        view, lines = run_async(door.follow(opened, file.stat().st_size, MEDIA[found], asked, report))
    _tell(view, lines, as_json=as_json)
    if view["state"] != "completed" or view["refused"]:
        raise CommandFailed(Exit.INVALID_INPUT, _sentence(view))


class _Door:
    """The HTTP side. CommandFailed with the door's own sentences."""

    def __init__(self, url: str, key: str, request_key: str) -> None:
        try:
            self._url = api_origin(url)
        except ValueError as error:
            raise CommandFailed(Exit.INVALID_INPUT, f"--url {url}: {error}") from error
        self._headers = {"Authorization": f"Bearer {key}"}
        self._request_key = request_key

    async def follow(
        self, file: BinaryIO, size: int, media: str, query: dict[str, str], report: Path | None
    ) -> tuple[View, list[View]]:
        """The import when it is over, and its first refused rows."""
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=SECONDS_MAX
        ) as client:
            view = await self._upload(client, file, size, media, query)
            say(f"import {view['id']}; the key of the request is {self._request_key}")
            view = await self._watch(client, view)
            path = f"/v1/imports/{view['id']}/report"
            if report is not None:
                await _save(client, path, report)
            return view, await _refused(client, path) if view["refused"] else []

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

        return _body(await _ask(give))

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
        return _body(await _ask(lambda: client.get(f"/v1/imports/{view['id']}")))


async def _parts(file: BinaryIO, advance: Callable[[int], None]) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(file.read, PART_BYTES):
        yield part
        advance(len(part))


async def _ask(give: Callable[[], Any]) -> httpx.Response:
    """An answer, tried a few times while the door is away or busy. CommandFailed when it stays so."""
    failure = ""
    for _ in range(TRIES):
        try:
            answer: httpx.Response = await give()
        except httpx.TransportError as error:
            failure = repr(error)
        else:
            if answer.status_code not in AGAIN:
                return answer
            failure = _problem(answer)
        await asyncio.sleep(_BUSY_SECONDS)
    raise CommandFailed(Exit.UNAVAILABLE, f"the door does not take it: {failure}")


def _body(answer: httpx.Response) -> View:
    if not answer.is_success:
        code = Exit.UNAVAILABLE if answer.is_server_error else Exit.INVALID_INPUT
        raise CommandFailed(code, f"the door refuses it: {_problem(answer)}")
    body: View = answer.json()
    return body


def _problem(answer: httpx.Response) -> str:
    try:
        return msgspec.json.decode(answer.content, type=Problem).sentence
    except (msgspec.MsgspecError, ValueError):
        return f"HTTP {answer.status_code}"


async def _save(client: httpx.AsyncClient, path: str, report: Path) -> None:
    async with client.stream("GET", path) as answer:
        with await asyncio.to_thread(report.open, "wb") as opened:
            async for part in answer.aiter_bytes():
                opened.write(part)


async def _refused(client: httpx.AsyncClient, path: str) -> list[View]:
    found: list[View] = []
    async with client.stream("GET", path, params={"format": "ndjson"}) as answer:
        async for text in answer.aiter_lines():
            line = json.loads(text)
            if line["id"] is None:
                found.append(line)
            if len(found) > SHOWN_MAX:
                break
    return found


def _tell(view: View, lines: list[View], *, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    print_line(f"{view['state']}: {view['accepted']:,} accepted, {view['refused']:,} refused")
    for line in lines[:SHOWN_MAX]:
        where = f"row {line['row']}" + (f", {line['column']}" if line["column"] else "")
        print_line(f"{where}: {line['code']}: {line['sentence']}")
    if len(lines) > SHOWN_MAX:
        say("and more: --report FILE saves them all")


def _sentence(view: View) -> str:
    faults = msgspec.convert(view["problem"], tuple[Fault, ...])
    return "; ".join(fault.sentence for fault in faults) or f"{view['refused']:,} rows were refused"
