"""Statuses of what is refused of an agreement's volumes."""

from http import HTTPStatus
from typing import Final

from contracts.rules import volume_refusals as refusals
from events.refusal import Refusal

VOLUME_REFUSED: Final[dict[type[Refusal], int]] = {
    **dict.fromkeys(
        (
            refusals.YearClosed,
            refusals.YearNotOpen,
            refusals.NoticeOver,
            refusals.LevelAboveMissing,
            refusals.PartsNominated,
            refusals.NominatedAlready,
            refusals.YearAssessedAlready,
            refusals.EarlierYearOpen,
            refusals.DeliveriesUnsettled,
            refusals.YearUnpriced,
        ),
        HTTPStatus.CONFLICT,
    ),
    **dict.fromkeys(
        (
            refusals.LevelNotAgreed,
            refusals.YearUnknown,
            refusals.PeriodNotAPart,
            refusals.OutsideBand,
            refusals.FormNotAgreed,
            refusals.MakeUpExceeded,
            refusals.OutputNotShared,
            refusals.ShortfallTooLarge,
            refusals.ShortfallEmpty,
            refusals.NoTakeOrPay,
        ),
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
}
