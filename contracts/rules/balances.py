"""What earlier contract years left for later ones, and which clause says so.

A year without take or pay has no ledger: it neither draws on a balance nor adds to one, and lots whose last
year it is expire with it.
"""

from collections.abc import Iterable, Iterator

from contracts.rules.agreement import Agreement
from contracts.rules.clauses import years_in_all
from contracts.rules.contract_years import last_day_of
from contracts.rules.volumes import Volumes
from events.contract_terms import AgreementTerms, BalanceLot, TakeOrPayClause, YearLedger
from events.fractions import decimal_text
from events.refusal import Caution


def take_or_pay_of(agreement: Agreement, year: int) -> TakeOrPayClause | None:
    """The clause that stood on the year's last day: what is signed later changes no year that is over."""
    assert agreement.starts_on is not None
    return agreement.terms_on(last_day_of(agreement.starts_on, year)).take_or_pay


def ledger_before(agreement: Agreement, volumes: Volumes, year: int) -> YearLedger | None:
    """Of the newest earlier year that has the clause. None: there is none, or it is not assessed yet."""
    for earlier in range(year - 1, 0, -1):
        ledger = volumes.year(earlier).ledger
        if ledger is not None or take_or_pay_of(agreement, earlier) is not None:
            return ledger
    return None


def newest_ledger(volumes: Volumes) -> YearLedger | None:
    ledgers = [each.ledger for each in volumes.years.values() if each.ledger is not None]
    return max(ledgers, key=lambda ledger: ledger.year, default=None)


def balance_cautions(terms: AgreementTerms, volumes: Volumes | None) -> Iterator[Caution]:
    """Make-up that outlives the term, or that no year draws on once the clause is gone.

    `volumes`: of the agreement that the terms would amend.
    """
    clause, years = terms.take_or_pay, years_in_all(terms.term)
    if clause is not None and clause.makeup_years >= years:
        yield Caution(
            code="make_up_past_term",
            text=f"A deficiency may be made up for {clause.makeup_years} years, the term has {years}, its "
            "extensions included: what is paid for and not made up by its end lapses.",
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
    """Those that `year` may draw on."""
    return tuple(lot for lot in lots if lot.through_year >= year)
