"""A label of magnets as a page for the browser of whoever scans the data carrier of a product.

It shows the same as the label's JSON, in the order in which a dismantler needs it, and loads nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from events.fractions import G_PER_TONNE, decimal_text, tonnes_text
from events.passport_terms import MagnetType, ResponsibleRole
from events.vocabulary import MICRO, form_text
from market.http.materials.passport_terms import Magnet, RemovalStep
from market.http.materials.passport_views import LabelView, NoteView
from market.http.orders.composition import (
    AssayCell,
    Composition,
    NotDetectedCell,
    PercentFraction,
    UnmeasuredCell,
)
from market.http.wire.numbers import GRAMS, TONNES
from market.pages import add_facts, add_table, as_html, page_of, text
from market.rules.passports.magnet_labels import LabelPart

TITLE: Final = "Permanent magnets in this product"
NOT_STATED: Final = "not stated"
TYPES: Final[dict[MagnetType, str]] = {
    "NdFeB": "neodymium-iron-boron (NdFeB)",
    "SmCo": "samarium-cobalt (SmCo)",
    "AlNiCo": "aluminium-nickel-cobalt (AlNiCo)",
    "ferrite": "ferrite",
}
ROLES: Final[dict[ResponsibleRole, str]] = {
    "manufacturer": "manufacturer",
    "importer": "importer",
    "authorised_representative": "authorised representative",
}
PARTS: Final[dict[LabelPart, str]] = {
    "responsible_name": "who is responsible",
    "responsible_postal_address": "its postal address",
    "responsible_contact": "its electronic contact",
    "composition": "the chemical composition of each magnet",
    "coatings": "the coatings of each magnet, or that there are none",
    "glues": "the glues of each magnet, or that there are none",
    "additives": "the additives of each magnet, or that there are none",
    "removal_steps": "how the magnets are reached and removed",
}
RECYCLED_NOTE: Final = (
    "Share of each element in the whole lot that was recovered from waste of users (post-consumer)."
)


def page(label: LabelView) -> bytes:
    root, body = page_of(TITLE)
    text(body, "p", _lead(label))
    text(body, "h2", "Who is responsible")
    add_facts(body, _responsible(label))
    text(body, "h2", "How to remove the magnets")
    _add_steps(body, label.magnets.removal_steps)
    text(body, "h2", "The magnets")
    for number, magnet in enumerate(label.magnets.magnets, 1):
        _add_magnet(body, number, magnet)
    text(body, "h2", "Recycled content")
    if label.recycled:
        text(body, "p", RECYCLED_NOTE)
        shares = [(each.element, f"{each.post_consumer_percent} %") for each in label.recycled]
        add_table(body, ("element", "post-consumer"), shares)
    else:
        text(body, "p", "No recycled content is stated.")
    if label.notes:
        text(body, "h2", "Notes of who issued this label")
        for note in label.notes:
            _add_note(body, note)
    if label.unstated:
        text(body, "h2", "What this label does not say")
        _add_list(body, "ul", [PARTS[part] for part in label.unstated])
    text(body, "h2", "This label")
    add_facts(body, _about(label))
    return as_html(root)


def _lead(label: LabelView) -> str:
    found = dict.fromkeys(magnet.type for magnet in label.magnets.magnets)
    of = form_text(label.form)
    return f"Holds permanent magnets of {', '.join(TYPES[each] for each in found)}. The product: {of}."


def _responsible(label: LabelView) -> Iterable[tuple[str, str]]:
    yield "name", label.responsible_name or NOT_STATED
    yield "as", ROLES[label.magnets.responsible_role]
    if label.responsible_country is not None:
        yield "country", label.responsible_country
    address = label.responsible_postal_address
    if address is None:
        yield "postal address", NOT_STATED
    else:
        town = " ".join(filter(None, (address.postal_code, address.town)))
        yield "postal address", f"{address.street}, {town}, {address.country}"
    yield "contact", label.responsible_electronic_contact or NOT_STATED


def _add_steps(body: Element, steps: Sequence[RemovalStep]) -> None:
    if not steps:
        text(body, "p", NOT_STATED)
        return
    _add_list(body, "ol", [_step(step) for step in steps])


def _step(step: RemovalStep) -> str:
    return f"{step.instruction} (tools: {', '.join(step.tools)})" if step.tools else step.instruction


def _add_magnet(body: Element, number: int, magnet: Magnet) -> None:
    pieces = "1 piece" if magnet.pieces == 1 else f"{magnet.pieces} pieces"
    text(body, "h3", f"{number}. {TYPES[magnet.type]}, {pieces}")
    mass_mg = GRAMS.decoded(magnet.mass_g)
    facts = [("where", magnet.location), ("mass of one", _mass(mass_mg))]
    if magnet.pieces > 1:
        facts.append(("mass of all", _mass(mass_mg * magnet.pieces)))
    facts += [
        (name, ", ".join(found) or NOT_STATED)
        for name, found in (
            ("coatings", magnet.coatings),
            ("glues", magnet.glues),
            ("additives", magnet.additives),
        )
    ]
    if magnet.composition is None:
        facts.append(("composition", NOT_STATED))
    add_facts(body, facts)
    if magnet.composition is not None:
        _add_composition(body, magnet.composition)


def _add_composition(body: Element, composition: Composition) -> None:
    of = "dry mass" if composition.basis == "dry" else "mass as received"
    if composition.of == "treo":
        of = f"rare-earth oxides, which are {composition.treo_percent} % of its {of}"
    rows = [(_analyte(cell), _share(cell)) for cell in composition.cells]
    add_table(body, ("composition", f"share of its {of}"), rows)


def _analyte(cell: AssayCell) -> str:
    if cell.reported_as in (None, cell.analyte):
        return cell.analyte
    return f"{cell.analyte}, as {cell.reported_as}"


def _share(cell: AssayCell) -> str:
    if isinstance(cell, UnmeasuredCell):
        return "not measured"
    unit = "%" if isinstance(cell.fraction, PercentFraction) else "ppm"
    below = "below " if isinstance(cell, NotDetectedCell) else ""
    return f"{below}{cell.fraction.amount} {unit}"


def _add_note(body: Element, note: NoteView) -> None:
    text(body, "p", f"{note.at:%Y-%m-%d}: {note.note}", dir="auto")
    papers = [f"{paper.title}, dated {paper.dated_on}, SHA-256 {paper.sha256}" for paper in note.evidence]
    if papers:
        _add_list(body, "ul", papers)


def _about(label: LabelView) -> Iterable[tuple[str, str]]:
    yield "number", label.id
    yield "issued on", f"{label.issued_at:%Y-%m-%d}"
    if label.corrections:
        yield "corrected", "once" if label.corrections == 1 else f"{label.corrections} times"
    yield "mass of the lot", _lot_mass(TONNES.decoded(label.net_wet_t))


def _add_list(body: Element, tag: str, lines: Iterable[str]) -> None:
    listed = SubElement(body, tag)
    for line in lines:
        text(listed, "li", line, dir="auto")


def _mass(mass_mg: int) -> str:
    return f"{decimal_text(mass_mg, MICRO)} kg" if mass_mg >= MICRO else f"{decimal_text(mass_mg, 1_000)} g"


def _lot_mass(net_wet_g: int) -> str:
    """A lot may be one product: below a tonne it is told in kilograms."""
    return tonnes_text(net_wet_g) if net_wet_g >= G_PER_TONNE else f"{decimal_text(net_wet_g, 1_000)} kg"
