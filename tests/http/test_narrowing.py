"""What the smaller bodies leave to generators: every object once, in each body every member of its own."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from market.http.app import HANDLERS, declared
from market.http.wire.openapi import document
from tests.http.narrowing import inlined, narrowed, value_of


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for name, each in schema.items():
            yield from objects(list(each.values()) if name == "properties" else each)
    elif isinstance(schema, list):
        for each in schema:
            yield from objects(each)


def bodies(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): media["schema"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for media in operation.get("requestBody", {}).get("content", {}).values()
    }


@pytest.fixture
def served() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document(declared(HANDLERS))))
    return found


def told(schema: dict[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True)


def test_every_object_is_enumerated_in_a_body_and_every_member_in_its_own(
    served: dict[str, Any],
) -> None:
    components = served["components"]["schemas"]
    whole = {place: inlined(schema, components, whole=True) for place, schema in bodies(served).items()}
    smaller = bodies(narrowed(served))
    assert whole.keys() == smaller.keys()
    titles = {each["title"] for schema in whole.values() for each in objects(schema)}
    assert titles == {each["title"] for schema in smaller.values() for each in objects(schema)}
    for place, schema in whole.items():
        assert schema.get("properties", {}).keys() == smaller[place].get("properties", {}).keys()
        assert schema.get("required") == smaller[place].get("required")
    assert sum(map(len, map(told, smaller.values()))) < sum(map(len, map(told, whole.values()))) * 2 / 3


def test_the_value_in_place_of_an_object_is_one_of_it(served: dict[str, Any]) -> None:
    components = served["components"]["schemas"]
    for schema in bodies(served).values():
        for each in objects(inlined(schema, components, whole=True)):
            jsonschema_rs.validate(each, value_of(each))
