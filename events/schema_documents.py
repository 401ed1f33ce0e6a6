"""Generated contracts: a JSON Schema per event version, AsyncAPI 3, docs/events.md; no breaking change."""

import sys
from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from events.catalog import FACT_TYPES, LIFTS, stream_of
from events.envelope import Envelope
from events.schema_compatibility import Schema, breaking_changes
from events.topics import record_topic
from events.vocabulary import STREAMS

FOLDER = Path(__file__).resolve().parent / "schemas"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"
ASYNCAPI_VERSION = "3.0.0"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
CONTRACT_VERSION = "1.0.0"

HEADERS: Schema = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes in Kafka binary mode, position, chain hash (hex).",
    "properties": {
        "ce_id": {"type": "string", "format": "uuid"},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string", "format": "uri-reference"},
        "ce_specversion": {"const": "1.0"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string"},
        "content-type": {"const": "application/json"},
        "position": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "chain": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "traceparent": {"type": "string"},
    },
    "required": [
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_specversion",
        "ce_time",
        "ce_subject",
        "content-type",
        "position",
        "chain",
    ],
}


class BreakingChange(Exception):
    """A published event version would change for its readers; make a `.v2` type and a lift instead."""


def event_schema(name: str) -> Schema:
    """JSON Schema (2020-12) of the Kafka value and journal body of one event version."""
    fact = FACT_TYPES[name]
    (envelope, data), definitions = msgspec.json.schema_components(
        (Envelope, fact), ref_template="#/$defs/{name}"
    )
    whole = dict(definitions.pop(envelope["$ref"].removeprefix("#/$defs/")))
    properties = dict(whole["properties"])
    properties["type"] = {"const": name}
    properties["stream"] = {"const": stream_of(name)}
    properties["data"] = data
    schema = {
        "$schema": DIALECT,
        "$id": f"urn:lodestone:schema:{name}",
        "title": name,
        "description": _summary(fact),
        "type": "object",
        "properties": properties,
        "required": whole["required"],
        "$defs": dict(sorted(definitions.items())),
    }
    return msgspec.json.decode(msgspec.json.encode(schema), type=dict[str, Any])


def asyncapi() -> Schema:
    """The record topics with every message that may lie on them."""
    facts = tuple(FACT_TYPES.values())
    template = "#/components/schemas/{name}"
    references, schemas = msgspec.json.schema_components((Envelope, *facts), ref_template=template)
    messages = {
        name: {
            "name": name,
            "title": fact.__name__,
            "summary": _summary(fact),
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/RecordHeaders"},
            "payload": {
                "allOf": [references[0], {"properties": {"type": {"const": name}, "data": reference}}],
            },
        }
        for (name, fact), reference in zip(FACT_TYPES.items(), references[1:], strict=True)
    }
    topics = {stream: record_topic("", stream) for stream in STREAMS}
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Lodestone record",
            "version": CONTRACT_VERSION,
            "description": "Every fact, one topic per stream, one partition per lane, kept for ever.",
        },
        "defaultContentType": "application/json",
        "channels": {
            topic: {
                "address": topic,
                "description": f"The stream {stream}: the partition is the lane, in order.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"}
                    for name in FACT_TYPES
                    if stream_of(name) == stream
                },
            }
            for stream, topic in topics.items()
        },
        "operations": {
            f"read-{stream}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{topic}"},
                "summary": f"Read the record of {stream}.",
            }
            for stream, topic in topics.items()
        },
        "components": {
            "messages": dict(sorted(messages.items())),
            "schemas": {"RecordHeaders": HEADERS} | _plain_discriminators(dict(sorted(schemas.items()))),
        },
    }


def _plain_discriminators(schema: Any) -> Any:
    """AsyncAPI names the member alone, where OpenAPI (and msgspec) add a mapping."""
    if isinstance(schema, list):
        return [_plain_discriminators(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {keyword: _plain_discriminators(part) for keyword, part in schema.items()}
    match plain.get("discriminator"):
        case {"propertyName": name}:
            plain["discriminator"] = name
    return plain


def events_page() -> str:
    """docs/events.md."""
    lines = [
        "# Events",
        "",
        "Generated from the types by `make schemas`; do not edit. An event is a CloudEvent: envelope and",
        "fact are one JSON value, in `events/schemas/<type>.json`; `asyncapi.json` has the headers.",
        "Whole numbers carry their unit in the name: `_g` grams, `_ueur_per_kg` millionths of a euro per kg,",
        "`_ppb` parts per billion, `_cents_eur` euro cents; `_micro_per_kg` and `_cents` are of the currency",
        "that an agreement names.",
    ]
    for stream in STREAMS:
        names = [name for name in FACT_TYPES if stream_of(name) == stream]
        if not names:
            continue
        lines += ["", f"## `{record_topic('', stream)}`", "", "| type | says | members |", "|---|---|---|"]
        for name in names:
            fact = FACT_TYPES[name]
            members = ", ".join(f"`{field.encode_name}`" for field in msgspec.structs.fields(fact))
            lines.append(f"| `{name}` | {_summary(fact)} | {members} |")
    return "\n".join(lines) + "\n"


def _summary(fact: type[Struct]) -> str:
    """First sentence of the docstring; facts without one speak by their name."""
    text = fact.__dict__.get("__doc__") or ""
    first = " ".join(cleandoc(text).split("\n\n")[0].split())
    if first:
        return first
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in fact.__name__).strip()
    return f"{words.capitalize()}."


def documents() -> dict[Path, str]:
    """Every generated file and its text."""
    found = {FOLDER / f"{name}.json": _text(event_schema(name)) for name in FACT_TYPES}
    found[FOLDER / "asyncapi.json"] = _text(asyncapi())
    found[PAGE] = events_page()
    return found


def stale(wanted: Mapping[Path, str] | None = None) -> tuple[str, ...]:
    """Names of the generated files that are missing or differ from what the types say."""
    return tuple(
        path.name
        for path, text in (wanted or documents()).items()
        if not path.exists() or path.read_text("utf-8") != text
    )


def refusals(folder: Path = FOLDER) -> tuple[str, ...]:
    """How the types of now would break the schemas that stand in the folder."""
    found: list[str] = []
    for path in sorted(folder.glob("*.v*.json")):
        name = path.name.removesuffix(".json")
        if name in FACT_TYPES:
            old = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            found += [f"{name}: {change}" for change in breaking_changes(old, event_schema(name))]
        elif name not in LIFTS:
            found.append(f"{name}: removed; old events could not be read any more")
    return tuple(found)


def write(folder: Path = FOLDER) -> tuple[str, ...]:
    """Write what is stale; its names. BreakingChange, and nothing written, if a published version changes."""
    broken = refusals(folder)
    if broken:
        raise BreakingChange("\n".join(broken))
    wanted = documents()
    written = stale(wanted)
    for path, text in wanted.items():
        if path.name in written:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return written


def _text(schema: Schema) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def main() -> int:
    try:
        written = write()
    except BreakingChange as change:
        sys.stderr.write(f"{change}\n")
        return 1
    sys.stdout.write(f"{len(written)} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
