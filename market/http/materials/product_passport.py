"""A passport in the shape of Catena-X: aspect model `io.catenax.generic.digital_product_passport` 6.1.0.

The model asks for more than a passport of material states. What nobody states has the value that says so, and
its JSON Pointer stands in the additional data.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from events.fractions import PPB_PER_PERCENT, decimal_text
from events.passport_terms import ClaimEvidence, ElementShare, MagnetRecord
from events.vocabulary import GRAMS_PER_KG, RARE_EARTHS, Cell, Composition, Footprint
from market.http.materials.passport_terms import MagnetRecord as MagnetRecordView
from market.http.materials.passport_terms import PassportTerms
from market.http.materials.passport_views import LabelShare
from market.http.wire.ids import to_text
from market.rules.passports.data_carriers import stated_link
from market.rules.visibility.passport_visibility import MagnetLabel, SeenPassport

Part = dict[str, Any]

MODEL: Final = "urn:samm:io.catenax.generic.digital_product_passport:6.1.0#DigitalProductPassport"
NO_COMPANY: Final = "BPNL000000000000"
NO_EORI: Final = "ZZ0"
NO_END: Final = "9999-12-31"
NO_PASSPORT: Final = UUID(int=0).urn
CRITICAL: Final = frozenset(RARE_EARTHS) | {
    "Al", "As", "B", "Be", "Bi", "Co", "Cu", "Ga", "Ge", "Hf", "Li", "Mg", "Mn", "Nb", "P", "Pd", "Pt", "Sb",
    "Sr", "Ta", "V", "W",
}  # fmt: skip
"""Analytes that Annex II of Regulation (EU) 2024/1252 names whatever they are in, which silicon and titanium
(as metal), nickel (battery grade), barium and fluorine (as their ores) are not."""
CATEGORIES: Final = {
    "composition": "Material and Substance Information",
    "origin": "Supply Chain Information",
    "footprint": "Environmental Impact",
    "recycled": "Environmental Impact",
    "booked": "Environmental Impact",
}
UNSTATED: Final = (
    "/metadata/economicOperatorId",
    "/metadata/expirationDate",
    "/metadata/predecessor",
    "/operation/manufacturer/manufacturer",
    "/operation/import",
    "/handling",
    "/characteristics/physicalDimension/grossWeight",
    "/characteristics/physicalDimension/grossVolume",
    "/characteristics/physicalDimension/volume",
    "/commercial/recallInformation",
    "/materials/substancesOfConcern",
    "/sustainability/status",
)
"""What no passport of material states, by the pointers of the document."""


def of_passport(seen: SeenPassport, now: datetime) -> Part:
    """Nothing that this viewer's `GET /v1/passports/{id}` does not hold. `now`: whether its footprint has
    expired."""
    content = seen.content
    terms = PassportTerms.outside(content)
    more = [
        _more("tier", "Who the export was made for", seen.tier),
        _more("custody", "Custody model of ISO 22095", content.custody),
        *(
            _more(name, described, msgspec.json.encode(getattr(terms, name)).decode())
            for name, described in (
                ("composition", "Composition with its basis and what is below detection, as JSON"),
                ("origin", "Origin by stage, as JSON"),
                ("recycled", "Post- and pre-consumer share by element, as JSON"),
                ("booked", "Shares that were bought apart from the material, as JSON"),
                ("footprint", "Footprint with its reference year, primary data and validity, as JSON"),
                ("certificates", "Certificates with their validity, as JSON"),
                ("magnets", "Magnets, Article 28 of Regulation (EU) 2024/1252, as JSON"),
            )
            if getattr(terms, name)
        ),
    ]
    document = {
        "metadata": _metadata(seen.passport, seen.version, _status(seen), seen.issued_at),
        "identification": {
            "batch": [{"key": "batchId", "value": content.lot_number}],
            **_identification(seen.passport, content.form, content.magnets),
        },
        **_unstated(content.net_wet_g),
        "materials": {
            "substancesOfConcern": {"applicable": False, "content": []},
            "materialComposition": _materials(content.composition, content.recycled),
        },
        "sustainability": _sustainability(content.footprint, now),
        "sources": [_source(each) for each in content.evidence],
    }
    unstated = (*UNSTATED, *_unstated_shares(content.composition, content.recycled))
    return {**document, "additionalData": [*more, _placeholders(document, unstated)]}


def of_label(label: MagnetLabel) -> Part:
    """What everybody may see: magnets and post-consumer shares."""
    magnets = msgspec.json.encode(MagnetRecordView.outside(label.magnets)).decode()
    recycled = msgspec.json.encode(tuple(map(LabelShare.of, label.recycled))).decode()
    named = msgspec.json.encode(label.responsible).decode()
    document = {
        "metadata": _metadata(label.passport, label.corrections + 1, None, label.issued_at),
        "identification": _identification(label.passport, label.form, label.magnets),
        **_unstated(label.net_wet_g),
        "materials": {
            "substancesOfConcern": {"applicable": False, "content": []},
            "materialComposition": {"applicable": False, "content": []},
        },
        "sustainability": _sustainability(None, label.issued_at),
        "sources": [],
    }
    return {
        **document,
        "additionalData": [
            _more("tier", "Who the export was made for", "public"),
            _more("magnets", "Magnets, Article 28 of Regulation (EU) 2024/1252, as JSON", magnets),
            _more("responsible", "Who is responsible, as the register has it, as JSON", named),
            _more("recycled", "Post-consumer share by element, Article 29 of it, as JSON", recycled),
            _placeholders(document, (*UNSTATED, "/materials/materialComposition")),
        ],
    }


def _metadata(passport: UUID, version: int, status: str | None, issued_at: datetime) -> Part:
    return {
        "version": str(version),
        "specVersion": MODEL,
        **({} if status is None else {"status": status}),
        "expirationDate": NO_END,
        "issueDate": f"{issued_at:%Y-%m-%d}",
        "economicOperatorId": NO_COMPANY,
        "passportIdentifier": passport.urn,
        "predecessor": NO_PASSPORT,
        "backupReference": "the record of the materials stream, kept for ever",
        "language": "en",
    }


def _status(seen: SeenPassport) -> str | None:
    """None while it lives: nobody approves a passport here, and the model has no word for that."""
    if seen.retired == "issued_in_error":
        return "invalid"
    return "expired" if seen.status == "retired" else None


def _identification(passport: UUID, form: str, magnets: MagnetRecord | None) -> Part:
    link = stated_link(magnets)
    gtin = None if link is None else link.gtin
    return {
        "type": {"manufacturerPartId": to_text("pass", passport), "nameAtManufacturer": form},
        "codes": [] if gtin is None else [{"key": "GTIN", "value": gtin}],
        "dataCarrier": {
            "carrierType": "none" if magnets is None else magnets.data_carrier.kind,
            "carrierLayout": "none" if magnets is None else magnets.data_carrier.address,
        },
        "classification": [{"classificationStandard": "Lodestone product form", "classificationID": form}],
    }


def _unstated(net_wet_g: int) -> Part:
    """Weight, and the parts of the model that a passport of material has nothing to say to."""
    weight = {"value": _decimal(net_wet_g, GRAMS_PER_KG), "unit": "unit:kilogram"}
    no_volume = {"value": 0, "unit": "unit:cubicMetre"}
    return {
        "operation": {
            "manufacturer": {"facility": [], "manufacturer": NO_COMPANY},
            "import": {"applicable": False, "content": {"eori": NO_EORI, "id": NO_COMPANY}},
        },
        "handling": {"applicable": False, "content": {"producer": [], "sparePart": []}},
        "characteristics": {
            "lifespan": [],
            "physicalDimension": {
                "weight": weight,
                "grossWeight": {"value": 0, "unit": "unit:kilogram"},
                "volume": no_volume,
                "grossVolume": no_volume,
            },
            "physicalState": "solid",
        },
        "commercial": {"purpose": [], "recallInformation": {"applicable": False}},
    }


def _measured(composition: Composition) -> list[Cell]:
    return [cell for cell in composition.cells if cell.state == "value" and cell.fraction_ppb is not None]


def _unstated_shares(composition: Composition, recycled: tuple[ElementShare, ...]) -> Iterator[str]:
    """Members of materials that are 0 because nobody stated them."""
    stated = {share.element for share in recycled}
    for index, cell in enumerate(_measured(composition)):
        yield f"/materials/materialComposition/content/{index}/renewable"
        if cell.analyte not in stated:
            yield f"/materials/materialComposition/content/{index}/recycled"


def _materials(composition: Composition, recycled: tuple[ElementShare, ...]) -> Part:
    shares = {share.element: share.post_consumer_ppb + share.pre_consumer_ppb for share in recycled}
    return {
        "applicable": True,
        "content": [
            {
                "id": [{"type": "IUPAC", "id": cell.reported_as, "name": cell.reported_as}],
                "concentration": _decimal(cell.fraction_ppb or 0, PPB_PER_PERCENT),
                "unit": "unit:percent",
                "critical": cell.analyte in CRITICAL,
                "recycled": _decimal(shares.get(cell.analyte, 0), PPB_PER_PERCENT),
                "renewable": 0,
                "documentation": [],
            }
            for cell in _measured(composition)
        ],
    }


def _sustainability(footprint: Footprint | None, now: datetime) -> Part:
    carbon = [] if footprint is None else [_carbon(footprint, now)]
    return {"status": "original", "productFootprint": {"carbon": carbon}}


def _carbon(footprint: Footprint, now: datetime) -> Part:
    """Its declaration says until when it holds, since the model has no member for that."""
    expired = " (expired)" if footprint.valid_until <= now else ""
    declared = [] if footprint.verifier is None else [_document("verifier", footprint.verifier)]
    declared += [
        _document("reference year", str(footprint.reference_year)),
        _document("valid until", f"{footprint.valid_until:%Y-%m-%d}{expired}"),
    ]
    return {
        "type": "Climate Change Total",
        "value": _decimal(footprint.g_co2e_per_kg, GRAMS_PER_KG),
        "unit": f"kg CO2e per kg {footprint.declared_unit}",
        "lifecycle": footprint.boundary,
        "rulebook": [
            _document("standard", footprint.standard),
            _document("allocation", footprint.allocation),
        ],
        "manufacturingPlant": [],
        "declaration": declared,
    }


def _document(header: str, content: str) -> Part:
    return {"header": header, "content": content, "contentType": "text/plain"}


def _source(each: ClaimEvidence) -> Part:
    """A document stays with its owner: its hash stands for it."""
    return {
        "header": each.document.title,
        "category": CATEGORIES[each.supports],
        "type": "SHA-256",
        "content": each.document.sha256,
    }


def _more(label: str, description: str, data: str) -> Part:
    return {
        "label": label,
        "description": description,
        "type": {"dataType": "xsd:string"},
        "data": data,
    }


def _placeholders(document: Part, pointers: Sequence[str]) -> Part:
    """With every empty list that lies below none of the pointers."""
    whole = tuple(f"{each}/" for each in pointers)
    empty = (each for each in _empty_lists(document, "") if not each.startswith(whole))
    found = " ".join(sorted({*pointers, *empty}))
    return _more("placeholders", "JSON Pointers of what nobody states", found)


def _empty_lists(part: Any, pointer: str) -> Iterator[str]:
    if isinstance(part, list) and not part:
        yield pointer
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in entries:
        yield from _empty_lists(value, f"{pointer}/{name}")


def _decimal(value: int, unit: int) -> Decimal:
    return Decimal(decimal_text(value, unit))
