"""The take-or-pay ledger, year by year, with figures that can be checked by hand: 1,000 t, TOP 90 %."""

from itertools import accumulate
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.rules.shortfall import YearFacts, assess, draw, shortfall_lines
from events.contract_terms import BalanceLot, FormulaTerm, InvoiceLine, TakeOrPayClause, YearLedger
from tests.desk_support import MILLION, PERCENT_PPB, TONNE_G
from tests.volume_support import TAKE_OR_PAY

ACQ_T = 1_000
CENTS = 100


def year(number: int, taken_t: int, **changes: Any) -> YearFacts:
    """A year at 75 per kg; members ending in `_t` are tonnes."""
    grams = {name[:-2] + "_g": tonnes * TONNE_G for name, tonnes in changes.items() if name.endswith("_t")}
    rest = {name: value for name, value in changes.items() if not name.endswith("_t")}
    facts = YearFacts(
        year=number, acq_g=ACQ_T * TONNE_G, taken_g=taken_t * TONNE_G, price_micro_per_kg=75 * MILLION
    )
    return replace(facts, **grams, **rest)


def ledgers(clause: TakeOrPayClause, *facts: YearFacts) -> list[YearLedger]:
    made: list[YearLedger] = []
    for fact in facts:
        made.append(assess(clause, fact, made[-1] if made else None))
    return made


def tonnes(ledger: YearLedger, *names: str) -> tuple[float, ...]:
    return tuple(getattr(ledger, f"{name}_g") / TONNE_G for name in names)


def accumulated(line: InvoiceLine) -> list[int]:
    return list(accumulate(term.micro_per_kg for term in line.terms))


def test_what_is_taken_short_is_paid_for_and_made_up_later() -> None:
    """900 t have to be taken, 750 t are: 150 t at 80 % of 75.00 are 9,000,000.00; 1,100 t in the next year
    draw 100 t of them, two thirds of the money."""
    short, above = ledgers(TAKE_OR_PAY, year(1, 750), year(2, 1_100))
    assert (900, 150, 150) == tonnes(short, "take_or_pay", "deficiency", "make_up_balance")
    assert (60 * MILLION, 9_000_000 * CENTS) == (short.deficiency_price_micro_per_kg, short.deficiency_cents)
    assert (
        BalanceLot(from_year=1, through_year=3, quantity_g=150 * TONNE_G, paid_cents=9_000_000 * CENTS),
    ) == (short.make_up)
    assert (0, 100, 50, 0) == tonnes(
        above, "deficiency", "make_up_drawn", "make_up_balance", "carry_forward_earned"
    )
    assert (6_000_000 * CENTS, 3_000_000 * CENTS) == (above.make_up_credit_cents, above.make_up_balance_cents)
    assert [("deficiency", 9_000_000 * CENTS)] == [
        (line.kind, line.amount_cents) for line in shortfall_lines(TAKE_OR_PAY, short, ())
    ]
    assert [("make_up_credit", -6_000_000 * CENTS)] == [
        (line.kind, line.amount_cents) for line in shortfall_lines(TAKE_OR_PAY, above, ())
    ]


def test_make_up_is_drawn_only_after_the_acq_is_taken() -> None:
    _, at_acq, one_gram_more = ledgers(
        TAKE_OR_PAY, year(1, 750), year(2, 1_000), year(3, 1_000, taken_g=1_000 * TONNE_G + 1)
    )
    assert (0, 150) == tonnes(at_acq, "make_up_drawn", "make_up_balance")
    assert 1 == one_gram_more.make_up_drawn_g


def test_make_up_expires_after_its_years_the_oldest_is_drawn_first() -> None:
    first, second, third, fourth = ledgers(
        TAKE_OR_PAY, year(1, 800), year(2, 850), year(3, 1_020), year(4, 1_000)
    )
    assert (100, 150) == (*tonnes(first, "make_up_balance"), *tonnes(second, "make_up_balance"))
    assert (20, 80, 50) == tonnes(third, "make_up_drawn", "make_up_expired", "make_up_balance")
    assert 4_800_000 * CENTS == third.make_up_expired_cents
    assert (50, 0) == tonnes(fourth, "make_up_expired", "make_up_balance")
    assert () == fourth.make_up


def test_without_make_up_years_a_deficiency_is_paid_and_gone() -> None:
    (ledger,) = ledgers(replace(TAKE_OR_PAY, makeup_years=0), year(1, 800))
    assert (100, 100, 0) == tonnes(ledger, "deficiency", "make_up_expired", "make_up_balance")


