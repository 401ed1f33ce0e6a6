"""Why a quantity is refused: one class per reason; the docstring is the sentence its reader gets."""

from events.refusal import Refusal


class LevelNotAgreed(Refusal):
    """The agreement has no {level} nominations."""

    code = "level_not_agreed"


class YearUnknown(Refusal):
    """The agreement has {years} contract years; this falls in none of them."""

    code = "year_unknown"


class YearClosed(Refusal):
    """Contract year {year} was assessed: its quantities are final."""

    code = "year_closed"


class YearNotOpen(Refusal):
    """Contract year {year} begins on {start} only."""

    code = "year_not_open"


class PeriodNotAPart(Refusal):
    """A {level} nomination is for one part of a contract year: here it would be {start} to {end}."""

    code = "period_not_a_part"


class NoticeOver(Refusal):
    """The {level} word had to be in before {due}, {notice_days:day|days} ahead."""

    code = "notice_over"


class LevelAboveMissing(Refusal):
    """The {level} nomination comes first: this one is a share of it."""

    code = "level_above_missing"


class OutsideBand(Refusal):
    """{asked_kg} kg are outside the band of {low_kg} to {high_kg} kg around the share of {share_kg} kg."""

    code = "outside_band"


class PartsNominated(Refusal):
    """Shorter periods within this one are nominated already: it no longer changes."""

    code = "parts_nominated"


class FormNotAgreed(Refusal):
    """{form} was not agreed: the buyer may choose {forms}."""

    code = "form_not_agreed"


class MakeUpExceeded(Refusal):
    """{asked_kg} kg of make-up are more than the {remaining_kg} kg that remain."""

    code = "make_up_exceeded"


class NominatedAlready(Refusal):
    """This period was nominated in time: no rule speaks for the buyer."""

    code = "nominated_already"


class OutputNotShared(Refusal):
    """The ACQ is a fixed quantity here, not a share of output."""

    code = "output_not_shared"


class ShortfallTooLarge(Refusal):
    """{asked_kg} kg are more than the {remaining_kg} kg of the year that are still to be delivered."""

    code = "shortfall_too_large"


class ShortfallEmpty(Refusal):
    """A shortfall of nothing need not be told."""

    code = "shortfall_empty"


class NoTakeOrPay(Refusal):
    """The agreement has no take-or-pay clause: no year is assessed."""

    code = "no_take_or_pay"


class YearAssessedAlready(Refusal):
    """Contract year {year} was assessed already."""

    code = "year_assessed_already"


class EarlierYearOpen(Refusal):
    """Contract year {year} has to be assessed first."""

    code = "earlier_year_open"


class DeliveriesUnsettled(Refusal):
    """In contract year {year} {count:delivery is|deliveries are} neither rejected nor finally
    invoiced yet."""

    code = "deliveries_unsettled"


class YearUnpriced(Refusal):
    """Contract year {year} has no price yet: nothing was invoiced in it, and its index lacks a value."""

    code = "year_unpriced"
