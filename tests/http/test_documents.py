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
from market.http.agreements.contract_reads import ReasonQuery
from market.http.app import HANDLERS, declared
from market.http.files.import_kinds import KINDS
from market.http.wire.documents import MEDIA_TYPES, VENDORED
from market.http.wire.endpoint import Route
from market.http.wire.material import Body
from market.http.wire.openapi import document, problem_statuses
from market.http.wire.wire_names import wire_name
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


def test_patterns_and_alternatives_are_said_in_words_that_generators_know() -> None:
    """No pattern looks ahead or behind, of alternatives told apart one holds, bounds are those that hold."""
    found: list[Any] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.append(value)
            value = list(value.values())
        if isinstance(value, list):
            for member in value:
                walk(member)

    walk(document(declared(HANDLERS)))
    patterns = [each["pattern"] for each in found if isinstance(each.get("pattern"), str)]
    assert any("[1-9]" in pattern for pattern in patterns)
    assert [] == [pattern for pattern in patterns if re.search(r"\(\?[^:]", pattern)]
    told_apart = [each for each in found if "discriminator" in each]
    assert told_apart
    assert [] == [each for each in told_apart if "oneOf" not in each or "anyOf" in each]
    assert [] == [each for each in found if "exclusiveMaximum" in each]


def test_answers_are_open_and_requests_closed() -> None:
    """A generated client goes on where an answer has a member or a word that is new."""
    made = document(declared(HANDLERS))
    components = made["components"]["schemas"]
    operations = [operation for item in made["paths"].values() for operation in item.values()]
    asked = _led_to([each.get("requestBody") for each in operations], components)
    answered = _led_to([made["webhooks"], made["components"]["responses"]], components)
    answered |= _led_to([each["responses"] for each in operations], components)
    assert {"PhysicalLot", "Price"} <= asked
    assert {"MatchView", "PriceAnswer", "Problem"} <= answered
    assert [] == [name for name in sorted(answered) if _closed(components[name])]
    open_requests = [
        name
        for name in asked
        if "properties" in components[name] and components[name].get("additionalProperties") is not False
    ]
    assert [] == open_requests


def test_answers_say_which_members_are_always_there() -> None:
    """A default is what an absent member of a request means; answers are written with all of theirs, but for
    structs that leave out what has its default."""
    made = document(declared(HANDLERS))
    components = made["components"]["schemas"]
    operations = [operation for item in made["paths"].values() for operation in item.values()]
    asked = _led_to([each.get("requestBody") for each in operations], components)
    shown = _led_to([made["webhooks"], made["components"]["responses"]], components)
    shown |= _led_to([each["responses"] for each in operations], components)
    with_defaults = {
        name
        for name in components
        if any("default" in member for member in components[name].get("properties", {}).values())
    }
    assert "PostSupply" in with_defaults
    assert set() == with_defaults & asked & shown
    assert {"FeedEvent", "PartnerEvent", "Fault", "Problem"} == with_defaults & shown
    assert {"warnings", "exchange_rate"} <= {*components["SupplyAccepted"]["required"]}
    assert "pointer" not in components["Fault"]["required"]


def test_what_several_answers_of_a_route_bear_tells_them_apart() -> None:
    """A generated client would else take the first that fits, and what is open fits nearly all."""
    made = document(declared(HANDLERS))
    components = made["components"]["schemas"]
    several = {
        path: content["schema"]
        for path, item in made["paths"].items()
        for operation in item.values()
        for content in operation["responses"].get("200", {}).get("content", {}).values()
        if {"anyOf", "oneOf"} & content["schema"].keys()
    }
    assert ["/v1/markets/{market}/book"] == [path for path, each in several.items() if "anyOf" in each]
    told_apart = {path: each for path, each in several.items() if "oneOf" in each}
    assert {"/v1/supply-offers/{offer}", "/v1/requirements/{requirement}"} <= told_apart.keys()
    for each in told_apart.values():
        tag, mapping = each["discriminator"]["propertyName"], each["discriminator"]["mapping"]
        assert {choice["$ref"] for choice in each["oneOf"]} == {*mapping.values()}
        for value, ref in mapping.items():
            schema = components[ref.removeprefix("#/components/schemas/")]
            assert [value] == schema["properties"][tag]["enum"]
            assert tag in schema["required"]


