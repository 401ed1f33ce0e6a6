"""Ids in the API: a prefix for the kind, and the UUID in hexadecimal."""

import re
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import Meta

from events.ids import HEX_DIGITS, id_of
from market.http.wire.numbers import END

Prefix = Literal[
    "org",
    "fac",
    "cert",
    "lic",
    "key",
    "mkt",
    "offer",
    "lot",
    "req",
    "plan",
    "match",
    "agr",
    "del",
    "inv",
    "pay",
    "nom",
    "evt",
    "run",
    "pass",
    "tra",
    "pol",
    "twin",
    "vol",
    "imp",
    "hook",
    "msg",
]

PATH_IDS: Final[dict[str, Prefix]] = {
    "organisation": "org",
    "facility": "fac",
    "certificate": "cert",
    "licence": "lic",
    "key": "key",
    "market": "mkt",
    "offer": "offer",
    "lot": "lot",
    "requirement": "req",
    "plan": "plan",
    "match": "match",
    "agreement": "agr",
    "delivery": "del",
    "invoice": "inv",
    "payment": "pay",
    "event": "evt",
    "run": "run",
    "passport": "pass",
    "transformation": "tra",
    "policy": "pol",
    "twin": "twin",
    "volume": "vol",
    "import": "imp",
    "webhook": "hook",
    "message": "msg",
}
"""The prefix of an id, by the name of its parameter in a path."""

_FORMS: Final[dict[str, re.Pattern[str]]] = {}


def _pattern(prefix: str) -> str:
    return rf"^{prefix}_[0-9a-f]{{32}}{END}"


def _meta(prefix: Prefix, names: str) -> Meta:
    return Meta(
        pattern=_pattern(prefix),
        max_length=len(prefix) + 33,
        description=f"Id of {names}.",
        examples=[f"{prefix}_0199b3c2d4e57f60a1b2c3d4e5f60718"],
        extra={"id": prefix},
    )


OrganisationId = Annotated[str, _meta("org", "an organisation")]
FacilityId = Annotated[str, _meta("fac", "a facility")]
CertificateId = Annotated[str, _meta("cert", "a certificate")]
LicenceId = Annotated[str, _meta("lic", "a licence")]
KeyId = Annotated[str, _meta("key", "an API key")]
MarketId = Annotated[str, _meta("mkt", "a market")]
OfferId = Annotated[str, _meta("offer", "a supply offer")]
LotId = Annotated[str, _meta("lot", "a recovered lot")]
RequirementId = Annotated[str, _meta("req", "a requirement")]
PlanId = Annotated[str, _meta("plan", "a clearing's plan")]
MatchId = Annotated[str, _meta("match", "a match")]
AgreementId = Annotated[str, _meta("agr", "an agreement")]
DeliveryId = Annotated[str, _meta("del", "a delivery")]
InvoiceId = Annotated[str, _meta("inv", "an invoice")]
PaymentId = Annotated[str, _meta("pay", "a payment")]
NominationId = Annotated[str, _meta("nom", "a nomination")]
EventId = Annotated[str, _meta("evt", "an event of the record")]
AuditRunId = Annotated[str, _meta("run", "a recorded run of an audit")]
PassportId = Annotated[str, _meta("pass", "a material passport")]
WebhookId = Annotated[str, _meta("hook", "a webhook")]
MessageId = Annotated[str, _meta("msg", "a message to a webhook")]
TransformationId = Annotated[str, _meta("tra", "a transformation")]
PolicyId = Annotated[str, _meta("pol", "a procurement policy")]
ProductTwinId = Annotated[str, _meta("twin", "a product twin")]
DeclaredVolumeId = Annotated[str, _meta("vol", "a volume that was declared")]
ImportId = Annotated[str, _meta("imp", "an import of a file")]
SupplyId = Annotated[
    str,
    Meta(
        pattern=rf"^(offer|lot)_[0-9a-f]{{32}}{END}",
        max_length=38,
        description="Id of a supply offer or a recovered lot.",
        examples=["lot_0199b3c2d4e57f60a1b2c3d4e5f60718"],
        extra={"id": "offer"},
    ),
]


def to_text(prefix: Prefix, value: UUID) -> str:
    return f"{prefix}_{value.hex}"


def to_uuid(text: str) -> UUID:
    """The UUID of an id whose form the decoder has checked."""
    return id_of(text[-HEX_DIGITS:])


def from_path(prefix: Prefix, text: str) -> UUID | None:
    """The UUID of a path segment; None when it is no id of that kind."""
    form = _FORMS.get(prefix) or _FORMS.setdefault(prefix, re.compile(_pattern(prefix)))
    return to_uuid(text) if form.match(text) else None
