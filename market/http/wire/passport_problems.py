"""What the catalogue of problems says of passports and declared volumes: statuses of refusals, names of
members on the wire."""

from http import HTTPStatus
from typing import Final

from events.refusal import Refusal
from market.rules.crma import volume_defects as volumes
from market.rules.refusing import passport_refusals as refusals

PASSPORT_REFUSED: Final[dict[type[Refusal], int]] = {
    refusals.PassportUnknown: HTTPStatus.NOT_FOUND,
    refusals.PassportOfOther: HTTPStatus.FORBIDDEN,
    **dict.fromkeys(
        (
            refusals.PassportOver,
            refusals.PassportInOrder,
            refusals.LotSold,
            refusals.FacilityRevoked,
            refusals.LotNumberTaken,
            refusals.LotNumberDelivered,
            refusals.CorrectsOther,
            refusals.CorrectionOfBalance,
            refusals.CorrectionOfDelivery,
            refusals.CorrectionNotProposed,
            refusals.PassportNotAwaited,
            refusals.GoodsHeldByOther,
            refusals.GoodsNotBack,
            refusals.PassportNotesUsed,
            refusals.DrawnTwice,
            refusals.CreditShort,
            refusals.DeliveryNotOfPassport,
            refusals.LotDeliveredInPart,
            refusals.LotHasPassport,
            refusals.LotNumberInOrder,
        ),
        HTTPStatus.CONFLICT,
    ),
    **dict.fromkeys(
        (
            refusals.StageNotOfFacility,
            refusals.ClaimWithoutEvidence,
            refusals.ClaimedElementUnknown,
            refusals.ClaimedElementAbsent,
            refusals.BookedApart,
            refusals.OriginOverWhole,
            refusals.OriginLacksPaths,
            refusals.OriginSourceMissing,
            refusals.PathsLackOrigin,
            refusals.PathsNotWhole,
            refusals.OriginFacilityUnknown,
            refusals.CertificateNotYetValid,
            refusals.CertificatePeriodEmpty,
            refusals.CertificateOfOtherSite,
            refusals.CertificateNotInherited,
            refusals.FootprintExpired,
            refusals.MagnetsHeavierThanLot,
            refusals.MagnetEmpty,
            refusals.ResponsibleNotIssuer,
            refusals.DataCarrierNoLink,
            refusals.TransferToSelf,
            refusals.TransferInFuture,
            refusals.DayBeforeLot,
            refusals.DocumentInFuture,
            refusals.CorrectionMoves,
            refusals.LineageCycle,
            refusals.DrawnEmpty,
            refusals.OwnersDiffer,
            refusals.ElementUnbalanced,
            refusals.ElementUnmeasured,
            refusals.ElementNotBalanced,
            refusals.ToleranceTooWide,
            refusals.IdentityMixed,
            refusals.MassBalanceMethodMissing,
            refusals.MassBalanceMethodUnexpected,
            refusals.FormNotOfPassport,
            refusals.LotNumberNotOfPassport,
            refusals.LotAbovePassport,
            refusals.LotReturnedInPart,
            refusals.ReturnUnproven,
            refusals.BasisAbovePassport,
            refusals.AnalyteNotOfPassport,
            refusals.FootprintNotOfPassport,
            refusals.RecycledAbovePassport,
            refusals.OriginNotOfPassport,
            refusals.ClaimAboveInputs,
            refusals.ClaimMassAboveInputs,
        ),
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
}

DECLARED_REFUSED: Final[dict[type[Refusal], int]] = {
    volumes.VolumeUnknown: HTTPStatus.NOT_FOUND,
    **dict.fromkeys(
        (
            volumes.VolumeWithdrawnAlready,
            volumes.VolumeCorrectsOther,
            volumes.VolumeDeclaredTwice,
            volumes.VolumeTradedHere,
            volumes.VolumesOfQuarterUsed,
        ),
        HTTPStatus.CONFLICT,
    ),
    **dict.fromkeys(
        (
            volumes.VolumeAboveLot,
            volumes.QuarterNotFirstDay,
            volumes.QuarterNotBegun,
            volumes.ElementNotMonitored,
            volumes.VolumeOfOneself,
            volumes.PreConsumerNotRecycled,
            volumes.PreConsumerAboveShare,
            volumes.RecycledWithoutEvidence,
        ),
        HTTPStatus.UNPROCESSABLE_ENTITY,
    ),
}

PASSPORT_RENAMED: Final[dict[str, str]] = {
    "mass_mg": "mass_g",
    "contained_mg": "contained_kg",
    "share_ppb": "share_percent",
}
