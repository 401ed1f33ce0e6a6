"""The AsyncAPI document of partners' streams: every line that the rules make is what its message says."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import jsonschema_rs
import msgspec
import pytest

from events.catalog import FACT_TYPES, LIFTS
from market.publisher import _kind, wire
from market.rules.streams.closed_lists import NAMED, with_named_lists
from market.rules.streams.partner_events import MEDIA_TYPE, encoded, encoded_test
from market.rules.streams.partner_lines import NEVER_SHOWN, PARTNER_TYPES, partner_lines, partner_type
from market.rules.streams.webhook_signing import TEST_TYPE, derive, signature
from market.rules.streams.wire_schemas import outside
from market.rules.streams.wire_units import PARTNER_UNITS, PUBLIC_UNITS, in_units
from market.rules.viewers import PublicViewer
from market.stream_documents import FILE, PARTNER_TOPIC, asyncapi, text
from tests.golden.test_schema_documents import references
from tests.rules.test_record_visibility import KEY, before, events_of
from tests.rules.test_visibility import crowd, finish

DOCUMENT = asyncapi()
SHOWN = sorted(name for name, fact in FACT_TYPES.items() if fact not in NEVER_SHOWN and name not in LIFTS)


def closed(schema: Any) -> Any:
    """The same, with nothing beside what it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(each) for name, each in schema.items()}
    if isinstance(made.get("properties"), dict) and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return made


COMPONENTS = {
    "schemas": {
        name: closed({key: each for key, each in schema.items() if key != "discriminator"})
        for name, schema in DOCUMENT["components"]["schemas"].items()
    }
}


@cache
def validator(message: str) -> jsonschema_rs.Validator:
    """Of a message, with the schemas that it leads to: all of them take twenty times as long to read."""
    payload = DOCUMENT["components"]["messages"][message]["payload"]
    led_to: dict[str, Any] = {}
    left = references(payload)
    while left:
        name = left.pop().rpartition("/")[2]
        if name not in led_to:
            led_to[name] = COMPONENTS["schemas"][name]
            left |= references(led_to[name])
    whole = {**payload, "components": {"schemas": led_to}}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


def faults(message: str, body: bytes) -> list[str]:
    return [
        f"{message} {error.instance_path}: {error.message}"
        for error in validator(message).iter_errors(msgspec.json.decode(body))
    ]


def test_the_committed_document_is_current() -> None:
    assert FILE.read_text("utf-8") == text(), "run make schemas"


def test_every_reference_leads_somewhere_and_every_message_to_a_channel() -> None:
    for reference in references(DOCUMENT):
        found = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert isinstance(found, dict)
    channels = DOCUMENT["channels"]
    named = {name for channel in channels.values() for name in channel["messages"]}
    assert named == set(DOCUMENT["components"]["messages"])
    assert sorted(PARTNER_TYPES) == sorted(channels[PARTNER_TOPIC]["messages"])
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate({key: each for key, each in schema.items() if key != "discriminator"})


