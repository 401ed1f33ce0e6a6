"""Labels of magnets: what Article 28 of Regulation (EU) 2024/1252 requires, and warnings to the issuer."""

from collections.abc import Iterator
from typing import Final, Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from events.party_events import PostalAddress
from events.passport_terms import MagnetRecord, PassportContent
from events.refusal import Caution, Refusal
from market.rules.orders.materials import form_claim_cautions, recycling_cautions
from market.rules.passports.data_carriers import carrier_fault
from market.rules.passports.magnet_types import type_cautions
from market.rules.refusing.passport_refusals import DataCarrierNoLink, ResponsibleNotIssuer

LabelPart = Literal[
    "responsible_name",
    "responsible_postal_address",
    "responsible_contact",
    "composition",
    "coatings",
    "glues",
    "additives",
    "removal_steps",
]
LISTED: Final[tuple[LabelPart, ...]] = ("coatings", "glues", "additives")
WRONG_KEYS: Final = (
    "A key of the GS1 Digital Link has the wrong form or check digit, so the link is not used."
)


class Responsible(Struct, frozen=True, kw_only=True):
    """The organisation that is responsible for the magnets, as the register has it today."""

    name: str
    country: str
    postal_address: PostalAddress | UnsetType = UNSET
    electronic_contact: str | UnsetType = UNSET


def unstated_parts(record: MagnetRecord, responsible: Responsible | None) -> tuple[LabelPart, ...]:
    """What Article 28 asks for and a label does not say. `responsible` None: the label may name nobody."""
    found: list[LabelPart] = [] if responsible else ["responsible_name"]
    if responsible is None or not responsible.postal_address:
        found.append("responsible_postal_address")
    if responsible is None or not responsible.electronic_contact:
        found.append("responsible_contact")
    if any(magnet.composition is None for magnet in record.magnets):
        found.append("composition")
    found += unlisted(record)
    if not record.removal_steps:
        found.append("removal_steps")
    return tuple(found)


def unlisted(record: MagnetRecord) -> list[LabelPart]:
    """Coatings, glues and additives of which a magnet says nothing: that there are none is said in a word."""
    return [part for part in LISTED if not all(getattr(magnet, part) for magnet in record.magnets)]


def label_refusals(record: MagnetRecord | None, issuer: UUID) -> list[Refusal]:
    """Refusals for a new label; not used by audits, since older labels may break them."""
    if record is None:
        return []
    reasons: list[Refusal] = []
    if record.responsible.organisation != issuer:
        reasons.append(ResponsibleNotIssuer(pointer="/magnets/responsible_organisation"))
    if carrier_fault(record) == "no_link":
        reasons.append(DataCarrierNoLink(pointer="/magnets/data_carrier_address"))
    return reasons


def stated_cautions(content: PassportContent) -> Iterator[Caution]:
    """Warnings for a passport whose origin is stated and does not follow from inputs."""
    shares = (each.post_consumer_ppb + each.pre_consumer_ppb for each in content.recycled)
    yield from recycling_cautions(max(shares, default=0), [share.stage for share in content.origin])
    post_ppb = max((each.post_consumer_ppb for each in content.recycled), default=0)
    pre_ppb = max((each.pre_consumer_ppb for each in content.recycled), default=0)
    yield from form_claim_cautions(content.form, post_ppb, pre_ppb)


def label_cautions(content: PassportContent, responsible: Responsible | None) -> Iterator[Caution]:
    """Warnings to the issuer of an accepted label."""
    record = content.magnets
    if record is None:
        return
    at_responsible = "/magnets/responsible_organisation"
    if responsible is None or not (responsible.postal_address and responsible.electronic_contact):
        text = (
            "Article 28 requires the postal address and an electronic contact of the responsible "
            "organisation, and the register lacks at least one of them: ask an operator to enter "
            "them, then the label shows them."
        )
        yield Caution(code="responsible_address_missing", text=text, pointer=at_responsible)
    for index, magnet in enumerate(record.magnets):
        if magnet.composition is None:
            text = "Article 28 requires the chemical composition of each magnet."
            pointer = f"/magnets/magnets/{index}/composition"
            yield Caution(code="magnet_composition_missing", text=text, pointer=pointer)
    yield from type_cautions(content)
    yield from _part_cautions(record)
    if not record.removal_steps:
        text = "Article 28 requires all steps by which the magnets are reached and removed, with their tools."
        yield Caution(code="removal_steps_missing", text=text, pointer="/magnets/removal_steps")
    if carrier_fault(record) == "wrong_keys":
        pointer = "/magnets/data_carrier_address"
        yield Caution(code="data_carrier_wrong_keys", text=WRONG_KEYS, pointer=pointer)


def _part_cautions(record: MagnetRecord) -> Iterator[Caution]:
    silent = unlisted(record)
    if silent:
        text = (
            f"Article 28 asks for coatings, glues, additives: not every magnet states {', '.join(silent)}. "
            'The label says so; where there are none, state "none".'
        )
        yield Caution(code="magnet_parts_unstated", text=text, pointer="/magnets/magnets")
