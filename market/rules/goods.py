"""What the buyer of a recovered lot has to know to run its route: condition, magnets, how to get at them."""

from msgspec import UNSET, Struct, UnsetType

from events.market_terms import SupplyTerms
from events.rex_terms import Core, StepDown, WholeMagnets
from events.vocabulary import ConditionGrade, RexRoute


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
