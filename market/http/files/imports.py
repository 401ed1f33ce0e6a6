"""Files of rows: handed in, followed, cancelled; and templates to begin with."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Self
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from events.refusal import IdempotencyKeyReused
from events.vocabulary import Instant
from market.http.files.import_kinds import IMPORT_READERS, IMPORTERS, KINDS, Kind, KindName
from market.http.files.import_templates import template
from market.http.wire import lists
from market.http.wire.access import require
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.idempotency import FIELD
from market.http.wire.ids import ImportId, MarketId, to_text
from market.http.wire.import_rows import FORMATS
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_caller
from market.http.wire.receiving import receive_parts
from market.http.wire.row_files import CSV, NDJSON, XLSX
from market.store import imports as store
from market.store.imports import FileFormat, Import, Mode, Separator, State

TAG: Final = "Imports"
OPEN_MAX: Final = 4
"""Of an organisation, that are not over."""
PART_BYTES: Final = 256 * 1024
RECEIVE_SECONDS_MAX: Final = 900.0
_MEDIA: Final[dict[FileFormat, str]] = {form: media for media, form in FORMATS.items()}


class ImportQuery(Struct, frozen=True, kw_only=True):
    """What the file holds, and how it is to be taken."""

    kind: KindName
    mode: Annotated[
        Mode, Meta(description="partial: every row for itself; dry_run: so too, and nothing is stored.")
    ] = "all_or_nothing"
    separator: Annotated[Separator, Meta(description="Of CSV; absent: as the head shows.")] | None = None
    market: Annotated[MarketId, Meta(description="Of rows that name no market.")] | None = None


class ImportView(Body, frozen=True, kw_only=True):
    """`rows_total` is null until the file was read once; `seconds_left` while rows are stored.

    `problem` says what is wrong with the file as a whole: nothing of it was stored.
    """

    id: ImportId
    kind: str
    format: FileFormat
    mode: Mode
    state: State
    size_bytes: int
    rows_total: int | None
    rows_read: int
    accepted: int
    warned: int
    refused: int
    seconds_left: int | None
    problem: tuple[Fault, ...]
    created_at: Instant
    finished_at: Instant | None

    @classmethod
    def of(cls, found: Import, now: datetime) -> Self:
        return cls(
            id=to_text("imp", found.id),
            kind=found.kind,
            format=found.format,
            mode=found.mode,
            state=found.state,
            size_bytes=found.size_bytes,
            rows_total=found.rows_total,
            rows_read=found.rows_read,
            accepted=found.accepted,
            warned=found.warned,
            refused=found.refused,
            seconds_left=_seconds_left(found, now),
            problem=() if found.problem is None else _problem.decode(found.problem),
            created_at=found.created_at,
            finished_at=found.finished_at,
        )


_problem: Final = msgspec.json.Decoder(tuple[Fault, ...])


def _seconds_left(found: Import, now: datetime) -> int | None:
    """At the pace so far."""
    if found.over or found.storing_since is None or not found.rows_read or found.rows_total is None:
        return None
    passed = max(0, int((now - found.storing_since).total_seconds()))
    return passed * (found.rows_total - found.rows_read) // found.rows_read


@endpoint(
    "POST",
    "/v1/imports",
    roles=IMPORTERS,
    summary="Hand in a file of rows",
    tag=TAG,
    query=ImportQuery,
    answer=ImportView,
    status=202,
    idempotent=True,
    takes=(CSV, XLSX, NDJSON),
    streamed=True,
    example={CSV: template(KINDS["index-values"], "csv").decode()},
    problems=(413, 415, 422, 429),
    description="A row is the body of the kind's own POST, its columns named by dotted paths of members; "
    "NDJSON has the bodies themselves. The file is worked off by itself: see its state and its report.",
)
async def post(call: Call[Nothing, ImportQuery]) -> Answer:
    kind = KINDS[call.query.kind]
    require(kind.roles, call.caller.roles)
    new = _new(call, kind)
    async with call.door.desk.looking() as connection:
        earlier = await store.find(connection, new.organisation, new.request_key)
    if earlier is not None and earlier.state != "receiving":
        return await _repeat(call, earlier)
    async with call.door.desk.looking() as connection:
        if await store.count_open(connection, new.organisation) >= OPEN_MAX:
            detail = (
                f"{OPEN_MAX} imports of your organisation are unfinished: wait until one ends, or cancel one."
            )
            raise DoorError("too_many_imports", detail, headers={"Retry-After": "10"})
        if not await store.begin(connection, new):
            raise IdempotencyKeyReused
    try:
        async with asyncio.timeout(RECEIVE_SECONDS_MAX):
            whole = await _receive(call, new)
    except BaseException:
        async with asyncio.timeout(5), call.door.desk.looking() as connection:
            await store.drop(connection, new.id)
        raise
    return _accepted(call, whole)


def _new(call: Call[Nothing, ImportQuery], kind: Kind) -> Import:
    query, caller = call.query, call.caller
    faults: list[Fault] = []
    if query.market is not None and not kind.names_market:
        detail = f"rows of {kind.name} name no market"
        faults.append(Fault(code="unexpected", detail=detail, parameter="market"))
    if query.separator is not None and call.media_type != CSV:
        faults.append(Fault(code="unexpected", detail="only CSV has a separator", parameter="separator"))
    if faults:
        raise InvalidInputError(faults)
    assert caller.key is not None, "a caller over HTTP has a key"
    return Import(
        id=call.door.new_id(),
        organisation=caller.organisation,
        key=caller.key,
        roles=tuple(sorted(caller.roles)),
        request_key=call.header(FIELD) or "",
        request_hash=None,
        kind=kind.name,
        format=FORMATS[call.media_type],
        mode=query.mode,
        separator=query.separator,
        market=query.market,
        state="receiving",
        size_bytes=0,
        rows_total=None,
        rows_read=0,
        accepted=0,
        warned=0,
        refused=0,
        problem=None,
        cancel_asked=False,
        created_at=call.door.clock(),
        storing_since=None,
        finished_at=None,
    )


async def _receive(call: Call[Nothing, ImportQuery], new: Import) -> Import:
    """The file, part by part into the table: this process holds one part of it."""
    digest, size, number = _digest(call), 0, 0
    async for part in _parts(call):
        digest.update(part)
        size += len(part)
        async with call.door.desk.looking() as connection:
            if not await store.add_part(connection, new.id, number, part):
                raise _superseded()
        number += 1
    if not size:
        raise InvalidInputError([Fault(code="file_empty", detail="the file holds nothing", pointer="")])
    async with call.door.desk.looking() as connection:
        if not await store.received(connection, new.id, size, digest.digest()):
            raise _superseded()
    call.trace.bytes_in = size
    return msgspec.structs.replace(new, state="waiting", size_bytes=size)


def _parts(call: Call[Nothing, ImportQuery]) -> AsyncIterator[bytes]:
    return receive_parts(call.receive, PART_BYTES, call.door.import_bytes_max)


def _digest(call: Call[Nothing, ImportQuery]) -> Any:
    """Of all that makes the request what it is: its query and its media type, then the file."""
    return sha256(b"%b\n%b\n" % (call.scope["query_string"], call.media_type.encode()))


def _superseded() -> DoorError:
    return DoorError("invalid_request", "The same request came anew while this one was still arriving.")


async def _repeat(call: Call[Nothing, ImportQuery], earlier: Import) -> Answer:
    """The first answer's import as it stands now, for the same file; another is refused."""
    digest = _digest(call)
    async for part in _parts(call):
        digest.update(part)
    if digest.digest() != earlier.request_hash:
        raise IdempotencyKeyReused
    return _accepted(call, earlier, replayed=True)


