"""The account of a contract year: declared output, notified shortfall, take-or-pay assessment."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from contracts.rules.agreement import RUNNING, Agreement
from contracts.rules.balances import FormerBalances, ledger_before, take_or_pay_of
from contracts.rules.contests import assessed_from, fallen_g, force_majeure_g
from contracts.rules.contract_years import acq_g, year_period, year_terms, years_in
from contracts.rules.invoices import total_cents
from contracts.rules.nominations import VolumeState, in_kg
from contracts.rules.prices import Priced
from contracts.rules.refusals import StatusUnfit, YearContested
from contracts.rules.shortfall import YearFacts, assess, shortfall_lines
from contracts.rules.steps import decision, of_timer, party, side_refusals
from contracts.rules.volume_refusals import (
    DeliveriesUnsettled,
    EarlierYearOpen,
    NoTakeOrPay,
    NoticeOver,
    OutputNotShared,
    ShortfallEmpty,
    ShortfallTooLarge,
    YearAssessedAlready,
    YearClosed,
    YearNotOpen,
    YearUnknown,
    YearUnpriced,
)
from contracts.rules.volumes import Volumes
from contracts.rules.year_prices import mean_price
from events.callers import Caller
from events.contract_events import InvoiceSettled, OutputDeclared, ShortfallNotified, YearAssessed
from events.contract_terms import ShareOfOutput, YearLedger
from events.decision import Decision, Moment
from events.envelope import Fact
from events.refusal import NotDue, Refusal, refuse
from events.vocabulary import Side
from events.wellformed import malformed


class DeclareOutput(Struct, frozen=True, kw_only=True):
    """Output of the seller's facility in a contract year; a new declaration replaces the earlier one."""

    caller: Caller
    agreement: UUID
    year: int
    output_g: int


class NotifyShortfall(Struct, frozen=True, kw_only=True):
    """The seller will not deliver this further quantity of a year."""

    caller: Caller
    agreement: UUID
    year: int
    quantity_g: int
    reason: str


class AssessYear(Struct, frozen=True, kw_only=True):
    """Given by a timer with the operator's role: assesses a contract year that has ended."""

    caller: Caller
    agreement: UUID
    year: int


class AccountState(VolumeState, frozen=True, kw_only=True):
    """`formula`: the price by the price clause at the end of a year without invoices, or None. `former`: use
    the balances of an earlier version, for an audit."""

    formula: Priced | None = None
    former: FormerBalances | None = None


def declare_output(state: VolumeState, argument: DeclareOutput, moment: Moment) -> Decision:
    """Raises Refusals."""
    agreement, side = party(state, argument.caller)
    reasons = [
        *_seller_refusals(agreement, side),
        *_year_refusals(state.volumes, agreement, argument.year, moment.now),
    ]
    if not reasons and not isinstance(year_terms(agreement, argument.year).volume, ShareOfOutput):
        reasons.append(OutputNotShared())
    fact = OutputDeclared(
        market=agreement.market,
        agreement=agreement.agreement,
        year=argument.year,
        output_g=argument.output_g,
    )
    refuse(reasons or malformed(fact))
    return decision(agreement, fact)


def notify_shortfall(state: VolumeState, argument: NotifyShortfall, moment: Moment) -> Decision:
    """Notifies a shortfall, as early as the agreement requires, for no more than the year still lacks. Raises
    Refusals."""
    agreement, side = party(state, argument.caller)
    reasons = [
        *_seller_refusals(agreement, side),
        *_year_refusals(state.volumes, agreement, argument.year, moment.now),
    ]
    fact = ShortfallNotified(
        market=agreement.market,
        agreement=agreement.agreement,
        year=argument.year,
        quantity_g=argument.quantity_g,
        reason=argument.reason,
    )
    refuse(reasons or malformed(fact))
    assert agreement.starts_on is not None
    terms = year_terms(agreement, argument.year)
    notice_days = terms.shortfall_notice_days
    due = year_period(agreement.starts_on, argument.year).end - timedelta(days=notice_days)
    if moment.now >= due:
        reasons.append(NoticeOver(level="shortfall", due=due.isoformat(), notice_days=notice_days))
    year = state.volumes.year(argument.year)
    lacking_g = acq_g(terms.volume, argument.year, year.output_g) - year.taken_g
    remaining_g = max(0, lacking_g - year.seller_shortfall_g)
    if argument.quantity_g == 0:
        reasons.append(ShortfallEmpty(pointer="/quantity_g"))
    if argument.quantity_g > remaining_g:
        reasons.append(
            ShortfallTooLarge(
                pointer="/quantity_g", asked_kg=in_kg(argument.quantity_g), remaining_kg=in_kg(remaining_g)
            )
        )
    refuse(reasons)
    return decision(agreement, fact)


