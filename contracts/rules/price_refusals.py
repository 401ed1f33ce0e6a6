"""Why indices, prices and invoices refuse: one class per reason, told as its docstring."""

from events.refusal import Refusal


class IndexUnitDiffers(Refusal):
    """The index {index} is stated in {expected}, not in {given}."""

    code = "index_unit_differs"


class ClauseUnitDiffers(Refusal):
    """{index} is published in {published}, the price reads it in {agreed}: both sign an amendment that reads
    it as published, and it prices this too."""

    code = "clause_unit_differs"


class IndexUnitMissing(Refusal):
    """An index counts kilograms of something, or is a rate of a currency: state exactly one of the two."""

    code = "index_unit_missing"


class IndexPeriodsOverlap(Refusal):
    """The days from {first} to {last} overlap those from {other_first} to {other_last}, for which this index
    has a value: a value restates all days of another, or none."""

    code = "index_periods_overlap"


class IndexRestatementStale(Refusal):
    """A value of this period published at {published_at} is there already: a restatement comes later."""

    code = "index_restatement_stale"


class IndexValueInFuture(Refusal):
    """A value cannot be published before it is known: {moment} has not come yet."""

    code = "index_value_in_future"


class IndexPeriodNotDays(Refusal):
    """A value is of whole days: its period starts and ends at midnight UTC."""

    code = "index_period_not_days"


class IndexValueEmpty(Refusal):
    """An index value has to be above zero."""

    code = "index_value_empty"


class IndexGap(Refusal):
    """{index} has no usable value from {first} to {last}, and nothing stands in for it."""

    code = "index_gap"


class QuotationPeriodOpen(Refusal):
    """The quotation period of {index} runs until {last}: the final price cannot be told before."""

    code = "quotation_period_open"


class NothingPublished(Refusal):
    """State at least one value."""

    code = "nothing_published"


class AlreadySettled(Refusal):
    """This was settled before, by invoice {invoice}."""

    code = "already_settled"


class NothingRestated(Refusal):
    """Today's values give the price that was settled."""

    code = "nothing_restated"


class QuarterNotOver(Refusal):
    """The quarter ends on {last}: its difference cannot be settled before."""

    code = "quarter_not_over"


class QuarterStart(Refusal):
    """A quarter begins on the first day of January, April, July or October."""

    code = "quarter_start"


class NoContractForDifference(Refusal):
    """The price of this agreement is no contract for difference."""

    code = "no_contract_for_difference"


class NothingDelivered(Refusal):
    """Nothing was accepted in this quarter."""

    code = "nothing_delivered"


class QuarterUndecided(Refusal):
    """A delivery shipped in this quarter is neither accepted nor rejected."""

    code = "quarter_undecided"


class RateMissing(Refusal):
    """The index is in {given}, the agreement in {expected}: name the exchange rate."""

    code = "rate_missing"


class RateNeedless(Refusal):
    """Index and agreement are both in {currency}: leave the exchange rate out."""

    code = "rate_needless"


class EuroOnly(Refusal):
    """Penalties and sustainability amounts are in EUR: so has the agreement to be."""

    code = "euro_only"


class AmountTooLarge(Refusal):
    """The agreed terms give {figure}, which no record holds."""

    code = "amount_too_large"


class NotSettledYet(Refusal):
    """The delivery has no final invoice yet."""

    code = "not_settled_yet"
