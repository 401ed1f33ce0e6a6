"""Analytes as assays name them: what was meant by a name that is none, and what of an assay counts once."""

from collections.abc import Iterable
from typing import Final

from events.fractions import percent_text
from events.vocabulary import (
    ANALYTES,
    BURNT,
    LOSS_ON_IGNITION,
    OTHER_ANALYTES,
    PPB,
    RARE_EARTHS,
    REPORTED,
    Cell,
)

_IONS: Final[frozenset[str]] = frozenset({"CO3", "NO3", "PO4", "SO4"})
"""Their oxygen stands in the oxides of the same assay already, so of them the element alone counts."""
_WATER: Final[frozenset[str]] = frozenset({"H2O", "MOISTURE", "WATER"})
_TREO: Final[frozenset[str]] = frozenset({"TREO", "REO"})
_FOLDED: Final[dict[str, str]] = {name.casefold(): name for name in (*ANALYTES, *REPORTED)}


def meant_by(name: str) -> str:
    """What to state in place of a name that is no analyte, where figures are of elements."""
    if name.upper() in _WATER:
        return "free water is the moisture of the goods, bound water part of LOI"
    if name.upper() in _TREO:
        return "state the rare earths one by one, each as its element"
    known = _FOLDED.get(name.casefold(), name)
    if known in REPORTED:
        element, share_ppb = REPORTED[known]
        return f"state {element}, which is {percent_text(share_ppb)} of {known}"
    if known in ANALYTES:
        return f"write {known}"
    return f"there are {', '.join((*RARE_EARTHS, *OTHER_ANALYTES, LOSS_ON_IGNITION))}"


def reported_meant_by(name: str) -> str:
    """The same where a figure may be reported as something else, as those of an assay."""
    known = _FOLDED.get(name.casefold(), name)
    if known in REPORTED:
        return f"state {REPORTED[known][0]}, with reported_as {known} and the figure as it is"
    return meant_by(name)


def cell_meant_by(name: str) -> str:
    """The same in a composition, which has a TREO."""
    if name.upper() in _TREO:
        return "all rare-earth oxides are stated beside the analytes, as the TREO of the composition"
    return reported_meant_by(name)


def rare_earth_meant_by(name: str) -> str:
    """The same where only rare earths can be."""
    if name in ANALYTES:
        return f"rare earths are {', '.join(RARE_EARTHS)}"
    return meant_by(name)


def element_meant_by(name: str) -> str:
    """The same where only elements can be stated."""
    if name.upper() == LOSS_ON_IGNITION:
        return "a loss on ignition is of several elements at once"
    return meant_by(name).removesuffix(f", {LOSS_ON_IGNITION}")


def reported_names(analyte: str) -> str:
    """As what a figure of it may be reported."""
    return ", ".join((analyte, *(name for name, (element, _) in REPORTED.items() if element == analyte)))


def whole_ppb(figures: Iterable[tuple[str, int]]) -> int:
    """Sum of shares by analyte; what burns off counts once, as LOI or by its elements, whichever is more."""
    solid = burnt = loss = 0
    for analyte, fraction_ppb in figures:
        if analyte == LOSS_ON_IGNITION:
            loss += fraction_ppb
        elif analyte in BURNT:
            burnt += fraction_ppb
        else:
            solid += fraction_ppb
    return solid + max(burnt, loss)


def counted_ppb(cell: Cell) -> int:
    """What a figure is of the whole: as reported, of an ion its element."""
    fraction_ppb = cell.fraction_ppb or 0
    return fraction_ppb * REPORTED[cell.reported_as][1] // PPB if cell.reported_as in _IONS else fraction_ppb


def in_two_forms(first: Cell, second: Cell) -> str:
    """What two figures of one element come to together, in words."""
    forms = f"as {first.reported_as} and as {second.reported_as}"
    shares = [
        (cell.fraction_ppb or 0) * REPORTED.get(cell.reported_as, (cell.analyte, PPB))[1] // PPB
        for cell in (first, second)
        if cell.state == "value"
    ]
    return f"{forms}, together {percent_text(sum(shares))} of {first.analyte}" if len(shares) > 1 else forms
