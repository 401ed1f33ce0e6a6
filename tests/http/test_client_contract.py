"""The client against the served document: every route it asks, every member it reads."""

import re
import types
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import Struct

from market.client import (
    agreements,
    deals,
    deliveries,
    feed,
    hooks,
    imports,
    initiatives,
    invoices,
    orders,
    own_key,
    passports,
)
from market.client.answers import Accepted
from market.client.faults import Problem
from market.client.operations import Operation, Page, read
from market.http.app import HANDLERS, declared
from market.http.wire.openapi import document
from tests.http.asked_by_path import BY_PATH

DOCUMENT = document(declared(HANDLERS))
UNITS = (
    "_kg",
    "_t",
    "_eur",
    "_percent",
    "_eur_per_basis_kg",
    "eur_per_unit",
    "per_kg",
    "remainder",
    "cost",
    "amount",
    "total",
    "invoiced",
    "make_up",
    "low",
    "high",
    *("paid", "set_off", "outstanding", "announced", "stated", "received"),
    *("not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90"),
)
PLAIN = {str: "string", int: "integer", bool: "boolean"}


def operations() -> dict[str, Operation[Any]]:
    found: dict[str, Operation[Any]] = {}
    for module in (
        agreements,
        deals,
        deliveries,
        feed,
        hooks,
        imports,
        initiatives,
        invoices,
        orders,
        own_key,
        passports,
    ):
        for value in vars(module).values():
            of_orders = isinstance(value, orders.OrderRoutes)
            for each in msgspec.structs.asdict(value).values() if of_orders else (value,):
                if isinstance(each, Operation):
                    found[f"{each.method} {each.path}"] = each
    return found


OPERATIONS = operations()


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """One inside another counts as its own."""
    found = resolved(schema)
    told = found.get("anyOf") or found.get("oneOf")
    if told is None:
        return [found]
    return [choice for each in told for choice in choices(each)]


