"""Nominations: annual, then quarterly, then monthly, each in a band around its share of the level above.

The buyer nominates before the notice is over; a new nomination replaces the earlier one. If it does not, the
share itself is nominated, in the form of the level above. Call-offs within a month are shipments.
"""

from collections.abc import Iterator
from datetime import date, datetime
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.agreement import RUNNING, Agreement
from contracts.rules.balances import drawable, ledger_before
from contracts.rules.contract_years import (
    PARTS_IN_YEAR,
    Band,
    Part,
    acq_g,
    band,
    notice_ends,
    parts_of_year,
    year_terms,
    years_in,
)
from contracts.rules.days import day_of
from contracts.rules.refusals import PeriodsOverlap, StatusUnfit
from contracts.rules.steps import AgreementState, decision, of_timer, party, side_refusals
from contracts.rules.volume_refusals import (
    FormNotAgreed,
    LevelAboveMissing,
    LevelNotAgreed,
    MakeUpExceeded,
    NominatedAlready,
    NoticeOver,
    OutsideBand,
    PartsNominated,
    PeriodNotAPart,
    YearClosed,
    YearUnknown,
)
from contracts.rules.volumes import Nomination, Volumes
from events.callers import Caller
from events.contract_events import QuantityNominated
from events.contract_terms import (
    NOMINATION_LADDER,
    AgreementTerms,
    NominatedPart,
    NominationLevel,
    NominationRule,
)
from events.decision import Decision, Moment
from events.refusal import NotDue, Refusal, refuse
from events.vocabulary import GRAMS_PER_KG, Period, ProductForm, Side
from events.wellformed import malformed


class VolumeState(AgreementState, frozen=True, kw_only=True):
    """An agreement in its lane, and its volumes."""

    volumes: Volumes = Volumes()


class NominateQuantity(Struct, frozen=True, kw_only=True):
    """The caller's organisation is the buyer; the contract year follows from the period."""

    caller: Caller
    agreement: UUID
    level: NominationLevel
    part: NominatedPart


class NominateBySilence(Struct, frozen=True, kw_only=True):
    """A timer with the operator's role nominates for a buyer whose notice is over; `start` is the start of
    the period."""

    caller: Caller
    agreement: UUID
    level: NominationLevel
    start: datetime


def nominate(state: VolumeState, argument: NominateQuantity, moment: Moment) -> Decision:
    """Raises Refusals with all reasons and the figures of the band."""
    agreement, side = party(state, argument.caller)
    reasons = _speaker_refusals(agreement, argument, side)
    fact = QuantityNominated(
        market=agreement.market,
        agreement=agreement.agreement,
        nomination=moment.new_id(),
        level=argument.level,
        year=1,
        part=argument.part,
    )
    refuse(reasons or malformed(fact))
    rule = rule_of(agreement, argument.level, day_of(argument.part.period.start))
    part = _part(agreement, argument.level, argument.part.period)
    assert rule is not None
    if part is None:
        refuse([_no_part(agreement, argument.level, argument.part.period)])
    assert part is not None
    refuse(
        [
            *_timing_refusals(state.volumes, rule, part, moment.now),
            *_quantity_refusals(agreement, state.volumes, rule, part, argument.part),
            *_form_refusals(agreement, part, argument.part.form),
        ]
    )
    return decision(agreement, _nominated(agreement, fact.nomination, part, argument.part, silent=False))


def nominate_by_silence(state: VolumeState, argument: NominateBySilence, moment: Moment) -> Decision:
    """Nominates the share of the level above, or of the ACQ. Raises Refusals, or NotDue while the buyer may
    still nominate."""
    agreement = of_timer(state, argument.caller)
    rule = None
    if agreement.status in RUNNING:
        rule = rule_of(agreement, argument.level, day_of(argument.start))
    part = _starting_at(agreement, argument.level, argument.start)
    if rule is None or part is None:
        raise LevelNotAgreed(level=argument.level)
    if nomination_of(state.volumes, part) is not None:
        raise NominatedAlready
    due = notice_ends(part.period, rule.notice_days)
    if moment.now < due:
        raise NotDue(due=due.isoformat())
    if state.volumes.year(part.year).ledger is not None:
        raise YearClosed(year=part.year)
    spoken = NominatedPart(
        period=part.period,
        quantity_g=band_of(agreement, state.volumes, rule, part).share_g,
        form=_form_above(agreement, state.volumes, part),
    )
    return decision(agreement, _nominated(agreement, moment.new_id(), part, spoken, silent=True))


