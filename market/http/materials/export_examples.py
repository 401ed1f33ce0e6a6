"""What the exports say of the passport that documentation gives as its example."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from events.material_events import PassportIssued
from market.http.materials import epcis_events, product_passport
from market.http.materials.passport_examples import PASSPORT, PASSPORT_ID
from market.http.materials.passport_terms import PassportTerms
from market.http.wire.ids import to_uuid
from market.rules.visibility.passport_visibility import SeenPassport
from market.store.passports import PassportStep

_encoder: Final = msgspec.json.Encoder(decimal_format="number")
_EVENT: Final = UUID("0199b3c2-d4e5-7f60-a1b2-c3d4e5f60718")
_AT: Final = datetime(2026, 2, 1, 9, tzinfo=UTC)
_PASSPORT: Final = to_uuid(PASSPORT_ID)
_CONTENT: Final = msgspec.convert(PASSPORT, PassportTerms).inside()

_SEEN: Final = SeenPassport(
    tier="party",
    passport=_PASSPORT,
    content=_CONTENT,
    status="live",
    retired=None,
    version=1,
    corrections=0,
    stated_by=_EVENT,
    issued_at=_AT,
    organisation=_EVENT,
    owner=_EVENT,
    holder=_EVENT,
    drawn_g=0,
    short_g=0,
    transformation=None,
)
_ISSUED: Final = PassportIssued(
    passport=_PASSPORT, organisation=_EVENT, owner=_EVENT, holder=_EVENT, content=_CONTENT
)
_STEP: Final = PassportStep(version=1, event=_EVENT, type=PassportIssued.TYPE, at=_AT, fact=_ISSUED)


def _as_sent(document: dict[str, Any]) -> Any:
    return msgspec.json.decode(_encoder.encode(document))


EPCIS: Final = _as_sent(
    epcis_events.document(epcis_events.passport_events(_SEEN, [epcis_events.SeenStep(_STEP, _ISSUED)]))
)
PRODUCT_PASSPORT: Final = _as_sent(product_passport.of_passport(_SEEN, _AT))