def misfits(kind: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """How a type of the client differs from the schema that the answer has."""
    offered = choices(schema)
    nullable = {"type": "null"} in offered
    left = [each for each in offered if each != {"type": "null"}]
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = [each for each in get_args(kind) if each is not type(None)]
        if not nullable:
            yield f"{where}: is never null"
    elif nullable and kind is not Any:
        yield f"{where}: may be null"
    if kind is Any:
        return
    found = [list(_misfits(kind, each, where)) for each in left]
    yield from min(found, key=len, default=[f"{where}: there is no schema"])


def _misfits(kind: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    told = schema.get("type", "string" if "enum" in schema else None)
    arguments = get_args(kind)
    wrong = f"{where}: {told} {schema.get('format', '')} is no {kind}"
    if isinstance(get_origin(kind) or kind, type) and issubclass(get_origin(kind) or kind, Struct):
        yield from members(kind, schema, where) if told == "object" else [wrong]
    elif get_origin(kind) is tuple and told == "array":
        yield from misfits(arguments[0], schema["items"], f"{where}[]")
    elif get_origin(kind) is dict and told == "object" and arguments[1] is not Any:
        yield from misfits(arguments[1], schema["additionalProperties"], f"{where}{{}}")
    elif kind is dict or get_origin(kind) is dict:
        yield from [] if told == "object" else [wrong]
    elif kind is Decimal:
        if told != "string" or "format" in schema or not where.endswith(UNITS):
            yield wrong
    elif kind in (date, datetime):
        formats = {date: ("date",), datetime: ("date-time", None)}
        if told != "string" or schema.get("format") not in formats[kind]:
            yield wrong
    elif PLAIN.get(kind) != told:
        yield wrong


def members(kind: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    plain = get_origin(kind) or kind
    hints = get_type_hints(plain)
    if plain is Page:
        of: Any = get_args(kind)[0]
        hints["items"] = tuple[of, ...]
    described = schema.get("properties", {})
    for field in msgspec.structs.fields(plain):
        place = f"{where}.{field.name}"
        if field.name not in described:
            yield f"{place}: there is no such member"
            continue
        if field.required and field.name not in schema.get("required", ()):
            yield f"{place}: may be absent"
        yield from misfits(hints[field.name], described[field.name], place)


def unread(kind: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """The members of an answer that a type of the client passes over."""
    plain = next((each for each in (kind, *get_args(kind)) if isinstance(each, type(Struct))), None)
    if plain is None:
        return
    for each in choices(schema):
        described = (resolved(each["items"]) if "items" in each else each).get("properties", {})
        hints = get_type_hints(plain)
        for name in described:
            if name in hints:
                yield from unread(hints[name], described[name], f"{where}.{name}")
            else:
                yield f"{where}.{name}: is passed over"


def answered(described: dict[str, Any]) -> dict[str, Any]:
    """The schema of the first answer that is a success."""
    success = min(status for status in described["responses"] if status.startswith("2"))
    kinds = described["responses"][success]["content"].items()
    (content,) = [each for kind, each in kinds if kind.endswith("json")]
    schema: dict[str, Any] = content["schema"]
    return schema


def differences(operation: Operation[Any]) -> list[str]:
    described = DOCUMENT["paths"].get(operation.path, {}).get(operation.method.lower())
    if described is None:
        return [f"there is no {operation.method} {operation.path}"]
    fields = {each["name"]: each["required"] for each in described["parameters"] if each["in"] == "header"}
    found = []
    if operation.keyed != fields.get("Idempotency-Key", False):
        found.append("differs in taking an idempotency key")
    if operation.versioned != fields.get("If-Match", False):
        found.append("differs in needing a version")
    return found + list(misfits(operation.answer, answered(described), ""))


def test_the_client_asks_enough_to_be_held() -> None:
    assert len(OPERATIONS) > 80


def test_every_route_has_a_method_or_a_reason_to_have_none() -> None:
    served = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert BY_PATH.keys() == served - OPERATIONS.keys()


def test_what_takes_no_key_is_not_asked_twice() -> None:
    """Of a POST that only computes, asking twice does no more than asking once."""
    keyless = {
        path
        for path, methods in DOCUMENT["paths"].items()
        if "post" in methods
        and "Idempotency-Key" not in {each["name"] for each in methods["post"]["parameters"]}
    }
    assert keyless == {each.path for each in hooks.UNKEYED} | {"/v1/forecasts/returns"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_what_the_document_says(name: str) -> None:
    assert [] == differences(OPERATIONS[name])


ACCEPTED = [
    name for name, each in OPERATIONS.items() if issubclass(get_origin(each.answer) or each.answer, Accepted)
]


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_a_command_answers_is_read_whole(name: str) -> None:
    """It is kept as the proof of what was promised."""
    operation = OPERATIONS[name]
    described = DOCUMENT["paths"][operation.path][operation.method.lower()]
    assert [] == list(unread(operation.answer, answered(described), ""))


DELIVERED = [each for each in OPERATIONS if each.startswith("GET") and re.search("/deliver|/invoice", each)]


@pytest.mark.parametrize("name", DELIVERED)
def test_what_a_delivery_or_an_invoice_tells_is_read_whole(name: str) -> None:
    operation = OPERATIONS[name]
    kind, schema = operation.answer, answered(DOCUMENT["paths"][operation.path][operation.method.lower()])
    if get_origin(kind) is Page:
        (kind,), schema = get_args(kind), resolved(schema)["properties"]["items"]["items"]
    assert [] == list(unread(kind, schema, ""))


def test_a_problem_is_what_the_document_says() -> None:
    schema = DOCUMENT["components"]["schemas"]["Problem"]
    assert [] == list(members(Problem, schema, ""))


class WrongFault(Struct, frozen=True, kw_only=True):
    code: str
    pointer: str


class Wrong(Struct, frozen=True, kw_only=True):
    id: int
    status: str | None
    round: str
    colour: str = ""
    amount_eur: int
    side: str


def test_what_differs_is_told() -> None:
    """The comparison itself can fail, each way."""
    supply = answered(DOCUMENT["paths"]["/v1/supply-offers"]["post"])
    assert ".exchange_rate: is passed over" in list(unread(Accepted, supply, ""))
    fault = DOCUMENT["components"]["schemas"]["Fault"]
    assert [".pointer: may be absent", ".pointer: may be null"] == list(members(WrongFault, fault, ""))
    assert ["there is no GET /v1/nothing"] == differences(read("/v1/nothing", Wrong))
    assert [
        "differs in taking an idempotency key",
        "differs in needing a version",
        ".id: string  is no <class 'int'>",
        ".status: is never null",
        ".round: integer  is no <class 'str'>",
        ".colour: there is no such member",
        ".amount_eur: string  is no <class 'int'>",
        ".side: may be null",
    ] == differences(Operation("GET", "/v1/matches/{match}", Wrong, keyed=True, versioned=True))
