"""A line of a partner stream as a CloudEvent in one JSON object, as the feed returns it and webhooks post
it."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from events.vocabulary import Instant
from market.rules.streams.partner_lines import PartnerLine
from market.rules.streams.webhook_signing import TEST_TYPE

SOURCE: Final = "urn:lodestone:partner"
JSON: Final = "application/json"
MEDIA_TYPE: Final = "application/cloudevents+json"
_encoder: Final = msgspec.json.Encoder()


class PartnerEvent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent. `stream`, `lane` and `position` are set for the organisation's own events: their place in
    the record."""

    specversion: str
    id: UUID
    source: str
    type: str
    subject: str
    time: Instant
    datacontenttype: str
    data: Any
    stream: str | None = None
    lane: int | None = None
    position: int | None = None


def members(line: PartnerLine) -> dict[str, Any]:
    """The members of `PartnerEvent`."""
    return {
        "specversion": "1.0",
        "id": line.event,
        "source": SOURCE,
        "type": line.type,
        "subject": line.subject,
        "time": line.time,
        "datacontenttype": JSON,
        "data": msgspec.Raw(line.body),
        "stream": line.stream if line.own else None,
        "lane": line.lane if line.own else None,
        "position": line.position if line.own else None,
    }


def encoded(line: PartnerLine) -> bytes:
    return _encoder.encode(PartnerEvent(**members(line)))


def encoded_test(event: UUID, webhook: UUID, time: datetime) -> bytes:
    """The message of a webhook's test."""
    return _encoder.encode(
        PartnerEvent(
            specversion="1.0",
            id=event,
            source=SOURCE,
            type=TEST_TYPE,
            subject=str(webhook),
            time=time,
            datacontenttype=JSON,
            data={"webhook": webhook},
        )
    )
