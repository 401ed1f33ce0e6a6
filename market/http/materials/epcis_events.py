"""A passport's facts as events of EPCIS 2.0 (ISO/IEC 19987) in the words of CBV 2.0 (ISO/IEC 19988).

A lot is a class of objects that is identified by the URN of its passport, its quantity is in kg. What
Lodestone alone says of it stands as instance and lot master data in a namespace of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import fields

from events.fractions import decimal_text
from events.material_events import (
    PassportAcknowledged,
    PassportDrawn,
    PassportNoted,
    PassportRetired,
    PassportTransferred,
    PassportTransformed,
)
from events.passport_terms import PassportContent, RetireReason
from events.vocabulary import GRAMS_PER_KG
from market.http.materials.passport_terms import PassportTerms
from market.http.materials.passport_views import LabelView
from market.http.materials.transformations import TransformationView
from market.rules.visibility.passport_visibility import MagnetLabel, SeenPassport
from market.store.passports import PassportStep

Event = dict[str, Any]

PREFIX: Final = "lodestone:"
NAMESPACE: Final = "urn:lodestone:epcis:"
EXTENSIONS: Final = (*PassportTerms.__struct_fields__, "label", "balance", "retired", "correction")
CONTEXT: Final = (
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"lodestone": NAMESPACE, **{f"{PREFIX}{name}": {"@type": "@json"} for name in EXTENSIONS}},
)
"""What has members of its own is kept whole, as a JSON literal of JSON-LD 1.1."""
KILOGRAM: Final = "KGM"
"""UN/ECE Recommendation 20."""
DISPOSITIONS: Final[dict[RetireReason, str]] = {
    "end_of_life": "disposed",
    "exported": "unavailable",
    "installed": "unavailable",
    "lost": "unknown",
    "issued_in_error": "inactive",
}


class SeenStep(Struct, frozen=True):
    """A fact of a passport, and what the viewer may see of it."""

    step: PassportStep
    fact: Struct


def urn(identity: UUID) -> str:
    """The hexadecimal digits of every id on the wire, as a URN that needs no address of the service."""
    return identity.urn


def document(events: Sequence[Event]) -> dict[str, Any]:
    """Created when the last of its facts was said: it is the same until there is another."""
    return {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": events[-1].get("recordTime", events[-1]["eventTime"]),
        "epcisBody": {"eventList": events},
    }


def passport_events(
    seen: SeenPassport, told: Sequence[SeenStep], days: Mapping[UUID, date] = MappingProxyType({})
) -> list[Event]:
    """In the order of the record. A statement that was corrected is said again, declared in error.

    `days`: of the transformations that the viewer may read; of others it knows when they were recorded.
    """
    stood = _stood(seen, told)
    told = [each for each in told if _content(each.fact) is None or each.step.event in stood]
    stated = [each.step for each in told if _content(each.fact) is not None]
    corrected = dict(zip((step.event for step in stated), stated[1:], strict=False))
    events = []
    for each in told:
        event = _event(seen, each, days)
        after = corrected.get(each.step.event)
        if after is not None:
            event["errorDeclaration"] = {
                "declarationTime": _moment(after.at),
                "reason": "incorrect_data",
                "correctiveEventIDs": [urn(after.event)],
            }
        events.append(event)
    return events


def _stood(seen: SeenPassport, told: Sequence[SeenStep]) -> frozenset[UUID]:
    """Statements that stand or stood: each correction names the one before it. Others wait for a word."""
    corrects = {each.step.event: getattr(each.fact, "corrects", None) for each in told}
    found: set[UUID] = set()
    event: UUID | None = seen.stated_by
    while event is not None:
        found.add(event)
        event = corrects.get(event)
    return frozenset(found)


def label_event(label: MagnetLabel) -> Event:
    """What a data carrier shows: that the lot came to be, as its label stands now."""
    return {
        "type": "ObjectEvent",
        "eventTime": _moment(label.issued_at),
        "eventTimeZoneOffset": "+00:00",
        "action": "ADD",
        "bizStep": "commissioning",
        "quantityList": [_quantity(label.passport, label.net_wet_g)],
        "ilmd": {f"{PREFIX}label": msgspec.to_builtins(LabelView.of(label))},
    }


def transformation_event(whole: PassportTransformed) -> Event:
    """All inputs and outputs at once, as the day and the balance were stated."""
    balance = TransformationView.of(whole)
    return {
        "type": "TransformationEvent",
        "eventTime": _moment(_midnight(whole.transformed_on)),
        "eventTimeZoneOffset": "+00:00",
        "transformationID": urn(whole.transformation),
        "inputQuantityList": [_quantity(part.passport, part.net_wet_g) for part in whole.inputs],
        "outputQuantityList": [_quantity(part.passport, part.net_wet_g) for part in whole.outputs],
        "bizStep": "commissioning",
        "bizLocation": {"id": urn(whole.facility)},
        f"{PREFIX}balance": msgspec.to_builtins(balance),
    }


def _event(seen: SeenPassport, each: SeenStep, days: Mapping[UUID, date]) -> Event:
    step, fact = each.step, each.fact
    content = _content(fact)
    if content is not None:
        return _stated(seen, step, content, days) | _reason(fact)
    match fact:
        case PassportTransferred():
            return _transferred(step, fact)
        case PassportDrawn():
            quantity = _quantity(fact.passport, fact.net_wet_g)
            return _transformed(step, fact.transformation, "input", quantity, days)
        case PassportAcknowledged():
            told = _object(step, "OBSERVE", {"epcClass": urn(fact.passport)}, "accepting")
            if fact.correction is not UNSET:
                told[f"{PREFIX}corrected"] = {"event": urn(fact.correction)}
            return {**told, f"{PREFIX}acknowledged": {"organisation": urn(fact.organisation)}}
        case PassportNoted():
            told = _object(step, "OBSERVE", {"epcClass": urn(fact.passport)}, "inspecting")
            return {**told, f"{PREFIX}noted": {"note": fact.note}}
        case PassportRetired():
            return _retired(seen, step, fact)
        case _:
            raise LookupError(f"{type(fact).__name__} is no fact of a passport")


def _content(fact: Struct) -> PassportContent | None:
    return getattr(fact, "content", None)


def _reason(fact: Struct) -> Event:
    reason = getattr(fact, "reason", None)
    return {} if reason is None else {f"{PREFIX}correction": {"reason": reason}}


def _stated(
    seen: SeenPassport, step: PassportStep, content: PassportContent, days: Mapping[UUID, date]
) -> Event:
    """A lot comes to be, of others or not: ILMD may be stated only there."""
    quantity = _quantity(seen.passport, content.net_wet_g)
    said = {
        "disposition": "active",
        "bizLocation": {"id": urn(content.facility)},
        "ilmd": dict(_ilmd(content)),
    }
    if seen.transformation is not None:
        return _transformed(step, seen.transformation, "output", quantity, days) | said
    return _object(step, "ADD", quantity, "commissioning") | said


def _ilmd(content: PassportContent) -> Iterator[tuple[str, Any]]:
    """Members that are stated, in the form that the passport's own route has."""
    terms = PassportTerms.outside(content)
    for field in fields(terms):
        value = getattr(terms, field.name)
        if value != field.default:
            yield f"{PREFIX}{field.name}", msgspec.to_builtins(value)