def next_silence(agreement: Agreement, volumes: Volumes) -> tuple[datetime, Part] | None:
    """When notice is over for the earliest part without a nomination; None when all have one."""
    if agreement.status not in RUNNING or agreement.starts_on is None:
        return None
    open_parts = [
        (notice_ends(part.period, rule.notice_days), place, part)
        for place, level in enumerate(NOMINATION_LADDER)
        for rule, part in _first_open(agreement, volumes, level).items()
    ]
    if not open_parts:
        return None
    due, _, part = min(open_parts, key=lambda entry: (entry[0], entry[1]))
    return due, part


def band_of(agreement: Agreement, volumes: Volumes, rule: NominationRule, part: Part) -> Band:
    """The band around this part's share of the nomination of the level above, or of the ACQ if there is none.

    A year's band is not wider than the tolerance of the ACQ, if one is stated.
    """
    above = _above(agreement, volumes, part)
    if above is None:
        volume, band_ppb = year_terms(agreement, part.year).volume, rule.band_ppb
        if part.level == "annual" and volume.tolerance_ppb:
            band_ppb = min(band_ppb, volume.tolerance_ppb)
        whole_g = acq_g(volume, part.year, volumes.year(part.year).output_g)
        return band(whole_g, PARTS_IN_YEAR[part.level], part.index, band_ppb)
    of = PARTS_IN_YEAR[part.level] // PARTS_IN_YEAR[above.level]
    return band(above.part.quantity_g, of, part.index % of, rule.band_ppb)


def rule_of(agreement: Agreement, level: NominationLevel, day: date) -> NominationRule | None:
    """The rule of the level for a period that begins on `day`."""
    return next((rule for rule in agreement.read_on(day).nominations if rule.level == level), None)


def nomination_of(volumes: Volumes, part: Part) -> Nomination | None:
    return volumes.nominations.get((part.level, part.period.start.isoformat()))


def in_order(volumes: Volumes) -> list[Nomination]:
    """All nominations by start of period, longer periods first."""
    return sorted(
        volumes.nominations.values(),
        key=lambda nomination: (nomination.part.period.start, PARTS_IN_YEAR[nomination.level]),
    )


def make_up_left_g(agreement: Agreement, volumes: Volumes, year: int, *, but: Part) -> int:
    """Make-up that `year` may draw on, minus what its other parts of the level already ask for."""
    before = ledger_before(agreement, volumes, year)
    balance_g = 0 if before is None else sum(lot.quantity_g for lot in drawable(before.make_up, year))
    return balance_g - sum(
        nomination.part.make_up_g
        for nomination in volumes.nominations.values()
        if nomination.year == year
        and nomination.level == but.level
        and nomination.part.period.start != but.period.start
    )


def make_up_nominated_g(volumes: Volumes, year: int) -> int:
    """Make-up nominated in a year: at the level with the most, since all levels nominate the same
    quantity."""
    asked_g = dict.fromkeys(NOMINATION_LADDER, 0)
    for nomination in volumes.nominations.values():
        if nomination.year == year:
            asked_g[nomination.level] += nomination.part.make_up_g
    return max(asked_g.values())


def _speaker_refusals(agreement: Agreement, argument: NominateQuantity, side: Side) -> list[Refusal]:
    reasons = side_refusals(side, "buyer")
    if agreement.status not in RUNNING:
        reasons.append(StatusUnfit(status=agreement.status, needed="effective"))
    elif rule_of(agreement, argument.level, day_of(argument.part.period.start)) is None:
        reasons.append(LevelNotAgreed(pointer="/level", level=argument.level))
    return reasons


def _timing_refusals(volumes: Volumes, rule: NominationRule, part: Part, now: datetime) -> Iterator[Refusal]:
    if volumes.year(part.year).ledger is not None:
        yield YearClosed(pointer="/period", year=part.year)
    due = notice_ends(part.period, rule.notice_days)
    if now >= due:
        yield NoticeOver(
            pointer="/period", level=part.level, due=due.isoformat(), notice_days=rule.notice_days
        )
    if any(_lies_in(nomination, part) for nomination in volumes.nominations.values()):
        yield PartsNominated(pointer="/period")


def _quantity_refusals(
    agreement: Agreement, volumes: Volumes, rule: NominationRule, part: Part, asked: NominatedPart
) -> Iterator[Refusal]:
    if _level_above(agreement, part) is not None and _above(agreement, volumes, part) is None:
        yield LevelAboveMissing(pointer="/level", level=_level_above(agreement, part))
        return
    around = band_of(agreement, volumes, rule, part)
    if not around.holds(asked.quantity_g):
        yield OutsideBand(
            pointer="/quantity_g",
            asked_kg=in_kg(asked.quantity_g),
            low_kg=in_kg(around.low_g),
            high_kg=in_kg(around.high_g),
            share_kg=in_kg(around.share_g),
        )
    remaining_g = make_up_left_g(agreement, volumes, part.year, but=part)
    if asked.make_up_g > remaining_g:
        yield MakeUpExceeded(
            pointer="/make_up_g", asked_kg=in_kg(asked.make_up_g), remaining_kg=in_kg(max(0, remaining_g))
        )


