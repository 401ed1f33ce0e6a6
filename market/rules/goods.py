"""What the buyer of a recovered lot has to know to run its route: condition, magnets, how to get at them."""

from msgspec import UNSET, Struct, UnsetType

from events.market_terms import SupplyTerms
from events.rex_terms import AgreedGoods, Core, StepDown, WholeMagnets
from events.vocabulary import ConditionGrade, RexRoute
from market.rules.element_masses import MG_PER_G


class Goods(Struct, frozen=True, kw_only=True):
    """For both parties of a confirmed match, for operators and for auditors."""

    rex_routes: tuple[RexRoute, ...]
    condition: ConditionGrade | None
    core: Core | UnsetType
    magnets: WholeMagnets | UnsetType
    step_down: StepDown | UnsetType


def goods_of(terms: SupplyTerms) -> Goods | None:
    """None of a product that states nothing of it."""
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
    """Whether more is offered than mass and assay: what the contract of a match has to say too."""
    return terms.magnets is not UNSET or terms.core is not UNSET or terms.condition is not None


def counts_pieces(terms: SupplyTerms) -> bool:
    """Whether what is agreed of a part of it has its own number of pieces."""
    packed = terms.packaging.unit == "piece" or terms.packaging.pieces is not UNSET
    return (terms.magnets is not UNSET or terms.core is not UNSET or packed) and states_goods(terms)


def agreed_goods(terms: SupplyTerms, product_wet_g: int) -> AgreedGoods:
    """As offered, of the part that was matched."""
    return AgreedGoods(
        pieces=pieces_of(terms, product_wet_g) or UNSET,
        magnets=terms.magnets,
        core=terms.core,
        condition=terms.condition or UNSET,
        rex_routes=terms.rex_routes,
    )


def pieces_of(terms: SupplyTerms, wet_g: int) -> int:
    """How many whole ones are in that mass: cores as the lot has them, magnets by the mass of one, else by
    packages of so many pieces, or of one piece each. 0: not known."""
    if terms.core is not UNSET:
        return terms.core.pieces * wet_g // terms.net_wet_g
    if terms.magnets is not UNSET and terms.magnets.mass_mg is not UNSET:
        return wet_g * MG_PER_G // terms.magnets.mass_mg
    packaging = terms.packaging
    if packaging.pieces is not UNSET and packaging.package_wet_g:
        return wet_g * packaging.pieces // packaging.package_wet_g
    return wet_g // packaging.package_wet_g if packaging.unit == "piece" and packaging.package_wet_g else 0
