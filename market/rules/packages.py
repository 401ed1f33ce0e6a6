"""Divisibility of orders: whole packages, minimum quantities, minimum parcels; in exact fractions.

A package carries `package_g` grams of basis, a fraction; any number of packages carries the whole grams of
that many, rounded down.
"""

from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from market.rules.optimum.problem import (
    GUARD,
    NAMED_AT_MOST,
    AssignmentError,
    Int32s,
    Int64s,
    Mask,
    Problem,
)

PAIRS_AT_ONCE = 1 << 14
"""Whose columns stay in a core's cache, and on pages that are there already."""


class Ratios(NamedTuple):
    """Exact grams of one package of each seller, over ÷ under: int64, or Python's integers."""

    over: NDArray[Any]
    under: NDArray[Any]


class PackagesOf(Sequence[Fraction]):
    """Exact grams of one package of each seller, out of columns: few are asked for one by one."""

    def __init__(self, ratios: Ratios) -> None:
        self._ratios = ratios

    def __len__(self) -> int:
        return len(self._ratios.over)

    @overload
    def __getitem__(self, place: int) -> Fraction: ...
    @overload
    def __getitem__(self, place: slice) -> "PackagesOf": ...
    def __getitem__(self, place: int | slice) -> "Fraction | PackagesOf":
        over, under = self._ratios.over[place], self._ratios.under[place]
        return (
            PackagesOf(Ratios(over, under)) if isinstance(place, slice) else Fraction(int(over), int(under))
        )


@dataclass(frozen=True, slots=True)
class Divisibility:
    """How the nodes of a Problem may be divided; one entry for each of its sellers or buyers.

    package_g: exact grams of basis in one package, at least 1; 1 where the product is not packed.
    packages: whole packages that the node brings along; its supply is their grams.
    seller_parcel, buyer_parcel_g: least packages and least grams in one match; 0 and 1 are no limit.
    seller_order, buyer_order: nodes with the same number belong to one order.
    seller_minimum, buyer_minimum_g: what the order of the node trades at least, over all its nodes, or
        nothing at all; packages and grams; 0 is no limit. The same at every node of an order.
    ratios: of package_g, as columns; `known` where they are at hand.
    Raises AssignmentError for entries that are negative or too few.
    """

    package_g: Sequence[Fraction]
    packages: tuple[int, ...]
    seller_parcel: tuple[int, ...]
    buyer_parcel_g: tuple[int, ...]
    seller_order: tuple[int, ...]
    buyer_order: tuple[int, ...]
    seller_minimum: tuple[int, ...]
    buyer_minimum_g: tuple[int, ...]
    ratios: Ratios = field(init=False, repr=False, compare=False)
    known: InitVar[Ratios | None] = None

    def __post_init__(self, known: Ratios | None) -> None:
        object.__setattr__(self, "ratios", ratios_of(self.package_g) if known is None else known)
        problems = list(_problems(self))
        if problems:
            raise AssignmentError(problems)


def is_divisible(terms: Divisibility) -> bool:
    """Whether any flow of grams is one of whole packages, parcels and minima."""
    return (
        bool((terms.ratios.over == 1).all() and (terms.ratios.under == 1).all())
        and max((*terms.seller_parcel, *terms.buyer_parcel_g), default=0) <= 1
        and not any(terms.seller_minimum)
        and not any(terms.buyer_minimum_g)
    )


def least_packages(terms: Divisibility, seller: int, buyer: int) -> int:
    """The fewest packages that both sides take as one match."""
    of_buyer = packages_needed(terms.buyer_parcel_g[buyer], terms.package_g[seller])
    return max(1, terms.seller_parcel[seller], of_buyer)


