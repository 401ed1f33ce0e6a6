"""Warnings about activities of thorium and uranium: compared with the masses in the same assay, and what they
require of buyer and carrier."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import UNSET

from events.delivery_events import DeliveryShipped
from events.fractions import ppb_text
from events.refusal import Caution
from events.vocabulary import Assay, Cell, Composition, ProductForm, form_text
from market.rules.quantities import SHARE_SCALE, element_fractions, figure_share
from market.rules.refusing.ineligibility import becquerel_text

MBQ_PER_G: Final = {"Th": ("Th-232", 4_057_000), "U": ("U-238", 12_347_000)}
"""Millibecquerel per gram of the element as it occurs: half-lives of 14.05 and 4.468 thousand million years,
of uranium 99.28 % by mass is U-238."""
APART: Final = 2
ROUNDED_MBQ_PER_G: Final = 1
CLEARED_MBQ_PER_G: Final = 1_000
"""Of natural radionuclides: Directive 2013/59/Euratom, Annex VII, table A part 2."""
CARRIED_MBQ_PER_G: Final = 10 * CLEARED_MBQ_PER_G
"""Of natural material, Th and U together: ADR 1.7.1.4 (e)."""
_MINERALS: Final[frozenset[ProductForm]] = frozenset({"ore", "concentrate", "residue"})


def activity_cautions(composition: Composition, assay: Assay) -> Iterator[Caution]:
    """Warns if the stated activity and the one computed from the element's mass differ by a factor of two or
    more."""
    stated = {"Th": assay.th_mbq_per_g, "U": assay.u_mbq_per_g}
    return _apart(composition, stated, "/assay/{}_mbq_per_g")


def shipped_cautions(fact: DeliveryShipped) -> Iterator[Caution]:
    """As `activity_cautions`, for a shipment. Pointers are into the shipment."""
    cells = tuple(
        Cell(
            analyte=each.analyte,
            reported_as=each.analyte,
            state="value",
            fraction_ppb=each.fraction_ppb,
        )
        for each in fact.stated
        if each.fraction_ppb
    )
    shown = fact.evidence
    stated = {
        element: None if mbq_per_g is UNSET else mbq_per_g
        for element, mbq_per_g in (("Th", shown.th_mbq_per_g), ("U", shown.u_mbq_per_g))
    }
    yield from _apart(Composition(basis="dry", of="sample", cells=cells), stated, "/{}_bq_per_g")


def _apart(composition: Composition, given: Mapping[str, int | None], pointer: str) -> Iterator[Caution]:
    """`pointer`: with a place for the element in small letters."""
    for element, stated in given.items():
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
            text=f"{becquerel_text(stated)} of {nuclide} is stated, but {of_cell} is {bound} "
            f"{becquerel_text(found // SHARE_SCALE)}: one of them is in another unit, or of another "
            "mass.",
            pointer=pointer.format(element.lower()),
        )


def radioactive_cautions(composition: Composition, assay: Assay) -> Iterator[Caution]:
    """By the stated activity, else by the one computed from the element's mass."""
    found: dict[str, tuple[int, str]] = {}
    for element, stated, pointer in (
        ("Th", assay.th_mbq_per_g, "/assay/th_mbq_per_g"),
        ("U", assay.u_mbq_per_g, "/assay/u_mbq_per_g"),
    ):
        if stated is not None:
            found[element] = stated, pointer
        elif (figure := figure_share(composition, element)) is not None and not figure[1]:
            found[element] = figure[0] * MBQ_PER_G[element][1] // SHARE_SCALE, "/composition/cells"
    if not found or max(found.values())[0] <= CLEARED_MBQ_PER_G:
        return
    told = ", ".join(
        f"{becquerel_text(mbq_per_g)} of {MBQ_PER_G[element][0]}" for element, (mbq_per_g, _) in found.items()
    )
    text = (
        f"{told}: above 1 Bq/g it may be radioactive material under the law of the recipient "
        "(Directive 2013/59/Euratom). No site is asked for that authorisation here; it may register "
        "one as a licence of kind radioactive_material."
    )
    if sum(mbq_per_g for mbq_per_g, _ in found.values()) > CARRIED_MBQ_PER_G:
        text += " Above 10 Bq/g it travels as class 7 (ADR 1.7.1.4), which a consignment does not state."
    pointer = max(found.values())[1]
    yield Caution(code="radioactive_material", text=text, pointer=pointer)


def unbounded_cautions(
    forms: Iterable[ProductForm], th_max: int | None, u_max: int | None
) -> Iterator[Caution]:
    """Of a requirement that takes minerals, where thorium and uranium are."""
    unstated = [name for name, most in (("th", th_max), ("u", u_max)) if most is None]
    taken = [form for form in forms if form in _MINERALS]
    if taken and unstated:
        members = " and ".join(f"{name}_max_bq_per_g" for name in unstated)
        yield Caution(
            code="activity_unbounded",
            text=f"Without {members} any activity of {form_text(taken[0])} fits, also an unstated one. "
            "Above 1 Bq/g it may be radioactive material, above 10 Bq/g it is transported as class 7.",
            pointer=f"/{unstated[0]}_max_mbq_per_g",
        )
