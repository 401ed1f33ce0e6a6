"""Committed volume of a facility: its open offers and lots, their matches, and contracts.

Grams of product as delivered, by quarter of delivery. A window that covers several quarters is spread over
them by its days; a term order by its profile; an agreement by what it states for each contract year.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from msgspec import Struct

from events.market_terms import SupplyTerms
from events.vocabulary import BASIS_ELEMENTS, PPB, Composition, MarketBasis, Period, ProductForm
from market.rules.book import SupplyOrder
from market.rules.quantities import SHARE_SCALE, largest_remainder, scaled_shares
from market.rules.tranches import tranche_shares_g
from market.rules.twins.capacities import QUARTERS, quarter_of, quarter_start


class Material(Protocol):
    """The composition of an order or its draft."""

    @property
    def moisture_ppb(self) -> int: ...
    @property
    def composition(self) -> Composition: ...


class ContractYears(Struct, frozen=True, kw_only=True):
    """Grams of basis in each contract year of an agreement."""

    starts_on: date
    acq_g: tuple[int, ...]


class Taken(Struct, frozen=True, kw_only=True):
    """Grams of basis that a match took of a tranche; `years` replace them once there is an agreement.

    `signed`: the years of terms that only the seller has signed as binding. What they add counts as offered.
    """

    match: UUID
    tranche: int
    quantity_g: int
    stage: Literal["matched", "contracted"]
    years: ContractYears | None = None
    signed: ContractYears | None = None


class Claim(Struct, frozen=True, kw_only=True):
    """An order that names the facility, and what open matches and contracts take of it."""

    order: SupplyOrder
    taken: tuple[Taken, ...] = ()


class ContractVolume(Struct, frozen=True, kw_only=True):
    """The volume that an agreement's terms need from a facility: product with a share `basis_ppb` of
    basis."""

    form: ProductForm
    basis: MarketBasis
    basis_ppb: int
    years: ContractYears


class OrderVolume(Struct, frozen=True, kw_only=True):
    """What an agreement that a match led to asks of the facility of its order, in product as that states."""

    terms: SupplyTerms
    years: ContractYears


class ContractClaim(Struct, frozen=True, kw_only=True):
    """An agreement that no match led to: terms that stand, and others that its seller has signed as binding.

    The most of them counts, as offered until both have signed.
    """

    agreement: UUID
    standing: ContractVolume | None
    signed: ContractVolume | None = None


class Volume(NamedTuple):
    offered_g: int = 0
    matched_g: int = 0
    contracted_g: int = 0

    @property
    def committed_g(self) -> int:
        return self.offered_g + self.matched_g + self.contracted_g


def whole(terms: SupplyTerms) -> dict[int, int]:
    """The whole quantity of an order, by quarter."""
    found: defaultdict[int, int] = defaultdict(int)
    for tranche in range(_parts(terms)):
        _add(found, _spread(terms, tranche, _part_wet_g(terms, tranche)))
    return dict(found)


def claimed(claim: Claim) -> dict[int, Volume]:
    """Offered and taken quantities: the free rest of an open order counts as offered; of a closed one only
    what was taken counts."""
    order, terms = claim.order, claim.order.terms
    offered, matched, contracted = (defaultdict[int, int](int) for _ in Volume._fields)
    free_g = [_part_wet_g(terms, tranche) for tranche in range(_parts(terms))]
    for taken in claim.taken:
        into = matched if taken.stage == "matched" else contracted
        wet_g = _wet_g(terms, taken.tranche, taken.quantity_g)
        free_g[taken.tranche] -= wet_g
        if taken.years is None:
            _add(into, _spread(terms, taken.tranche, wet_g))
        else:
            _add(into, _contract_quarters(terms, taken.years))
        _add(offered, _signed_more(terms, taken))
    if order.status == "open":
        for tranche, left_g in enumerate(free_g):
            _add(offered, _spread(terms, tranche, max(0, left_g)))
    quarters = offered.keys() | matched.keys() | contracted.keys()
    return {
        quarter: Volume(offered[quarter], matched[quarter], contracted[quarter])
        for quarter in sorted(quarters)
    }


def _signed_more(terms: SupplyTerms, taken: Taken) -> dict[int, int]:
    if taken.signed is None:
        return {}
    kept = _contract_quarters(terms, taken.years or matched_years(terms, taken.quantity_g))
    signed = _contract_quarters(terms, taken.signed)
    return {quarter: max(0, grams - kept.get(quarter, 0)) for quarter, grams in signed.items()}


def matched_years(terms: SupplyTerms, quantity_g: int) -> ContractYears:
    """Those that the agreement of a term match begins with: `quantity_g` is of the plateau."""
    assert terms.term is not None
    return ContractYears(
        starts_on=date(terms.term.start_year, 1, 1),
        acq_g=tuple(quantity_g * share_ppb // PPB for share_ppb in terms.term.profile_ppb),
    )


def element_g(terms: Material, element: str | None, wet_g: int) -> int:
    """Mass of a product, or of one element in it; rounded up, so that commitments are not understated."""
    if element is None:
        return wet_g
    share = scaled_shares(terms.composition).get(element, 0)
    dry_ppb = PPB - terms.moisture_ppb if terms.composition.basis == "dry" else PPB
    return -(-wet_g * share * dry_ppb // (SHARE_SCALE * PPB))


def agreed(volume: ContractVolume | OrderVolume | None, form: str, element: str | None) -> dict[int, int]:
    """Of one product, or of an element in it: by quarter, rounded up.

    Without an order that says what is in the product, only of an element that is the whole basis.
    """
    if isinstance(volume, OrderVolume):
        quarters = _contract_quarters(volume.terms, volume.years) if volume.terms.form == form else {}
        return {quarter: element_g(volume.terms, element, wet_g) for quarter, wet_g in quarters.items()}
    if volume is None or volume.form != form:
        return {}
    if element is None:
        return _by_years(volume.years, volume.basis_ppb, PPB)
    if BASIS_ELEMENTS[volume.basis] != (element,):
        return {}
    return _by_years(volume.years, 1, 1)


def committed(claims: Iterable[Claim | ContractClaim], form: str, element: str | None) -> dict[int, Volume]:
    """All orders and agreements of one product together, by quarter."""
    found: defaultdict[int, Volume] = defaultdict(Volume)
    for claim in claims:
        if isinstance(claim, ContractClaim):
            volumes = _contracted(claim, form, element)
        else:
            volumes = _ordered(claim, form, element)
        for quarter, volume in volumes.items():
            found[quarter] = Volume(*map(sum, zip(found[quarter], volume, strict=True)))
    return dict(found)


def _ordered(claim: Claim, form: str, element: str | None) -> dict[int, Volume]:
    terms = claim.order.terms
    if terms.form != form:
        return {}
    return {
        quarter: Volume(*(element_g(terms, element, wet_g) for wet_g in volume))
        for quarter, volume in claimed(claim).items()
    }


def _contracted(claim: ContractClaim, form: str, element: str | None) -> dict[int, Volume]:
    stands, signed = (agreed(volume, form, element) for volume in (claim.standing, claim.signed))
    return {
        quarter: Volume(
            offered_g=max(0, signed.get(quarter, 0) - stands.get(quarter, 0)),
            contracted_g=stands.get(quarter, 0),
        )
        for quarter in sorted(stands.keys() | signed.keys())
    }


def forms(claims: Iterable[Claim | ContractClaim]) -> set[ProductForm]:
    """All that claims are of."""
    found: set[ProductForm] = set()
    for claim in claims:
        if isinstance(claim, Claim):
            found.add(claim.order.terms.form)
        else:
            found |= {volume.form for volume in (claim.standing, claim.signed) if volume is not None}
    return found


def _parts(terms: SupplyTerms) -> int:
    """A term order has one entry, whatever its tranches."""
    return len(terms.tranches) if terms.term is None else 1


def _part_wet_g(terms: SupplyTerms, tranche: int) -> int:
    return terms.tranches[tranche].net_wet_g if terms.term is None else terms.net_wet_g


def _wet_g(terms: SupplyTerms, tranche: int, quantity_g: int) -> int:
    """Product that carries grams of basis of a part, rounded up and at most all of it."""
    share_g = tranche_shares_g(terms)[tranche] if terms.term is None else terms.basis_g
    wet_g = _part_wet_g(terms, tranche)
    return min(wet_g, -(-quantity_g * wet_g // share_g)) if share_g else 0


def _spread(terms: SupplyTerms, tranche: int, wet_g: int) -> dict[int, int]:
    if terms.term is None:
        return by_quarter(wet_g, terms.tranches[tranche].window)
    found: dict[int, int] = {}
    for number, share_ppb in enumerate(terms.term.profile_ppb):
        year = terms.term.start_year + number
        parts = largest_remainder(wet_g * share_ppb // PPB, (1,) * QUARTERS)
        found |= {year * QUARTERS + part: grams for part, grams in enumerate(parts)}
    return found


def _contract_quarters(terms: SupplyTerms, years: ContractYears) -> dict[int, int]:
    return _by_years(years, terms.basis_g, terms.net_wet_g) if terms.basis_g else {}


def _by_years(years: ContractYears, basis: int, product: int) -> dict[int, int]:
    """Product with each year's grams of basis, by their ratio rounded up, spread over its quarters."""
    found: defaultdict[int, int] = defaultdict(int)
    for number, basis_g in enumerate(years.acq_g):
        start, end = (_years_later(years.starts_on, number + more) for more in (0, 1))
        _add(found, by_quarter(-(-basis_g * product // basis), Period(start=start, end=end)))
    return found


def _years_later(day: date, years: int) -> datetime:
    """The same day of a later year, of 29 February the day after."""
    late = (day.month, day.day) == (2, 29)
    return datetime(day.year + years, 3 if late else day.month, 1 if late else day.day, tzinfo=UTC)


def by_quarter(grams: int, window: Period) -> dict[int, int]:
    """Spread over the quarters of a window by its share of time; they add up to `grams`."""
    first = quarter_of(window.start.astimezone(UTC))
    edges = [window.start]
    quarter = first
    while (edge := quarter_start(quarter + 1)) < window.end:
        edges.append(edge)
        quarter += 1
    edges.append(window.end)
    spans = [end - start for start, end in pairwise(edges)]
    weights = [(span.days * 86_400 + span.seconds) * 10**6 + span.microseconds for span in spans]
    parts = largest_remainder(grams, weights)
    return {first + number: part for number, part in enumerate(parts)}


def _add(found: defaultdict[int, int], more: Mapping[int, int]) -> None:
    for quarter, grams in more.items():
        found[quarter] += grams
