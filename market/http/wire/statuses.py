"""The HTTP status of every refusal and of every fault that the door finds.

Those of agreements stand in `contract_problems` and `volume_problems`, of passports and declared volumes in
`passport_problems`.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from events import refusal as record
from events.refusal import Refusal
from market.http.wire.contract_problems import CONTRACT_REFUSED
from market.http.wire.passport_problems import DECLARED_REFUSED, PASSPORT_REFUSED
from market.http.wire.volume_problems import VOLUME_REFUSED
from market.rules.refusing import (
    defects,
    forecast_defects,
    material_defects,
    policy_defects,
    refusals,
    twin_defects,
)
from market.rules.refusing import party_refusals as of_parties

DOOR: Final[dict[str, int]] = {
    "invalid_request": HTTPStatus.BAD_REQUEST,
    "malformed_json": HTTPStatus.BAD_REQUEST,
    "inconsistent": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_sealed": HTTPStatus.CONFLICT,
    "no_address": HTTPStatus.CONFLICT,
    "cursor_invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "idempotency_key_missing": HTTPStatus.BAD_REQUEST,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "role_missing": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "unknown_path": HTTPStatus.NOT_FOUND,
    "history_gone": HTTPStatus.GONE,
    "too_many_streams": HTTPStatus.TOO_MANY_REQUESTS,
    "file_empty": HTTPStatus.BAD_REQUEST,
    "too_many_imports": HTTPStatus.TOO_MANY_REQUESTS,
    "redelivery_running": HTTPStatus.CONFLICT,
    "type_unknown": HTTPStatus.UNPROCESSABLE_ENTITY,
    "parameter_inapplicable": HTTPStatus.UNPROCESSABLE_ENTITY,
    "country_unknown": HTTPStatus.UNPROCESSABLE_ENTITY,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "head_too_large": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "if_match_missing": HTTPStatus.PRECONDITION_REQUIRED,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "internal_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "feed_damaged": HTTPStatus.SERVICE_UNAVAILABLE,
}

OF_CONTENT: Final = frozenset({"invalid", "country_unknown", "parameter_inapplicable", "type_unknown"})
"""Faults of what has the right form."""

UNKNOWN: Final = HTTPStatus.NOT_FOUND
FORBIDDEN: Final = HTTPStatus.FORBIDDEN
STALE: Final = HTTPStatus.PRECONDITION_FAILED
CONFLICT: Final = HTTPStatus.CONFLICT
UNFIT: Final = HTTPStatus.UNPROCESSABLE_ENTITY
BUSY: Final = HTTPStatus.SERVICE_UNAVAILABLE
MANY: Final = HTTPStatus.TOO_MANY_REQUESTS

REFUSED: Final[dict[type[Refusal], int]] = {
    record.IdempotencyKeyReused: UNFIT,
    record.QueueFull: BUSY,
    record.LaneStopped: BUSY,
    record.LaneBusy: BUSY,
    record.RecordUnavailable: BUSY,
    record.ClockAhead: BUSY,
    record.OutcomeUnknown: BUSY,
    record.VersionStale: STALE,
    record.RoleMissing: FORBIDDEN,
    refusals.NotAMember: FORBIDDEN,
    refusals.MemberSuspended: FORBIDDEN,
    refusals.QualificationOfOther: FORBIDDEN,
    refusals.QuotesUsed: MANY,
    **dict.fromkeys(
        (
            refusals.MarketUnknown,
            refusals.OrderUnknown,
            refusals.MatchUnknown,
            of_parties.OrganisationUnknown,
            of_parties.InitiativeAbsent,
            of_parties.InvitationUnknown,
            of_parties.NotAPartner,
            refusals.PolicyAbsent,
            of_parties.FacilityUnknown,
            of_parties.CertificateUnknown,
            of_parties.LicenceUnknown,
            of_parties.KeyUnknown,
            of_parties.WebhookUnknown,
            refusals.ReservationUnknown,
        ),
        UNKNOWN,
    ),
    **dict.fromkeys(
        (
            refusals.MarketExists,
            of_parties.AlreadyMember,
            of_parties.SuspendedBefore,
            of_parties.ReadmissionUnstated,
            refusals.OrdersMax,
            of_parties.OrdersOpen,
            of_parties.MatchesOpen,
            of_parties.ContractsToCome,
            of_parties.AgreementsOpen,
            of_parties.DeliveriesOpen,
            of_parties.PoliciesOpen,
            of_parties.PassportsOpen,
            of_parties.WithdrawalsMax,
            of_parties.OrganisationIsClosed,
            of_parties.ClosingNotAsked,
            of_parties.ClosingAskedBefore,
            of_parties.ClosedByItself,
            refusals.OrderClosed,
            refusals.ClearingInProgress,
            refusals.QuantityBelowCommitted,
            refusals.CommittedFieldFixed,
            refusals.GoodsHeld,
            record.NotDue,
            refusals.RuleSetMissing,
            refusals.RoundMissing,
            refusals.RoundNotComputable,
            refusals.LotAlreadyReserved,
            refusals.LotAlreadySold,
            refusals.OrderStillOpen,
            refusals.MatchDecided,
            refusals.AlreadyAnswered,
            refusals.AnswerNotNeeded,
            refusals.MatchPartySuspended,
            refusals.ConfirmationOver,
            refusals.MarketIsHalted,
            refusals.MarketNotHalted,
            refusals.PlanOpen,
            refusals.PlanNotOpen,
            refusals.OnDemandOnly,
            refusals.NoticeNotKept,
            refusals.RuleSetVersionWrong,
            refusals.InputOlder,
            of_parties.OrganisationExists,
            of_parties.InitiativeExists,
            of_parties.AlreadyPartner,
            of_parties.InvitedBefore,
            of_parties.QuarterNotOver,
            of_parties.FiguresStatedBefore,
            of_parties.FiguresWouldDiffer,
            of_parties.FacilityInUse,
            refusals.CapacityExceeded,
            record.IdTaken,
            of_parties.KeysMax,
        ),
        CONFLICT,
    ),
    **dict.fromkeys(
        (
            refusals.FirmOnly,
            record.NoChange,
            record.MalformedMember,
            record.DuplicateEntry,
            refusals.PhysicalLotFixed,
            refusals.ReferenceMissing,
            refusals.ReferenceUnknown,
            refusals.FxMissing,
            of_parties.CertificateExpired,
            refusals.ReasonMissing,
            refusals.ReasonUnexpected,
            refusals.SignaturesMissing,
            refusals.SignaturesOfOne,
            refusals.InputInFuture,
            refusals.BenchmarkWorstTooLow,
            refusals.ConditionByGrading,
            of_parties.EntriesMax,
            refusals.EuroNeedsNoRate,
            refusals.InputAnalyteUnknown,
            refusals.InputDenominatorUnusable,
            refusals.InputEmpty,
            of_parties.ExpiryPast,
            of_parties.WebhookUrlUnusable,
            of_parties.AddressForbidden,
            of_parties.EventTypesUnknown,
        ),
        UNFIT,
    ),
    **CONTRACT_REFUSED,
    **VOLUME_REFUSED,
    **PASSPORT_REFUSED,
    **DECLARED_REFUSED,
    **dict.fromkeys(
        (
            found
            for of in (defects, material_defects, policy_defects, forecast_defects, twin_defects)
            for found in vars(of).values()
            if isinstance(found, type) and issubclass(found, Refusal) and found is not Refusal
        ),
        UNFIT,
    ),
    twin_defects.TwinAbsent: UNKNOWN,
    twin_defects.TwinVersionsUsed: CONFLICT,
    policy_defects.PolicyVersionsUsed: CONFLICT,
}
"""Every reason has its status; what is wrong with the content of a draft, a policy or a twin
(`defects` and what ends in `_defects` in `rules/refusing`) is 422 throughout."""

PRECEDENCE: Final = (BUSY, UNKNOWN, FORBIDDEN, STALE, MANY, CONFLICT, UNFIT)
"""Which status answers when several refusals come together."""


def status_of(refusal: Refusal) -> int:
    return REFUSED[type(refusal)]


def unmapped() -> list[str]:
    """Refusal classes without a status: a door with one of them does not open."""
    return sorted(
        known.__qualname__
        for known in _descendants(Refusal)
        if known not in REFUSED and known.__module__.startswith(("events.", "contracts.", "market."))
    )


def _descendants(root: type[Refusal]) -> Iterable[type[Refusal]]:
    for child in root.__subclasses__():
        yield child
        yield from _descendants(child)
