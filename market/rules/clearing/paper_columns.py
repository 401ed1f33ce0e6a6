"""Until when papers are valid, for many pairs at once; `delivery_papers` does it for one pair."""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import numpy as np

from contracts.rules.price_terms import footprint_comparable
from events.market_terms import Member
from market.rules.book import SupplyOrder
from market.rules.clearing.candidates import Candidates
from market.rules.clearing.columns import BEYOND, NEVER, Codes, Slots, cells, int64s, microseconds
from market.rules.clearing.delivery_papers import LICENSED_WASTE_STATUSES, waste_papers_until
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.screening import Requirements, Screen
from market.rules.clearing.supply_columns import Supplies
from market.rules.optimum.problem import Int64s, Mask

_Until = tuple[int, int]
"""The row of a scheme, and until when a certificate of it holds."""
_Held = dict[tuple[int, int], list[_Until]]
"""By certificate and facility, whose integers are hashed in a fraction of the time."""


class PaperColumns:
    """Microseconds since 1970 until which a supply's papers hold, NEVER without: one column a supply.

    certified: a row for each scheme in `row`. footprint: of footprints that can be compared.
    """

    def __init__(self, supplies: Supplies, requirements: Requirements, facts: MarketFacts) -> None:
        profiles = [order.terms.profile or facts.rule_set.default_profile for order in requirements]
        recognised = facts.rule_set.recognised_certificates
        schemes = dict.fromkeys(
            scheme for order in requirements for scheme in order.terms.certificates_required
        )
        schemes |= dict.fromkeys(
            bid.scheme for profile in profiles for bid in profile.certificates if bid.scheme in recognised
        )
        self.row = {scheme: place for place, scheme in enumerate(schemes)}
        held = {member.organisation.int: self._held(member, facts) for member in facts.members.values()}
        certified = [[NEVER] * len(supplies) for _ in self.row]
        with_papers = [
            index
            for index, each in enumerate(supplies.terms if self.row else ())
            if each.certificates or each.passport_evidence is not None
        ]
        for index in with_papers:
            for row, until in self._of_order(supplies.orders[index], held, facts):
                certified[row][index] = max(certified[row][index], until)
        self.certified = np.array(certified, dtype=np.int64).reshape(len(self.row), len(supplies))
        self.footprint = _footprints_until(supplies, facts)

    def _of_order(
        self, order: SupplyOrder, held: Mapping[int, _Held], facts: MarketFacts
    ) -> Iterable[_Until]:
        terms = order.terms
        found = [] if terms.passport_evidence is None else list(self._of_passport(order, facts))
        if terms.certificates:
            of_member = held[order.organisation.int]
            for certificate in terms.certificates:
                found += of_member.get((certificate.int, terms.facility.int), ())
        return found

    def _of_passport(self, order: SupplyOrder, facts: MarketFacts) -> Iterator[_Until]:
        evidence = order.terms.passport_evidence
        for paper in () if evidence is None else evidence.certified:
            if paper.scheme in self.row and paper.valid_from <= facts.at:
                yield self.row[paper.scheme], microseconds(paper.valid_until)

    def _held(self, member: Member, facts: MarketFacts) -> _Held:
        found: _Held = {}
        for each in member.certificates:
            if each.scheme in self.row and each.valid_from <= facts.at:
                entry = (self.row[each.scheme], microseconds(each.valid_until))
                found.setdefault((each.certificate.int, each.facility.int), []).append(entry)
        return found


def paper_screens(
    supplies: Supplies, requirements: Requirements, facts: MarketFacts, papers: PaperColumns
) -> list[Screen]:
    return [
        *_certificates(requirements, papers),
        *_footprints(supplies, requirements, papers),
        *_waste(supplies, requirements, facts),
    ]


def _footprints_until(supplies: Supplies, facts: MarketFacts) -> Int64s:
    benchmarks = {each.form: each for each in reversed(facts.rule_set.benchmarks)}
    kind, until = supplies.footprint_kind, supplies.footprint_until
    unmeasured = facts.rule_set.caps_by_benchmark is not True
    # NO_KIND is the last
    comparable = np.zeros(len(supplies.footprint_kinds) + 1, dtype=np.bool_)
    for place in _first_of_each(kind):
        footprint = supplies.footprint[place]
        if footprint is not None:
            comparable[kind[place]] = footprint_comparable(
                footprint, benchmarks.get(supplies.form[place]), unmeasured=unmeasured
            )
    return np.where(comparable[kind], until, NEVER)


def _certificates(requirements: Requirements, papers: PaperColumns) -> Iterator[Screen]:
    required = Slots.of_lists(
        [[(papers.row[scheme],) for scheme in order.terms.certificates_required] for order in requirements], 1
    )

    def certified(pairs: Candidates) -> Mask:
        found = np.ones(len(pairs), dtype=np.bool_)
        for places, (row,) in required.of(pairs.requirement):
            found[places] &= cells(papers.certified, row, pairs.supply[places]) >= pairs.papers_until[places]
        return found

    if len(required):
        yield certified


def _footprints(supplies: Supplies, requirements: Requirements, papers: PaperColumns) -> Iterator[Screen]:
    caps = [order.terms.footprint_max_g_co2e_per_kg for order in requirements]
    if all(cap is None for cap in caps):
        return
    most = int64s([BEYOND if cap is None else cap for cap in caps], len(caps))

    def low_enough(pairs: Candidates) -> Mask:
        counts = papers.footprint.take(pairs.supply) >= pairs.papers_until
        cap = most.take(pairs.requirement)
        found: Mask = (cap == BEYOND) | (counts & (supplies.footprint_g.take(pairs.supply) <= cap))
        return found

    yield low_enough


def _waste(supplies: Supplies, requirements: Requirements, facts: MarketFacts) -> Iterator[Screen]:
    if all(each.waste_status not in LICENSED_WASTE_STATUSES for each in supplies.terms):
        return
    kinds, sites = Codes(), Codes()
    kind = kinds.of([_waste_kind(order) for order in supplies.orders])
    site = sites.of(
        [
            (order.organisation, order.terms.facility, order.terms.place.country, order.terms.rex_route)
            for order in requirements
        ]
    )
    example = _first_of_each(kind), _first_of_each(site)
    licensed = np.array(
        [each.waste_status in LICENSED_WASTE_STATUSES for each in supplies.terms], dtype=np.bool_
    )

    def permitted(pairs: Candidates) -> Mask:
        found = np.ones(len(pairs), dtype=np.bool_)
        places = np.flatnonzero(licensed.take(pairs.supply))
        met = kind[pairs.supply[places]] * len(sites.known) + site[pairs.requirement[places]]
        distinct, back = np.unique(met, return_inverse=True)
        until = int64s(map(papers_until, distinct.tolist()), len(distinct))
        found[places] = until[back] >= pairs.papers_until[places]
        return found

    def papers_until(met: int) -> int:
        seller, buyer = divmod(met, len(sites.known))
        supply, requirement = supplies.orders[example[0][seller]], requirements[example[1][buyer]]
        moment = waste_papers_until(
            supply.terms,
            requirement.terms,
            facts.members[supply.organisation],
            facts.members[requirement.organisation],
            facts.at,
        )
        return NEVER if moment is None else microseconds(moment)

    yield permitted


def _waste_kind(order: SupplyOrder) -> tuple[str, str | None, UUID, UUID, str]:
    terms = order.terms
    return (terms.waste_status, terms.ewc_code, order.organisation, terms.facility, terms.place.country)


def _first_of_each(codes: Int64s) -> list[int]:
    first: list[int] = np.unique(codes, return_index=True)[1].tolist()
    return first
