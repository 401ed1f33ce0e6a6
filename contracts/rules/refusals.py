"""Why agreements refuse a step: one class per reason, whose docstring is the sentence that the caller
reads."""

from events.refusal import Refusal


class AgreementUnknown(Refusal):
    """There is no such agreement."""

    code = "agreement_unknown"


class CounterpartySame(Refusal):
    """An agreement needs two organisations."""

    code = "counterparty_same"


class PartyNotInMarket(Refusal):
    """The {side} is not an active member of this market."""

    code = "party_not_in_market"


class BasisNotOfMarket(Refusal):
    """The market counts {expected}, not {basis}."""

    code = "basis_not_of_market"


class AgreementEnded(Refusal):
    """The agreement is {status} and takes no further step."""

    code = "agreement_ended"


class SideWrong(Refusal):
    """Only the {side} does this."""

    code = "side_wrong"


class StatusUnfit(Refusal):
    """The agreement is {status}; this step needs one that is {needed}."""

    code = "status_unfit"


class ProposalsMax(Refusal):
    """An agreement can have {most:proposal|proposals} at most; end it and draft another."""

    code = "proposals_max"


class NothingProposed(Refusal):
    """There is no open proposal."""

    code = "nothing_proposed"


class ProposalReplaced(Refusal):
    """Proposal {given} is no longer open; the open one is {current}."""

    code = "proposal_replaced"


class ProposalOfOther(Refusal):
    """Only the side that made a proposal can withdraw it."""

    code = "proposal_of_other"


class ProposalStands(Refusal):
    """Both sides have signed this proposal: it can be replaced, but not withdrawn."""

    code = "proposal_stands"


class OtherSideSigns(Refusal):
    """This organisation is the {side}: it can sign only for itself."""

    code = "other_side_signs"


class OwnProposal(Refusal):
    """The {side} made this proposal and has signed it: now the other side has to sign."""

    code = "own_proposal"


class AlreadySigned(Refusal):
    """The {side} has signed proposal {proposal} already."""

    code = "already_signed"


class BindingOnly(Refusal):
    """The agreement is already binding: sign an amendment as binding."""

    code = "binding_only"


class ConditionUnknown(Refusal):
    """The agreement has no condition {condition}."""

    code = "condition_unknown"


class ConditionDone(Refusal):
    """The condition {condition} is settled already."""

    code = "condition_done"


class ConditionOfOther(Refusal):
    """The {side} has to bring the evidence for {condition}; the other side can waive it."""

    code = "condition_of_other"


class ConditionOverdue(Refusal):
    """{condition} was due on {due_on}: the other side can waive it, or both amend the date."""

    code = "condition_overdue"


class EvidenceMissing(Refusal):
    """Meeting a condition needs evidence: name a document."""

    code = "evidence_missing"


class LongStopPassed(Refusal):
    """The long-stop date {long_stop_on} has passed."""

    code = "long_stop_passed"


class DateInFuture(Refusal):
    """{day} has not begun anywhere on earth yet: at UTC+14, where days begin first, it is {today}."""

    code = "date_in_future"


class DatesOutOfOrder(Refusal):
    """{later} cannot be before {earlier}."""

    code = "dates_out_of_order"


class ExtensionsUsed(Refusal):
    """The agreement can be extended {most:time|times}, and has been."""

    code = "extensions_used"


class ExtensionOfOther(Refusal):
    """Only the {side} has the option to extend."""

    code = "extension_of_other"


class ExtensionLate(Refusal):
    """The last day for an extension was {last_day}."""

    code = "extension_late"


class PeriodNotNow(Refusal):
    """Force majeure is declared while it lasts: today is not within {start} to {end}."""

    code = "period_not_now"


class PeriodsOverlap(Refusal):
    """The period overlaps another one, from {start} to {end}."""

    code = "periods_overlap"


class BeforeEffect(Refusal):
    """The agreement has only been effective since {starts_on}."""

    code = "before_effect"


class SuspensionOfOther(Refusal):
    """Only the side that declared force majeure can end it."""

    code = "suspension_of_other"


class OwnForceMajeure(Refusal):
    """The side that declared force majeure cannot end the agreement for that reason; the other side can."""

    code = "own_force_majeure"