def _closed(schema: Any) -> bool:
    if isinstance(schema, dict):
        words = schema.get("enum", ())
        closed = schema.get("additionalProperties") is False or len(words) > 1
        return closed or any(map(_closed, schema.values()))
    return isinstance(schema, list) and any(map(_closed, schema))


def _led_to(schema: Any, components: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = re.findall(r"#/components/schemas/([\w.-]+)", repr(schema))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += re.findall(r"#/components/schemas/([\w.-]+)", repr(components[name]))
    return found


def test_generators_write_one_file_a_tag() -> None:
    """What webhooks post has a tag that no route has: its file would replace that of the routes."""
    made = document(declared(HANDLERS))
    of_routes = {tag for item in made["paths"].values() for each in item.values() for tag in each["tags"]}
    of_webhooks = {
        tag for item in made["webhooks"].values() for each in item.values() for tag in each["tags"]
    }
    assert set() == of_routes & of_webhooks
    assert of_routes | of_webhooks == {each["name"] for each in made["tags"]}


def test_instants_and_figures_of_answers_say_what_they_are() -> None:
    components = document(declared(HANDLERS))["components"]["schemas"]
    told = [
        (name, member, schema)
        for name, component in components.items()
        for member, schema in component.get("properties", {}).items()
    ]
    assert [] == [
        (name, member)
        for name, member, schema in told
        if FIGURE.search(member)
        and {"type": "string"} in (_bare(schema), *map(_bare, schema.get("anyOf", ())))
    ]
    kinds = [kind for each in declared(HANDLERS) for kind in _kinds(each.answer)]
    assert [] == [
        kind for kind in _inspected(kinds) if isinstance(kind, msgspec.inspect.DateTimeType) and not kind.tz
    ]


FIGURE = re.compile(r"_(eur|kg|t|g|percent)$")


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "default"}


def _kinds(answer: Any) -> tuple[Any, ...]:
    named = answer if isinstance(answer, tuple) else (answer,)
    return tuple(kind for kind in named if kind not in (None, str, bytes))


def _inspected(kinds: Iterable[Any]) -> Iterator[msgspec.inspect.Type]:
    waiting = list(msgspec.inspect.multi_type_info(kinds))
    seen: set[int] = set()
    while waiting:
        kind = waiting.pop()
        if id(kind) in seen:
            continue
        seen.add(id(kind))
        yield kind
        for value in (getattr(kind, name) for name in kind.__struct_fields__):
            parts = value if isinstance(value, tuple) else (value,)
            waiting += [
                part.type if isinstance(part, msgspec.inspect.Field) else part
                for part in parts
                if isinstance(part, msgspec.inspect.Type | msgspec.inspect.Field)
            ]


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
    """Nor any row of a file. Pointers as the rules write them, and members of drafts that may turn out
    malformed."""
    bodies = [route.declared.body for route in HANDLERS if route.declared.body is not None]
    _, shapes = msgspec.json.schema_components([*bodies, *(kind.shape for kind in KINDS.values())])
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


def test_what_can_be_read_below_the_path_that_makes_it_has_a_location() -> None:
    routes = declared(HANDLERS)
    read = {route.path.rpartition("/{")[0] for route in routes if route.method == "GET" and route.etagged}
    makes = {route.path for route in routes if route.status == 201}
    assert {"/v1/requirements", "/v1/webhooks"} <= read & makes
    located = {route.path for route in routes if route.located}
    assert set() == read & makes - located
    assert located <= makes
    paths = document(routes)["paths"]
    told = {
        path for path in makes if "Location" in paths[path]["post"]["responses"]["201"].get("headers", {})
    }
    assert located == told


def test_a_day_and_a_reason_of_a_query_may_be_refused() -> None:
    """A query that is checked as a whole is refused for its content, a GET's too."""
    routes = declared(HANDLERS)
    checked = [each for each in routes if each.query is ReasonQuery or hasattr(each.query, "__post_init__")]
    assert [] == [each.path for each in checked if 422 not in problem_statuses(each)]
    assert {"/v1/product-twins/{twin}", "/v1/invoices/{invoice}"} <= {each.path for each in checked}


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
