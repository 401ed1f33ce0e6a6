"""The OpenAPI 3.1 document, made from the declared endpoints and from the schemas that msgspec itself
enforces.

Litestar's own document describes another decoder and another error shape than ours, so it is not used.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from msgspec import Struct

from market.http.wire.answer_schemas import opened, sparse_names
from market.http.wire.conditions import IF_MATCH_PATTERN
from market.http.wire.endpoint import Endpoint, Nothing
from market.http.wire.idempotency import HEADER, PATTERN
from market.http.wire.ids import PATH_IDS
from market.http.wire.paging import Listing
from market.http.wire.portable_schemas import portable
from market.http.wire.problems import MEDIA_TYPE, Problem
from market.rules.streams.partner_events import PartnerEvent

VERSION: Final = "1.0.0"
REF: Final = "#/components/schemas/{name}"
DESCRIPTION: Final = """\
Marketplace for rare earths and permanent magnets: offers, recovered lots, requirements, clearings, matches.

Quantities and money are decimal strings with the unit in the member's name; nothing is rounded silently.
Times are RFC 3339 with a zone and at most six decimals of a second (zeros may follow); windows are
half-open. `validate_only=true` runs every check and stores nothing. Every accepted change answers with its
receipts: event id, lane, position and SHA-256 of the event, with which its owner can demand the proof of
inclusion.

Every error is a problem document (RFC 9457). A POST of an offer, a lot or a requirement lists all faults at
once, each with its JSON Pointer: those of form (400) and those that the market's rules find (422). What rests
on a member that cannot be read is left out: who writes `"net_wet_t": "ten"` hears of it, of a negative ask
and of an unknown analyte, but not whether the tranches add up. Elsewhere the rules speak once the form is
right.
"""
POSTED: Final = "Posted to webhooks"
"""A tag of its own: generators of clients write a file for each, of routes and of what is received."""

_PARAMETER: Final = re.compile(r"\{(\w+)\}")

ALWAYS: Final = (400, 429, 500, 503)
WITH_KEY: Final = (401, 403)
WITH_PATH: Final = (404,)
WITH_CHANGE: Final = (404, 409, 413, 415, 422)
WITH_VERSION: Final = (412, 428)


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The whole document, as it is served."""
    bodies, shown = list(_bodies(endpoints)), list(_shown(endpoints))
    refs, components = _components([*bodies, *shown])
    asked, answered = refs[: len(bodies)], refs[len(bodies) :]
    told, components = opened(components, asked, answered, sparse_names(shown))
    requests = dict(zip(map(_identity, bodies), asked, strict=True))
    schemas = dict(zip(map(_identity, shown), told, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for declared in endpoints:
        paths.setdefault(declared.path, {})[declared.method.lower()] = _operation(declared, requests, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lodestone", "version": VERSION, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys([*(each.tag for each in endpoints), POSTED])],
        "paths": paths,
        "webhooks": {"event": {"post": _webhook(schemas)}},
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": _problem_responses(endpoints, schemas),
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "lds_live_<id>_<secret>_<crc>",
                    "description": "An API key of an organisation; its roles decide what it may do.",
                }
            },
        },
    }


def _components(types: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """References to the types, and the schemas that they lead to, by name."""
    refs, components = msgspec.json.schema_components(types, ref_template=REF)
    return portable(refs), portable(components)


WEBHOOK_HEADERS: Final = {
    "webhook-id": "The event's id: the same in every attempt, in the feed and on the topic.",
    "webhook-timestamp": "Seconds since 1970 of this attempt.",
    "webhook-signature": "Standard Webhooks 1.0: `v1,…` (HMAC-SHA256) and `v1a,…` (Ed25519), spaces between.",
}


def _webhook(schemas: dict[str, Any]) -> dict[str, Any]:
    """What a receiver of `/v1/webhooks` is sent."""
    return {
        "operationId": "webhook_event",
        "summary": "An event, posted to a webhook of the organisation",
        "tags": [POSTED],
        "description": "At least once; drop ids that you have seen. Any 2xx takes it, 410 disables the "
        "webhook, anything else is tried again. Redirects are not followed.",
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": description,
                "schema": {"type": "string"},
            }
            for name, description in WEBHOOK_HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/cloudevents+json": {"schema": schemas[_identity(PartnerEvent)]}},
        },
        "responses": {"2XX": {"description": "Taken."}, "410": {"description": "Post nothing more."}},
    }


