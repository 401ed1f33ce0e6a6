"""Why agreements refuse a step: one class per reason; the docstring is the sentence its reader gets."""

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
    """The agreement is {status}; this needs one that is {needed}."""

    code = "status_unfit"


class ProposalsMax(Refusal):
    """An agreement takes {most:proposal|proposals}; end it and draft another."""

    code = "proposals_max"


class NothingProposed(Refusal):
    """No proposal is on the table."""

    code = "nothing_proposed"


class ProposalReplaced(Refusal):
    """Proposal {given} is not on the table, {current} is."""

    code = "proposal_replaced"


class ProposalOfOther(Refusal):
    """Only the side that made a proposal withdraws it."""

    code = "proposal_of_other"


class ProposalStands(Refusal):
    """Both sides have signed this proposal: it can be replaced, but not withdrawn."""

    code = "proposal_stands"


class OtherSideSigns(Refusal):
    """This organisation is the {side}: it signs for nobody else."""

    code = "other_side_signs"


class OwnProposal(Refusal):
    """The {side} made this proposal and has signed it: now the other side has to sign."""

    code = "own_proposal"


class AlreadySigned(Refusal):
    """The {side} has signed proposal {proposal} already."""

    code = "already_signed"


class BindingOnly(Refusal):
    """The agreement binds already: an amendment is signed as binding."""

    code = "binding_only"


class ConditionUnknown(Refusal):
    """The agreement has no condition {condition}."""

    code = "condition_unknown"


class ConditionDone(Refusal):
    """The condition {condition} is settled already."""

    code = "condition_done"


class ConditionOfOther(Refusal):
    """The {side} brings the evidence for {condition}, and the other side may waive it."""

    code = "condition_of_other"


class ConditionOverdue(Refusal):
    """{condition} was due on {due_on}: the other side may waive it, or both amend the date."""

    code = "condition_overdue"


class EvidenceMissing(Refusal):
    """A condition that is met needs evidence."""

    code = "evidence_missing"


class LongStopPassed(Refusal):
    """The long-stop date {long_stop_on} has passed."""

    code = "long_stop_passed"


class DateInFuture(Refusal):
    """{day} has begun nowhere yet: at UTC+14, where days begin first, it is {today}."""

    code = "date_in_future"


class DatesOutOfOrder(Refusal):
    """{later} cannot be before {earlier}."""

    code = "dates_out_of_order"


class ExtensionsUsed(Refusal):
    """The agreement can be extended {most:time|times}, and was."""

    code = "extensions_used"


class ExtensionOfOther(Refusal):
    """The extension is the option of the {side}."""

    code = "extension_of_other"


class ExtensionLate(Refusal):
    """The last day to extend was {last_day}."""

    code = "extension_late"


class PeriodNotNow(Refusal):
    """Force majeure is declared while it lasts: from {start} to {end} it does not."""

    code = "period_not_now"


class PeriodsOverlap(Refusal):
    """The period overlaps another one, from {start} to {end}."""

    code = "periods_overlap"


class BeforeEffect(Refusal):
    """The agreement has been effective since {starts_on} only."""

    code = "before_effect"


class SuspensionOfOther(Refusal):
    """The side that declared force majeure ends it."""

    code = "suspension_of_other"


class OwnForceMajeure(Refusal):
    """The side that declared force majeure does not end the agreement for it: the other side may."""

    code = "own_force_majeure"


class DeclarationUnknown(Refusal):
    """Nothing of that was declared: no such force majeure, or no termination."""

    code = "declaration_unknown"


class DeclarationFinal(Refusal):
    """This stands in the record from before the other side could contest it, or no side's word made it."""

    code = "declaration_final"


class ContestedBefore(Refusal):
    """This was contested already."""

    code = "contested_before"


class ContestOver(Refusal):
    """It could be contested until {contest_by}."""

    code = "contest_over"


class NothingContested(Refusal):
    """Nothing of that is contested, or no longer."""

    code = "nothing_contested"


class YearContested(Refusal):
    """Force majeure in contract year {year} is contested, or may still be: its account waits."""

    code = "year_contested"


class ReasonUnfit(Refusal):
    """{reason} does not end an agreement that is {status}."""

    code = "reason_unfit"


class CapacityOvercommitted(Refusal):
    """In {quarter} the facility makes {capacity} of {product}: {committed} are committed, {asked} agreed."""

    code = "capacity_overcommitted"


class SourceMissing(Refusal):
    """The market counts capacity: an agreement that no match led to names the facility that it comes from."""

    code = "source_missing"


class SourceNotOwned(Refusal):
    """The seller has no such facility."""

    code = "source_not_owned"


class FieldFixed(Refusal):
    """This can no longer change, since {why}."""

    code = "field_fixed"


class TermOver(Refusal):
    """The agreement would end on {ends_on}, which is over."""

    code = "term_over"


class DayStatedEarly(Refusal):
    """Only an amendment of an effective agreement says from which day it counts; else the term begins it."""

    code = "day_stated_early"


class DaySettled(Refusal):
    """Terms cannot count from {day}: {what}. They can from {earliest}."""

    code = "day_settled"


class YearsDiffer(Refusal):
    """The term has {expected} contract years, extensions included; {given} are stated."""

    code = "years_differ"


class ExtensionsUnstated(Refusal):
    """Extensions need both: how many there may be, and of how many years."""

    code = "extensions_unstated"


class YearsMax(Refusal):
    """{given:contract year|contract years} with extensions are more than {most}."""

    code = "years_max"


class QuantityZero(Refusal):
    """The agreement states no quantity in any year."""

    code = "quantity_zero"


class ConditionsWithoutLongStop(Refusal):
    """Conditions precedent need a long-stop date."""

    code = "conditions_without_long_stop"


class FormNotOption(Refusal):
    """The buyer's options cannot name the agreed form {form} again."""

    code = "form_not_option"


class AgreedAnalyteUnknown(Refusal):
    """{analyte} is not a known analyte, so no figure of it could be stated and no lot shipped: {meant}."""

    code = "agreed_analyte_unknown"


class RecycledDemandsCrossed(Refusal):
    """The highest recycled share is below the least: no lot is both."""

    code = "recycled_demands_crossed"


class FootprintScopeOfNone(Refusal):
    """It says of what a highest footprint is, and none is stated: state both, or neither."""

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
    """The least of {analyte} is above its most."""

    code = "limits_crossed"


class GoodsSizesNotOfShape(Refusal):
    """A {shape} is measured by {axes}, each once."""

    code = "goods_sizes_not_of_shape"


class PriceOfMatchOnly(Refusal):
    """A matched price belongs to the agreement of its match, unchanged."""

    code = "price_of_match_only"


class NominationsOutOfOrder(Refusal):
    """Nominations go from year to quarter to month, each level once."""

    code = "nominations_out_of_order"


class NotOfSpot(Refusal):
    """A spot contract has one delivery: no take-or-pay, nominations or extensions."""

    code = "not_of_spot"
