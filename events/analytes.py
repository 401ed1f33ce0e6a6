"""Names of analytes: suggestions for an unknown name, and sums of an assay's figures without double
counting."""

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
"""The oxides of the same assay already count the oxygen of these ions, so only the element of an ion
counts."""
_WATER: Final[frozenset[str]] = frozenset({"H2O", "MOISTURE", "WATER"})
_TREO: Final[frozenset[str]] = frozenset({"TREO", "REO"})
_FOLDED: Final[dict[str, str]] = {name.casefold(): name for name in (*ANALYTES, *REPORTED)}


def meant_by(name: str) -> str:
    """What to write instead of a name that is no analyte, where figures are of elements."""
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
    """As `meant_by`, where a figure may also be reported as an oxide or ion, as in an assay."""
    known = _FOLDED.get(name.casefold(), name)
    if known in REPORTED:
        return f"state {REPORTED[known][0]}, with reported_as {known} and the figure as it is"
    return meant_by(name)


def cell_meant_by(name: str) -> str:
    """As `meant_by`, in a composition, which has its own member for TREO."""
    if name.upper() in _TREO:
        return "all rare-earth oxides are stated beside the analytes, as the TREO of the composition"
    return reported_meant_by(name)


def rare_earth_meant_by(name: str) -> str:
    """As `meant_by`, where only rare earths are allowed."""
    if name in ANALYTES:
        return f"rare earths are {', '.join(RARE_EARTHS)}"
    return meant_by(name)


def element_meant_by(name: str) -> str:
    """As `meant_by`, where only elements are allowed."""
    if name.upper() == LOSS_ON_IGNITION:
        return "a loss on ignition is of several elements at once"
    return meant_by(name).removesuffix(f", {LOSS_ON_IGNITION}")


def reported_names(analyte: str) -> str:
    """The names (element, oxides, ions) under which a figure of this analyte may be reported."""
    return ", ".join((analyte, *(name for name, (element, _) in REPORTED.items() if element == analyte)))


def whole_ppb(figures: Iterable[tuple[str, int]]) -> int:
    """Sum of the shares of all analytes; LOI and the elements that it may contain count once: the larger of
    the two."""
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
    """The share of the sample that a figure stands for: as it was reported, but for an ion only its
    element."""
    fraction_ppb = cell.fraction_ppb or 0
    return fraction_ppb * REPORTED[cell.reported_as][1] // PPB if cell.reported_as in _IONS else fraction_ppb


def in_two_forms(first: Cell, second: Cell) -> str:
    """Two figures of one element and their sum, as a text."""
    forms = f"as {first.reported_as} and as {second.reported_as}"
    shares = [
        (cell.fraction_ppb or 0) * REPORTED.get(cell.reported_as, (cell.analyte, PPB))[1] // PPB
        for cell in (first, second)
        if cell.state == "value"
    ]
    return f"{forms}, together {percent_text(sum(shares))} of {first.analyte}" if len(shares) > 1 else forms
