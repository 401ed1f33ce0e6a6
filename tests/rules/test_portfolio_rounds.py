"""Rounds of requirements with portfolio limits: what trades, what is recorded, what the check finds."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from events.clearing_terms import ListedWaterfall, Multiplier, OrderDual, Premium
from events.envelope import Recorded
from events.market_events import ClearingCompleted, ClearingEvidence, MatchStruck
from events.policy_terms import PortfolioLimits
from events.vocabulary import PPB, PRICE_UEUR_PER_KG_MAX, OriginStep, Packaging, RecycledContent
from market.rules.assignment import solve
from market.rules.book import Book
from market.rules.clearing.cleared import ClearedSection, Proof, priced
from market.rules.clearing.clearing import clear, conclude
from market.rules.clearing.indivisible import clear_whole
from market.rules.clearing.posing import LIMIT_PRICE, MINIMUM, PORTFOLIO, Posed
from market.rules.clearing.quota_sections import Quotas, offered_of, plain_bound, split_posed
from market.rules.clearing.quotas import bound_problem, premiums, split
from market.rules.clearing.round_events import drafts
from market.rules.clearing.rounds import Round, in_turn, posed_round
from market.rules.clearing.sections import clear_section
from tests.blotter import EUR, Lane, T, eur, ident, member, rule_set
from tests.rules.small_rounds import posed, small_round_of_portfolios
from tests.rules.test_certificate import faults
from tests.rules.test_portfolio import best_kept

BAG_G = 224_000
ROUNDS = 240
SHARES = 8
QUARTER = PPB // 4
RECYCLED = RecycledContent(post_consumer_ppb=PPB)


def market(*names: str, **rules: Any) -> Lane:
    """Without a marginality tolerance; lots are 25 bags of 224 kg of NdPr."""
    lane = Lane(rules=rule_set(**({"marginality_tolerance_ppb": 0} | rules)))
    lane.admit(*(member(name) for name in names))
    return lane


def from_country(country: str) -> dict[str, Any]:
    return {"origin": (OriginStep(stage="processing", country=country),)}


def evidence(lane: Lane) -> tuple[Round, list[Any]]:
    of, recorded = posed(lane, lane.plan())
    facts = [draft.data for draft in recorded]
    assert [] == faults(of, facts)
    return of, facts


def parts(facts: Sequence[Any]) -> list[ClearingEvidence]:
    return [fact for fact in facts if isinstance(fact, ClearingEvidence)]


def bags(facts: Sequence[Any]) -> dict[UUID, int]:
    return {fact.supply: fact.packages_thousandths // 1000 for fact in facts if isinstance(fact, MatchStruck)}


def quarter_recycled(lane: Lane, *, recycled_ask: int, **changes: Any) -> list[Any]:
    """5.6 t wanted, a quarter of it recycled; the other lot asks 60 EUR."""
    lane.offer("virgin", "virgin", ask=eur(60 * EUR))
    lane.offer("recycler", "recycled", ask=eur(recycled_ask * EUR), recycled=RECYCLED)
    lane.require(
        "buyer",
        "wanted",
        limit=eur(70 * EUR),
        portfolio=PortfolioLimits(recycled_min_ppb=QUARTER),
        **changes,
    )
    return evidence(lane)[1]


def test_a_recycled_lot_above_the_limit_is_bought_for_its_share() -> None:
    """7 bags of 28 are a quarter. The limit of 70 EUR holds over all: (21 × 60 + 7 × 72) / 28 = 63."""
    lane = market("virgin", "recycler", "buyer")
    lane.offer("virgin", "more", ask=eur(60 * EUR))
    facts = quarter_recycled(lane, recycled_ask=72, basis_g=28 * BAG_G)
    traded = bags(facts)
    assert (7, 28) == (traded[ident("recycled")], sum(traded.values()))
    spot = parts(facts)[0]
    assert [("recycled_min", 12 * EUR)] == [(each.limit, each.ueur_per_kg) for each in spot.multipliers]
    lines = {fall.supply: fall.premiums for fall in spot.waterfalls}
    assert (Premium(limit="recycled_min", ueur_per_kg=9 * EUR),) == lines[ident("recycled")]
    assert (Premium(limit="recycled_min", ueur_per_kg=-3 * EUR),) == lines[ident("virgin")]
    buyer = next(dual for dual in spot.duals if dual.side == "buyer")
    assert (28 * BAG_G, 7 * EUR, None) == (
        buyer.filled_g,
        buyer.surplus_ueur_per_kg,
        buyer.effective_reason,
    )


@pytest.mark.parametrize(("ask", "traded"), [(99, 24), (101, 0)])
def test_the_limit_price_holds_over_all_that_is_bought(ask: int, traded: int) -> None:
    """A quarter at 100 EUR and the rest at 60 cost 70 on average."""
    lane = market("virgin", "recycler", "buyer")
    facts = quarter_recycled(lane, recycled_ask=ask, basis_g=24 * BAG_G)
    assert traded == sum(bags(facts).values())


def test_no_more_than_its_share_is_bought_from_one_third_country() -> None:
    """Half of 24 bags. Germany is in the union: nothing limits it."""
    lane = market("chinese", "german", "buyer")
    lane.offer("chinese", "chinese", ask=eur(50 * EUR), **from_country("CN"))
    lane.offer("german", "german", ask=eur(65 * EUR), **from_country("DE"))
    limits = PortfolioLimits(third_country_max_ppb=PPB // 2)
    lane.require("buyer", "wanted", basis_g=24 * BAG_G, portfolio=limits)
    _, facts = evidence(lane)
    assert {ident("chinese"): 12, ident("german"): 12} == bags(facts)
    (multiplier,) = parts(facts)[0].multipliers
    assert (
        Multiplier(
            requirement=ident("wanted"),
            limit="third_country_max",
            country="CN",
            stage="processing",
            ueur_per_kg=15 * EUR,
        )
        == multiplier
    )
    lines = [fall.premiums for fall in parts(facts)[0].waterfalls]
    assert {-7_500_000, 7_500_000} == {line.ueur_per_kg for each in lines for line in each or ()}


def test_a_limit_that_nobody_strains_changes_no_byte() -> None:
    """Lots of the union alone: the shares of third countries hold themselves."""
    drawn = []
    for limits in (None, PortfolioLimits(third_country_max_ppb=PPB // 2)):
        lane = market("seller", "buyer")
        lane.offer("seller", "offer")
        lane.require("buyer", "wanted", portfolio=limits)
        drawn.append([msgspec.json.encode(fact) for fact in evidence(lane)[1]])
    assert drawn[0] == drawn[1]


def test_sections_without_limits_say_nothing_of_them() -> None:
    lane = market("seller", "buyer")
    lane.offer("seller", "offer")
    lane.require("buyer", "wanted")
    bodies = b"".join(msgspec.json.encode(part) for part in parts(evidence(lane)[1]))
    assert all(word not in bodies for word in (b"premiums", b"quotas", b'"supply":null'))


def test_who_cannot_keep_its_share_gets_nothing_and_is_told_why() -> None:
    lane = market("virgin", "buyer")
    lane.offer("virgin", "virgin")
    lane.require("buyer", "wanted", portfolio=PortfolioLimits(recycled_min_ppb=QUARTER))
    _, facts = evidence(lane)
    assert {} == bags(facts)
    wanted = next(dual for dual in parts(facts)[0].duals if dual.side == "buyer")
    assert (PORTFOLIO, 0, 0) == (wanted.effective_reason, wanted.effective_g, wanted.filled_g)
    assert 1 == facts[-1].sections[0].removed_orders


def test_who_is_outbid_without_its_limits_mattering_has_no_reason() -> None:
    lane = market("recycler", "buyer")
    lane.offer("recycler", "recycled", ask=eur(80 * EUR), recycled=RECYCLED)
    lane.require("buyer", "wanted", portfolio=PortfolioLimits(recycled_min_ppb=QUARTER))
    wanted = next(dual for dual in parts(evidence(lane)[1])[0].duals if dual.side == "buyer")
    assert (None, 0, 0) == (wanted.effective_reason, wanted.filled_g, wanted.surplus_ueur_per_kg)


def test_a_least_quantity_counts_all_that_is_bought() -> None:
    for least, traded in ((24, 24), (25, 0)):
        lane = market("virgin", "recycler", "buyer")
        facts = quarter_recycled(
            lane,
            recycled_ask=72,
            basis_g=24 * BAG_G + 1,
            minimum_quantity_g=least * BAG_G if least < 25 else 24 * BAG_G + 1,
        )
        assert traded == sum(bags(facts).values())
        wanted = next(dual for dual in parts(facts)[0].duals if dual.side == "buyer")
        if not traded:
            assert MINIMUM == wanted.effective_reason


def shares_of(book: Book, falls: Sequence[ListedWaterfall]) -> dict[UUID, list[ListedWaterfall]]:
    found: dict[UUID, list[ListedWaterfall]] = {}
    for fall in falls:
        if book.requirements[fall.requirement].terms.portfolio is not None:
            found.setdefault(fall.requirement, []).append(fall)
    return found


def assert_kept(book: Book, falls: Sequence[ListedWaterfall], eu: Sequence[str]) -> None:
    """Reckoned from the orders alone: shares over the round, and no more paid than is bid over all of it."""
    for requirement, own in shares_of(book, falls).items():
        limits = book.requirements[requirement].terms.portfolio
        assert limits is not None
        grams = sum(fall.quantity_basis_g for fall in own)
        recycled, origins = 0, Counter[tuple[str, str]]()
        for fall in own:
            terms = book.supplies[fall.supply].terms
            if terms.recycled is not None:
                recycled += fall.quantity_basis_g * terms.recycled.post_consumer_ppb
            for step in terms.origin:
                origins[step.stage, step.country] += fall.quantity_basis_g
        assert recycled >= (limits.recycled_min_ppb or 0) * grams
        if limits.third_country_max_ppb is not None:
            for (_, country), of_country in origins.items():
                assert country in eu or of_country * PPB <= limits.third_country_max_ppb * grams
        bid = sum(
            fall.quantity_basis_g * (fall.limit_ueur_per_kg + fall.term_total_ueur_per_kg) for fall in own
        )
        assert sum(fall.quantity_basis_g * fall.price_ueur_per_kg for fall in own) <= bid


@pytest.mark.parametrize("share", range(SHARES))
def test_shares_and_limit_prices_hold_in_every_round(share: int) -> None:
    traded = 0
    for seed in range(share, ROUNDS, SHARES):
        lane, plan = small_round_of_portfolios(seed)
        of, recorded = posed(lane, plan)
        facts = [draft.data for draft in recorded]
        assert [] == faults(of, facts)
        falls = [fall for part in parts(facts) for fall in part.waterfalls]
        assert_kept(lane.book, falls, of.planned.rule_set.eu_countries)
        traded += len(shares_of(lane.book, falls))
        for fall in falls:
            worth = fall.value_ueur_per_kg + sum(line.ueur_per_kg for line in fall.premiums or ())
            assert worth == fall.seller_surplus_ueur_per_kg + fall.buyer_surplus_ueur_per_kg
    assert traded > 0


def tiny_round(seed: int) -> tuple[Lane, Recorded]:
    """Up to three lots of one to four bags, up to two buyers; all firm, nothing but shares in the way."""
    rng = random.Random(seed)
    lane = market("s0", "s1", "s2", "b0", "b1")
    for k in range(rng.randint(1, 3)):
        lane.offer(
            f"s{k}",
            f"offer {k}",
            ask=eur(rng.choice([56, 60, 64, 72]) * EUR),
            net_wet_g=rng.randint(1, 4) * T,
            packaging=Packaging(unit="big_bag", package_wet_g=T),
            recycled=RecycledContent(post_consumer_ppb=rng.choice([0, PPB // 2, PPB])),
            **from_country(rng.choice(["DE", "CN"])),
        )
    for k in range(rng.randint(1, 2)):
        limits = PortfolioLimits(
            recycled_min_ppb=rng.choice([0, QUARTER, PPB // 2]),
            third_country_max_ppb=rng.choice([None, PPB // 2, 650_000_000]),
        )
        lane.require(
            f"b{k}",
            f"wanted {k}",
            limit=eur(rng.choice([60, 66, 70]) * EUR),
            basis_g=rng.randint(1, 8) * BAG_G,
            portfolio=rng.choice([limits, limits, None]),
        )
    return lane, lane.plan()


@pytest.mark.parametrize("share", range(4))
def test_the_best_of_all_trades_is_within_the_published_gap(share: int) -> None:
    best, reached = 0, 0
    for seed in range(share, 120, 4):
        lane, plan = tiny_round(seed)
        spot = clear(lane.book, plan).sections[0]
        result = next(
            draft.data for draft in conclude(lane.book, plan) if isinstance(draft.data, ClearingCompleted)
        ).sections[0]
        wanted = best_kept(offered_of(spot.whole, 1), spot.whole.ratios)
        welfare, bound = int(result.welfare), int(result.relaxed_bound or 0)
        assert welfare <= wanted <= bound
        assert bound - welfare == int(result.gap or 0)
        best, reached = best + wanted, reached + welfare
    assert reached * 100 >= best * 85


@pytest.mark.parametrize("seed", range(6))
def test_the_order_in_which_a_book_is_kept_does_not_matter(seed: int) -> None:
    lane, plan = small_round_of_portfolios(seed)
    book = lane.book

    def turned(orders: dict[UUID, Any]) -> dict[UUID, Any]:
        return dict(reversed(orders.items()))

    other = replace(book, supplies=turned(book.supplies), requirements=turned(book.requirements))
    assert conclude(book, plan) == conclude(other, plan)


def portfolio_part(facts: list[Any], change: Callable[[ClearingEvidence], ClearingEvidence]) -> list[Any]:
    index = next(k for k, fact in enumerate(facts) if isinstance(fact, ClearingEvidence) and fact.quotas)
    return [*facts[:index], change(facts[index]), *facts[index + 1 :]]


def kept_share() -> tuple[Round, list[Any]]:
    lane = market("virgin", "recycler", "buyer")
    quarter_recycled(lane, recycled_ask=72, basis_g=24 * BAG_G)
    return posed_again(lane)


def posed_again(lane: Lane) -> tuple[Round, list[Any]]:
    plan = lane.events[-1]
    of, recorded = posed(lane, plan)
    return of, [draft.data for draft in recorded]


def with_members(entries: Sequence[Any], index: int, **members: Any) -> tuple[Any, ...]:
    return tuple(
        replace(entry, **members) if place == index else entry for place, entry in enumerate(entries)
    )


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"ueur_per_kg": 12 * EUR + 1}, "quotas/1/dual_ueur_per_kg"),
        ({"ueur_per_kg": 12 * EUR - 1}, "quotas/0/dual_ueur_per_kg"),
        ({"ueur_per_kg": 1}, "quotas/1/capacity_g, multipliers"),
        ({"ueur_per_kg": -1}, "multipliers/0/ueur_per_kg"),
        ({"ueur_per_kg": PRICE_UEUR_PER_KG_MAX + 1}, "multipliers/0/ueur_per_kg"),
        ({"limit": "third_country_max"}, "multipliers/0/limit"),
        ({"country": "CN"}, "multipliers/0/country"),
        ({"stage": "processing"}, "multipliers/0/stage"),
        ({"requirement": ident("stranger")}, "multipliers/0/requirement"),
    ],
)
def test_another_multiplier_is_named(members: dict[str, Any], named: str) -> None:
    of, facts = kept_share()
    bad = portfolio_part(
        facts, lambda part: replace(part, multipliers=with_members(part.multipliers, 0, **members))
    )
    assert named in ", ".join(faults(of, bad))


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (Multiplier(requirement=ident("wanted"), limit="portfolio", ueur_per_kg=1), "multipliers/1/limit"),
        (Multiplier(requirement=ident("x"), limit="limit_price", ueur_per_kg=1), "multipliers/1/requirement"),
        (Multiplier(requirement=ident("wanted"), limit="limit_price", ueur_per_kg=1), "dual_ueur_per_kg"),
    ],
)
def test_a_margin_too_many_is_named(extra: Multiplier, named: str) -> None:
    of, facts = kept_share()
    bad = portfolio_part(facts, lambda part: replace(part, multipliers=(*part.multipliers, extra)))
    assert named in ", ".join(faults(of, bad))


def test_a_multiplier_left_out_is_missed() -> None:
    of, facts = kept_share()
    bad = portfolio_part(facts, lambda part: replace(part, multipliers=()))
    assert ["multipliers"] == faults(of, bad)


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"supply": ident("stranger")}, "quotas/0/supply"),
        ({"supply": UNSET}, "quotas/0/supply"),
        ({"tranche": 7}, "quotas/0/tranche"),
        ({"order": ident("stranger")}, "quotas/0/order"),
        ({"side": "seller"}, "quotas/0/side"),
        ({"capacity_g": 0}, "quotas/0/capacity_g"),
        ({"capacity_g": 100 * BAG_G}, "quotas/0/capacity_g"),
        ({"capacity_g": BAG_G}, "waterfalls/0/quantity_basis_g"),
        ({"dual_ueur_per_kg": 0}, "quotas/0/dual_ueur_per_kg"),
        ({"rank_dual": "many"}, "quotas/0/rank_dual"),
        ({"effective_reason": "because"}, "quotas/0/effective_reason"),
    ],
)
def test_another_quota_is_named(members: dict[str, Any], named: str) -> None:
    of, facts = kept_share()
    bad = portfolio_part(facts, lambda part: replace(part, quotas=with_members(part.quotas, 0, **members)))
    assert named in ", ".join(faults(of, bad))


def test_quotas_in_another_order_or_twice_are_named() -> None:
    of, facts = kept_share()
    bad = portfolio_part(facts, lambda part: replace(part, quotas=(part.quotas)[::-1]))
    assert ["quotas/1"] == faults(of, bad)


def taken_from(facts: list[Any], index: int, grams: int) -> list[Any]:
    """So many grams less of one trade, with quota and buyer's entry made to fit; totals are not."""

    def change(part: ClearingEvidence) -> ClearingEvidence:
        fall = part.waterfalls[index]
        left = fall.quantity_basis_g - grams

        def fits(dual: OrderDual) -> OrderDual:
            if dual.supply == fall.supply:
                return replace(dual, filled_g=left, effective_g=left, effective_reason=PORTFOLIO)
            return dual

        return replace(
            part,
            waterfalls=with_members(part.waterfalls, index, quantity_basis_g=left),
            quotas=tuple(map(fits, part.quotas)),
        )

    return portfolio_part(facts, change)


