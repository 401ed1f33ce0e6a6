"""AsyncAPI document for partners, each message with its members: partner topic, public tape, public heads,
webhooks.

`events.schema_documents` has the record's, which only services and auditors read.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args
from uuid import UUID

import msgspec
from msgspec import Struct

from events import checkpoints
from events import schema_documents as record
from events.catalog import FACT_TYPES
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    RuleSetPublished,
)
from events.party_events import ApiKeyIssued
from events.public_heads import TOPIC as PUBLIC_HEADS
from events.vocabulary import STREAMS
from market.rules.streams.closed_lists import camel, with_named_lists
from market.rules.streams.partner_events import MEDIA_TYPE, PartnerEvent
from market.rules.streams.partner_lines import NEVER_SHOWN, partner_type
from market.rules.streams.webhook_signing import TEST_TYPE
from market.rules.streams.wire_schemas import Schema, outside
from market.rules.streams.wire_units import PARTNER_UNITS, PUBLIC_UNITS, Units
from market.rules.visibility.deal_tape import DealAction, TapeAgreement
from market.rules.visibility.own_side import OwnMatch
from market.rules.visibility.party_visibility import KeyIssued
from market.rules.visibility.tape import (
    Action,
    OrderTopic,
    TapeClearing,
    TapeMarket,
    TapeOrder,
    TapeRuleSet,
    TapeTrade,
)
from market.rules.visibility.visibility import OwnOutcome

FILE: Final = record.FOLDER / "streams.asyncapi.json"
PARTNER_TOPIC: Final = "partner.{organisation}.v1"
SHOWN: Final[dict[type[Struct], type[Struct]]] = {
    MatchStruck: OwnMatch,
    MatchDeclined: OwnOutcome,
    MatchLapsed: OwnOutcome,
    RuleSetPublished: TapeRuleSet,
    ClearingCompleted: TapeClearing,
    ClearingAbandoned: TapeClearing,
    ApiKeyIssued: KeyIssued,
}
"""The struct that an organisation sees instead of a fact, where they differ; `record_visibility` decides."""
PARTNER_HEADERS: Final[Schema] = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes in Kafka binary mode; of own events also their place.",
    "properties": {
        **record.CHECKPOINT_HEADERS["properties"],
        "ce_stream": {"enum": list(STREAMS)},
        "ce_lane": {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"},
        "ce_position": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    "required": record.CHECKPOINT_HEADERS["required"],
}
WEBHOOK: Final = "webhook"
WEBHOOK_HEADERS: Final[Schema] = {
    "type": "object",
    "description": "Standard Webhooks 1.0. A repeat has the same id; each attempt a time and signatures of "
    "its own.",
    "properties": {
        "webhook-id": {"type": "string", "format": "uuid", "description": "The event's id."},
        "webhook-timestamp": {
            "type": "string",
            "pattern": "^[1-9][0-9]*$",
            "description": "Seconds since 1970.",
        },
        "webhook-signature": {
            "type": "string",
            "pattern": "^v1a?,[A-Za-z0-9+/]+={0,2}( v1a?,[A-Za-z0-9+/]+={0,2})*$",
            "description": "Of id, timestamp and body with full stops between: v1 HMAC-SHA256, v1a Ed25519.",
        },
        "content-type": {"const": MEDIA_TYPE},
    },
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"],
}


class WebhookTest(Struct, frozen=True, kw_only=True):
    """Posted when its owner tests a webhook."""

    webhook: UUID


def public_lines() -> dict[str, tuple[str, type[Struct]]]:
    """CloudEvents type → topic and line of the public tape."""
    found: dict[str, tuple[str, type[Struct]]] = {
        f"{topic.removesuffix('s.v1')}.{action}.v1": (topic, TapeOrder)
        for topic in get_args(OrderTopic)
        for action in get_args(Action)
    }
    found["public.trade.struck.v1"] = ("public.trades.v1", TapeTrade)
    for outcome in ("abandoned", "completed"):
        found[f"public.clearing.{outcome}.v1"] = ("public.clearings.v1", TapeClearing)
    for action in get_args(DealAction):
        found[f"public.offtake-agreement.{action}.v1"] = ("public.offtake-agreements.v1", TapeAgreement)
    found["public.pricing-rule.published.v1"] = ("public.pricing-rules.v1", TapeRuleSet)
    for standing in ("halted", "resumed"):
        found[f"public.market.{standing}.v1"] = ("public.markets.v1", TapeMarket)
    return found


def partner_facts() -> dict[str, type[Struct]]:
    """CloudEvents type → what an organisation is shown."""
    return {
        partner_type(name): SHOWN.get(fact, fact)
        for name, fact in FACT_TYPES.items()
        if fact not in NEVER_SHOWN
    }


def asyncapi() -> Schema:
    partners, tape = partner_facts(), public_lines()
    own = _schemas("partner", partners.values(), PARTNER_UNITS)
    public = _schemas("public", (line for _, line in tape.values()), PUBLIC_UNITS)
    for schema in (public[f"public.{kind.__name__}"] for kind in {line for _, line in tape.values()}):
        schema["properties"]["sequence"] = {"type": "integer", "minimum": 1}
        schema["required"] = ["sequence", *schema["required"]]
    messages = {
        name: _message(name, f"partner.{kind.__name__}", kind, "PartnerHeaders")
        for name, kind in partners.items()
    } | {
        name: _message(name, f"public.{kind.__name__}", kind, "PublicHeaders")
        for name, (_, kind) in tape.items()
    }
    messages |= {
        kind.TYPE: _message(kind.TYPE, f"public.{kind.__name__}", kind, "PublicHeaders")
        for kind in checkpoints.MESSAGES
    }
    public |= _schemas("public", checkpoints.MESSAGES, PUBLIC_UNITS)
    own |= _schemas("partner", (WebhookTest,), PARTNER_UNITS)
    sent: dict[str, type[Struct]] = {**partners, TEST_TYPE: WebhookTest}
    posted = {f"posted.{name}": _posted(name, kind) for name, kind in sent.items()}
    channels = _channels(tape, partners, posted)
    return {
        "asyncapi": record.ASYNCAPI_VERSION,
        "info": {
            "title": "Lodestone partner streams",
            "version": record.CONTRACT_VERSION,
            "description": "What partners read on Kafka and are sent by webhooks. The HTTP feed carries the "
            "same partner events.",
        },
        "defaultContentType": "application/json",
        "channels": dict(sorted(channels.items())),
        "operations": _operations(channels.keys() - {WEBHOOK}),
        "components": {
            "messages": dict(sorted((messages | posted).items())),
            "schemas": with_named_lists(
                {
                    "PartnerHeaders": PARTNER_HEADERS,
                    "PostedEvent": msgspec.json.schema_components((PartnerEvent,))[1]["PartnerEvent"],
                    "PublicHeaders": record.CHECKPOINT_HEADERS,
                    "WebhookHeaders": WEBHOOK_HEADERS,
                    **record.plain_discriminators(dict(sorted((own | public).items()))),
                }
            ),
        },
    }


def _channels(
    tape: Mapping[str, tuple[str, type[Struct]]], partners: Iterable[str], posted: Iterable[str]
) -> dict[str, Schema]:
    """By topic, and that of webhooks; each with the names of its messages."""
    topics = {topic: [name for name in tape if tape[name][0] == topic] for topic, _ in tape.values()}
    channels = {
        topic: _channel(topic, "Of the public tape; anonymised.", names) for topic, names in topics.items()
    }
    channels[PUBLIC_HEADS] = _channel(
        PUBLIC_HEADS,
        f"The signed heads at every {checkpoints.PUBLIC_EVENTS}th event of a lane, their cosignatures, "
        "changes of the operator's key.",
        [kind.TYPE for kind in checkpoints.MESSAGES],
    )
    channels[PARTNER_TOPIC] = _channel(
        PARTNER_TOPIC,
        "An organisation's own view of the record, once it has opened its stream; one partition.",
        partners,
    ) | {"parameters": {"organisation": {"description": "UUID of the organisation."}}}
    channels[WEBHOOK] = _channel(
        None, "The address that an organisation has named; what its topic holds, one event a POST.", posted
    )
    return channels


def _operations(topics: Iterable[str]) -> dict[str, Schema]:
    reading: dict[str, Schema] = {
        f"read-{topic.partition('.')[2].removesuffix('.v1').strip('{}')}": {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{topic}"},
            "summary": f"Read {topic}.",
        }
        for topic in sorted(topics)
    }
    taking: Schema = {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{WEBHOOK}"},
        "summary": "Take an event: any 2xx, once its signature holds. 410 disables the webhook.",
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
    }
    return {**reading, "take-webhook": taking}


def _schemas(prefix: str, kinds: Iterable[type[Struct]], units: Units) -> dict[str, Schema]:
    """By `<prefix>.<struct>`, as they are on the wire: the topic stands outside of a line."""
    template = f"#/components/schemas/{prefix}.{{name}}"
    _, inside = msgspec.json.schema_components(tuple(dict.fromkeys(kinds)), ref_template=template)
    named: dict[str, Schema] = {f"{prefix}.{name}": schema for name, schema in inside.items()}
    found = {name: outside(schema, named, units) for name, schema in named.items()}
    for schema in found.values():
        if schema.get("properties", {}).pop("topic", None) is not None:
            schema["required"] = [name for name in schema["required"] if name != "topic"]
    return found


def _message(name: str, schema: str, kind: type[Struct], headers: str) -> Schema:
    return {
        "name": name,
        "title": kind.__name__,
        "summary": record.summary(kind),
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": f"#/components/schemas/{headers}"},
                {"type": "object", "properties": {"ce_type": {"const": name}}},
            ]
        },
        "payload": {"$ref": f"#/components/schemas/{schema}"},
    }


def _posted(name: str, kind: type[Struct]) -> Schema:
    """The message of a line in the JSON form of CloudEvents."""
    return {
        "name": name,
        "title": kind.__name__,
        "summary": record.summary(kind),
        "contentType": MEDIA_TYPE,
        "headers": {"$ref": "#/components/schemas/WebhookHeaders"},
        "payload": {
            "title": f"Posted{camel(name.removeprefix('partner.').removesuffix('.v1'))}",
            "allOf": [
                {"$ref": "#/components/schemas/PostedEvent"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": name},
                        "data": {"$ref": f"#/components/schemas/partner.{kind.__name__}"},
                    },
                },
            ],
        },
    }


def _channel(topic: str | None, description: str, names: Iterable[str]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def text() -> str:
    return msgspec.json.format(msgspec.json.encode(asyncapi()), indent=2).decode() + "\n"
