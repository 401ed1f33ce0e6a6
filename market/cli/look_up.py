"""What stands behind an id, whatever it names, and the lines that say it."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, Final
from uuid import UUID

import msgspec

from market.cli.console import (
    CommandFailed,
    Exit,
    say,
)
from market.cli.look_found import ASKED, Looked, by_id, by_name, by_place, by_uuid, of_request
from market.cli.look_requests import lines_of
from market.embedded_postgres import running_postgres
from market.ground import Ground
from market.settings import Settings

_ID: Final = re.compile(r"([a-z]+)_([0-9a-f]{32})")
_TOKEN: Final = re.compile(r"lds_live_([0-9a-f]{32})(_.*)?")
_UUID: Final = re.compile(r"(urn:uuid:)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})")
_PLACE: Final = re.compile(r"(parties|market|contracts|materials)/([0-9]{1,4})/([0-9]{1,18})")
_LIKE_AN_ID: Final = re.compile(r"[a-z]+_\w*|(parties|market|contracts|materials)/.*")
"""No name, though a name may hold a stroke: A/S."""
OF_REQUEST: Final = "what it recorded"
AROUND: Final = "recorded within ten seconds of it, by whatever request"
NAME_CHARACTERS_MIN: Final = 2


async def look_up(settings: Settings, asked: str, log: IO[bytes] | None, now: datetime) -> list[Looked]:
    """At least one. CommandFailed for what is nothing that can be looked up, or that there is none of."""
    ground = Ground(settings=settings, admin_url=await running_postgres(settings), bootstrap="")
    if match := _ID.fullmatch(asked):
        return [await by_id(ground, match[1], UUID(match[2]), now)]
    if match := _TOKEN.fullmatch(asked):
        if match[2]:
            say("that was a complete key: revoke it, since others may have read it; its beginning is enough")
        return [await by_id(ground, "key", UUID(match[1]), now)]
    if match := _PLACE.fullmatch(asked):
        return [await by_place(ground, match[1], int(match[2]), int(match[3]))]
    if match := _UUID.fullmatch(asked):
        found = None if match[1] or log else await by_uuid(ground, UUID(match[2]), now)
        lines = () if log is None else lines_of(log, UUID(match[2]))
        return [found or await of_request(ground, UUID(match[2]), lines)]
    if len(asked) < NAME_CHARACTERS_MIN or _LIKE_AN_ID.fullmatch(asked):
        raise CommandFailed(Exit.INVALID_INPUT, f"{asked!r} is not one of: {ASKED}")
    return await by_name(ground, asked, now)


def told_lines(of: Looked) -> Iterator[str]:
    """As they are printed."""
    version = "" if of.version is None else f", version {of.version}"
    yield f"{of.what} {of.id}: {of.standing}{version}"
    for party in of.parties:
        yield f"  {party.role:<12} {party.name or 'no name'}, {party.id}"
    for name, value in (("market", of.market), ("place" if of.what == "event" else "last changed", of.place)):
        if value is not None and of.what != name:
            yield f"  {name:<12} {value}"
    for name, value in of.said.items():
        yield f"  {name}: {_told(value)}"
    if of.facts:
        yield "  newest events" if of.what != "request" else f"  {OF_REQUEST if of.requests else AROUND}"
    for fact in of.facts:
        yield f"    {fact.at}  {fact.type}  {fact.place}  {fact.id}"
    yield from _log(of)


def _log(of: Looked) -> Iterator[str]:
    for line in of.requests:
        said = "  ".join(f"{name}={_told(value)}" for name, value in line.said.items())
        yield f"  log {line.at}  {line.event}  {said}"
    yield from _further(of)


def _further(of: Looked) -> Iterator[str]:
    if of.why:
        yield "  why it does not trade, or no more of it"
    for sentence in of.why:
        yield f"    {sentence}"
    if of.related or of.next:
        yield "  look further"
    for related in of.related:
        yield f"    lodestone look {related}"
    for each in of.next:
        yield f"    {each}"


def _told(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
