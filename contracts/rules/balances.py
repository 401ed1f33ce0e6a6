"""What earlier contract years left for later ones, and which clause says so.

A year without take or pay has no ledger: it neither draws on a balance nor adds to one, and lots whose last
year it is expire with it.
"""

from collections.abc import Iterable

from contracts.rules.agreement import Agreement
from contracts.rules.contract_years import last_day_of
from contracts.rules.volumes import Volumes
from events.contract_terms import BalanceLot, TakeOrPayClause, YearLedger


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


def drawable(lots: Iterable[BalanceLot], year: int) -> tuple[BalanceLot, ...]:
    """Those that `year` may draw on."""
    return tuple(lot for lot in lots if lot.through_year >= year)
