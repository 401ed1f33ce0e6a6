"""The statement of an agreement: each contract year's quantities and money, from its folded state alone.

The same state comes from the tables and from the record, so that both can be compared.
"""

from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from msgspec import Struct

from contracts.rules.agreement import ENDED, Agreement
from contracts.rules.balances import newest_ledger
from contracts.rules.contests import contested_g
from contracts.rules.contract_years import acq_g, parts_of_year, year_terms, years_in
from contracts.rules.nominations import make_up_nominated_g, nomination_of
from contracts.rules.volumes import Volumes
from contracts.rules.year_accounts import next_year_end
from events.contract_terms import AgreementStatus, YearLedger
from events.vocabulary import CurrencyCode, MarketBasis, Period

YearStatus = Literal["open", "assessed", "broken_off"]


class StatementYear(Struct, frozen=True, kw_only=True):
    """Grams of basis and cents of the agreement's currency; without a ledger, the year's figures so far.

    `broken_off`: the agreement ended before the year did, so no ledger will say what of its ACQ is owed.
    `nominated_g` is the annual nomination; make-up is added to it, at whatever level it was nominated.
    `contested_g`: the part of the ACQ suspended by contested force majeure; the year is not assessed until
    that is settled. `returned_g`: returns of accepted deliveries; `taken_g` excludes those from before the
    year was assessed.
    """

    year: int
    period: Period
    status: YearStatus
    acq_g: int
    nominated_g: int | None
    make_up_nominated_g: int
    taken_g: int
    seller_shortfall_g: int
    off_spec_g: int
    returned_g: int
    contested_g: int
    unsettled: int
    invoiced_g: int
    invoiced_cents: int
    ledger: YearLedger | None


class Unused(Struct, frozen=True, kw_only=True):
    """Balances that no contract year can draw on any more: `make_up_cents` were paid for them."""

    make_up_g: int
    make_up_cents: int
    carry_forward_g: int


class Statement(Struct, frozen=True, kw_only=True):
    """`years` is empty before the agreement is effective; `currency` and `basis` are those of its terms.
    `unused` is set once the agreement is over and its last assessable year is assessed."""

    agreement: UUID
    market: UUID
    seller: UUID
    buyer: UUID
    status: AgreementStatus
    basis: MarketBasis
    currency: CurrencyCode | None
    years: tuple[StatementYear, ...]
    unused: Unused | None = None


def statement(agreement: Agreement, volumes: Volumes, returned_g: Mapping[int, int]) -> Statement:
    """`returned_g`: of accepted deliveries, by contract year."""
    years = range(1, years_in(agreement) + 1)
    return Statement(
        agreement=agreement.agreement,
        market=agreement.market,
        seller=agreement.seller,
        buyer=agreement.buyer,
        status=agreement.status,
        basis=agreement.basis,
        currency=None if agreement.standing is None else agreement.terms.payment.currency,
        years=tuple(_year(agreement, volumes, year, returned_g.get(year, 0)) for year in years),
        unused=_unused(agreement, volumes),
    )


def _unused(agreement: Agreement, volumes: Volumes) -> Unused | None:
    ledger = newest_ledger(volumes)
    if ledger is None or agreement.status not in ENDED or next_year_end(agreement, volumes) is not None:
        return None
    return Unused(
        make_up_g=ledger.make_up_balance_g,
        make_up_cents=ledger.make_up_balance_cents,
        carry_forward_g=ledger.carry_forward_balance_g,
    )


def _year(agreement: Agreement, volumes: Volumes, year: int, returned_g: int) -> StatementYear:
    assert agreement.starts_on is not None
    volume = volumes.year(year)
    (whole,) = parts_of_year(agreement.starts_on, year, "annual")
    nominated = nomination_of(volumes, whole)
    counted_g = acq_g(year_terms(agreement, year).volume, year, volume.output_g)
    broken_off = agreement.ended_at is not None and agreement.ended_at < whole.period.end
    return StatementYear(
        year=year,
        period=whole.period,
        status="assessed" if volume.ledger is not None else "broken_off" if broken_off else "open",
        acq_g=counted_g if volume.ledger is None else volume.ledger.acq_g,
        nominated_g=None if nominated is None else nominated.part.quantity_g,
        make_up_nominated_g=make_up_nominated_g(volumes, year),
        taken_g=volume.taken_g,
        seller_shortfall_g=volume.seller_shortfall_g,
        off_spec_g=volume.off_spec_g,
        returned_g=returned_g,
        contested_g=contested_g(agreement, year, counted_g),
        unsettled=volume.unsettled,
        invoiced_g=volume.invoiced_g,
        invoiced_cents=volume.invoiced_cents,
        ledger=volume.ledger,
    )
