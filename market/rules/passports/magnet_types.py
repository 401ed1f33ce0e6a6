"""Which type a magnet is by what it holds: the duty of Article 29 hangs on the type that is stated."""

from collections.abc import Iterator
from typing import Final

from events.fractions import percent_text
from events.passport_terms import Magnet, MagnetType, PassportContent
from events.refusal import Caution
from events.vocabulary import PPB, Composition
from market.rules.element_masses import MG_PER_G
from market.rules.quantities import element_fractions

NEARLY_PPB: Final = PPB * 9 // 10
LEAST_PPB: Final = PPB // 10
"""Sintered and bonded magnets of rare earths hold well over this of them; others hold traces."""


def composition_of(magnet: Magnet, content: PassportContent) -> Composition | None:
    """Its own; where none is stated that of the lot, if magnets are nearly all of it and none of them is
    stated to be of the type that the lot holds."""
    if magnet.composition is not None or content.magnets is None:
        return magnet.composition
    magnets = content.magnets.magnets
    mass_mg = sum(each.pieces * each.mass_mg for each in magnets)
    read = _read(content.composition)
    nearly_all = mass_mg * PPB >= content.net_wet_g * MG_PER_G * NEARLY_PPB
    if not nearly_all or any(each.type == read for each in magnets):
        return None
    return content.composition


def type_by_composition(magnet: Magnet, content: PassportContent) -> MagnetType | None:
    """NdFeB by Nd and Pr, SmCo by Sm, whichever is more and at least a tenth; None where neither is."""
    return _read(composition_of(magnet, content))


def _read(composition: Composition | None) -> MagnetType | None:
    held = {} if composition is None else element_fractions(composition)
    ndpr_ppb, sm_ppb = held.get("Nd", 0) + held.get("Pr", 0), held.get("Sm", 0)
    if max(ndpr_ppb, sm_ppb) < LEAST_PPB:
        return None
    return "NdFeB" if ndpr_ppb > sm_ppb else "SmCo"


def type_cautions(content: PassportContent) -> Iterator[Caution]:
    """A type that the composition of the same magnets contradicts, or that of a lot which they are."""
    for index, magnet in enumerate(() if content.magnets is None else content.magnets.magnets):
        composition = composition_of(magnet, content)
        read = _read(composition)
        if composition is None or read is None or read == magnet.type:
            continue
        held = element_fractions(composition)
        elements = ("Nd", "Pr") if read == "NdFeB" else ("Sm",)
        figures = " and ".join(f"{percent_text(held[each])} {each}" for each in elements if each in held)
        yield Caution(
            code="magnet_type_unlike_composition",
            text=f"{magnet.type} is stated, but a magnet of {figures} is {read}: the label shows the type "
            "as stated, and it decides whether the statement of recycled content is due.",
            pointer=f"/magnets/magnets/{index}/type",
        )