def _transferred(step: PassportStep, fact: PassportTransferred) -> Event:
    traded = [{"type": "po", "bizTransaction": urn(fact.agreement)}] if fact.agreement is not None else []
    if fact.delivery is not None:
        traded.append({"type": "desadv", "bizTransaction": urn(fact.delivery)})
    quantity: dict[str, Any] = {"epcClass": urn(fact.passport)}
    if fact.returns is not UNSET:
        traded.append({"type": "rma", "bizTransaction": urn(fact.returns)})
    if fact.received_g is not UNSET:
        quantity = _quantity(fact.passport, fact.received_g)
    return {
        **_object(step, "OBSERVE", quantity, "accepting"),
        "eventTime": _moment(_midnight(fact.transferred_on)),
        **({"bizTransactionList": traded} if traded else {}),
        "sourceList": [{"type": "owning_party", "source": urn(fact.previous_owner)}],
        "destinationList": [
            {"type": "owning_party", "destination": urn(fact.owner)},
            {"type": "possessing_party", "destination": urn(fact.holder)},
        ],
    }


def _retired(seen: SeenPassport, step: PassportStep, fact: PassportRetired) -> Event:
    left: dict[str, Any] = {"epcClass": urn(fact.passport)}
    if seen.drawn_g is not None and seen.short_g is not None:
        left = _quantity(fact.passport, seen.content.net_wet_g - seen.short_g - seen.drawn_g)
    return {
        **_object(step, "DELETE", left, "decommissioning"),
        "disposition": DISPOSITIONS[fact.reason],
        f"{PREFIX}retired": {"reason": fact.reason, **({"note": fact.note} if fact.note else {})},
    }


def _object(
    step: PassportStep, action: Literal["ADD", "OBSERVE", "DELETE"], quantity: dict[str, Any], biz_step: str
) -> Event:
    return {
        "type": "ObjectEvent",
        **_said(step),
        "action": action,
        "bizStep": biz_step,
        "quantityList": [quantity],
    }


def _transformed(
    step: PassportStep,
    transformation: UUID,
    side: Literal["input", "output"],
    quantity: dict[str, Any],
    days: Mapping[UUID, date],
) -> Event:
    """One side of a transformation: whoever has all its passports has it whole, by its transformationID."""
    day = days.get(transformation)
    return {
        "type": "TransformationEvent",
        **_said(step),
        **({} if day is None else {"eventTime": _moment(_midnight(day))}),
        "transformationID": urn(transformation),
        f"{side}QuantityList": [quantity],
        "bizStep": "commissioning",
    }


def _said(step: PassportStep) -> Event:
    return {
        "eventID": urn(step.event),
        "eventTime": _moment(step.at),
        "recordTime": _moment(step.at),
        "eventTimeZoneOffset": "+00:00",
    }


def _quantity(passport: UUID, net_wet_g: int) -> dict[str, Any]:
    return {
        "epcClass": urn(passport),
        "quantity": Decimal(decimal_text(net_wet_g, GRAMS_PER_KG)),
        "uom": KILOGRAM,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