def assess_year(state: AccountState, argument: AssessYear, moment: Moment) -> Decision:
    """Records the ledger of the year, and the invoice for what is owed by it. Raises Refusals, or NotDue."""
    agreement = of_timer(state, argument.caller)
    refuse(list(_assessment_refusals(state, agreement, argument.year)))
    assert agreement.starts_on is not None
    ends = year_period(agreement.starts_on, argument.year).end
    if moment.now < ends:
        raise NotDue(due=ends.isoformat())
    opens = assessed_from(agreement, argument.year)
    if opens is None or moment.now < opens:
        raise YearContested(year=argument.year)
    price = mean_price(state.volumes.year(argument.year)) or state.formula
    micro_per_kg = None if price is None else price.micro_per_kg
    ledger = ledger_of(agreement, state.volumes, argument.year, micro_per_kg, state.former)
    if ledger is None:
        raise YearUnpriced(year=argument.year)
    facts: list[Fact] = [YearAssessed(market=agreement.market, agreement=agreement.agreement, ledger=ledger)]
    clause = take_or_pay_of(agreement, argument.year)
    assert clause is not None
    lines = shortfall_lines(clause, ledger, () if price is None else price.terms)
    if lines:
        facts.append(
            InvoiceSettled(
                market=agreement.market,
                agreement=agreement.agreement,
                invoice=moment.new_id(),
                year=argument.year,
                settles="shortfall",
                currency=agreement.terms.payment.currency,
                lines=lines,
                total_cents=total_cents(lines),
            )
        )
    return decision(agreement, *facts)


def ledger_of(
    agreement: Agreement,
    volumes: Volumes,
    year: int,
    price_micro_per_kg: int | None,
    former: FormerBalances | None = None,
) -> YearLedger | None:
    """The take-or-pay ledger of a year from its facts; None when money is owed and there is no price."""
    clause = take_or_pay_of(agreement, year)
    assert clause is not None
    assert agreement.starts_on is not None
    volume = volumes.year(year)
    whole_g = acq_g(year_terms(agreement, year).volume, year, volume.output_g)
    rested_g = force_majeure_g(agreement, year, whole_g)
    lacking_g = max(0, whole_g - rested_g - volume.taken_g - volume.seller_shortfall_g)
    fell_g = min(fallen_g(agreement, year, whole_g), lacking_g)
    ledger = assess(
        clause,
        YearFacts(
            year=year,
            acq_g=whole_g,
            taken_g=volume.taken_g,
            force_majeure_g=rested_g,
            seller_shortfall_g=volume.seller_shortfall_g + fell_g,
            off_spec_g=volume.off_spec_g,
            price_micro_per_kg=price_micro_per_kg or 0,
        ),
        ledger_before(agreement, volumes, year, former),
    )
    owing_g = ledger.deficiency_g + ledger.deliver_or_pay_g
    return None if owing_g and price_micro_per_kg is None else ledger


def next_year_end(agreement: Agreement, volumes: Volumes) -> tuple[datetime, int] | None:
    """When the first unassessed year ends. None: there is no clause, or no year left that will be assessed.

    A year broken off by a termination is not assessed: what is owed for it is for the parties or the courts.
    """
    if agreement.standing is None or agreement.starts_on is None:
        return None
    for year in range(1, years_in(agreement) + 1):
        if volumes.year(year).ledger is None and take_or_pay_of(agreement, year) is not None:
            ends = year_period(agreement.starts_on, year).end
            broken_off = agreement.ended_at is not None and agreement.ended_at < ends
            return None if broken_off else (ends, year)
    return None


def unpriced_day(agreement: Agreement, volumes: Volumes, now: datetime) -> date | None:
    """The last day of the next year to be assessed, if nothing was invoiced in it, so that its price comes
    from the formula."""
    found = next_year_end(agreement, volumes)
    if found is None or now < found[0] or volumes.year(found[1]).invoiced_g:
        return None
    return (found[0] - timedelta(days=1)).date()


def _assessment_refusals(state: AccountState, agreement: Agreement, year: int) -> Iterator[Refusal]:
    if not 1 <= year <= years_in(agreement):
        yield YearUnknown(pointer="/year", years=years_in(agreement))
        return
    if take_or_pay_of(agreement, year) is None:
        yield NoTakeOrPay()
        return
    if state.volumes.year(year).ledger is not None:
        yield YearAssessedAlready(year=year)
        return
    following = next_year_end(agreement, state.volumes)
    if following is None:
        yield StatusUnfit(status=agreement.status, needed="effective")
    elif following[1] != year:
        yield EarlierYearOpen(year=following[1])
    unsettled = state.volumes.year(year).unsettled
    if unsettled:
        yield DeliveriesUnsettled(count=unsettled, year=year)


def _seller_refusals(agreement: Agreement, side: Side) -> Iterator[Refusal]:
    yield from side_refusals(side, "seller")
    if agreement.status not in RUNNING:
        yield StatusUnfit(status=agreement.status, needed="effective")


def _year_refusals(volumes: Volumes, agreement: Agreement, year: int, now: datetime) -> Iterator[Refusal]:
    if agreement.starts_on is None or not 1 <= year <= years_in(agreement):
        yield YearUnknown(pointer="/year", years=years_in(agreement))
        return
    if volumes.year(year).ledger is not None:
        yield YearClosed(pointer="/year", year=year)
    start = year_period(agreement.starts_on, year).start
    if now < start:
        yield YearNotOpen(pointer="/year", year=year, start=start.isoformat())
