"""Why payments are refused: one class per reason, told as its docstring."""

from events.refusal import Refusal


class InvoiceUnknown(Refusal):
    """There is no such invoice, or it is of others."""

    code = "invoice_unknown"


class PaymentUnknown(Refusal):
    """There is no such payment."""

    code = "payment_unknown"


class PaymentOfOther(Refusal):
    """Only the {side} of a payment does this."""

    code = "payment_of_other"


class PaymentStatusUnfit(Refusal):
    """The payment is {status}; this needs one that is {needed}."""

    code = "payment_status_unfit"


class PaymentRepeated(Refusal):
    """A payment of this value date and reference between the same two stands already: {payment}."""

    code = "payment_repeated"


class InvoiceOverpaid(Refusal):
    """Of {invoice} {open} {currency} can still be paid: what comes beyond it is for its payee to return."""

    code = "invoice_overpaid"


class InvoiceNamedTwice(Refusal):
    """{invoice} is named twice: a payment has one part for an invoice."""

    code = "invoice_named_twice"


class PaymentSignUnfit(Refusal):
    """{invoice} comes to {total} {currency} for the payer: its part has the same sign, and is not nothing."""

    code = "payment_sign_unfit"


class PaymentCurrencyDiffers(Refusal):
    """{invoice} is in {expected}, the payment in {given}."""

    code = "payment_currency_differs"


class PaymentOfSeveral(Refusal):
    """A payment is between two organisations: {invoice} is of another counterparty."""

    code = "payment_of_several"


class PaymentOfMarkets(Refusal):
    """{invoice} is of another market: state what was paid in each with a payment of its own."""

    code = "payment_of_markets"


class PaymentSumDiffers(Refusal):
    """The parts add up to {sum}, the payment is {amount}."""

    code = "payment_sum_differs"


class PaymentBelowZero(Refusal):
    """More is set off than paid: the other side is the payer of this."""

    code = "payment_below_zero"


class ValueDayFar(Refusal):
    """A payment is stated when it is ordered: {day} is more than {days:day|days} ahead."""

    code = "value_day_far"


class ReceivedAboveStated(Refusal):
    """Of {invoice} {stated} was stated: state what came beyond it as a receipt of its own."""

    code = "received_above_stated"


class ReceivedAboveTransfer(Refusal):
    """{received} is more than the {stated} paid: where a set-off is left out, less of the rest has come."""

    code = "received_above_transfer"