def test_a_share_that_the_trades_do_not_keep_is_named_though_duals_prove_them_best() -> None:
    """One bag less of the recycled lot: 5 of 23 are less than a quarter."""
    of, facts = kept_share()
    index = next(k for k, fall in enumerate(parts(facts)[0].waterfalls) if fall.supply == ident("recycled"))
    found = faults(of, taken_from(facts, index, BAG_G))
    assert ["waterfalls/0/quantity_basis_g, waterfalls/1/quantity_basis_g"] == found


def test_part_of_a_bag_is_named_in_a_quota_too() -> None:
    of, facts = kept_share()
    assert any("quantity_basis_g" in field for field in faults(of, taken_from(facts, 0, BAG_G // 2)))


def test_a_buyer_is_not_said_to_be_dropped_beside_its_quotas() -> None:
    of, facts = kept_share()

    def dropped(part: ClearingEvidence) -> ClearingEvidence:
        buyer = next(k for k, dual in enumerate(part.duals) if dual.side == "buyer")
        return replace(part, duals=with_members(part.duals, buyer, effective_reason=LIMIT_PRICE))

    assert any("quotas/0" in field for field in faults(of, portfolio_part(facts, dropped)))


def forged(
    lane: Lane, multiplier: int, quota_bags: Sequence[int], *, dropped: bool = False
) -> tuple[Round, list[Any]]:
    """A record in which all hashes, duals and totals fit, of quotas that no share and no limit price held.

    The buyer with portfolio limits is the only one; quotas by edge.
    """
    plan = lane.plan()
    of = posed_round(lane.book, plan)

    def section(posed: Posed, at: datetime) -> ClearedSection:
        if not posed.section.name.endswith("firm"):
            return clear_section(posed, at)
        offered, multipliers = offered_of(posed, 1), (multiplier,)
        premium = premiums(len(offered.value), posed.ratios, multipliers)
        margins = {} if dropped else {0: 0}
        quota_g = np.array(quota_bags, dtype=np.int64) * BAG_G
        parted = split(offered, posed.ratios, premium, quota_g, margins)
        whole = clear_whole(parted.problem, parted.terms)
        bounds = [solve(bound_problem(offered, premium)), solve(plain_bound(posed, multipliers))]
        duals = [(found.seller_dual, found.buyer_dual) for found in bounds]
        proof = Proof(
            tries=1,
            relaxed=parted.problem,
            relaxed_dual=duals[0],
            plain_dual=duals[1],
            removed=({}, {}),
            cut=({}, {}),
            solution=whole.solution,
            bound=bound_problem(offered, premium),
        )
        out = frozenset({0}) if dropped else frozenset[int]()
        quotas = Quotas(posed, parted, multipliers, margins, out)
        return priced(split_posed(posed, parted), proof, at, quotas)

    return of, [draft.data for draft in drafts(of, in_turn(of, section))]


def test_a_share_broken_in_a_record_where_all_else_fits_is_named() -> None:
    """Six bags of the recycled lot would be a quarter of 24; there are five."""
    lane = market("virgin", "recycler", "buyer")
    quarter_recycled(lane, recycled_ask=65, basis_g=24 * BAG_G)
    fields = ["waterfalls/0/quantity_basis_g, waterfalls/1/quantity_basis_g"]
    assert [] == faults(*forged(lane, 0, [18, 6]))
    assert fields == faults(*forged(lane, 0, [19, 5]))


def test_a_portfolio_dearer_than_what_it_is_worth_is_named_where_all_else_fits() -> None:
    """Recycled lots alone keep the share; a multiplier of 20 EUR hides that they cost more than is bid."""
    lane = market("recycler", "buyer")
    lane.offer("recycler", "recycled", ask=eur(75 * EUR), recycled=RECYCLED)
    limits = PortfolioLimits(recycled_min_ppb=PPB // 2)
    lane.require("buyer", "wanted", limit=eur(70 * EUR), basis_g=5 * BAG_G, portfolio=limits)
    assert ["duals/1/low_ueur_per_kg"] == faults(*forged(lane, 20 * EUR, [5]))


def test_that_a_buyer_was_dropped_is_the_matchers_word_and_shows_in_the_gap() -> None:
    lane = market("virgin", "recycler", "buyer")
    quarter_recycled(lane, recycled_ask=65, basis_g=24 * BAG_G)
    of, facts = forged(lane, 0, [18, 6], dropped=True)
    assert [] == faults(of, facts)
    wanted = next(dual for dual in parts(facts)[0].duals if dual.side == "buyer")
    assert (LIMIT_PRICE, 0) == (wanted.effective_reason, wanted.filled_g)
    (spot, *_) = facts[-1].sections
    assert ("0", spot.relaxed_bound) == (spot.welfare, spot.gap)
