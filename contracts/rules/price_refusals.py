"""Why indices, prices and invoices refuse: one class per reason, whose docstring the caller reads."""

from events.refusal import Refusal


class IndexUnitDiffers(Refusal):
    """The index {index} is stated in {expected}, not in {given}."""

    code = "index_unit_differs"


class ClauseUnitDiffers(Refusal):
    """{index} is published in {published}, but the price clause reads it in {agreed}: both sign an amendment
    that reads it as published, which counts for this price too."""

    code = "clause_unit_differs"


class IndexUnitMissing(Refusal):
    """An index is either a price per kilogram of something, or a rate of a currency: state exactly one of the
    two."""

    code = "index_unit_missing"


class IndexPeriodsOverlap(Refusal):
    """The days from {first} to {last} overlap those from {other_first} to {other_last}, for which this index
    has a value: a value has to restate all days of another, or none."""

    code = "index_periods_overlap"


class IndexRestatementStale(Refusal):
    """There is already a value of this period published at {published_at}: a restatement has to be later."""

    code = "index_restatement_stale"


class IndexValueInFuture(Refusal):
    """A value cannot be published in the future: {moment} has not come yet."""

    code = "index_value_in_future"


class IndexPeriodNotDays(Refusal):
    """A value is for whole days: its period has to start and end at midnight UTC."""

    code = "index_period_not_days"


class IndexValueEmpty(Refusal):
    """An index value has to be above zero."""

    code = "index_value_empty"


class IndexGap(Refusal):
    """{index} has no usable value from {first} to {last}, and no fallback."""

    code = "index_gap"


class QuotationPeriodOpen(Refusal):
    """The quotation period of {index} runs until {last}: there is no final price before that."""

    code = "quotation_period_open"


class NothingPublished(Refusal):
    """State at least one value."""

    code = "nothing_published"


class AlreadySettled(Refusal):
    """This has already been settled, by invoice {invoice}."""

    code = "already_settled"


class NothingRestated(Refusal):
    """Today's index values give the same price as was settled."""

    code = "nothing_restated"


class QuarterNotOver(Refusal):
    """The quarter ends on {last}: its difference cannot be settled before that."""

    code = "quarter_not_over"


class QuarterStart(Refusal):
    """A quarter begins on the first day of January, April, July or October."""

    code = "quarter_start"


class NoContractForDifference(Refusal):
    """The price of this agreement is not a contract for difference."""

    code = "no_contract_for_difference"


class NothingDelivered(Refusal):
    """No delivery was accepted in this quarter."""

    code = "nothing_delivered"


class QuarterUndecided(Refusal):
    """A delivery shipped in this quarter is not yet accepted or rejected."""

    code = "quarter_undecided"


class RateMissing(Refusal):
    """The index is in {given}, but the agreement in {expected}: name the exchange rate."""

    code = "rate_missing"


class RateNeedless(Refusal):
    """Index and agreement are both in {currency}: leave the exchange rate out."""

    code = "rate_needless"


class EuroOnly(Refusal):
    """Penalties and sustainability amounts are in EUR, so the agreement has to be in EUR too."""

    code = "euro_only"


class AmountTooLarge(Refusal):
    """The agreed terms give {figure}, which is too large to record."""

    code = "amount_too_large"


class NotSettledYet(Refusal):
    """The delivery has no final invoice yet."""

    code = "not_settled_yet"
