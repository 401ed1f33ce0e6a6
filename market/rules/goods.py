"""What the buyer of a recovered lot needs to know for its Re-X route: condition, magnets, disassembly."""

from msgspec import UNSET, Struct, UnsetType

from events.market_terms import SupplyTerms
from events.rex_terms import AgreedGoods, Core, StepDown, WholeMagnets
from events.vocabulary import ConditionGrade, RexRoute
from market.rules.element_masses import MG_PER_G


class Goods(Struct, frozen=True, kw_only=True):
    """Shown to both parties of a confirmed match, to operators and to auditors."""

    rex_routes: tuple[RexRoute, ...]
    condition: ConditionGrade | None
    core: Core | UnsetType
    magnets: WholeMagnets | UnsetType
    step_down: StepDown | UnsetType


def goods_of(terms: SupplyTerms) -> Goods | None:
    """The goods of a supply; None if it states none."""
    if not terms.rex_routes and terms.core is UNSET and terms.magnets is UNSET:
        return None
    return Goods(
        rex_routes=terms.rex_routes,
        condition=terms.condition,
        core=terms.core,
        magnets=terms.magnets,
        step_down=terms.step_down,
    )


def states_goods(terms: SupplyTerms) -> bool:
    """Whether the supply states more than mass and assay, which the contract of a match has to take over."""
    return terms.magnets is not UNSET or terms.core is not UNSET or terms.condition is not None


def counts_pieces(terms: SupplyTerms) -> bool:
    """Whether a part of the supply has its own number of pieces."""
    packed = terms.packaging.unit == "piece" or terms.packaging.pieces is not UNSET
    return (terms.magnets is not UNSET or terms.core is not UNSET or packed) and states_goods(terms)


def agreed_goods(terms: SupplyTerms, product_wet_g: int) -> AgreedGoods:
    """The offered goods, for the matched part."""
    return AgreedGoods(
        pieces=pieces_of(terms, product_wet_g) or UNSET,
        magnets=terms.magnets,
        core=terms.core,
        condition=terms.condition or UNSET,
        rex_routes=terms.rex_routes,
    )


def pieces_of(terms: SupplyTerms, wet_g: int) -> int:
    """Number of whole pieces in that mass: cores in proportion to the lot, magnets by the mass of one,
    otherwise by packages of a stated number of pieces, or of one piece each. 0: unknown."""
    if terms.core is not UNSET:
        return terms.core.pieces * wet_g // terms.net_wet_g
    if terms.magnets is not UNSET and terms.magnets.mass_mg is not UNSET:
        return wet_g * MG_PER_G // terms.magnets.mass_mg
    packaging = terms.packaging
    if packaging.pieces is not UNSET and packaging.package_wet_g:
        return wet_g * packaging.pieces // packaging.package_wet_g
    return wet_g // packaging.package_wet_g if packaging.unit == "piece" and packaging.package_wet_g else 0
