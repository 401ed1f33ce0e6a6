"""A seeded market over the pure rules: all races against an open plan, and invariants after every step."""

import itertools
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.envelope import Recorded
from events.market_events import MatchStruck
from events.market_terms import (
    AcceptedForm,
    RequirementTerms,
    SupplyTerms,
    SustainabilityProfile,
)
from events.policy_terms import PortfolioLimits
from events.vocabulary import PPB, OriginStep, PhysicalLot, Tranche
from tests.blotter import (
    EUR,
    MARKET,
    START,
    T,
    days,
    eur,
    ident,
    market_terms,
    member,
    ndpr_price,
    requirement_terms,
    rule_set,
    site,
    supply_terms,
)
from tests.simulation.desk import Desk, Orders

NAMES = tuple(f"trader{k}" for k in range(6))
STEPS = 160
PLAN_STEPS_MAX = 8
ACTIONS = (
    *("offer", "offer", "lot", "require", "require", "require", "plan", "expire", "lapse"),
    *("change", "change", "change", "answer", "answer", "answer", "answer"),
)


def desk(**rules: Any) -> Desk:
    made = Desk(terms=market_terms(confirmation_seconds=3 * 86_400), rules=rule_set(**rules))
    made.admit(*(member(name) for name in NAMES))
    made.record(ndpr_price())
    return made


RACES = ("finish", "amend", "withdraw", "expire", "answer", "post")


@pytest.mark.parametrize("side", ["supply", "requirement"])
@pytest.mark.parametrize("first", RACES)
def test_every_order_of_a_race_against_an_open_plan(side: str, first: str) -> None:
    """While the plan is open the order stands; after it what is held stays held, what is not may change."""
    for order_of_events in itertools.permutations(RACES):
        if order_of_events[0] == first:
            run_race(side, order_of_events)


def run_race(side: str, order_of_events: tuple[str, ...]) -> None:
    lane = desk()
    soft: Any = {"commitment": "subject_to_confirmation"}
    until = START + timedelta(days=1)
    lane.post("trader0", supply_terms("trader0", valid_until=until, **soft))
    lane.post("trader1", requirement_terms("trader1", basis_g=2 * T, valid_until=until, **soft))
    sold, bought = next(iter(lane.book.supplies)), next(iter(lane.book.requirements))
    target = sold if side == "supply" else bought
    assert 1 == len(lane.start_round())
    lane.pass_time(until)
    finished = False
    for step in order_of_events:
        race(lane, step, target, finished=finished)
        finished = finished or step == "finish"
        lane.check()
    assert None is lane.book.plan
    assert 1 == sum(isinstance(event.data, MatchStruck) for event in lane.events)
    lane.pass_time(START + timedelta(days=9))
    for match in list(lane.book.matches):
        lane.lapse(match)
    for order in (*lane.book.supplies, *lane.book.requirements):
        lane.expire(order)
        lane.check()
    left: Orders = (*lane.book.supplies.values(), *lane.book.requirements.values())
    assert [] == [order for order in left if order.terms.valid_until <= lane.now]
    assert lane.books == lane.replayed()


def race(lane: Desk, step: str, target: UUID, *, finished: bool) -> None:
    """One step; while the plan is open nothing may happen to an order that is in its book."""
    standing = target in lane.book.supplies or target in lane.book.requirements
    match step:
        case "finish":
            lane.check_round(lane.finish_round())
            return
        case "post":
            assert 1 == len(lane.post("trader2", supply_terms("trader2", ask=eur(EUR))))
            return
        case "answer":
            for match in list(lane.book.matches):
                lane.answer(match, ident("trader0"))
            return
        case "amend":
            if not standing:
                return
            order = lane.book.supplies.get(target)
            later = START + timedelta(days=30)
            terms: SupplyTerms | RequirementTerms = (
                replace(lane.book.requirements[target].terms, valid_until=later)
                if order is None
                else replace(order.terms, valid_until=later)
            )
            lane.amend(target, terms)
        case "withdraw":
            lane.withdraw(target)
        case _:
            lane.expire(target)
    if not finished:
        assert ("clearing_in_progress",) == lane.refused
    elif standing:
        assert "clearing_in_progress" not in lane.refused


@pytest.mark.parametrize("seed", range(12))
def test_a_seeded_market_keeps_its_promises(seed: int) -> None:
    rng = random.Random(seed)
    rests = seed % 2 == 0
    lane = desk(thin_component_groups=rng.choice([1, 3]), conditional_orders_rest=rests)
    plan_age, rounds, trades = 0, 0, 0
    for _ in range(STEPS):
        lane.pass_time(lane.now + timedelta(minutes=rng.randrange(240)))
        if lane.open_plan is not None and (rng.random() < 0.3 or plan_age == PLAN_STEPS_MAX):
            events = lane.finish_round()
            lane.check_round(events)
            assert not rests or not failed_twice(lane, events)
            plan_age, rounds = 0, rounds + 1
            trades += sum(isinstance(event.data, MatchStruck) for event in events)
        else:
            act(lane, rng)
            plan_age += lane.open_plan is not None
        lane.check()
    if lane.open_plan is not None:
        lane.check_round(lane.finish_round())
    lane.check()
    assert rounds >= 3
    assert trades >= 3
    assert lane.books == lane.replayed()
    assert [each.position for each in lane.events] == list(range(1, len(lane.events) + 1))


def failed_twice(lane: Desk, events: Sequence[Recorded]) -> list[UUID]:
    """Who has to confirm a match of the round, and had declined or let lapse two of the last 90 days."""
    struck = [event.data.match for event in events if isinstance(event.data, MatchStruck)]
    open_matches = [lane.book.matches[match] for match in struck if match in lane.book.matches]
    cut = events[0].time
    bound = [each.seller for each in open_matches if each.struck.seller_must_confirm]
    bound += [each.buyer for each in open_matches if each.struck.buyer_must_confirm]
    return [
        each
        for each in bound
        if sum(cut - timedelta(days=90) < at < cut for at in lane.book.failings.get(each, [])) > 1
    ]


