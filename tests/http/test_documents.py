"""The OpenAPI document, its page and its vendored files."""

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jsonschema_rs
import msgspec
import pytest

import contracts.rules
import market.http
import market.rules
from market.http.app import HANDLERS, declared
from market.http.wire.documents import MEDIA_TYPES, VENDORED
from market.http.wire.endpoint import Route
from market.http.wire.material import Body
from market.http.wire.openapi import document
from market.http.wire.problems import wire_name
from tests.http.shop import Shop


def test_every_route_that_is_written_is_served() -> None:
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(market.http.__path__, "market.http.")
    ]
    written = {
        (each.declared.method, each.declared.path)
        for module in modules
        for each in vars(module).values()
        if isinstance(each, Route)
    }
    assert set() == written - {(each.method, each.path) for each in declared(HANDLERS)}


def test_the_document_describes_every_route() -> None:
    endpoints = declared(HANDLERS)
    made = document(endpoints)
    assert "3.1.0" == made["openapi"]
    described = {(method.upper(), path) for path, item in made["paths"].items() for method in item}
    assert {(e.method, e.path) for e in endpoints} == described
    ids = [operation["operationId"] for item in made["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


def test_components_are_named_for_generators_of_clients() -> None:
    """No two have one title, none is named by its module; arrays and words to choose from have their type."""
    components = document(declared(HANDLERS))["components"]["schemas"]
    titles = [schema.get("title", name) for name, schema in components.items()]
    assert len(titles) == len(set(titles))
    assert [] == [name for name in components if "." in name]

    def untyped(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            if value.get("items") is False or ("enum" in value and "type" not in value):
                yield value
            for member in value.values():
                yield from untyped(member)
        elif isinstance(value, list):
            for member in value:
                yield from untyped(member)

    assert [] == list(untyped(components))


def test_every_reference_leads_somewhere() -> None:
    made = document(declared(HANDLERS))

    def references(value: Any) -> Any:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for member in value.values():
                yield from references(member)
        elif isinstance(value, list | tuple):
            for member in value:
                yield from references(member)

    for reference in set(references(made)):
        found: Any = made
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]


def test_every_example_fits_its_schema() -> None:
    made = document(declared(HANDLERS))
    for path, item in made["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is None:
                continue
            schema = {**content["schema"], "components": made["components"]}
            assert (path, method, []) == (
                path,
                method,
                [
                    error.message
                    for error in jsonschema_rs.validator_for(schema).iter_errors(content["example"])
                ],
            )


POINTER = re.compile(r'"(/[^"\s]*)"')
INTERNAL = re.compile(r"(^|_)(ueur|ppb|micro|um|mg|mbq|cents|tenths|g)(_|$)")


def test_no_refusal_points_at_a_member_that_no_body_has() -> None:
    """Pointers as the rules write them, and members of drafts that may turn out malformed."""
    bodies = [route.declared.body for route in HANDLERS if route.declared.body is not None]
    _, shapes = msgspec.json.schema_components(bodies)
    members = {name for shape in shapes.values() for name in shape.get("properties", ())}
    folders = [Path(rules.__path__[0]) for rules in (market.rules, contracts.rules)]
    modules = [
        module for folder in folders for module in folder.rglob("*.py") if "clearing" not in module.parts
    ]
    written = {
        part
        for module in modules
        for pointer in POINTER.findall(module.read_text())
        for part in re.sub(r"{[^}]*}", "{}", pointer).split("/")[1:]
        if part.isidentifier()
    }
    drafted = {name for draft in drafts(bodies) for name in draft.__struct_fields__ if INTERNAL.search(name)}
    assert {"cap_ueur_per_kg", "floor_micro_per_kg"} <= written & drafted
    assert [] == sorted(name for name in written | drafted if wire_name(name) not in members)


def drafts(kinds: Iterable[Any]) -> Iterator[Any]:
    """What bodies become, with the structs inside."""
    known: set[Any] = set()
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if kind in known or not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
            continue
        known.add(kind)
        waiting += get_type_hints(kind).values()
        made = [
            get_type_hints(getattr(kind, name))["return"]
            for name in ("draft", "inside")
            if hasattr(kind, name)
        ]
        waiting += made
        if not issubclass(kind, Body):
            yield kind


def test_every_error_is_documented_as_a_problem() -> None:
    made = document(declared(HANDLERS))
    for path, item in made["paths"].items():
        for operation in item.values():
            assert operation["summary"]
            assert operation["description"]
            errors = {status for status in operation["responses"] if status >= "400"}
            assert {"400", "429", "500", "503"} <= errors
            shapes = {operation["responses"][status].get("$ref") for status in errors - {"503"}}
            assert all(shape.startswith("#/components/responses/Problem") for shape in shapes), path
    for response in made["components"]["responses"].values():
        (content,) = response["content"].values()
        assert {"$ref": "#/components/schemas/Problem"} == content["schema"]


def test_readiness_answers_503_in_its_own_shape() -> None:
    responses = document(declared(HANDLERS))["paths"]["/readyz"]["get"]["responses"]
    assert responses["200"]["content"] == responses["503"]["content"]


async def test_the_served_document_is_the_made_one(shop: Shop) -> None:
    served = await shop.client.get("/schema/openapi.json")
    assert "application/json" == served.headers["content-type"]
    assert sorted(document(declared(HANDLERS))["paths"]) == sorted(served.json()["paths"])


async def test_the_page_loads_nothing_from_elsewhere(shop: Shop) -> None:
    page = await shop.client.get("/schema")
    assert "text/html; charset=utf-8" == page.headers["content-type"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text.partition("<body>")[0])
    assert {f"/schema/files/{name}" for name in MEDIA_TYPES} == set(loaded)
    script = re.search(r"<script type='text/javascript'>(.*?)</script>", page.text, re.DOTALL)
    assert script is not None
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe-inline" not in page.headers["content-security-policy"].split(";")[1]


@pytest.mark.parametrize("name", MEDIA_TYPES)
async def test_the_vendored_files_are_served(shop: Shop, name: str) -> None:
    answer = await shop.client.get(f"/schema/files/{name}")
    assert (200, MEDIA_TYPES[name]) == (answer.status_code, answer.headers["content-type"].partition(";")[0])
    assert (VENDORED / name).read_bytes() == answer.content


async def test_no_other_file_is_served(shop: Shop) -> None:
    for name in ("SOURCES.md", "..%2Fapp.py", "%2e%2e"):
        assert 404 == (await shop.client.get(f"/schema/files/{name}")).status_code


def test_the_vendored_files_are_the_published_ones() -> None:
    listed = {
        file: digest
        for line in (VENDORED / "SOURCES.md").read_text().splitlines()
        if re.match("[0-9a-f]{64}  ", line)
        for digest, file in [line.split("  ")]
    }
    present = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.iterdir()
        if path.name != "SOURCES.md"
    }
    assert listed == present
