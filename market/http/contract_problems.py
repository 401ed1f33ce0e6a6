"""What the catalogue of problems says of agreements: statuses of refusals, names of members on the wire."""

from http import HTTPStatus
from typing import Final

from contracts.rules import delivery_refusals as of_deliveries
from contracts.rules import refusals
from events.refusal import Refusal

CONTRACT_REFUSED: Final[dict[type[Refusal], int]] = {
    **dict.fromkeys(
        (
            refusals.AgreementUnknown,
            refusals.ConditionUnknown,
        ),
        HTTPStatus.NOT_FOUND,
    ),
    **dict.fromkeys(
        (
            refusals.OtherSideSigns,
            refusals.ProposalOfOther,
            refusals.ConditionOfOther,
            refusals.ExtensionOfOther,
            refusals.SuspensionOfOther,
        ),
        HTTPStatus.FORBIDDEN,
    ),
    **dict.fromkeys(
        (
            refusals.AgreementEnded,
            refusals.StatusUnfit,
            refusals.ProposalsMax,
            refusals.NothingProposed,
            refusals.ProposalReplaced,
            refusals.ProposalStands,
            refusals.OwnProposal,
            refusals.AlreadySigned,
            refusals.BindingOnly,
            refusals.ConditionDone,
            refusals.LongStopPassed,
            refusals.ExtensionsUsed,
            refusals.ExtensionLate,
        ),
        HTTPStatus.CONFLICT,
    ),
    **dict.fromkeys(
        (
            refusals.PartyNotInMarket,
            refusals.CounterpartySame,
            refusals.BasisNotOfMarket,
            refusals.ConditionOverdue,
            refusals.EvidenceMissing,
            refusals.DateInFuture,
            refusals.DatesOutOfOrder,
            refusals.PeriodNotNow,
            refusals.PeriodsOverlap,
            refusals.BeforeEffect,
            refusals.ReasonUnfit,
            refusals.FieldFixed,
            refusals.TermOver,
            refusals.YearsDiffer,
            refusals.YearsMax,
            refusals.QuantityZero,
            refusals.ConditionsWithoutLongStop,
            refusals.FormNotOption,
            refusals.FloorAboveCap,
            refusals.AmountBelowZero,
            refusals.LimitsCrossed,
            refusals.PriceOfMatchOnly,
            refusals.NominationsOutOfOrder,
            refusals.TakeOrPayOfSpot,
        ),
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
    **dict.fromkeys(
        (of_deliveries.DeliveryUnknown,),
        HTTPStatus.NOT_FOUND,
    ),
    **dict.fromkeys(
        (
            of_deliveries.SellerOnly,
            of_deliveries.BuyerOnly,
        ),
        HTTPStatus.FORBIDDEN,
    ),
    **dict.fromkeys(
        (
            of_deliveries.IndexUnitDiffers,
            of_deliveries.IndexRestatementStale,
            of_deliveries.IndexGap,
            of_deliveries.QuotationPeriodOpen,
            of_deliveries.AgreementIneffective,
            of_deliveries.DeliveryStatusUnfit,
            of_deliveries.LotDelivered,
            of_deliveries.ShippedYearClosed,
            of_deliveries.ShippedQuarterSettled,
            of_deliveries.AssayLodgedBefore,
            of_deliveries.ExchangeOver,
            of_deliveries.ExchangeNotDue,
            of_deliveries.AlreadySettled,
            of_deliveries.NothingRestated,
            of_deliveries.QuarterNotOver,
            of_deliveries.NothingDelivered,
            of_deliveries.QuarterUndecided,
            of_deliveries.NotSettledYet,
        ),
        HTTPStatus.CONFLICT,
    ),
    **dict.fromkeys(
        (
            of_deliveries.IndexUnitMissing,
            of_deliveries.IndexPeriodsOverlap,
            of_deliveries.IndexValueInFuture,
            of_deliveries.IndexPeriodNotDays,
            of_deliveries.IndexValueEmpty,
            of_deliveries.NothingPublished,
            of_deliveries.OutsideContractYears,
            of_deliveries.DeliveredFormUnfit,
            of_deliveries.ResultUnknown,
            of_deliveries.AnalyteNotExchanged,
            of_deliveries.AnalyteMissing,
            of_deliveries.ResultsOverWhole,
            of_deliveries.DeliveryMoistureWhole,
            of_deliveries.NothingShipped,
            of_deliveries.RecycledShareTooLow,
            of_deliveries.NothingForUmpire,
            of_deliveries.UmpireNotAgreed,
            of_deliveries.WithinSpecification,
            of_deliveries.QuarterStart,
            of_deliveries.NoContractForDifference,
            of_deliveries.RateMissing,
            of_deliveries.EuroOnly,
            of_deliveries.AmountTooLarge,
        ),
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
}

CONTRACT_RENAMED: Final[dict[str, str]] = {
    "acq_g": "acq_kg",
    "output_g": "output_kg",
    "quantity_g": "quantity_kg",
    "make_up_g": "make_up_kg",
    "expected_output_g": "expected_output_kg",
    "lot_wet_g": "lot_wet_t",
    "limit_ppb": "limit",
    "cost_cents": "cost",
    "form_factor_ppb": "form_factor",
    **{
        f"{name}_ppb": f"{name}_percent"
        for name in (
            "band",
            "carry_forward_max",
            "deficiency_price",
            "deliver",
            "deliver_price",
            "margin",
            "post_consumer_min",
            "provisional",
            "seller",
            "share",
            "tolerance",
            "top",
            "upside",
        )
    },
}
