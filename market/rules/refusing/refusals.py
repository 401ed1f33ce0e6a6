"""Why orders, rounds, answers and inputs are refused: one class per reason, whose docstring the caller
reads."""

from events.refusal import Refusal


class MarketUnknown(Refusal):
    """There is no such market."""

    code = "market_unknown"


class MarketExists(Refusal):
    """This market already exists."""

    code = "market_exists"


class MarketIsHalted(Refusal):
    """The market has been halted since {since}: {reason}"""

    code = "market_halted"


class MarketNotHalted(Refusal):
    """The market is not halted."""

    code = "market_not_halted"


class NotAMember(Refusal):
    """The organisation is not a member of this market."""

    code = "not_a_member"


class MemberSuspended(Refusal):
    """The organisation's membership of this market is suspended."""

    code = "member_suspended"


class OrdersMax(Refusal):
    """The market holds {open_orders:open order|open orders}, its maximum is {orders_max}."""

    code = "orders_max"


class FirmOnly(Refusal):
    """The group of companies has {failings} declined or lapsed matches within 90 days: only firm orders are
    accepted."""

    code = "firm_only"


class OrderUnknown(Refusal):
    """There is no such order."""

    code = "order_unknown"


class OrderClosed(Refusal):
    """The order is {status} and takes no further change."""

    code = "order_closed"


class ClearingInProgress(Refusal):
    """The order takes part in a clearing that is being computed; try again in {retry_after_seconds} s."""

    code = "clearing_in_progress"


class QuantityBelowCommitted(Refusal):
    """{basis} of basis is less than the {committed} already held or sold: state at least that much."""

    code = "quantity_below_committed"


class CommittedFieldFixed(Refusal):
    """Part of the order is held or sold, so this can no longer change: post a new order."""

    code = "committed_field_fixed"


class GoodsHeld(Refusal):
    """A match of this order waits for answers, and its contract states this: change it after both sides have
    answered."""

    code = "goods_held"


class PhysicalLotFixed(Refusal):
    """The physical lot of an order cannot change: withdraw it and post another."""

    code = "physical_lot_fixed"


class ConditionByGrading(Refusal):
    """The condition of a listed lot can only be changed by a grading."""

    code = "condition_by_grading"


class RoundMissing(Refusal):
    """The market has completed no round yet, so there is nothing to compare with."""

    code = "round_missing"


class RoundNotComputable(Refusal):
    """The round has no result with this change: {reason}"""

    code = "round_not_computable"


class QuotesUsed(Refusal):
    """The group of companies has used its {most:question|questions} for today; ask again from {opens}."""

    code = "quotes_used"


class RuleSetMissing(Refusal):
    """The market has no pricing rule set in effect yet: an operator has to publish one."""

    code = "rule_set_missing"


class ReferenceMissing(Refusal):
    """The market holds no reference price for {analyte}, so the value cannot be judged."""

    code = "reference_missing"


class ReferenceUnknown(Refusal):
    """The market has no reference price with the code {reference}. It has {held}. An operator can record it
    for this market; the indices of agreements are a separate register (/v1/indices)."""

    code = "reference_unknown"


class FxMissing(Refusal):
    """The market holds no exchange rate for {currency}."""

    code = "fx_missing"


class LotAlreadyReserved(Refusal):
    """This physical lot is reserved by {holder}."""

    code = "lot_already_reserved"


class LotAlreadySold(Refusal):
    """This physical lot has been sold, whole or in part: list a remainder under a lot number of its own."""

    code = "lot_already_sold"


class ReservationUnknown(Refusal):
    """This order has no reservation."""

    code = "reservation_unknown"


class OrderStillOpen(Refusal):
    """The order is open or part of it is held, so its lot stays reserved."""

    code = "order_still_open"


class ReasonMissing(Refusal):
    """State the reason of the decline, as a code."""

    code = "reason_missing"


class ReasonUnexpected(Refusal):
    """Only a decline has a reason: leave it out."""

    code = "reason_unexpected"


class MatchUnknown(Refusal):
    """There is no such match."""

    code = "match_unknown"


class MatchDecided(Refusal):
    """The match is {status} already."""

    code = "match_decided"


class AlreadyAnswered(Refusal):
    """The {side} has answered this match already."""

    code = "already_answered"


class AnswerNotNeeded(Refusal):
    """The order of the {side} is firm, so it needs no answer."""

    code = "answer_not_needed"


class MatchPartySuspended(Refusal):
    """A party's membership of this market is suspended: the match can be declined, but not confirmed."""

    code = "match_party_suspended"


class ConfirmationOver(Refusal):
    """The time to answer ended at {confirm_by}."""

    code = "confirmation_over"


class PlanOpen(Refusal):
    """Round {round} of this market is being computed; try again in {retry_after_seconds} s."""

    code = "plan_open"


class PlanNotOpen(Refusal):
    """This plan is not open."""

    code = "plan_not_open"


class OnDemandOnly(Refusal):
    """This market clears on demand only."""

    code = "on_demand_only"


class NoticeNotKept(Refusal):
    """The market requires {notice_seconds} s of notice: the earliest time is {earliest}."""

    code = "notice_not_kept"


class SignaturesMissing(Refusal):
    """{needed} operators have to sign; {given} did."""

    code = "signatures_missing"


class SignaturesOfOne(Refusal):
    """One of the keys that signed was used to issue another, or one key issued them all, so they count as one
    operator's, and {needed} operators have to sign. Let another operator sign, with a key that `lodestone
    keys issue` has made for it alone, or one issued with that."""

    code = "signatures_of_one"


class RuleSetVersionWrong(Refusal):
    """The next rule set of this market has version {expected}, not {given}."""

    code = "rule_set_version_wrong"


class InputOlder(Refusal):
    """The market holds a newer value, as of {current}."""

    code = "input_older"


class InputEmpty(Refusal):
    """A price or a rate has to be above zero."""

    code = "input_empty"


class InputAnalyteUnknown(Refusal):
    """No price can be recorded for {analyte}: {meant}."""

    code = "input_analyte_unknown"


class InputDenominatorUnusable(Refusal):
    """A price of {analyte} per kg {per} cannot be converted: state it per kg {accepted}."""

    code = "input_denominator_unusable"


class EuroNeedsNoRate(Refusal):
    """All rates are stated in EUR, so EUR itself needs none."""

    code = "euro_needs_no_rate"


class QualificationOfOther(Refusal):
    """A buyer can state only its own qualifications."""

    code = "qualification_of_other"


class BenchmarkWorstTooLow(Refusal):
    """The worst footprint that counts cannot be below the benchmark."""

    code = "benchmark_worst_too_low"


class InputInFuture(Refusal):
    """An input cannot be dated after today."""

    code = "input_in_future"


class CapacityExceeded(Refusal):
    """In {quarter} the facility makes {capacity} of {product}: {committed} are committed, {asked} asked."""

    code = "capacity_exceeded"


class PolicyAbsent(Refusal):
    """There is no such policy."""

    code = "policy_absent"
