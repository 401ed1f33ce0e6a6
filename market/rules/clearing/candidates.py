"""Pairs that could be eligible: accepted form, known carriage, overlapping windows; in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

import numpy as np

from market.rules.book import RequirementOrder
from market.rules.clearing.columns import alike_rows, int64s, microseconds, numbers
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.supply_columns import Nodes, Supplies
from market.rules.optimum.problem import Int64s, Mask
from market.rules.orders.horizons import contract_years

BATCH_PAIRS = 1 << 15
MET_AT_ONCE = 1 << 20
"""Pairs whose windows are compared together: where every node has a window of its own, all are kept."""
MICROSECONDS_PER_DAY = timedelta(days=1) // timedelta(microseconds=1)


Moments = tuple[Int64s, Int64s]
"""Starts and ends, microseconds since 1970."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidates:
    """One entry per pair in each column, by node, then requirement: indices, and until when papers have to be
    valid.

    node: a tranche of `supply`. way: of `Ways`. papers_until: microseconds since 1970.
    """

    node: Int64s
    supply: Int64s
    requirement: Int64s
    way: Int64s
    papers_until: Int64s

    def __len__(self) -> int:
        return len(self.node)

    def kept(self, mask: Mask) -> "Candidates":
        # a place is looked up faster than a mask is walked through, five times
        place = np.flatnonzero(mask)
        return Candidates(
            self.node.take(place),
            self.supply.take(place),
            self.requirement.take(place),
            self.way.take(place),
            self.papers_until.take(place),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Ways:
    """Ways in which requirements accept supplies: one per requirement, form and country of the seller's
    place.

    Supplies of one form and country have a key; key k has the ways starts[k]:starts[k + 1], by requirement.
    differential, per_basis, per_product: micro-EUR per kg, what is added for the form, and carriage.
    """

    key_of_supply: Int64s
    starts: Int64s
    requirement: Int64s
    differential: Int64s
    per_basis: Int64s
    per_product: Int64s


def ways(supplies: Supplies, requirements: Sequence[RequirementOrder], fit: Mask) -> Ways:
    """The ways of the fit requirements."""
    keys = numbers()
    of_supply = zip(supplies.form, supplies.country, strict=True)
    key_of_supply = int64s(map(keys.__getitem__, of_supply), len(supplies))
    found: list[list[tuple[int, int, int, int]]] = [[] for _ in keys]
    for index in np.flatnonzero(fit).tolist():
        terms = requirements[index].terms
        # only the first row of a form, and of a country, counts
        legs = {leg.country: leg for leg in reversed(terms.carriage)} if terms.carriage else {}
        countries = {terms.place.country, *legs}
        for accepted in {form.form: form for form in reversed(terms.forms)}.values():
            for country in countries:
                key = keys.get((accepted.form, country))
                if key is None:
                    continue
                leg = legs.get(country)
                amount = 0 if leg is None else leg.ueur_per_kg
                per_product = leg is not None and leg.per == "product"
                carriage = (0, amount) if per_product else (amount, 0)
                found[key].append((index, accepted.differential_ueur_per_kg, *carriage))
    counts = int64s(map(len, found), len(found))
    rows = int64s(chain.from_iterable(chain.from_iterable(found)), 4 * int(counts.sum())).reshape(-1, 4)
    starts = np.concatenate([[0], np.cumsum(counts)])
    return Ways(key_of_supply, starts, *(column.copy() for column in rows.T))


def batches(
    nodes: Nodes,
    fit: Int64s,
    supplies: Supplies,
    requirements: Sequence[RequirementOrder],
    wanted: Moments,
    known: Ways,
    facts: MarketFacts,
) -> Iterator[Candidates]:
    """The pairs of fit nodes, about BATCH_PAIRS at a time; none twice.

    Nodes with equal key and window meet the same requirements: the overlap of windows is computed once for
    all of them, for about MET_AT_ONCE pairs at a time. wanted: the `window_moments` of the requirements.
    """
    overlap = _Windows(nodes, supplies, requirements, wanted, facts)
    key = known.key_of_supply[nodes.supply[fit]]
    for first, last in _spans(known.starts[key + 1] - known.starts[key], MET_AT_ONCE):
        yield from _batches(nodes, fit[first:last], key[first:last], overlap, known)


def _batches(
    nodes: Nodes, fit: Int64s, key: Int64s, overlap: "_Windows", known: Ways
) -> Iterator[Candidates]:
    example, kind = np.unique(overlap.codes(fit, key), return_index=True, return_inverse=True)[1:]
    met = _met(fit[example], key[example], overlap, known)
    for first, last, place in _in_batches(met.starts[kind], met.starts[kind + 1] - met.starts[kind]):
        node = np.repeat(fit[first:last], met.starts[kind[first:last] + 1] - met.starts[kind[first:last]])
        way = met.way.take(place)
        yield Candidates(
            node, nodes.supply.take(node), known.requirement.take(way), way, met.papers_until.take(place)
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Met:
    """Ways by which kinds of nodes meet requirements in time: of kind k those at starts[k]:starts[k + 1]."""

    starts: Int64s
    way: Int64s
    papers_until: Int64s


def _met(example: Int64s, key: Int64s, overlap: "_Windows", known: Ways) -> _Met:
    """Of kinds of nodes: an example of each, and its key."""
    ways, moments = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    counts = np.zeros(len(example) + 1, dtype=np.int64)
    begin, size = known.starts[key], known.starts[key + 1] - known.starts[key]
    for first, last, way in _in_batches(begin, size):
        kind = np.repeat(np.arange(first, last), size[first:last])
        stands, papers_until = overlap.of(example[kind], known.requirement[way])
        ways.append(way[stands])
        moments.append(papers_until[stands])
        counts[first + 1 : last + 1] = np.bincount(kind[stands] - first, minlength=last - first)
    return _Met(np.cumsum(counts), np.concatenate(ways), np.concatenate(moments))


def _in_batches(begin: Int64s, size: Int64s) -> Iterator[tuple[int, int, Int64s]]:
    """Spans [first, last) of entries that have about BATCH_PAIRS places together, and those places.

    Entry e has the places begin[e], begin[e] + 1, …, as many as size[e].
    """
    ends = np.cumsum(size)
    for first, last in _spans(size, BATCH_PAIRS):
        count, done = size[first:last], ends[first - 1] if first else 0
        shift = begin[first:last] - (ends[first:last] - count - done)
        yield first, last, np.arange(ends[last - 1] - done) + np.repeat(shift, count)


def _spans(size: Int64s, most: int) -> Iterator[tuple[int, int]]:
    """Spans [first, last) of entries of about `most` together."""
    ends = np.cumsum(size)
    first = 0
    while first < len(size):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + most, side="right")))
        yield first, last
        first = last


