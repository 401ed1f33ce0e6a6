"""What the label of magnets owes to Article 28 of Regulation (EU) 2024/1252, and what its issuer should know.

Of an organisation the register holds name and country: its postal address and an electronic contact have to
stand where the data carrier leads, or on the product.
"""

from collections.abc import Iterator
from typing import Final, Literal
from uuid import UUID

from events.passport_terms import MagnetRecord, PassportContent
from events.refusal import Caution
from market.rules.orders.materials import recycling_cautions
from market.rules.passports.data_carriers import CarrierFault, carrier_fault

LabelPart = Literal[
    "responsible_name", "responsible_postal_address", "responsible_contact", "composition", "removal_steps"
]
NEVER_STATED: Final[tuple[LabelPart, ...]] = ("responsible_postal_address", "responsible_contact")
CARRIER_SENTENCES: Final[dict[CarrierFault, str]] = {
    "no_link": "The address is no link (https://…): nobody who reads the data carrier is led to the label.",
    "wrong_keys": "A key of the GS1 Digital Link has the wrong form or check digit, so the link is not used.",
}


def unstated_parts(record: MagnetRecord, *, responsible_known: bool) -> tuple[LabelPart, ...]:
    """What Article 28 asks for and a label does not say."""
    found: list[LabelPart] = [] if responsible_known else ["responsible_name"]
    found += NEVER_STATED
    if any(magnet.composition is None for magnet in record.magnets):
        found.append("composition")
    if not record.removal_steps:
        found.append("removal_steps")
    return tuple(found)


def stated_cautions(content: PassportContent) -> Iterator[Caution]:
    """Of a passport whose origin was stated, and does not follow from what it was made of."""
    shares = (each.post_consumer_ppb + each.pre_consumer_ppb for each in content.recycled)
    yield from recycling_cautions(max(shares, default=0), [share.stage for share in content.origin])


def label_cautions(record: MagnetRecord, issuer: UUID, *, responsible_known: bool) -> Iterator[Caution]:
    """What the issuer of a label that was accepted should know."""
    responsible = "/magnets/responsible_organisation"
    if not responsible_known:
        text = "There is no such organisation: the label names nobody who is responsible."
        yield Caution(code="responsible_unknown", text=text, pointer=responsible)
    elif record.responsible.organisation != issuer:
        text = (
            "The label names another organisation as responsible, which has not said so here: have its word."
        )
        yield Caution(code="responsible_of_other", text=text, pointer=responsible)
    yield Caution(
        code="responsible_address_missing",
        text=(
            "Article 28 asks for the postal address and an electronic contact of who is responsible; the "
            "label shows name and country: state the others where the data carrier leads, or on the product."
        ),
        pointer=responsible,
    )
    for index, magnet in enumerate(record.magnets):
        if magnet.composition is None:
            text = "Article 28 asks for the chemical composition of each magnet."
            pointer = f"/magnets/magnets/{index}/composition"
            yield Caution(code="magnet_composition_missing", text=text, pointer=pointer)
    if not record.removal_steps:
        text = "Article 28 asks for all steps by which the magnets are reached and removed, with their tools."
        yield Caution(code="removal_steps_missing", text=text, pointer="/magnets/removal_steps")
    fault = carrier_fault(record)
    if fault is not None:
        code, pointer = f"data_carrier_{fault}", "/magnets/data_carrier_address"
        yield Caution(code=code, text=CARRIER_SENTENCES[fault], pointer=pointer)
