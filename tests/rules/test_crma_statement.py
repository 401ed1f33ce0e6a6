"""The statement of Article 29: what is due when, and what counts."""

from datetime import date
from uuid import UUID

import pytest
from msgspec.structs import replace

from events.passport_terms import ElementShare, Magnet, MagnetType
from market import data
from market.rules.crma.dated import rules_on
from market.rules.crma.statement import StatedShare, statement
from market.rules.twins.dated_rules import read_rules
from tests.passport_support import PERCENT, assayed, content, magnet_record, recycled

DATED = read_rules(data.rows("crma_rules.csv"))
BEFORE, FROM = rules_on(DATED, date(2027, 5, 23)), rules_on(DATED, date(2027, 5, 24))
SITE = UUID(int=1)


def magnet(mass_g: int, type_: MagnetType = "NdFeB", **percents: int) -> Magnet:
    composition = assayed(**percents) if percents else None
    return Magnet(type=type_, pieces=1, mass_mg=mass_g * 1_000, location="rotor", composition=composition)


def product(*magnets: Magnet, shares: tuple[ElementShare, ...] = ()) -> object:
    record = magnet_record(UUID(int=7), magnets=magnets)
    return content(SITE, magnets=record, recycled=shares)


@pytest.mark.parametrize(
    ("magnets", "rules", "duty"),
    [
        ([magnet(200)], FROM, "below_threshold"),
        ([magnet(150), magnet(51)], FROM, "due"),
        ([magnet(201)], BEFORE, "not_yet"),
        ([magnet(900, "ferrite"), magnet(10)], FROM, "below_threshold"),
        ([magnet(900, "ferrite")], FROM, "no_magnets_of_these_types"),
        ([magnet(900, "ferrite", Nd=23)], FROM, "types_contradicted"),
        ([magnet(900, "ferrite", Nd=23)], BEFORE, "types_contradicted"),
        ([magnet(900, "ferrite", Nd=9)], FROM, "no_magnets_of_these_types"),
        ([magnet(150, "ferrite", Nd=23)], FROM, "types_contradicted"),
        ([magnet(900, "SmCo", Nd=23)], FROM, "due"),
        ([magnet(201), magnet(90, "ferrite", Nd=23)], FROM, "due"),
        ([magnet(900)], rules_on(DATED, date(1990, 1, 1)), "no_rule_yet"),
    ],
)
def test_who_places_more_than_200_g_on_the_market_has_to_state_from_the_day(
    magnets: list[Magnet], rules: object, duty: str
) -> None:
    found = statement(product(*magnets), rules)  # type: ignore[arg-type]
    assert found is not None
    assert duty == found.duty


def test_pre_consumer_stands_apart_and_does_not_count() -> None:
    """360 g of magnets with 28 % Nd: 100.8 g, of which 30 % post-consumer."""
    made = content(SITE, magnets=magnet_record(UUID(int=7)), recycled=recycled("Nd", post=30, pre=50))
    found = statement(made, FROM)
    assert found is not None
    assert ("Nd", "Dy", "Pr", "Tb", "B", "Sm", "Ni", "Co") == tuple(each.element for each in found.shares)
    assert (
        StatedShare(
            element="Nd",
            mass_mg=100_800,
            post_consumer_ppb=30 * PERCENT,
            pre_consumer_ppb=50 * PERCENT,
            counted_ppb=30 * PERCENT,
        )
        == found.shares[0]
    )
    assert (360_000, 200_000, ("post_consumer",)) == (found.magnets_mg, found.above_mg, found.counted)
    both = replace(FROM, statement_counts=frozenset({"post_consumer", "pre_consumer"}))
    proposed = statement(made, both)
    assert proposed is not None
    assert 80 * PERCENT == proposed.shares[0].counted_ppb


def test_silence_is_no_zero() -> None:
    found = statement(product(magnet(300, Nd=28), magnet(10)), FROM)  # type: ignore[arg-type]
    assert found is not None
    assert {(None, None, None, None)} == {
        (each.mass_mg, each.post_consumer_ppb, each.pre_consumer_ppb, each.counted_ppb)
        for each in found.shares
    }


def test_what_is_booked_apart_never_counts_and_what_holds_no_magnets_states_nothing() -> None:
    booked = content(
        SITE, custody="book_and_claim", booked=recycled("Nd", post=90), magnets=magnet_record(UUID(int=7))
    )
    found = statement(booked, FROM)
    assert found is not None
    assert None is found.shares[0].counted_ppb
    assert None is statement(content(SITE), FROM)
