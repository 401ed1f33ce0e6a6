"""Which type a magnet is by what it holds: the duty of Article 29 hangs on the type that is stated."""

from collections.abc import Iterator
from typing import Final

from events.fractions import percent_text
from events.passport_terms import Magnet, MagnetRecord, MagnetType
from events.refusal import Caution
from events.vocabulary import PPB
from market.rules.quantities import element_fractions

LEAST_PPB: Final = PPB // 10
"""Sintered and bonded magnets of rare earths hold well over this of them; others hold traces."""


def type_by_composition(magnet: Magnet) -> MagnetType | None:
    """NdFeB by Nd and Pr, SmCo by Sm, whichever is more and at least a tenth; None where neither is."""
    held = {} if magnet.composition is None else element_fractions(magnet.composition)
    ndpr_ppb, sm_ppb = held.get("Nd", 0) + held.get("Pr", 0), held.get("Sm", 0)
    if max(ndpr_ppb, sm_ppb) < LEAST_PPB:
        return None
    return "NdFeB" if ndpr_ppb > sm_ppb else "SmCo"


def type_cautions(record: MagnetRecord) -> Iterator[Caution]:
    """A type that the composition of the same magnets contradicts."""
    for index, magnet in enumerate(record.magnets):
        read = type_by_composition(magnet)
        if magnet.composition is None or read is None or read == magnet.type:
            continue
        held = element_fractions(magnet.composition)
        elements = ("Nd", "Pr") if read == "NdFeB" else ("Sm",)
        figures = " and ".join(f"{percent_text(held[each])} {each}" for each in elements if each in held)
        yield Caution(
            code="magnet_type_unlike_composition",
            text=f"Stated is {magnet.type}, and a magnet of {figures} is {read}: the label shows the type as "
            "stated, and whether the statement of recycled content is due hangs on it.",
            pointer=f"/magnets/magnets/{index}/type",
        )
