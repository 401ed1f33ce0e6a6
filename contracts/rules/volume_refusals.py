"""Why a quantity is refused: one class per reason, whose docstring the caller reads."""

from events.refusal import Refusal


class LevelNotAgreed(Refusal):
    """The agreement has no {level} nominations."""

    code = "level_not_agreed"


class YearUnknown(Refusal):
    """The agreement has {years} contract years, and this is outside all of them."""

    code = "year_unknown"


class YearClosed(Refusal):
    """Contract year {year} was assessed, so its quantities are final."""

    code = "year_closed"


class YearNotOpen(Refusal):
    """Contract year {year} does not begin before {start}."""

    code = "year_not_open"


class PeriodNotAPart(Refusal):
    """A {level} nomination is for one part of a contract year: here it has to be {start} to {end}."""

    code = "period_not_a_part"


class NoticeOver(Refusal):
    """The {level} nomination was due before {due}, {notice_days:day|days} ahead."""

    code = "notice_over"


class LevelAboveMissing(Refusal):
    """The {level} nomination comes first, since this one is a share of it."""

    code = "level_above_missing"


class OutsideBand(Refusal):
    """{asked_kg} kg are outside the band of {low_kg} to {high_kg} kg around the share of {share_kg} kg."""

    code = "outside_band"


class PartsNominated(Refusal):
    """Shorter periods within this one are already nominated, so it can no longer change."""

    code = "parts_nominated"


class FormNotAgreed(Refusal):
    """{form} was not agreed: the buyer can choose {forms}."""

    code = "form_not_agreed"


class MakeUpExceeded(Refusal):
    """{asked_kg} kg of make-up are more than the remaining {remaining_kg} kg."""

    code = "make_up_exceeded"


class NominatedAlready(Refusal):
    """This period was nominated in time, so no default nomination is made."""

    code = "nominated_already"


class OutputNotShared(Refusal):
    """The ACQ is a fixed quantity here, not a share of output."""

    code = "output_not_shared"


class ShortfallTooLarge(Refusal):
    """{asked_kg} kg are more than the {remaining_kg} kg of the year that are still to be delivered."""

    code = "shortfall_too_large"


class ShortfallEmpty(Refusal):
    """A notice of shortfall needs a quantity above zero."""

    code = "shortfall_empty"


class NoTakeOrPay(Refusal):
    """The agreement has no take-or-pay clause, so no year is assessed."""

    code = "no_take_or_pay"


class YearAssessedAlready(Refusal):
    """Contract year {year} has already been assessed."""

    code = "year_assessed_already"


class EarlierYearOpen(Refusal):
    """Contract year {year} has to be assessed first."""

    code = "earlier_year_open"


class DeliveriesUnsettled(Refusal):
    """In contract year {year} {count:delivery is|deliveries are} neither rejected nor finally
    invoiced yet."""

    code = "deliveries_unsettled"


class YearUnpriced(Refusal):
    """Contract year {year} has no price yet: nothing was invoiced in it, and a value of its index is
    missing."""

    code = "year_unpriced"
