"""The result of looking up an id: its row, newest events, parties by name, and where to read more."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from contracts.rules.days import instant_text
from events.connections import acquire
from events.journal import read_deployment
from market.cli.console import CommandFailed, Exit
from market.cli.look_orders import why_not_traded
from market.cli.look_requests import LogLine
from market.ground import Ground
from market.http.wire.ids import to_text
from market.http.wire.numbers import KILOGRAMS
from market.settings import Role
from market.store import looked_up
from market.store.look_statements import Kind
from market.store.looked_up import Held, Placed

NOUNS: Final[dict[Kind, str]] = {
    "org": "organisation",
    "fac": "facility",
    "cert": "certificate",
    "lic": "licence",
    "key": "API key",
    "mkt": "market",
    "offer": "supply offer",
    "lot": "recovered lot",
    "req": "requirement",
    "plan": "clearing",
    "match": "match",
    "agr": "agreement",
    "del": "delivery",
    "inv": "invoice",
    "pay": "payment",
    "nom": "nomination",
    "run": "run of an audit",
    "pass": "material passport",
    "tra": "transformation",
    "pol": "procurement policy",
    "twin": "product twin",
    "vol": "declared volume",
    "imp": "import",
    "hook": "webhook",
    "msg": "message to a webhook",
}
ORDERS: Final = ("offer", "lot", "req")
PATHS: Final[dict[Kind, tuple[str, ...]]] = {
    "org": ("/v1/organisations/{id}", "/v1/organisations/{id}/keys"),
    "mkt": ("/v1/markets/{id}/clearings", "/v1/markets/{id}/members"),
    "offer": ("/v1/supply-offers/{id}/explanation", "/v1/supply-offers/{id}/candidates"),
    "lot": ("/v1/recovered-lots/{id}/explanation", "/v1/recovered-lots/{id}/candidates"),
    "req": ("/v1/requirements/{id}/explanation", "/v1/requirements/{id}/candidates"),
    "plan": ("/v1/markets/{market}/clearings/{id}", "/v1/markets/{market}/clearings/{id}/marginal-orders"),
    "match": ("/v1/matches/{id}",),
    "agr": ("/v1/agreements/{id}/history?reason=CASE", "/v1/agreements/{id}/invoices?reason=CASE"),
    "del": ("/v1/deliveries/{id}?reason=CASE",),
    "run": ("/v1/audit/runs/{id}/report",),
    "pass": ("/v1/passports/{id}/history", "/v1/passports/{id}/lineage"),
    "tra": ("/v1/transformations/{id}",),
    "vol": ("/v1/crma/declared-volumes/{id}/history",),
}
"""What tells more, with an operator's or auditor's key; an auditor says why it reads agreements."""

OWNERS: Final[dict[Kind, str]] = {
    "hook": "its owner sees every message, GET /v1/webhooks/{id}/messages, and how it is: …/health",
    "imp": "its owner alone sees the report, GET /v1/imports/{id}/report",
    "inv": "its parties read it, GET /v1/invoices/{id}; you among those of its agreement",
    "pay": "its parties read it, GET /v1/payments/{id}",
    "pol": "its owner reads it, GET /v1/policies/{id}",
}
KNOWN: Final = ", ".join(f"{prefix}_…" for prefix in (*NOUNS, "evt"))
ASKED: Final = (
    f"an id ({KNOWN}), an API key or its beginning (lds_live_…), the X-Request-Id of an answer or the "
    "instance of a problem (urn:uuid:…), a place of the record (market/3/17), or a part of a company's name"
)
TIME_BITS: Final = 80
"""Of a UUIDv7 behind its milliseconds."""
AFTER_MS: Final = 10_000
"""How long after a request its command may have been recorded."""
VERSION_OF_ROUNDS: Final = 8
VERSION_OF_TIME: Final = 7


class Named(Struct, frozen=True, kw_only=True):
    """An organisation, and what it is to what was looked up."""

    role: str
    id: str
    name: str | None


class Fact(Struct, frozen=True, kw_only=True):
    """One event: where it stands in the record, and when it was recorded."""

    type: str
    at: str
    place: str
    id: str


class Looked(Struct, frozen=True, kw_only=True):
    """`said` has units in its names. `why`: why an order does not trade. `next`: what tells more."""

    what: str
    id: str
    standing: str | None = None
    version: int | None = None
    place: str | None = None
    market: str | None = None
    parties: tuple[Named, ...] = ()
    said: dict[str, Any] = {}
    related: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    requests: tuple[LogLine, ...] = ()
    why: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


async def by_id(ground: Ground, prefix: str, identity: UUID, now: datetime) -> Looked:
    """CommandFailed for a prefix of nothing, or an id behind which nothing stands."""
    if prefix == "evt":
        return await _event(ground, identity)
    for kind, noun in NOUNS.items():
        if kind == prefix:
            found = await _found(ground, kind, identity, now)
            if found is None:
                raise CommandFailed(Exit.INVALID_INPUT, f"there is no {noun} {to_text(kind, identity)}")
            return found
    raise CommandFailed(Exit.INVALID_INPUT, f"{prefix}_… names nothing here; known are {KNOWN}")


async def by_uuid(ground: Ground, identity: UUID, now: datetime) -> Looked | None:
    """What bears the id, of whatever kind; None for nothing."""
    for kind in NOUNS:
        found = await _found(ground, kind, identity, now)
        if found is not None:
            return found
    async with ground.opened_pool("auditor", 1) as pool, acquire(pool) as connection:
        deployment = await read_deployment(connection)
        place = await looked_up.place_of(connection, deployment.lanes, identity)
    return None if place is None else await by_place(ground, *place)


async def by_place(ground: Ground, stream: str, lane: int, position: int) -> Looked:
    async with ground.opened_pool("auditor", 1) as pool, acquire(pool) as connection:
        found = await looked_up.placed(connection, stream, lane, position)
    if found is None:
        raise CommandFailed(Exit.INVALID_INPUT, f"{stream}/{lane} has no position {position}")
    return Looked(
        what="event",
        id=to_text("evt", found.event),
        standing=found.type,
        place=f"{stream}/{lane}/{position}",
        said={"recorded_at": instant_text(found.at), "subject": found.subject, "chain": found.chain.hex()},
        next=(
            f"lodestone look {found.subject}",
            f"lodestone audit --from {max(1, position - 1)} --to {position} --lane {stream}/{lane}",
        ),
    )


async def by_name(ground: Ground, text: str, now: datetime) -> list[Looked]:
    """Whole where one organisation has it in its name, else all of them by name."""
    async with ground.opened_pool("auditor", 1) as pool, acquire(pool) as connection:
        found = await looked_up.named(connection, text)
    if not found:
        told = f"no organisation has {text!r} in its name; {ASKED} can be looked up"
        raise CommandFailed(Exit.INVALID_INPUT, told)
    if len(found) == 1:
        return [await by_id(ground, "org", next(iter(found)), now)]
    return [
        Looked(what="organisation", id=to_text("org", organisation), standing=name)
        for organisation, name in found.items()
    ]


async def of_request(ground: Ground, request: UUID, lines: tuple[LogLine, ...]) -> Looked:
    """What its log says; without one what was recorded in the seconds after it."""
    if request.version != VERSION_OF_TIME:
        told = f"{request} bears no time: no request and nothing else here has it"
        raise CommandFailed(Exit.INVALID_INPUT, told)
    at_ms = request.int >> TIME_BITS
    async with ground.opened_pool("auditor", 1) as pool, acquire(pool) as connection:
        deployment = await read_deployment(connection)
        first = UUID(int=at_ms << TIME_BITS)
        last = UUID(int=(at_ms + AFTER_MS) << TIME_BITS)
        after = await looked_up.made_between(connection, deployment.lanes, first, last)
    places = {(line.said.get("stream"), line.said.get("lane"), line.said.get("position")) for line in lines}
    of_it = [each for each in after if (each.stream, each.lane, each.position) in places]
    asked = dict.fromkeys([*_named(lines), *(each.subject for each in of_it)])
    without = f"lodestone look {request} --log FILE, with the API's log of that time as JSON lines"
    return Looked(
        what="request",
        id=str(request),
        standing=_outcome(lines),
        said={"received_at": instant_text(datetime.fromtimestamp(at_ms / 1000, UTC))},
        facts=tuple(map(_placed_fact, of_it if lines else after)),
        requests=lines,
        next=tuple(f"lodestone look {each}" for each in asked) if lines else (without,),
    )


def _outcome(lines: tuple[LogLine, ...]) -> str:
    for line in lines:
        if "status" in line.said:
            codes = line.said.get("codes")
            return f"answered {line.said['status']}{'' if codes is None else f', {codes}'}"
    return "not answered" if lines else "what became of it stands in the API's log alone"


def _named(lines: tuple[LogLine, ...]) -> Iterator[str]:
    """The ids in its lines: of what the path names, and who asked."""
    for line in lines:
        yield from line.said.get("objects", {}).values()
        yield from (line.said[name] for name in ("organisation", "key") if name in line.said)


async def _event(ground: Ground, identity: UUID) -> Looked:
    if identity.version == VERSION_OF_ROUNDS:
        told = "events of rounds are not found by their id: look the match, the agreement or the clearing up"
        raise CommandFailed(Exit.INVALID_INPUT, told)
    async with ground.opened_pool("auditor", 1) as pool, acquire(pool) as connection:
        deployment = await read_deployment(connection)
        place = await looked_up.place_of(connection, deployment.lanes, identity)
    if place is None:
        raise CommandFailed(Exit.INVALID_INPUT, f"there is no event {to_text('evt', identity)}")
    return await by_place(ground, *place)


async def _found(ground: Ground, kind: Kind, identity: UUID, now: datetime) -> Looked | None:
    role: Role = "writer" if kind == "imp" else "auditor"
    async with ground.opened_pool(role, 2) as pool:
        async with acquire(pool) as connection, connection.transaction(readonly=True):
            held = await looked_up.find(connection, kind, identity)
            if held is None:
                return None
            facts = await looked_up.facts(connection, held)
            known = {each for each in held.parties.values() if each is not None}
            names = await looked_up.names(connection, known)
        why = [each async for each in why_not_traded(pool, held, now)] if kind in ORDERS else []
    place = None if held.stream is None else f"{held.stream}/{held.lane}"
    return Looked(
        what=NOUNS[kind],
        id=to_text(kind, identity),
        standing=held.standing,
        version=held.version,
        place=place if held.position is None else f"{place}/{held.position}",
        market=None if held.market is None else to_text("mkt", held.market),
        parties=tuple(
            Named(role=role, id=to_text("org", each), name=names.get(each))
            for role, each in held.parties.items()
            if each is not None
        ),
        said=dict(map(_in_units, held.said.items())),
        related=tuple(_related(held)),
        facts=tuple(
            Fact(
                type=each.type,
                at=instant_text(each.at),
                place=f"{place}/{each.position}",
                id=to_text("evt", each.event),
            )
            for each in facts
        ),
        why=tuple(why),
        next=tuple(_next(held)),
    )


def _related(held: Held) -> Iterator[str]:
    for prefix, each in held.related:
        if each is not None:
            yield to_text(prefix, each)


def _next(held: Held) -> Iterator[str]:
    market = None if held.market is None else to_text("mkt", held.market)
    text = to_text(held.kind, held.id)
    for path in PATHS.get(held.kind, ()):
        yield f"GET {path.format(id=text, market=market)}"
    if held.kind in OWNERS:
        yield OWNERS[held.kind].format(id=text)
    if held.kind == "agr":
        yield f"lodestone statement {text}"


def _placed_fact(each: Placed) -> Fact:
    place = f"{each.stream}/{each.lane}/{each.position}"
    return Fact(type=each.type, at=instant_text(each.at), place=place, id=to_text("evt", each.event))


def _in_units(said: tuple[str, Any]) -> tuple[str, Any]:
    """Masses in kilograms, as answers have them."""
    name, value = said
    return (f"{name[:-2]}_kg", KILOGRAMS.text(value)) if name.endswith("_g") else said
