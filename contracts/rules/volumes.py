"""Nominated, delivered and missed quantities of each contract year: a pure fold, separate from the
agreement's state."""

from typing import Final, TypeAlias, assert_never
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from events.contract_events import (
    InvoiceSettled,
    OutputDeclared,
    QuantityNominated,
    ShortfallNotified,
    YearAssessed,
)
from events.contract_terms import NominatedPart, NominationLevel, YearLedger
from events.delivery_events import (
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryShipped,
    DeliveryWithdrawn,
    NonArrivalSettled,
    ReturnSettled,
)

VolumeFact: TypeAlias = (
    OutputDeclared
    | QuantityNominated
    | ShortfallNotified
    | DeliveryShipped
    | DeliveryAccepted
    | DeliveryRejected
    | DeliveryWithdrawn
    | NonArrivalSettled
    | ReturnSettled
    | InvoiceSettled
    | YearAssessed
)


PRODUCT_LINES: Final = frozenset({"final", "difference", "return_credit"})


class Nomination(Struct, frozen=True, kw_only=True):
    """The newest nomination of one year, quarter or month; `silent`: made by rule because the buyer made
    none."""

    nomination: UUID
    level: NominationLevel
    year: int
    part: NominatedPart
    silent: bool

    @property
    def place(self) -> tuple[str, str]:
        """The key under which a later nomination replaces it: level, and start of the period as ISO text."""
        return self.level, self.part.period.start.isoformat()


class YearVolume(Struct, frozen=True, kw_only=True):
    """Sums of one contract year in grams of basis; `ledger` once the year was assessed.

    `taken_g` was accepted, or lost at the buyer's risk; the ledger says how much of it draws on make-up of
    earlier years. `off_spec_g` was rejected or returned, and not replaced in the same year. `unsettled`
    counts shipped deliveries that are not rejected, withdrawn, lost at the seller's risk or finally invoiced.
    `invoiced` is the product amount of final invoices, including differences after restatements, without
    returns.
    """

    year: int
    output_g: int | None = None
    seller_shortfall_g: int = 0
    taken_g: int = 0
    off_spec_g: int = 0
    unsettled: int = 0
    invoiced_g: int = 0
    invoiced_cents: int = 0
    ledger: YearLedger | None = None


class Volumes(Struct, frozen=True, kw_only=True):
    """Sums by contract year, and nominations by their place."""

    years: dict[int, YearVolume] = {}
    nominations: dict[tuple[str, str], Nomination] = {}

    def year(self, year: int) -> YearVolume:
        return self.years.get(year) or YearVolume(year=year)


def fold_volume(volumes: Volumes, fact: VolumeFact) -> Volumes:
    """The volumes after a fact: a nomination replaces the earlier one of its level and period; everything
    else is added."""
    match fact:
        case QuantityNominated():
            nomination = Nomination(
                nomination=fact.nomination,
                level=fact.level,
                year=fact.year,
                part=fact.part,
                silent=fact.silent,
            )
            return replace(volumes, nominations={**volumes.nominations, nomination.place: nomination})
        case YearAssessed():
            return _with_year(volumes, replace(volumes.year(fact.ledger.year), ledger=fact.ledger))
        case OutputDeclared():
            return _with_year(volumes, replace(volumes.year(fact.year), output_g=fact.output_g))
        case ShortfallNotified():
            year = volumes.year(fact.year)
            return _with_year(
                volumes, replace(year, seller_shortfall_g=year.seller_shortfall_g + fact.quantity_g)
            )
        case DeliveryShipped():
            year = volumes.year(fact.year)
            return _with_year(volumes, replace(year, unsettled=year.unsettled + 1))
        case DeliveryWithdrawn():
            year = volumes.year(fact.year)
            return _with_year(volumes, replace(year, unsettled=year.unsettled - 1))
        case DeliveryAccepted():
            year = _made_good(volumes.year(fact.year), fact)
            return _with_year(volumes, replace(year, taken_g=year.taken_g + fact.quantity_g))
        case DeliveryRejected():
            year = _made_good(volumes.year(fact.year), fact)
            off_spec_g = year.off_spec_g + fact.quantity_g
            return _with_year(volumes, replace(year, off_spec_g=off_spec_g, unsettled=year.unsettled - 1))
        case ReturnSettled():
            return _with_year(volumes, _returned(volumes.year(fact.year), fact))
        case NonArrivalSettled():
            return _with_year(volumes, _lost(_made_good(volumes.year(fact.year), fact), fact))
        case InvoiceSettled():
            return volumes if fact.year is None else _with_year(volumes, _invoiced(volumes, fact, fact.year))
        case _:
            assert_never(fact)


def _made_good(year: YearVolume, fact: DeliveryAccepted | DeliveryRejected | NonArrivalSettled) -> YearVolume:
    """Subtracts what replaced a rejected lot from the quantity that counts as off-spec."""
    made_good_g = 0 if fact.made_good_g is UNSET else fact.made_good_g
    return replace(year, off_spec_g=year.off_spec_g - made_good_g)


def _returned(year: YearVolume, fact: ReturnSettled) -> YearVolume:
    """Counts a return as if it had been rejected at arrival; the ledger of an assessed year is final."""
    if fact.outcome == "falls" or year.ledger is not None:
        return year
    return replace(year, taken_g=year.taken_g - fact.quantity_g, off_spec_g=year.off_spec_g + fact.quantity_g)


def _lost(year: YearVolume, fact: NonArrivalSettled) -> YearVolume:
    if fact.outcome == "falls":
        return year
    if fact.risk == "buyer":
        return replace(year, taken_g=year.taken_g + fact.quantity_g)
    shortfall_g = year.seller_shortfall_g + fact.quantity_g
    return replace(year, seller_shortfall_g=shortfall_g, unsettled=year.unsettled - 1)


def _invoiced(volumes: Volumes, fact: InvoiceSettled, number: int) -> YearVolume:
    """Adds an invoice; a difference changes only the price of grams that were invoiced before."""
    year = volumes.year(number)
    final_g = sum(line.quantity_g for line in fact.lines if line.kind == "final")
    credited_g = sum(line.quantity_g for line in fact.lines if line.kind == "return_credit")
    product_cents = sum(line.amount_cents for line in fact.lines if line.kind in PRODUCT_LINES)
    return replace(
        year,
        unsettled=year.unsettled - (fact.settles == "final"),
        invoiced_g=year.invoiced_g + final_g - credited_g,
        invoiced_cents=year.invoiced_cents + product_cents,
    )


def _with_year(volumes: Volumes, year: YearVolume) -> Volumes:
    return replace(volumes, years={**volumes.years, year.year: year})