def _bodies(endpoints: Sequence[Endpoint]) -> Iterator[Any]:
    yield from _once(declared.body for declared in endpoints)


def _shown(endpoints: Sequence[Endpoint]) -> Iterator[Any]:
    yield from _once([Problem, PartnerEvent, *(kind for each in endpoints for kind in _answers(each))])


def _once(kinds: Iterable[Any]) -> Iterator[Any]:
    yield from {_identity(kind): kind for kind in kinds if kind not in (None, str, bytes)}.values()


def _answers(declared: Endpoint) -> tuple[Any, ...]:
    """Several where what a caller may see decides."""
    return declared.answer if isinstance(declared.answer, tuple) else (declared.answer,)


def _identity(kind: Any) -> str:
    return repr(kind)


def problem_statuses(declared: Endpoint) -> tuple[int, ...]:
    """The problems that a route may answer, by HTTP status."""
    statuses = {*ALWAYS, *declared.problems}
    if declared.roles:
        statuses |= {*WITH_KEY}
    if "{" in declared.path:
        statuses |= {*WITH_PATH}
    if declared.method != "GET" and declared.roles:
        statuses |= {*WITH_CHANGE}
    if declared.versioned:
        statuses |= {*WITH_VERSION}
    if _is_list(declared):
        statuses |= {422}
    return tuple(sorted(statuses - {*declared.also}))


def _is_list(declared: Endpoint) -> bool:
    return any(getattr(kind, "__origin__", None) is Listing for kind in _answers(declared))


def _problem_responses(endpoints: Sequence[Endpoint], schemas: dict[str, Any]) -> dict[str, Any]:
    used = sorted({status for declared in endpoints for status in problem_statuses(declared)})
    return {_response_name(status): _problem_response(status, schemas) for status in used}


def _problem_response(status: int, schemas: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": f"Problem: {HTTPStatus(status).phrase.lower()}",
        "content": {MEDIA_TYPE: {"schema": schemas[_identity(Problem)]}},
    }
    if status in (429, 503):
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
    return response


def _response_name(status: int) -> str:
    return f"Problem{status}"


def _operation(declared: Endpoint, requests: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(declared),
        "summary": declared.summary,
        "tags": [declared.tag],
        "description": _description(declared),
        "parameters": list(_parameters(declared)),
        "responses": {
            **_success(declared, schemas),
            **{
                str(status): {"$ref": f"#/components/responses/{_response_name(status)}"}
                for status in problem_statuses(declared)
            },
        },
        "security": [{"apiKey": []}] if declared.roles else [],
    }
    if declared.body is not None:
        content: dict[str, Any] = {"schema": requests[_identity(declared.body)]}
        if declared.example is not None:
            content["example"] = declared.example
        operation["requestBody"] = {
            "required": declared.body_required,
            "content": {"application/json": content},
        }
    if declared.takes:
        file = {"schema": {"type": "string", "format": "binary"}}
        shown = {media: {"example": text} for media, text in (declared.example or {}).items()}
        contents = {media: {**file, **shown.get(media, {})} for media in declared.takes}
        operation["requestBody"] = {"required": True, "content": contents}
    return operation


def _operation_id(declared: Endpoint) -> str:
    words = re.findall(r"\w+", declared.path.removeprefix("/v1"))
    return "_".join([declared.method.lower(), *words]).replace("-", "_")


def _description(declared: Endpoint) -> str:
    roles = f"Roles: {', '.join(sorted(declared.roles))}." if declared.roles else "No credentials needed."
    return "\n\n".join(filter(None, (declared.description.strip(), roles)))