def window_moments(requirements: Sequence[RequirementOrder]) -> Moments:
    """Start and end of each, microseconds since 1970."""
    windows = [order.terms.window for order in requirements]
    return (
        int64s([microseconds(each.start) for each in windows], len(windows)),
        int64s([microseconds(each.end) for each in windows], len(windows)),
    )


class _Windows:
    """`eligibility.deliveries` of many pairs of one horizon."""

    def __init__(
        self,
        nodes: Nodes,
        supplies: Supplies,
        requirements: Sequence[RequirementOrder],
        wanted: Moments,
        facts: MarketFacts,
    ) -> None:
        term = supplies.terms[0].term if len(supplies) else None
        self._papers_until: int | None = None
        if term is not None:
            start = contract_years(term).start
            self._papers_until = microseconds(start.replace(year=start.year + 1))
            return
        self._start = np.maximum(supplies.tranche_start[nodes.place], microseconds(facts.at))
        self._end = supplies.tranche_end[nodes.place]
        count = len(requirements)
        self._first, self._last = wanted
        days = int64s([order.terms.overlap_min_days for order in requirements], count)
        # an overlap has to have some length even if no minimum is required
        self._least = np.maximum(days * MICROSECONDS_PER_DAY, 1)

    def codes(self, node: Int64s, key: Int64s) -> Int64s:
        """A number for each key and window of these nodes."""
        if self._papers_until is not None:
            return key
        return alike_rows(key, self._start[node], self._end[node])

    def of(self, node: Int64s, requirement: Int64s) -> tuple[Mask, Int64s]:
        """Whether each pair's windows overlap long enough, and the end of their overlap."""
        if self._papers_until is not None:
            return np.ones(len(node), dtype=np.bool_), np.full(len(node), self._papers_until)
        start = np.maximum(self._start[node], self._first[requirement])
        end = np.minimum(self._end[node], self._last[requirement])
        return end - start >= self._least[requirement], end
