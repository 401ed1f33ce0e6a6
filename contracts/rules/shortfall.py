"""The take-or-pay ledger of one contract year, from its facts and the previous ledger. Pure.

    TOPQ       = top · ACQ − force majeure − seller's shortfall − off-spec, not below zero
    deficiency = max(0, TOPQ − taken − carry-forward used); it is paid for, and made up later
    above ACQ  = what is taken beyond it first draws make-up, the oldest first; the rest is carried forward
    seller     = pays for what lacks to deliver · ACQ − force majeure, as far as it is its own shortfall

Nothing is lost on the way: gram for gram, cent for cent, what came into a balance was drawn, expired or
stands. Quantities of a percentage are rounded half to even to grams, amounts to cents.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from contracts.rules.balances import drawable
from contracts.rules.invoices import line
from contracts.rules.price_terms import amount_cents, round_half_even
from contracts.rules.prices import Priced
from events.contract_terms import BalanceLot, FormulaTerm, InvoiceLine, TakeOrPayClause, YearLedger
from events.vocabulary import PPB


class YearFacts(Struct, frozen=True, kw_only=True):
    """The facts of a contract year that has ended; grams of basis; `price` is the mean price paid in it."""

    year: int
    acq_g: int
    taken_g: int
    force_majeure_g: int = 0
    seller_shortfall_g: int = 0
    off_spec_g: int = 0
    price_micro_per_kg: int


class Drawn(NamedTuple):
    """What was drawn from a balance, what had been paid for it, and the rest of the balance."""

    quantity_g: int
    cents: int
    left: tuple[BalanceLot, ...]


def assess(clause: TakeOrPayClause, facts: YearFacts, before: YearLedger | None) -> YearLedger:
    """`before` None: no earlier year was assessed. If years between had no clause, what could last have been
    drawn in them expires here. ValueError when `before` is not of an earlier year."""
    if before is not None and before.year >= facts.year:
        raise ValueError(f"the ledger of year {before.year} does not come before year {facts.year}")
    made_up, made_up_lapsed = _of_year(() if before is None else before.make_up, facts.year)
    carried, carried_lapsed = _of_year(() if before is None else before.carry_forward, facts.year)

    take_or_pay_g = max(0, _part(facts.acq_g, clause.top_ppb) - facts.force_majeure_g - _sellers_g(facts))
    used = draw(carried, max(0, take_or_pay_g - facts.taken_g))
    deficiency_g = max(0, take_or_pay_g - facts.taken_g - used.quantity_g)
    deficiency_price = _price(facts, clause.deficiency_price_ppb)
    deficiency_cents, _ = amount_cents(deficiency_g, deficiency_price)

    drawn = draw(made_up, max(0, facts.taken_g - facts.acq_g))
    earned_g = 0
    if clause.carry_forward_years:
        surplus_g = max(0, facts.taken_g - facts.acq_g - drawn.quantity_g)
        earned_g = min(surplus_g, _part(facts.acq_g, clause.carry_forward_max_ppb))

    make_up = _with(drawn.left, facts.year, clause.makeup_years, deficiency_g, deficiency_cents)
    carry = _with(used.left, facts.year, clause.carry_forward_years, earned_g, 0)
    make_up_left, make_up_lost = _expire((*made_up_lapsed, *make_up), facts.year)
    carry_left, carry_lost = _expire((*carried_lapsed, *carry), facts.year)
    deliver_g = _undelivered_g(clause, facts)
    deliver_price = _price(facts, clause.deliver_price_ppb)
    ledger = YearLedger(
        year=facts.year,
        acq_g=facts.acq_g,
        taken_g=facts.taken_g,
        force_majeure_g=facts.force_majeure_g,
        seller_shortfall_g=facts.seller_shortfall_g,
        off_spec_g=facts.off_spec_g,
        take_or_pay_g=take_or_pay_g,
        price_micro_per_kg=facts.price_micro_per_kg,
        carry_forward_used_g=used.quantity_g,
        carry_forward_earned_g=earned_g,
        carry_forward_expired_g=grams(carry_lost),
        carry_forward_balance_g=grams(carry_left),
        carry_forward=carry_left,
        deficiency_g=deficiency_g,
        deficiency_price_micro_per_kg=deficiency_price,
        deficiency_cents=deficiency_cents,
        make_up_drawn_g=drawn.quantity_g,
        make_up_credit_cents=drawn.cents,
        make_up_expired_g=grams(make_up_lost),
        make_up_expired_cents=cents(make_up_lost),
        make_up_balance_g=grams(make_up_left),
        make_up_balance_cents=cents(make_up_left),
        make_up=make_up_left,
        deliver_or_pay_g=deliver_g,
        deliver_or_pay_price_micro_per_kg=deliver_price,
        deliver_or_pay_cents=amount_cents(deliver_g, deliver_price)[0],
    )
    _assert_conserved(before, ledger)
    return ledger


def draw(lots: Sequence[BalanceLot], wanted_g: int) -> Drawn:
    """Draws the oldest amounts first, at most what there is; of an amount drawn in part, its money in
    proportion."""
    left, quantity_g, paid = [], 0, 0
    for lot in lots:
        taken_g = min(lot.quantity_g, wanted_g - quantity_g)
        share_cents = round_half_even(lot.paid_cents * taken_g, lot.quantity_g)
        quantity_g, paid = quantity_g + taken_g, paid + share_cents
        if taken_g < lot.quantity_g:
            left.append(
                replace(lot, quantity_g=lot.quantity_g - taken_g, paid_cents=lot.paid_cents - share_cents)
            )
    return Drawn(quantity_g, paid, tuple(left))


def shortfall_lines(
    clause: TakeOrPayClause, ledger: YearLedger, price_terms: tuple[FormulaTerm, ...]
) -> tuple[InvoiceLine, ...]:
    """The invoice lines of a year's end; if negative, the seller pays. Empty when nobody owes anything.
    `price_terms` explain the year's price."""
    lines = []
    if ledger.deficiency_cents:
        share = _shared(
            ledger, price_terms, ledger.deficiency_price_micro_per_kg, clause.deficiency_price_ppb
        )
        lines.append(line("deficiency", ledger.deficiency_g, share))
    if ledger.make_up_credit_cents:
        lines.append(InvoiceLine(kind="make_up_credit", amount_cents=-ledger.make_up_credit_cents))
    if ledger.deliver_or_pay_cents:
        share = _shared(
            ledger, price_terms, ledger.deliver_or_pay_price_micro_per_kg, clause.deliver_price_ppb
        )
        lines.append(line("deliver_or_pay", ledger.deliver_or_pay_g, _owed_by_seller(share)))
    return tuple(lines)


