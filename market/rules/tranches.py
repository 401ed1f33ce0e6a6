"""The dated tranches of a supply: the quantity of each, what of it is held or sold, and the rest."""

from events.market_terms import SupplyTerms
from events.vocabulary import Tranche
from market.rules.quantities import largest_remainder


def move_tranche(committed_g: tuple[int, ...], tranche: int, tranches: int, moved_g: int) -> tuple[int, ...]:
    """Held and sold grams of each of `tranches` after `moved_g` was added to one of them (negative:
    released)."""
    grams = [*committed_g, *[0] * (tranches - len(committed_g))]
    if moved_g == 0 or tranche >= len(grams):
        return committed_g
    grams[tranche] = max(0, grams[tranche] + moved_g)
    return tuple(grams) if any(grams) else ()


def carried_tranches(
    committed_g: tuple[int, ...], before: tuple[Tranche, ...], after: tuple[Tranche, ...]
) -> tuple[int, ...]:
    """What stays committed of each tranche when an order is amended: a tranche is known by its window."""
    left = {tranche.window: grams for tranche, grams in zip(before, committed_g, strict=False) if grams}
    carried = tuple(left.pop(tranche.window, 0) for tranche in after)
    return carried if any(carried) else ()


def tranche_shares_g(terms: SupplyTerms) -> tuple[int, ...]:
    """Grams of basis of each tranche, by product mass and largest remainder: they add up to basis_g."""
    if len(terms.tranches) == 1 and terms.tranches[0].net_wet_g:
        return (terms.basis_g,)
    return largest_remainder(terms.basis_g, [tranche.net_wet_g for tranche in terms.tranches])


def tranches_left_g(terms: SupplyTerms, committed_g: tuple[int, ...], available_g: int) -> tuple[int, ...]:
    """What each tranche can still sell of `available_g`: its share without what is held or sold of it.

    A term order has one entry, whatever its tranches.
    """
    if terms.term is not None:
        return (available_g,)
    return left_of_shares_g(tranche_shares_g(terms), committed_g, available_g)


def left_of_shares_g(
    shares_g: tuple[int, ...], committed_g: tuple[int, ...], available_g: int
) -> tuple[int, ...]:
    """`tranches_left_g` of tranches with these shares."""
    if len(shares_g) == 1:
        return (max(0, min(available_g, shares_g[0] - (committed_g[0] if committed_g else 0))),)
    committed = (*committed_g, *[0] * len(shares_g))
    found = []
    for share, taken in zip(shares_g, committed, strict=False):
        found.append(max(0, min(available_g, share - taken)))
        available_g -= found[-1]
    return tuple(found)
