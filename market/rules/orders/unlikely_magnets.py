"""Magnets of a product whose shares of rare earths are none that such magnets have."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from events.forecast_terms import ProductMagnet
from events.fractions import ppb_text
from events.refusal import Caution
from events.twin_terms import TwinMagnet
from events.vocabulary import RARE_EARTHS
from market.rules.orders.magnet_grades import ranked

NDFEB_MOST_PPB: Final = 350_000_000
"""Nd2Fe14B is 26.7 % neodymium; sintered magnets have 29 to 33 % of rare earths."""
SMCO_MOST_PPB: Final = 400_000_000
"""SmCo5 is 33.8 % samarium."""
OF_FERRITES: Final = frozenset({"La"})
_FERRITE: Final = re.compile(r"(?:Y(?:[0-9]{2}|8T)|C[0-9]{1,2}[A-C]?$|HF ?[0-9])")
"""Grades of GB/T 24270, of MMPA 0100 and of IEC 60404-8-1 as their makers write them."""


def is_ferrite(grade: str) -> bool:
    return _FERRITE.match(grade.upper()) is not None


def share_cautions(magnets: Sequence[ProductMagnet | TwinMagnet], pointer: str) -> Iterator[Caution]:
    """What looks odd in magnets that can be true all the same; `pointer`: of the magnets."""
    for line, magnet in enumerate(magnets):
        grade = magnet.grade if isinstance(magnet, TwinMagnet) else None
        shares = {
            each.element: each.fraction_ppb.middle for each in magnet.elements if each.element in RARE_EARTHS
        }
        at = f"{pointer}/{line}/elements"
        if grade is not None and is_ferrite(grade):
            yield from _ferrite_cautions(grade, shares, at)
            continue
        most_ppb = _most_ppb(grade, shares)
        if sum(shares.values()) > most_ppb:
            yield Caution(
                code="rare_earths_above_magnet",
                text=f"The stated middle values add up to {ppb_text(sum(shares.values()))} of rare earths; "
                f"such magnets have at most about {ppb_text(most_ppb)}. A forecast uses what is "
                "stated.",
                pointer=at,
            )


def _most_ppb(grade: str | None, shares: dict[str, int]) -> int:
    of_ndfeb = grade is not None and ranked(grade) is not None
    return SMCO_MOST_PPB if shares.get("Sm") and not of_ndfeb else NDFEB_MOST_PPB


def _ferrite_cautions(grade: str, shares: dict[str, int], pointer: str) -> Iterator[Caution]:
    found = [name for name, part in shares.items() if part and name not in OF_FERRITES]
    if found:
        yield Caution(
            code="rare_earths_of_ferrite",
            text=f"{grade} looks like a grade of ferrite magnets, which contain no {', '.join(found)}. A "
            "forecast uses what is stated.",
            pointer=pointer,
        )
