"""The price terms of requirements, as columns; a requirement is read when its first trade is recorded."""

from collections.abc import Hashable, Mapping
from typing import NamedTuple

import numpy as np

from events.market_terms import CoProductBid, PenaltyRule, SustainabilityProfile
from events.vocabulary import BASIS_ELEMENTS, RexRoute
from market.rules.book import RequirementOrder
from market.rules.clearing.amounts import profile_of
from market.rules.clearing.eligibility import MarketFacts
from market.rules.clearing.screening import Requirements
from market.rules.optimum.problem import Int64s, Mask

NO_ROUTE = 0


class Bids(NamedTuple):
    """One entry per trade in each column; penalties, co_products, route: numbers, equal for equal terms."""

    carbon_cents_per_t: Int64s
    post_consumer_ueur_per_kg: Int64s
    pre_consumer_ueur_per_kg: Int64s
    floor_ueur_per_kg: Int64s
    cap_ueur_per_kg: Int64s
    strategic_project_ueur_per_kg: Int64s
    penalties: Int64s
    co_products: Int64s
    route: Int64s


class BidColumns:
    """penalties, co_products, routes: what their numbers stand for; co-products that no basis holds already.

    scheme_row: of certificates.
    """

    def __init__(self, requirements: Requirements, facts: MarketFacts, scheme_row: Mapping[str, int]) -> None:
        self._requirements, self._facts, self._scheme_row = requirements, facts, scheme_row
        self.penalties: dict[int, tuple[PenaltyRule, ...]] = {}
        self.co_products: dict[int, tuple[CoProductBid, ...]] = {}
        self.routes: dict[int, RexRoute | None] = {NO_ROUTE: None}
        self._numbers: dict[Hashable, int] = {None: NO_ROUTE}
        self._cells = np.zeros((len(Bids._fields), len(requirements)), dtype=np.int64)
        self._schemes = np.zeros((len(scheme_row), len(requirements)), dtype=np.bool_)
        self._is_read = np.zeros(len(requirements), dtype=np.bool_)

    def of(self, requirement: Int64s) -> Bids:
        for place in np.unique(requirement[~self._is_read[requirement]]).tolist():
            self._read(place, self._requirements[place])
        return Bids(*self._cells.take(requirement, axis=1))

    def recognised(self, requirement: Int64s) -> Mask:
        """Of those that `of` has read, bool[s, n]: whether each pays for the scheme of each row."""
        found: Mask = self._schemes.take(requirement, axis=1)
        return found

    def _read(self, place: int, order: RequirementOrder) -> None:
        facts, terms = self._facts, order.terms
        profile: SustainabilityProfile = profile_of(order, facts)
        elements = BASIS_ELEMENTS[facts.basis]
        penalties = tuple(terms.penalties)
        co_products = tuple(bid for bid in terms.co_products if bid.analyte not in elements)
        numbers = [
            self._numbers.setdefault(each, len(self._numbers))
            for each in (penalties, co_products, terms.rex_route)
        ]
        self.penalties[numbers[0]], self.co_products[numbers[1]] = penalties, co_products
        self.routes[numbers[2]] = terms.rex_route
        self._cells[:, place] = (
            profile.carbon_cents_per_t,
            profile.post_consumer_ueur_per_kg,
            profile.pre_consumer_ueur_per_kg,
            profile.floor_ueur_per_kg,
            profile.cap_ueur_per_kg,
            terms.strategic_project_ueur_per_kg,
            *numbers,
        )
        for bid in profile.certificates:
            if bid.scheme in facts.rule_set.recognised_certificates:
                self._schemes[self._scheme_row[bid.scheme], place] = True
        self._is_read[place] = True
