"""Activities of thorium and uranium held against what the same assay says of their masses."""

from collections.abc import Iterator
from typing import Final

from events.fractions import ppb_text
from events.refusal import Caution
from events.vocabulary import Assay, Composition
from market.rules.quantities import SHARE_SCALE, element_fractions, figure_share
from market.rules.refusing.ineligibility import becquerel_text

MBQ_PER_G: Final = {"Th": ("Th-232", 4_057_000), "U": ("U-238", 12_347_000)}
"""Millibecquerel per gram of the element as it occurs: half-lives of 14.05 and 4.468 thousand million years,
of uranium 99.28 % by mass is U-238."""
APART: Final = 2
ROUNDED_MBQ_PER_G: Final = 1


def activity_cautions(composition: Composition, assay: Assay) -> Iterator[Caution]:
    """A factor of two and more between what is stated and what the cell of the element comes to."""
    for element, stated, pointer in (
        ("Th", assay.th_mbq_per_g, "/assay/th_mbq_per_g"),
        ("U", assay.u_mbq_per_g, "/assay/u_mbq_per_g"),
    ):
        if stated is None or (figure := figure_share(composition, element)) is None:
            continue
        share, below = figure
        nuclide, mbq_per_g = MBQ_PER_G[element]
        found = share * mbq_per_g
        over = stated * SHARE_SCALE >= APART * found
        under = not below and APART * stated * SHARE_SCALE <= found
        near = abs(stated * SHARE_SCALE - found) <= ROUNDED_MBQ_PER_G * SHARE_SCALE
        if near or not (over or under):
            continue
        of_cell = f"{element} below detection"
        if not below:
            of_cell = f"{ppb_text(element_fractions(composition)[element])} of {element}"
        bound = "below" if below else "about"
        yield Caution(
            code="activity_unlike_assay",
            text=f"{becquerel_text(stated)} of {nuclide} is stated, and {of_cell} is {bound} "
            f"{becquerel_text(found // SHARE_SCALE)}: one of both is of another unit, or of another mass.",
            pointer=pointer,
        )