class DeclarationUnknown(Refusal):
    """There is no such declaration of force majeure or termination."""

    code = "declaration_unknown"


class DeclarationFinal(Refusal):
    """This cannot be contested: it was recorded before contests existed, or no side declared it."""

    code = "declaration_final"


class ContestedBefore(Refusal):
    """This has already been contested."""

    code = "contested_before"


class ContestOver(Refusal):
    """The time to contest this ended at {contest_by}."""

    code = "contest_over"


class NothingContested(Refusal):
    """There is nothing contested here, or no longer."""

    code = "nothing_contested"


class YearContested(Refusal):
    """Force majeure in contract year {year} is contested, or still can be: the year is assessed after
    that."""

    code = "year_contested"


class ReasonUnfit(Refusal):
    """{reason} is not a reason to end an agreement that is {status}."""

    code = "reason_unfit"


class CapacityOvercommitted(Refusal):
    """In {quarter} the facility makes {capacity} of {product}: {committed} are committed, {asked} agreed."""

    code = "capacity_overcommitted"


class SourceMissing(Refusal):
    """The market counts capacity: an agreement without a match has to name the facility of its supply."""

    code = "source_missing"


class SourceNotOwned(Refusal):
    """The seller has no such facility."""

    code = "source_not_owned"


class FieldFixed(Refusal):
    """This can no longer change, because {why}."""

    code = "field_fixed"


class TermOver(Refusal):
    """The agreement would end on {ends_on}, which is in the past."""

    code = "term_over"


class DayStatedEarly(Refusal):
    """A day from which terms count is only stated in an amendment of an effective agreement: leave it out;
    before that, the term begins them."""

    code = "day_stated_early"


class DaySettled(Refusal):
    """Terms cannot count from {day}, because {what}. The earliest day is {earliest}."""

    code = "day_settled"


class YearsDiffer(Refusal):
    """The term has {expected} contract years, extensions included, but {given} are stated."""

    code = "years_differ"


class ExtensionsUnstated(Refusal):
    """State both for extensions: how many there can be, and of how many years."""

    code = "extensions_unstated"


class YearsMax(Refusal):
    """{given:contract year|contract years} with extensions exceed the maximum of {most}."""

    code = "years_max"


class QuantityZero(Refusal):
    """The agreement states no quantity in any year."""

    code = "quantity_zero"


class ConditionsWithoutLongStop(Refusal):
    """Conditions precedent need a long-stop date."""

    code = "conditions_without_long_stop"


class FormNotOption(Refusal):
    """{form} is the agreed form: leave it out of the buyer's options."""

    code = "form_not_option"


class AgreedAnalyteUnknown(Refusal):
    """{analyte} is not a known analyte, so no lot could be shipped with a figure for it: {meant}."""

    code = "agreed_analyte_unknown"


class RecycledDemandsCrossed(Refusal):
    """The maximum recycled share is below the minimum: no lot can have both."""

    code = "recycled_demands_crossed"


class FootprintScopeOfNone(Refusal):
    """This says what a maximum footprint refers to, but none is stated: state both, or neither."""

    code = "footprint_scope_of_none"


class FloorAboveCap(Refusal):
    """The floor is above the cap."""

    code = "floor_above_cap"


class AmountBelowZero(Refusal):
    """This amount cannot be below zero."""

    code = "amount_below_zero"


class CurrencyWithoutCents(Refusal):
    """Amounts are settled to hundredths; those of {currency} have {decimals} decimals by ISO 4217."""

    code = "currency_without_cents"


class LimitsCrossed(Refusal):
    """The minimum of {analyte} is above its maximum."""

    code = "limits_crossed"


class GoodsSizesNotOfShape(Refusal):
    """A {shape} is measured by {axes}, each once."""

    code = "goods_sizes_not_of_shape"


class PriceOfMatchOnly(Refusal):
    """Only the agreement of a match can have a matched price, unchanged."""

    code = "price_of_match_only"


class NominationsOutOfOrder(Refusal):
    """Nominations go from year to quarter to month, each level once."""

    code = "nominations_out_of_order"


class NotOfSpot(Refusal):
    """A spot contract has one delivery: leave out take-or-pay, nominations and extensions."""

    code = "not_of_spot"