def tradable(terms: Divisibility, demand: Int64s, seller: Int32s, buyer: Int32s) -> Mask:
    """Pairs whose least match is no more than either side has; the others are no edges of a problem."""
    packages = np.array(terms.packages, dtype=np.int64)
    parcel = np.maximum(1, np.array(terms.seller_parcel, dtype=np.int64))
    parcel_g = np.array(terms.buyer_parcel_g, dtype=np.int64)
    over, under = exact_columns(terms.ratios, np.maximum(packages, parcel), int(parcel_g.max(initial=0)))
    most_g = np.where(parcel <= packages, packages * over // under, -1)
    least_g, package_up_g = parcel * over // under, -(-over // under)
    found = np.empty(len(seller), dtype=np.bool_)
    for start in range(0, len(seller), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        # places are looked up faster by what numpy counts in
        of, to = seller[part].astype(np.int64), buyer[part].astype(np.int64)
        wanted_g, room_g = parcel_g.take(to), demand.take(to)
        fit = ((wanted_g <= most_g.take(of)) & (least_g.take(of) <= room_g)).astype(np.bool_)
        # what a buyer wants, in whole packages, is less than one package more
        close = np.flatnonzero(fit & (room_g - wanted_g < package_up_g.take(of)))
        if len(close):
            of = of[close]
            needed = -(-wanted_g[close] * under[of] // over[of])
            fit[close] = needed * over[of] // under[of] <= room_g[close]
        found[part] = fit
    return found


def fits(posed: Problem, terms: Divisibility) -> None:
    """AssignmentError unless `terms` are of `posed`, supplies those of packages and all edges tradable."""
    if len(terms.packages) != len(posed.supply) or len(terms.buyer_order) != len(posed.demand):
        raise AssignmentError(["the divisibility is of another problem"])
    carried = carried_g(terms.packages, terms.ratios)
    wrong = [
        f"supply[{seller}] is {posed.supply[seller]}, its packages carry {carried[seller]}"
        for seller in np.flatnonzero(posed.supply != carried).tolist()
    ]
    closed = np.flatnonzero(~tradable(terms, posed.demand, posed.seller, posed.buyer)).tolist()
    wrong += [f"edge {edge} has no match that both sides take" for edge in closed]
    if wrong:
        raise AssignmentError(wrong[:NAMED_AT_MOST])


def ratios_of(package_g: Sequence[Fraction]) -> Ratios:
    """Numerators and denominators: int64, or Python's integers where one of them is larger."""
    return ratio_columns([package.as_integer_ratio() for package in package_g])


def ratio_columns(pairs: Sequence[tuple[int, int]]) -> Ratios:
    """`ratios_of` fractions in lowest terms."""
    most = max(map(max, pairs), default=0)
    columns = np.array(pairs, dtype=np.int64 if most < GUARD else object).reshape(-1, 2)
    return Ratios(columns[:, 0].copy(), columns[:, 1].copy())


def exact_columns(ratios: Ratios, packages: Int64s, grams_max: int) -> Ratios:
    """In int64 where products with these are, else Python's integers.

    packages: the most of each seller; grams_max: the most grams that are counted in packages of any.
    """
    over, under = ratios
    count, most_over, most_under = (int(column.max(initial=0)) for column in (packages, over, under))
    # of the largest of all, which hardly ever is too large
    most = max((count + 1) * most_over, (grams_max + 1) * most_under) + most_over
    if most >= GUARD:
        most = max(
            max((count + 1) * carried, (grams_max + 1) * parts + carried)
            for count, carried, parts in zip(packages.tolist(), over.tolist(), under.tolist(), strict=True)
        )
    kind = np.int64 if most < GUARD else object
    return Ratios(over.astype(kind), under.astype(kind))


def carried_g(packages: Sequence[int] | Int64s, ratios: Ratios) -> NDArray[Any]:
    """`packages_g` of each seller, in the integers of `exact_columns`."""
    counts = np.array(packages, dtype=np.int64)
    over, under = exact_columns(ratios, counts, 0)
    found: NDArray[Any] = counts * over // under
    return found


def packages_g(count: int, package_g: Fraction) -> int:
    """Grams of basis that `count` packages carry, rounded down."""
    return count * package_g.numerator // package_g.denominator


def packages_within(grams: int, package_g: Fraction) -> int:
    """The most packages that carry no more than `grams`."""
    return -(-(grams + 1) * package_g.denominator // package_g.numerator) - 1


def packages_needed(grams: int, package_g: Fraction) -> int:
    """The fewest packages that carry at least `grams`."""
    return -(-grams * package_g.denominator // package_g.numerator)


def _problems(terms: Divisibility) -> Iterator[str]:
    sides = (
        ("package_g", "packages", "seller_parcel", "seller_order", "seller_minimum"),
        ("buyer_parcel_g", "buyer_order", "buyer_minimum_g"),
    )
    for names in sides:
        lengths = {name: len(getattr(terms, name)) for name in names}
        if len(set(lengths.values())) > 1:
            yield f"entries differ in number: {lengths}"
        for name in names:
            least = 1 if name in {"package_g", "packages"} else 0
            # of fractions the columns tell, and cost a tenth
            if name == "package_g":
                too_small = bool((terms.ratios.over < terms.ratios.under).any())
            else:
                too_small = min(getattr(terms, name), default=least) < least
            if too_small:
                yield f"{name} must be at least {least}"
    for order, minimum in (("seller_order", "seller_minimum"), ("buyer_order", "buyer_minimum_g")):
        if not any(getattr(terms, minimum)):
            continue
        stated = set(zip(getattr(terms, order), getattr(terms, minimum), strict=False))
        if len(stated) != len(set(getattr(terms, order))):
            yield f"{minimum} differs between nodes of one order"