def lists(schema: Any) -> Iterator[list[Any]]:
    """Every closed list below a schema."""
    if isinstance(schema, dict):
        if "enum" in schema:
            yield schema["enum"]
        for each in schema.values():
            yield from lists(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from lists(each)


def test_every_closed_list_has_a_name_and_stands_once() -> None:
    """Whoever generates types gets one of each, with a name that the next release has too."""
    schemas = DOCUMENT["components"]["schemas"]
    named = {name: schema["enum"] for name, schema in schemas.items() if "enum" in schema}
    assert sorted(map(str, named.values())) == sorted(map(str, lists(DOCUMENT)))
    assert len(named) == len({frozenset(words) for words in named.values()})
    assert set() == set(NAMED) - set(named)
    assert all(name == schemas[name]["title"] for name in named)
    titles = [message["payload"].get("title") for message in DOCUMENT["components"]["messages"].values()]
    posted = [title for title in titles if title is not None]
    assert len(set(posted)) == len(posted) == len(DOCUMENT["channels"]["webhook"]["messages"])
    assert not set(posted) & {schema.get("title") for schema in schemas.values()}
    two = {each: {"properties": {"is": {"enum": [each, "x"]}}} for each in ("a.One", "b.One")}
    with pytest.raises(ValueError, match="OneIs is of two lists"):
        with_named_lists(two)


@pytest.mark.parametrize("name", SHOWN)
def test_every_line_of_a_partner_is_what_its_message_says(name: str) -> None:
    lane = msgspec.structs.replace(before(), counterparties=frozenset())
    lines = [line for event in events_of(name) for line in partner_lines(event, lane)]
    assert lines
    assert [] == [fault for line in lines for fault in faults(partner_type(name), line.body)]
    posted = f"posted.{partner_type(name)}"
    assert [] == [fault for line in lines for fault in faults(posted, encoded(line))]


def test_what_is_posted_is_what_its_message_says_and_nothing_else_is() -> None:
    webhook, when = UUID(int=7), datetime(2026, 1, 2, tzinfo=UTC)
    test = encoded_test(UUID(int=8), webhook, when)
    assert [] == faults(f"posted.{TEST_TYPE}", test)
    assert faults(f"posted.{TEST_TYPE}", test.replace(b'"data":{"webhook"', b'"data":{"price"'))
    assert faults(f"posted.{partner_type(SHOWN[0])}", test)
    messages = DOCUMENT["channels"]["webhook"]["messages"]
    assert sorted([*PARTNER_TYPES, TEST_TYPE]) == sorted(name.removeprefix("posted.") for name in messages)
    headers = DOCUMENT["components"]["schemas"]["WebhookHeaders"]
    sent = {
        "webhook-id": str(UUID(int=8)),
        "webhook-timestamp": "1780000000",
        "webhook-signature": signature([derive(b"k" * 32, webhook, each) for each in (1, 2)], "8", 1, test),
        "content-type": MEDIA_TYPE,
    }
    for name, changed in ((None, sent), *((name, sent | {name: "v1,-"}) for name in sent)):
        assert (name is None) == jsonschema_rs.is_valid(headers, changed, validate_formats=True)


def tape() -> Iterator[tuple[str, bytes]]:
    lane = crowd()
    finish(lane)
    for line in lane.seen(PublicViewer(key=KEY)):
        if line is not None:
            yield _kind(line).name, wire(line, 1)


def test_every_line_of_the_tape_is_what_its_message_says() -> None:
    lines = list(tape())
    assert {name.split(".")[1] for name, _ in lines} == {
        "clearing", "market", "pricing-rule", "recovered-lot", "requirement", "supply-offer", "trade"
    }  # fmt: skip
    assert [] == [fault for name, body in lines for fault in faults(name, body)]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    mass_g: int
    price_ueur_per_kg: int | None


class Figures(Row, frozen=True, kw_only=True):
    content_ppb: tuple[int, ...] = ()
    rows: tuple[Row, ...] = ()


@pytest.mark.parametrize("units", [PARTNER_UNITS, PUBLIC_UNITS])
def test_schemas_change_as_values_do(units: Any) -> None:
    _, components = msgspec.json.schema_components((Figures,), ref_template="#/components/schemas/{name}")
    made = outside(components["Figures"], components, units)
    row = Row(mass_g=3, price_ueur_per_kg=None)
    for price_ueur_per_kg in (None, -2):
        value = Figures(mass_g=1, price_ueur_per_kg=price_ueur_per_kg, rows=(row,))
        members = in_units(msgspec.to_builtins(value), units)
        assert set(members) <= set(made["properties"])
        assert set(made["required"]) <= set(members)
    assert r"^-?(0|[1-9][0-9]*)(\.[0-9]{1,3})?$" == made["properties"]["mass_kg"]["pattern"]