def _shared(
    ledger: YearLedger, price_terms: tuple[FormulaTerm, ...], share_micro: int, part_ppb: int
) -> Priced:
    last = FormulaTerm(
        rule="share-of-price.1",
        micro_per_kg=share_micro - ledger.price_micro_per_kg,
        after_micro_per_kg=share_micro,
        inputs={"part_ppb": str(part_ppb)},
    )
    return Priced(share_micro, (*price_terms, last))


def _owed_by_seller(price: Priced) -> Priced:
    last = FormulaTerm(
        rule="owed-by-seller.1",
        micro_per_kg=-2 * price.micro_per_kg,
        after_micro_per_kg=-price.micro_per_kg,
    )
    return Priced(-price.micro_per_kg, (*price.terms, last))


def grams(lots: Sequence[BalanceLot]) -> int:
    return sum(lot.quantity_g for lot in lots)


def cents(lots: Sequence[BalanceLot]) -> int:
    return sum(lot.paid_cents for lot in lots)


def _sellers_g(facts: YearFacts) -> int:
    return facts.seller_shortfall_g + facts.off_spec_g


def _undelivered_g(clause: TakeOrPayClause, facts: YearFacts) -> int:
    due_g = max(0, _part(facts.acq_g, clause.deliver_ppb) - facts.force_majeure_g)
    return min(_sellers_g(facts), max(0, due_g - facts.taken_g))


def _with(
    lots: tuple[BalanceLot, ...], year: int, years: int, quantity_g: int, paid_cents: int
) -> tuple[BalanceLot, ...]:
    if quantity_g == 0:
        return lots
    lot = BalanceLot(from_year=year, through_year=year + years, quantity_g=quantity_g, paid_cents=paid_cents)
    return (*lots, lot)


def _of_year(lots: Sequence[BalanceLot], year: int) -> tuple[tuple[BalanceLot, ...], tuple[BalanceLot, ...]]:
    """The amounts that the year may draw on, and those whose last year is over."""
    usable = drawable(lots, year)
    return usable, tuple(lot for lot in lots if lot not in usable)


def _expire(lots: Sequence[BalanceLot], year: int) -> tuple[tuple[BalanceLot, ...], tuple[BalanceLot, ...]]:
    """The amounts that later years may draw on, and those for which `year` was the last."""
    left = tuple(lot for lot in lots if lot.through_year > year)
    return left, tuple(lot for lot in lots if lot.through_year <= year)


def _part(whole_g: int, part_ppb: int) -> int:
    return round_half_even(whole_g * part_ppb, PPB)


def _price(facts: YearFacts, part_ppb: int) -> int:
    """A percentage of the year's price; a negative price counts as 0."""
    return round_half_even(max(0, facts.price_micro_per_kg) * part_ppb, PPB)


def _assert_conserved(before: YearLedger | None, after: YearLedger) -> None:
    old_g = 0 if before is None else before.make_up_balance_g
    old_cents = 0 if before is None else before.make_up_balance_cents
    old_carry_g = 0 if before is None else before.carry_forward_balance_g
    assert (
        old_g + after.deficiency_g
        == after.make_up_drawn_g + after.make_up_expired_g + after.make_up_balance_g
    )
    assert (
        old_cents + after.deficiency_cents
        == after.make_up_credit_cents + after.make_up_expired_cents + after.make_up_balance_cents
    )
    assert (
        old_carry_g + after.carry_forward_earned_g
        == after.carry_forward_used_g + after.carry_forward_expired_g + after.carry_forward_balance_g
    )
