"""End-of-life parts that hold magnets: what their bill adds up to, and whether the lot can hold it."""

from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from events.refusal import Refusal
from events.rex_terms import Core
from events.vocabulary import BASIS_ELEMENTS, MarketBasis, MassG, ProductForm
from market.rules.element_masses import MG_PER_G
from market.rules.refusing.defects import BasisAboveBill, BillAboveLot, CoreOfOtherForm
from market.rules.refusing.ineligibility import kg_text


def magnets_per_core_mg(core: Core) -> int:
    return sum(magnet.pieces * magnet.mass_mg for magnet in core.magnets)


def recoverable_magnets_mg(core: Core) -> int:
    """Of all cores of the lot."""
    return core.pieces * magnets_per_core_mg(core)


def disassembly_minutes_tenths(core: Core) -> int:
    """Of one core, all steps one after another."""
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
    """The elements of the basis are in the magnets, so these weigh no less than what the assay finds."""
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


def _mg_text(mg: int) -> str:
    """In kg, rounded down to the gram."""
    return kg_text(mg // MG_PER_G)
