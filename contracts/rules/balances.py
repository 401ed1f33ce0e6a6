"""Balances that earlier contract years leave to later ones, and the clause that applies.

A year without take-or-pay has no ledger: it neither draws on a balance nor adds to one, and amounts for which
it is the last year expire with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from msgspec.structs import replace

from contracts.rules.agreement import Agreement
from contracts.rules.clauses import years_in_all
from contracts.rules.contract_years import last_day_of
from contracts.rules.volumes import Volumes
from events.contract_terms import AgreementTerms, BalanceLot, TakeOrPayClause, YearLedger
from events.fractions import decimal_text
from events.refusal import Caution

FormerBalances = Literal["newest_ledger", "year_before"]
FORMER_BALANCES: Final[tuple[FormerBalances, ...]] = ("newest_ledger", "year_before")
"""How earlier versions found the balances before a year, the latest version first: the newest ledger, without
what earlier ledgers had left out; the ledger of the year just before, or none."""


def take_or_pay_of(agreement: Agreement, year: int) -> TakeOrPayClause | None:
    """The take-or-pay clause in force on the year's last day: later terms do not change a year that is
    over."""
    assert agreement.starts_on is not None
    return agreement.terms_on(last_day_of(agreement.starts_on, year)).take_or_pay


def ledger_before(
    agreement: Agreement, volumes: Volumes, year: int, former: FormerBalances | None = None
) -> YearLedger | None:
    """The ledger of the newest earlier year that has the clause, with what it should have contained. None:
    there is no such year, or it is not assessed yet. `former`: as an earlier version found it."""
    if former == "year_before":
        return volumes.year(year - 1).ledger
    for earlier in range(year - 1, 0, -1):
        ledger = volumes.year(earlier).ledger
        if ledger is not None or take_or_pay_of(agreement, earlier) is not None:
            return ledger if former is not None else _completed(volumes, ledger)
    return None


def newest_ledger(volumes: Volumes) -> YearLedger | None:
    """The newest ledger, with what it should have contained."""
    return _completed(volumes, max(_ledgers(volumes), key=lambda ledger: ledger.year, default=None))


def _ledgers(volumes: Volumes) -> list[YearLedger]:
    return [each.ledger for each in volumes.years.values() if each.ledger is not None]


def _completed(volumes: Volumes, newest: YearLedger | None) -> YearLedger | None:
    """Adds amounts that a former rule left out of a ledger, since what was paid for is either drawn or
    expires."""
    if newest is None:
        return None
    make_up: tuple[BalanceLot, ...] = ()
    carried: tuple[BalanceLot, ...] = ()
    before: YearLedger | None = None
    for ledger in sorted(_ledgers(volumes), key=lambda ledger: ledger.year):
        if before is not None and ledger.year <= newest.year:
            make_up = _left_out(make_up, before.make_up, _made_up_of_before_g(ledger))
            carried = _left_out(carried, before.carry_forward, _carried_of_before_g(ledger))
        before = ledger
    if not make_up and not carried:
        return newest
    return replace(
        newest,
        make_up=_in_order(make_up, newest.make_up),
        make_up_balance_g=newest.make_up_balance_g + sum(lot.quantity_g for lot in make_up),
        make_up_balance_cents=newest.make_up_balance_cents + sum(lot.paid_cents for lot in make_up),
        carry_forward=_in_order(carried, newest.carry_forward),
        carry_forward_balance_g=newest.carry_forward_balance_g + sum(lot.quantity_g for lot in carried),
    )


def _left_out(
    missing: Sequence[BalanceLot], before: Sequence[BalanceLot], taken_over_g: int
) -> tuple[BalanceLot, ...]:
    """What a ledger did not take over from the `missing` amounts and from those of the ledger before."""
    missing_g, before_g = (sum(lot.quantity_g for lot in lots) for lots in (missing, before))
    if taken_over_g == missing_g + before_g:
        return ()
    return tuple(missing) if taken_over_g == before_g else (*missing, *before)


def _made_up_of_before_g(ledger: YearLedger) -> int:
    out_g = ledger.make_up_drawn_g + ledger.make_up_expired_g + ledger.make_up_balance_g
    return out_g - ledger.deficiency_g


def _carried_of_before_g(ledger: YearLedger) -> int:
    out_g = ledger.carry_forward_used_g + ledger.carry_forward_expired_g + ledger.carry_forward_balance_g
    return out_g - ledger.carry_forward_earned_g


def _in_order(missing: Sequence[BalanceLot], held: Sequence[BalanceLot]) -> tuple[BalanceLot, ...]:
    return tuple(sorted((*missing, *held), key=lambda lot: lot.from_year))


def balance_cautions(terms: AgreementTerms, volumes: Volumes | None) -> Iterator[Caution]:
    """Warnings about make-up that would be left at the end of the term, or that no year can draw on once the
    clause is gone. `volumes`: those of the agreement that the terms would amend."""
    clause, years = terms.take_or_pay, years_in_all(terms.term)
    if clause is not None and clause.makeup_years >= years:
        yield Caution(
            code="make_up_past_term",
            text=f"A deficiency can be made up within {clause.makeup_years} years, but the term has {years}"
            ", its extensions included: what is paid for and not made up by its end lapses.",
            pointer="/take_or_pay/makeup_years",
        )
    ledger = None if volumes is None else newest_ledger(volumes)
    if clause is None and ledger is not None and (ledger.make_up or ledger.carry_forward):
        last = max(lot.through_year for lot in (*ledger.make_up, *ledger.carry_forward))
        yield Caution(
            code="balances_without_clause",
            text=f"{decimal_text(ledger.make_up_balance_g, 1_000)} kg of make-up, paid with "
            f"{decimal_text(ledger.make_up_balance_cents, 100)} {terms.payment.currency}, and "
            f"{decimal_text(ledger.carry_forward_balance_g, 1_000)} kg carried forward stand: years without "
            f"take or pay draw on neither, and all of it is expired after contract year {last}.",
            pointer="/take_or_pay",
        )


def drawable(lots: Iterable[BalanceLot], year: int) -> tuple[BalanceLot, ...]:
    """The amounts that `year` may draw on."""
    return tuple(lot for lot in lots if lot.through_year >= year)