def _accepted(call: Call[Nothing, ImportQuery], found: Import, *, replayed: bool = False) -> Answer:
    view = ImportView.of(found, call.door.clock())
    return Answer(body=view, headers={"Location": f"/v1/imports/{view.id}"}, replayed=replayed)


@endpoint(
    "GET",
    "/v1/imports",
    roles=IMPORT_READERS,
    summary="List the imports of your organisation",
    tag=TAG,
    query=PageQuery,
    answer=Listing[ImportView],
    description="The newest first. They are kept for 30 days after they are over.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    async with as_caller(call) as connection:
        found = await store.list_imports(connection, after=lists.after(call, UUID), limit=lists.limit(call))
    now = call.door.clock()
    return lists.answer(
        call,
        found,
        key=lambda each: each.id,
        view=lambda each: ImportView.of(each, now),
    )


async def load(call: Call[Any, Any]) -> Import:
    async with as_caller(call) as connection:
        found = await store.load(connection, call.ids["import"])
    if found is None or found.state == "receiving":
        raise not_found()
    return found


@endpoint(
    "GET",
    "/v1/imports/{import}",
    roles=IMPORT_READERS,
    summary="Read how far an import is",
    tag=TAG,
    answer=ImportView,
    description="Ask again until `state` is `completed`, `refused`, `cancelled` or `failed`; the "
    "report then tells every row.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    return await _state(call)


async def _state(call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=ImportView.of(await load(call), call.door.clock()))


@endpoint(
    "DELETE",
    "/v1/imports/{import}",
    roles=IMPORTERS,
    summary="Cancel an import",
    tag=TAG,
    answer=ImportView,
    description="No further row is stored; what was accepted before stays, and the report tells it.",
)
async def cancel(call: Call[Nothing, Nothing]) -> Answer:
    found = await load(call)
    async with call.door.desk.looking() as connection:
        await store.cancel(connection, found.id, call.caller.organisation, call.door.clock())
    return await _state(call)


class TemplateQuery(Struct, frozen=True, kw_only=True):
    """Format of the template."""

    format: FileFormat = "csv"


@endpoint(
    "GET",
    "/v1/imports/templates/{kind}",
    roles=IMPORT_READERS,
    summary="Read a file to begin with",
    tag=TAG,
    query=TemplateQuery,
    answer=bytes,
    media_type=CSV,
    shapes=(XLSX, NDJSON),
    description="Every column that a file of the kind may have, and one example row.",
)
async def read_template(call: Call[Nothing, TemplateQuery]) -> Answer:
    kind, form = KINDS.get(call.text_parameter["kind"]), call.query.format
    if kind is None:
        raise not_found()
    return Answer(
        body=template(kind, form),
        media_type=_MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{kind.name}.{form}"'},
    )


HANDLERS: Final = (post, index, read, cancel, read_template)
