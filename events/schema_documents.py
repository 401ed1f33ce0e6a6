"""Generates a JSON Schema per event version, AsyncAPI 3 and docs/events.md; refuses breaking changes."""

import sys
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from events import checkpoints
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

CHECKPOINT_HEADERS: Schema = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes in Kafka binary mode.",
    "properties": {
        name: schema
        for name, schema in HEADERS["properties"].items()
        if name not in ("position", "chain", "traceparent")
    },
    "required": [name for name in HEADERS["required"] if name not in ("position", "chain")],
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
        "description": summary(fact),
        "type": "object",
        "properties": properties,
        "required": whole["required"],
        "$defs": dict(sorted(definitions.items())),
    }
    return msgspec.json.decode(msgspec.json.encode(schema), type=dict[str, Any])


def asyncapi() -> Schema:
    """AsyncAPI document of the record topics and the checkpoint topic, with every message that they can
    contain.

    `market.stream_documents` makes that of the partner topics, whose content the market's rules define.
    """
    template = "#/components/schemas/{name}"
    kinds = (Envelope, *FACT_TYPES.values(), *checkpoints.MESSAGES)
    references, schemas = msgspec.json.schema_components(kinds, ref_template=template)
    envelope, facts = references[0], references[1 : 1 + len(FACT_TYPES)]
    heads = references[1 + len(FACT_TYPES) :]
    messages = {
        name: _message(name, fact, "RecordHeaders")
        | {"payload": {"allOf": [envelope, {"properties": {"type": {"const": name}, "data": reference}}]}}
        for (name, fact), reference in zip(FACT_TYPES.items(), facts, strict=True)
    }
    messages |= {
        kind.TYPE: _message(kind.TYPE, kind, "CheckpointHeaders") | {"payload": reference}
        for kind, reference in zip(checkpoints.MESSAGES, heads, strict=True)
    }
    channels = {
        record_topic("", stream): _channel(
            record_topic("", stream),
            f"The stream {stream}: the partition is the lane, in order.",
            [name for name in FACT_TYPES if stream_of(name) == stream],
        )
        for stream in STREAMS
    }
    channels[checkpoints.TOPIC] = _channel(
        checkpoints.TOPIC,
        "Signed heads of all lanes, cosignatures of witnesses, changes of the operator's key; one partition.",
        [kind.TYPE for kind in checkpoints.MESSAGES],
    )
    reads = {
        f"read-{stream}": (record_topic("", stream), f"Read the record of {stream}.") for stream in STREAMS
    }
    reads["read-checkpoints"] = (checkpoints.TOPIC, "Read what the operator has signed.")
    headers = {
        "CheckpointHeaders": CHECKPOINT_HEADERS,
        "RecordHeaders": HEADERS,
    }
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Lodestone record",
            "version": CONTRACT_VERSION,
            "description": "Every fact, one topic per stream, one partition per lane, kept for ever.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            name: {"action": "receive", "channel": {"$ref": f"#/channels/{topic}"}, "summary": summary}
            for name, (topic, summary) in reads.items()
        },
        "components": {
            "messages": dict(sorted(messages.items())),
            "schemas": headers | plain_discriminators(dict(sorted(schemas.items()))),
        },
    }


def _message(name: str, kind: type[Struct], headers: str) -> Schema:
    """A message without its payload."""
    return {
        "name": name,
        "title": kind.__name__,
        "summary": summary(kind),
        "contentType": "application/json",
        "headers": {"$ref": f"#/components/schemas/{headers}"},
    }


def _channel(topic: str, description: str, names: Sequence[str]) -> Schema:
    return {
        "address": topic,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def plain_discriminators(schema: Any) -> Any:
    """Reduces discriminators to the member's name, as AsyncAPI requires; msgspec adds a mapping, as OpenAPI
    does."""
    if isinstance(schema, list):
        return [plain_discriminators(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {keyword: plain_discriminators(part) for keyword, part in schema.items()}
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
            lines.append(f"| `{name}` | {summary(fact)} | {members} |")
    return "\n".join(lines) + "\n"


def summary(fact: type[Struct]) -> str:
    """First sentence of the docstring; for a fact without one, its name as words."""
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
    """Names of the generated files that are missing or outdated."""
    return tuple(
        path.name
        for path, text in (wanted or documents()).items()
        if not path.exists() or path.read_text("utf-8") != text
    )


def refusals(folder: Path = FOLDER) -> tuple[str, ...]:
    """How the current types would break the schemas in the folder."""
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
    """Writes the stale files; returns their names. BreakingChange, with nothing written, if a published
    version would change incompatibly."""
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
