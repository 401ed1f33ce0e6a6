"""Why payments are refused: one class per reason, whose docstring the caller reads."""

from events.refusal import Refusal


class InvoiceUnknown(Refusal):
    """There is no such invoice, or it belongs to others."""

    code = "invoice_unknown"


class PaymentUnknown(Refusal):
    """There is no such payment."""

    code = "payment_unknown"


class PaymentOfOther(Refusal):
    """Only the {side} of a payment can do this."""

    code = "payment_of_other"


class PaymentStatusUnfit(Refusal):
    """The payment is {status}; this step needs one that is {needed}."""

    code = "payment_status_unfit"


class PaymentRepeated(Refusal):
    """These two already have a payment with this value date and reference: {payment}."""

    code = "payment_repeated"


class InvoiceOverpaid(Refusal):
    """Only {open} {currency} of {invoice} can still be paid: its payee returns what exceeds it, outside."""

    code = "invoice_overpaid"


class InvoiceNamedTwice(Refusal):
    """{invoice} is named twice: a payment has one part per invoice."""

    code = "invoice_named_twice"


class PaymentSignUnfit(Refusal):
    """{invoice} amounts to {total} {currency} for the payer: its part needs the same sign and cannot be
    zero."""

    code = "payment_sign_unfit"


class PaymentCurrencyDiffers(Refusal):
    """{invoice} is in {expected}, the payment in {given}."""

    code = "payment_currency_differs"


class PaymentOfSeveral(Refusal):
    """A payment is between two organisations, but {invoice} has another counterparty."""

    code = "payment_of_several"


class PaymentOfMarkets(Refusal):
    """{invoice} belongs to another market: state a separate payment for each market."""

    code = "payment_of_markets"


class PaymentSumDiffers(Refusal):
    """The parts add up to {sum}, but the payment is {amount}."""

    code = "payment_sum_differs"


class PaymentBelowZero(Refusal):
    """More is set off than paid: the other side is the payer of this, and has to state it."""

    code = "payment_below_zero"


class ValueDayFar(Refusal):
    """A payment is stated when it is ordered: {day} is more than {days:day|days} ahead."""

    code = "value_day_far"


class ReceivedAboveStated(Refusal):
    """Only {stated} was stated for {invoice}: record what exceeds it as a separate incoming payment."""

    code = "received_above_stated"


class ReceivedAboveTransfer(Refusal):
    """{received} is more than the {stated} paid: if a set-off is left out, less of the rest was received."""

    code = "received_above_transfer"