def test_a_surplus_is_carried_forward_up_to_its_limit_for_its_years() -> None:
    """1,250 t taken: 250 t above the ACQ, of which 100 t count; the next year uses 60 t, the rest expires."""
    surplus, lean, leaner = ledgers(TAKE_OR_PAY, year(1, 1_250), year(2, 840), year(3, 840))
    assert (100, 100) == tonnes(surplus, "carry_forward_earned", "carry_forward_balance")
    assert (60, 0, 40, 0) == tonnes(
        lean, "carry_forward_used", "deficiency", "carry_forward_expired", "carry_forward_balance"
    )
    assert (0, 60) == tonnes(leaner, "carry_forward_used", "deficiency")


def test_make_up_goes_before_carry_forward() -> None:
    _, ledger = ledgers(TAKE_OR_PAY, year(1, 850), year(2, 1_090))
    assert (50, 40) == tonnes(ledger, "make_up_drawn", "carry_forward_earned")


@pytest.mark.parametrize(
    ("changes", "take_or_pay_t", "deficiency_t", "deliver_or_pay_t"),
    [
        ({"force_majeure_t": 200}, 700, 0, 0),
        ({"seller_shortfall_t": 120}, 780, 80, 120),
        ({"off_spec_t": 30}, 870, 170, 30),
        ({"force_majeure_t": 100, "seller_shortfall_t": 120, "off_spec_t": 30}, 650, 0, 50),
        ({"force_majeure_t": 1_000, "seller_shortfall_t": 500}, 0, 0, 0),
    ],
)
def test_what_the_buyer_could_not_take_is_not_its_to_pay(
    changes: dict[str, int], take_or_pay_t: int, deficiency_t: int, deliver_or_pay_t: int
) -> None:
    """700 t taken. The seller answers for what lacks to 850 t, as far as it is its own shortfall."""
    (ledger,) = ledgers(TAKE_OR_PAY, year(1, 700, **changes))
    assert (take_or_pay_t, deficiency_t, deliver_or_pay_t) == tonnes(
        ledger, "take_or_pay", "deficiency", "deliver_or_pay"
    )
    assert deliver_or_pay_t * 7_500 * CENTS == ledger.deliver_or_pay_cents


def test_seller_and_buyer_owe_on_one_invoice() -> None:
    (ledger,) = ledgers(TAKE_OR_PAY, year(1, 700, seller_shortfall_t=120))
    mean = FormulaTerm(rule="mean.1", micro_per_kg=75 * MILLION, after_micro_per_kg=75 * MILLION)
    lines = shortfall_lines(TAKE_OR_PAY, ledger, (mean,))
    assert [("deficiency", 4_800_000 * CENTS), ("deliver_or_pay", -900_000 * CENTS)] == [
        (line.kind, line.amount_cents) for line in lines
    ]
    assert [["mean.1", "share-of-price.1"], ["mean.1", "share-of-price.1", "owed-by-seller.1"]] == [
        [term.rule for term in line.terms] for line in lines
    ]
    for line in lines:
        assert accumulated(line) == [term.after_micro_per_kg for term in line.terms]
        assert line.price_micro_per_kg == line.terms[-1].after_micro_per_kg
        exact = line.quantity_g * line.price_micro_per_kg
        assert exact == line.amount_cents * 10**7 + line.remainder_micro_g_per_kg


def test_nobody_owes_anything_when_the_acq_is_taken() -> None:
    (ledger,) = ledgers(TAKE_OR_PAY, year(1, 1_000))
    assert () == shortfall_lines(TAKE_OR_PAY, ledger, ())


def test_a_price_below_zero_pays_nobody_for_what_was_not_delivered() -> None:
    (ledger,) = ledgers(TAKE_OR_PAY, year(1, 700, seller_shortfall_t=120, price_micro_per_kg=-3 * MILLION))
    assert (0, 0, 80) == (
        ledger.deficiency_cents, ledger.deliver_or_pay_cents, *tonnes(ledger, "make_up_balance")
    )  # fmt: skip


def test_money_follows_the_grams_to_the_last_cent() -> None:
    lots: tuple[BalanceLot, ...] = (BalanceLot(from_year=1, through_year=3, quantity_g=3, paid_cents=100),)
    credits_cents = []
    while lots:
        drawn = draw(lots, 1)
        credits_cents.append(drawn.cents)
        lots = drawn.left
    assert [33, 34, 33] == credits_cents
    assert 0 == draw((), 5).quantity_g


def test_a_year_follows_on_an_earlier_one() -> None:
    second = assess(TAKE_OR_PAY, year(2, 800), None)
    for number in (1, 2):
        with pytest.raises(ValueError, match="does not come before year"):
            assess(TAKE_OR_PAY, year(number, 800), second)


def test_percentages_of_odd_grams_are_rounded_half_to_even() -> None:
    clause = replace(TAKE_OR_PAY, top_ppb=50 * PERCENT_PPB)
    assert [0, 2, 2] == [
        assess(clause, replace(year(1, 0), acq_g=acq), None).take_or_pay_g for acq in (1, 3, 5)
    ]