def _form_refusals(agreement: Agreement, part: Part, form: ProductForm) -> Iterator[Refusal]:
    product = _terms(agreement, part).product
    forms = (product.form, *product.buyer_option_forms)
    if form not in forms:
        yield FormNotAgreed(pointer="/form", form=form, forms=", ".join(forms))


def _parts(agreement: Agreement, level: NominationLevel) -> Iterator[Part]:
    if agreement.starts_on is not None:
        for year in range(1, years_in(agreement) + 1):
            yield from parts_of_year(agreement.starts_on, year, level)


def _part(agreement: Agreement, level: NominationLevel, period: Period) -> Part | None:
    return next((part for part in _parts(agreement, level) if part.period == period), None)


def _starting_at(agreement: Agreement, level: NominationLevel, start: datetime) -> Part | None:
    return next((part for part in _parts(agreement, level) if part.period.start == start), None)


def _first_open(agreement: Agreement, volumes: Volumes, level: NominationLevel) -> dict[NominationRule, Part]:
    """The first part without a nomination under each rule of the level, present and future."""
    found: dict[NominationRule, Part] = {}
    last = max((each.until for each in agreement.superseded if each.signed_on is not UNSET), default=date.min)
    for part in _parts(agreement, level):
        if nomination_of(volumes, part) is None and volumes.year(part.year).ledger is None:
            day = day_of(part.period.start)
            rule = rule_of(agreement, level, day)
            if rule is not None:
                found.setdefault(rule, part)
            if day > last:
                break
    return found


def _no_part(agreement: Agreement, level: NominationLevel, period: Period) -> Refusal:
    met = [
        part
        for part in _parts(agreement, level)
        if part.period.start < period.end and period.start < part.period.end
    ]
    if not met:
        return YearUnknown(pointer="/period", years=years_in(agreement))
    start, end = met[0].period.start.isoformat(), met[0].period.end.isoformat()
    if len(met) > 1:
        return PeriodsOverlap(pointer="/period", start=start, end=end)
    return PeriodNotAPart(pointer="/period", level=level, start=start, end=end)


def _level_above(agreement: Agreement, part: Part) -> NominationLevel | None:
    """The nearest higher level that the terms of both this part and the part above it have."""
    levels = [rule.level for rule in _terms(agreement, part).nominations]
    for level in reversed(levels[: levels.index(part.level)]):
        day = day_of(_part_above(agreement, part, level).period.start)
        if rule_of(agreement, level, day) is not None:
            return level
    return None


def _above(agreement: Agreement, volumes: Volumes, part: Part) -> Nomination | None:
    """The nomination of the level above whose period holds this part."""
    level = _level_above(agreement, part)
    return None if level is None else nomination_of(volumes, _part_above(agreement, part, level))


def _part_above(agreement: Agreement, part: Part, level: NominationLevel) -> Part:
    assert agreement.starts_on is not None
    index = part.index * PARTS_IN_YEAR[level] // PARTS_IN_YEAR[part.level]
    return parts_of_year(agreement.starts_on, part.year, level)[index]


def _terms(agreement: Agreement, part: Part) -> AgreementTerms:
    return agreement.read_on(day_of(part.period.start))


def _form_above(agreement: Agreement, volumes: Volumes, part: Part) -> ProductForm:
    above = _above(agreement, volumes, part)
    return _terms(agreement, part).product.form if above is None else above.part.form


def _lies_in(nomination: Nomination, part: Part) -> bool:
    period = nomination.part.period
    return (
        part.period.start <= period.start
        and period.end <= part.period.end
        and PARTS_IN_YEAR[nomination.level] > PARTS_IN_YEAR[part.level]
    )


def _nominated(
    agreement: Agreement, nomination: UUID, part: Part, spoken: NominatedPart, *, silent: bool
) -> QuantityNominated:
    return QuantityNominated(
        market=agreement.market,
        agreement=agreement.agreement,
        nomination=nomination,
        level=part.level,
        year=part.year,
        part=spoken,
        silent=silent,
    )


def in_kg(quantity_g: int) -> str:
    whole, grams = divmod(quantity_g, GRAMS_PER_KG)
    return f"{whole}.{grams:03}"
