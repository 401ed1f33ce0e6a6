"""End-of-life parts with magnets: the sums of their bill of magnets, and whether the lot can contain them."""

from collections.abc import Iterator
from typing import Final, Protocol

from msgspec import UNSET, UnsetType

from events.refusal import Caution, Refusal
from events.rex_terms import Core
from events.vocabulary import (
    BASIS_ELEMENTS,
    RARE_EARTHS,
    Composition,
    MarketBasis,
    MassG,
    Packaging,
    ProductForm,
    Tranche,
)
from market.rules.element_masses import MG_PER_G
from market.rules.orders.unlikely_magnets import is_ferrite
from market.rules.quantities import SHARE_SCALE, UNPACKED_UNITS, figure_shares, net_dry_g
from market.rules.refusing.ineligibility import kg_text
from market.rules.refusing.material_defects import BasisAboveBill, BillAboveLot, CoreOfOtherForm

LEAST_OF_BILL_PERCENT: Final = 15
"""Half of the share of rare earths in NdFeB or SmCo magnets."""


class Offered(Protocol):
    """An offer or a lot, drafted or posted."""

    @property
    def core(self) -> Core | UnsetType: ...
    @property
    def net_wet_g(self) -> int: ...
    @property
    def moisture_ppb(self) -> int: ...
    @property
    def composition(self) -> Composition: ...
    @property
    def packaging(self) -> Packaging: ...
    @property
    def tranches(self) -> tuple[Tranche, ...]: ...


def magnets_per_core_mg(core: Core) -> int:
    return sum(magnet.pieces * magnet.mass_mg for magnet in core.magnets)


def recoverable_magnets_mg(core: Core) -> int:
    """Mass of the magnets in all cores of the lot."""
    return core.pieces * magnets_per_core_mg(core)


def disassembly_minutes_tenths(core: Core) -> int:
    """Disassembly time of one core, all steps in sequence."""
    return sum(step.minutes_tenths for step in core.steps)


def core_refusals(core: Core | UnsetType, form: ProductForm, net_wet_g: MassG) -> Iterator[Refusal]:
    if core is UNSET:
        return
    magnets_mg = recoverable_magnets_mg(core)
    if form != "core":
        yield CoreOfOtherForm(pointer="/core", form=form)
    if magnets_mg > net_wet_g * MG_PER_G:
        yield BillAboveLot(
            pointer="/core/magnets",
            pieces=core.pieces,
            magnets=_mg_text(magnets_mg),
            lot=kg_text(net_wet_g),
        )


def contained_refusals(core: Core, contained_g: MassG, basis: MarketBasis) -> Iterator[Refusal]:
    """Refusals if the magnets weigh less than the basis elements found by the assay, which are in the
    magnets."""
    if not BASIS_ELEMENTS[basis]:
        return
    magnets_mg = recoverable_magnets_mg(core)
    if contained_g * MG_PER_G > magnets_mg:
        yield BasisAboveBill(
            pointer="/core/magnets",
            contained=kg_text(contained_g),
            basis=basis,
            magnets=_mg_text(magnets_mg),
        )


def core_cautions(terms: Offered) -> Iterator[Caution]:
    """Warnings if bill of magnets, packages and assay contradict each other."""
    core = terms.core
    if core is UNSET:
        return
    yield from _packed_cautions(core, terms)
    bill_mg = core.pieces * sum(
        magnet.pieces * magnet.mass_mg for magnet in core.magnets if not is_ferrite(magnet.grade)
    )
    found_g = rare_earths_g(terms)
    if found_g * MG_PER_G * 100 < bill_mg * LEAST_OF_BILL_PERCENT:
        yield Caution(
            code="composition_below_bill",
            text=f"By its composition the lot has {kg_text(found_g)} of rare earths in {_mg_text(bill_mg)} "
            "of magnets; NdFeB and SmCo magnets are more than a quarter rare earths. Check that the "
            "bill covers the pieces of the whole lot, and check the figures.",
            pointer="/composition/cells",
        )


def _packed_cautions(core: Core, terms: Offered) -> Iterator[Caution]:
    """As many cores as all packages hold; the last one of a tranche may be begun."""
    packaging = terms.packaging
    one = 1 if packaging.unit == "piece" and packaging.pieces is UNSET else packaging.pieces
    if one is UNSET or packaging.unit in UNPACKED_UNITS or not packaging.package_wet_g:
        return
    whole = [divmod(each.net_wet_g, packaging.package_wet_g) for each in terms.tranches]
    least = sum(count for count, _ in whole) * one
    most = sum(count + bool(rest) for count, rest in whole) * one
    if not least <= core.pieces <= most:
        packed = f"{least}" if least == most else f"{least} to {most}"
        yield Caution(
            code="package_unlike_pieces",
            text=f"The packages hold {packed} cores, {one} in each {kg_text(packaging.package_wet_g)}, but "
            f"the bill is of {core.pieces}. A buyer sees both.",
            pointer="/core/pieces",
        )


def rare_earths_g(terms: Offered) -> int:
    """Of what is stated, a detection limit as its figure; rounded down."""
    shares = figure_shares(terms.composition)
    share = sum(part for analyte, (part, _) in shares.items() if analyte in RARE_EARTHS)
    of_g = terms.net_wet_g
    if terms.composition.basis == "dry":
        of_g = net_dry_g(of_g, terms.moisture_ppb)
    return of_g * share // SHARE_SCALE


def _mg_text(mg: int) -> str:
    """In kg, rounded down to the gram."""
    return kg_text(mg // MG_PER_G)