def _success(declared: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {str(declared.status): _answer(declared, schemas)}
    if declared.status == 201:
        answers["200"] = {
            **_answer(declared, schemas),
            "description": "Valid; nothing was stored (validate_only).",
        }
    for status in declared.also:
        answers[str(status)] = {**_answer(declared, schemas), "description": declared.description}
    if declared.etagged:
        answers["304"] = {"description": "Unchanged since the ETag in If-None-Match."}
    return answers


def _answer(declared: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done." if declared.method != "GET" else "As it stands."}
    if declared.answer in (str, bytes):
        answer["content"] = {
            media: {"schema": {"type": "string"}} for media in (declared.media_type, *declared.shapes)
        }
    elif declared.answer is not None:
        found = {kind: schemas[_identity(kind)] for kind in _answers(declared)}
        answered: dict[str, Any] = {"schema": _either(found)}
        if declared.answer_example is not None:
            answered["example"] = declared.answer_example
        answer["content"] = {
            declared.media_type: answered,
            **{shape: {"schema": {"type": "string"}} for shape in declared.shapes},
        }
    headers: dict[str, Any] = {}
    if declared.etagged or declared.versioned:
        headers["ETag"] = {"description": "For If-Match and If-None-Match.", "schema": {"type": "string"}}
    if declared.located:
        headers["Location"] = {
            "description": "Address of what was made, while it is there.",
            "schema": {"type": "string"},
        }
    if declared.idempotent:
        headers["Idempotent-Replayed"] = {
            "description": "`true` when an earlier request with this key was answered again.",
            "schema": {"type": "string"},
        }
    if _is_list(declared):
        headers["Link"] = {"description": "rel=next: the next page.", "schema": {"type": "string"}}
    return {**answer, "headers": headers} if headers else answer


def _either(found: dict[Any, Any]) -> dict[str, Any]:
    """One schema, or several that the tag which all of them bear tells apart. Generators of clients take the
    first that fits where nothing does, and what is open fits nearly all."""
    if len(found) == 1:
        (only,) = found.values()
        return dict(only)
    settings = [getattr(kind, "__struct_config__", None) for kind in found]
    fields = {None if setting is None else setting.tag_field for setting in settings}
    if None in fields or len(fields) > 1:
        return {"anyOf": list(found.values())}
    tags = {str(kind.__struct_config__.tag): schema["$ref"] for kind, schema in found.items()}
    return {
        "oneOf": list(found.values()),
        "discriminator": {"propertyName": fields.pop(), "mapping": tags},
    }


def _parameters(declared: Endpoint) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(declared.path):
        prefix = PATH_IDS.get(name)
        schema = (
            {"type": "string"}
            if prefix is None
            else {"type": "string", "pattern": f"^{prefix}_[0-9a-f]{{32}}$"}
        )
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if declared.query is not Nothing:
        yield from _query_parameters(declared.query)
    if declared.idempotent:
        yield {
            "name": HEADER,
            "in": "header",
            "required": True,
            "description": "A key of your choice, new for every new request; a repeat gets the first answer.",
            "schema": {"type": "string", "pattern": PATTERN},
            "example": "7f0c5e1a-2b",
        }
    if declared.versioned:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": True,
            "description": "The ETag of the version that you read.",
            "schema": portable({"type": "string", "pattern": IF_MATCH_PATTERN}),
            "example": '"v1"',
        }
    if declared.etagged:
        yield {"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}}
    for name, description in declared.headers.items():
        yield {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string"},
        }


def _query_parameters(query: type[Struct]) -> Iterator[dict[str, Any]]:
    _, components = _components([query])
    schema = components[query.__name__]
    for name, property_schema in schema["properties"].items():
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": _without_null(property_schema),
            **({"description": found} if (found := _described(property_schema)) else {}),
        }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent rather than null."""
    choices = schema.get("anyOf")
    if choices is None:
        return schema
    left = [choice for choice in choices if choice != {"type": "null"}]
    kept = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**kept, **left[0]} if len(left) == 1 else {**kept, "anyOf": left}


def _described(schema: dict[str, Any]) -> str | None:
    found = _without_null(schema).get("description")
    return found if isinstance(found, str) else None
