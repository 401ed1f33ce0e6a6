"""The most that a section's trades can be worth, with packages, parcels, minima and shares, by a MILP."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from events.vocabulary import PPB
from tests.rules.oracle_books import SHARE, Book
from tests.rules.round_oracle import Section, steps_of, third

KG = 1_000
EUR_UEUR = 10**6


class _Model:
    """Variables: what each pair trades, whether it does, whether each buyer and each supply does."""

    def __init__(self, section: Section) -> None:
        self.orders = list(dict.fromkeys(supply.id for supply, _ in section.sellers))
        self.pairs, self.buyers = len(section.pairs), len(section.buyers)
        self.size = 2 * self.pairs + self.buyers + len(self.orders)
        self.rows: list[NDArray[np.float64]] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def need(self, parts: dict[int, float], low: float = -np.inf, high: float = np.inf) -> None:
        row = np.zeros(self.size)
        row[list(parts)] = list(parts.values())
        self.rows.append(row)
        self.low.append(low)
        self.high.append(high)

    def at_least(self, parts: dict[int, float], switch: int, least: float, most: float) -> None:
        """The sum is 0, or between these."""
        self.need(parts | {switch: -least}, low=0)
        self.need(parts | {switch: -most}, high=0)


def best_whole_ueur_g(book: Book, section: Section, bought: Counter[str]) -> float:
    """In gram·micro-EUR per kg. A seller's minimum is left out where an earlier section may have met it."""
    if not section.pairs:
        return 0.0
    model, pairs = _Model(section), section.pairs
    kg = [float(section.grams[pair.seller]) / KG for pair in pairs]
    most = [
        min(section.left[p.seller], int(section.wanted[p.buyer] / section.grams[p.seller])) for p in pairs
    ]
    for place, pair in enumerate(pairs):
        model.at_least({place: 1}, model.pairs + place, pair.least, most[place])
    for seller, left in enumerate(section.left):
        model.need({e: 1 for e, p in enumerate(pairs) if p.seller == seller}, high=left)
    for buyer, need in enumerate(section.buyers):
        mine = {e: kg[e] for e, p in enumerate(pairs) if p.buyer == buyer}
        wanted = section.wanted[buyer] / KG
        model.need(mine, high=wanted)
        model.at_least(mine, 2 * model.pairs + buyer, max(need.least - bought[need.id], 0) / KG, wanted)
        recycled, country = need.pf or (None, None)
        lots = {e: section.sellers[pairs[e].seller][0] for e in mine}
        if recycled is not None:
            model.need({e: kg[e] * (sum(lots[e].recycled) - recycled) / PPB for e in mine}, low=0)
        steps = {step for lot in lots.values() for step in steps_of(book, lot) if step[1] and third(step[1])}
        for step in steps if country is not None else ():
            over = {e: (step in steps_of(book, lots[e])) - (country or 0) / PPB for e in mine}
            model.need({e: kg[e] * share for e, share in over.items()}, high=0)
        if need.pf is not None:
            model.need({e: kg[e] * pairs[e].value / EUR_UEUR for e in mine}, low=0)
    for place, order in enumerate(model.orders):
        nodes = [i for i, (supply, _) in enumerate(section.sellers) if supply.id == order]
        supply, total = section.sellers[nodes[0]][0], sum(section.left[i] for i in nodes)
        least = total if supply.whole else 0
        if not supply.whole and (supply.cond or section.name.endswith("-firm")):
            least = int(supply.least * SHARE) if supply.pkg == 1 else -(-supply.least // supply.pkg)
        parts = {e: 1.0 for e, p in enumerate(pairs) if p.seller in nodes}
        model.at_least(parts, 2 * model.pairs + model.buyers + place, least, max(total, least))
    cost = np.zeros(model.size)
    cost[: model.pairs] = [-pair.value / EUR_UEUR * kg[e] for e, pair in enumerate(pairs)]
    whole = np.ones(model.size)
    whole[: model.pairs] = [section.sellers[pair.seller][0].pkg > 1 for pair in pairs]
    top = np.ones(model.size)
    top[: model.pairs] = most
    solved = milp(
        cost,
        constraints=LinearConstraint(np.array(model.rows), model.low, model.high),
        integrality=whole,
        bounds=Bounds(0, top),
    )
    assert solved.x is not None
    return float(-solved.fun) * KG * EUR_UEUR