def act(lane: Desk, rng: random.Random) -> None:
    """One command of a random partner, the operator or a timer."""
    orders = [*lane.book.supplies, *lane.book.requirements]
    match rng.choice(ACTIONS):
        case "offer":
            name = rng.choice(NAMES)
            lane.post(name, random_supply(lane, rng, name))
            assert () == lane.refused or "firm_only" in lane.refused
        case "lot":
            name = rng.choice(NAMES)
            physical = PhysicalLot(site=site(name), lot_number=f"L{len(lane.events)}")
            terms = replace(random_supply(lane, rng, name), physical_lot=physical, rex_routes=("recycle",))
            lane.list_lot(name, terms)
            assert () == lane.refused or "firm_only" in lane.refused
        case "require":
            name = rng.choice(NAMES)
            lane.post(name, random_requirement(lane, rng, name))
            assert () == lane.refused or "firm_only" in lane.refused
        case "plan":
            was_open = lane.open_plan is not None
            lane.start_round()
            assert ("plan_open" in lane.refused) == was_open
        case "change" if orders:
            change(lane, rng, rng.choice(orders))
        case "expire":
            expire_due(lane)
        case "answer" if lane.book.matches:
            match = rng.choice(list(lane.book.matches))
            found = lane.book.matches[match]
            reason = "quality" if rng.random() < 0.2 else None
            lane.answer(match, rng.choice([found.seller, found.buyer]), reason)
        case "lapse":
            for match, found in list(lane.book.matches.items()):
                if found.struck.confirm_by <= lane.now:
                    assert 1 == len(lane.lapse(match))
        case _:
            pass


def change(lane: Desk, rng: random.Random, order: UUID) -> None:
    supply, wanted = lane.book.supplies.get(order), lane.book.requirements.get(order)
    in_book = lane.book.plan_position is not None and (supply or wanted) is not None
    if rng.random() < 0.3:
        lane.withdraw(order)
    elif supply is not None:
        lane.amend(order, changed_supply(rng, supply.terms))
    elif wanted is not None:
        lane.amend(order, replace(wanted.terms, limit=eur(rng.choice([58, 60, 62, 64]) * EUR)))
    if in_book and lane.open_plan is not None and not lane.refused:
        # only an order that came after the cut may change while the plan is open
        found = supply or wanted
        assert found is not None
        assert found.rank > (lane.book.plan_position or 0)


def changed_supply(rng: random.Random, terms: SupplyTerms) -> SupplyTerms:
    if rng.random() < 0.5:
        return replace(terms, ask=eur(rng.choice([56, 58, 60, 62]) * EUR))
    smaller = tuple(replace(each, net_wet_g=each.net_wet_g * 3 // 4) for each in terms.tranches)
    return replace(terms, tranches=smaller, net_wet_g=sum(each.net_wet_g for each in smaller))


def expire_due(lane: Desk) -> None:
    orders: Orders = (*lane.book.supplies.values(), *lane.book.requirements.values())
    for order in orders:
        if order.status == "open" and order.terms.valid_until <= lane.now:
            lane.expire(order.order)
            assert () == lane.refused or ("clearing_in_progress",) == lane.refused


def random_supply(lane: Desk, rng: random.Random, name: str) -> SupplyTerms:
    day = (lane.now - START).days
    first, second = rng.randrange(1, 20), rng.randrange(1, 20)
    tranches = (
        Tranche(window=days(day + 2, day + 20), net_wet_g=first * T),
        Tranche(window=days(day + 40, day + 60), net_wet_g=second * T),
    )[: rng.choice([1, 2])]
    return supply_terms(
        name,
        net_wet_g=sum(each.net_wet_g for each in tranches),
        tranches=tranches,
        ask=eur(rng.choice([56, 58, 60, 62]) * EUR),
        commitment=rng.choice(["firm", "subject_to_confirmation"]),
        form=rng.choice(["swarf", "hard_scrap"]),
        valid_until=lane.now + timedelta(days=rng.randrange(1, 30)),
        origin=(OriginStep(stage="recycling", country=rng.choice(["DE", "CN"])),),
    )


def random_requirement(lane: Desk, rng: random.Random, name: str) -> RequirementTerms:
    day = (lane.now - START).days
    start = day + rng.choice([0, 35])
    profile = SustainabilityProfile(eu_origin_ueur_per_kg=2 * EUR, cap_ueur_per_kg=2 * EUR)
    return requirement_terms(
        name,
        forms=(AcceptedForm(form="swarf"), AcceptedForm(form="hard_scrap", differential_ueur_per_kg=-EUR)),
        basis_g=rng.choice([500_000, 1_000_000, 3_000_000]),
        limit=eur(rng.choice([58, 60, 62, 64]) * EUR),
        commitment=rng.choice(["firm", "subject_to_confirmation"]),
        window=days(start, start + 40),
        valid_until=lane.now + timedelta(days=rng.randrange(1, 30)),
        profile=profile if rng.random() < 0.5 else None,
        portfolio=PortfolioLimits(third_country_max_ppb=PPB // 2) if rng.random() < 0.3 else None,
    )


def test_the_same_seed_gives_the_same_bytes() -> None:
    def bodies() -> list[bytes]:
        rng, lane = random.Random(99), desk()
        for _ in range(40):
            lane.pass_time(lane.now + timedelta(hours=1))
            act(lane, rng)
        lane.finish_round()
        return lane.bodies

    assert MARKET in desk().books
    assert bodies() == bodies()
