"""The catalogue of problems (RFC 9457): every refusal and fault of a request. HTTP statuses stand only
here, those of agreements in `contract_problems` and `volume_problems`, of passports and declared volumes in
`passport_problems`."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct
from msgspec.structs import replace

from events import refusal as record
from events.refusal import Refusal, Refusals
from market.http.wire.contract_problems import CONTRACT_REFUSED, CONTRACT_RENAMED
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.logs import Trace, trace_of, write_unhandled
from market.http.wire.passport_problems import DECLARED_REFUSED, PASSPORT_REFUSED, PASSPORT_RENAMED
from market.http.wire.volume_problems import VOLUME_REFUSED
from market.rules.refusing import defects, forecast_defects, policy_defects, refusals, twin_defects

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:lodestone:problem:"
RETRY_AFTER_SECONDS: Final = 1


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every error: `type`, `title` and `code` are stable, `detail` is of this case, `errors` lists all
    faults."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    errors: tuple[Fault, ...] = ()


class DoorError(Exception):
    """A problem that the door itself finds, by its code in `DOOR`."""

    def __init__(
        self, code: str, detail: str, *, faults: Iterable[Fault] = (), headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = headers or {}


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
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "if_match_missing": HTTPStatus.PRECONDITION_REQUIRED,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "internal_error": HTTPStatus.INTERNAL_SERVER_ERROR,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "feed_damaged": HTTPStatus.SERVICE_UNAVAILABLE,
}

OF_CONTENT: Final = frozenset({"invalid", "country_unknown", "parameter_inapplicable"})
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
            refusals.OrganisationUnknown,
            refusals.InitiativeAbsent,
            refusals.InvitationUnknown,
            refusals.NotAPartner,
            refusals.PolicyAbsent,
            refusals.FacilityUnknown,
            refusals.CertificateUnknown,
            refusals.LicenceUnknown,
            refusals.KeyUnknown,
            refusals.WebhookUnknown,
            refusals.ReservationUnknown,
        ),
        UNKNOWN,
    ),
    **dict.fromkeys(
        (
            refusals.MarketExists,
            refusals.AlreadyMember,
            refusals.SuspendedBefore,
            refusals.ReadmissionUnstated,
            refusals.OrdersMax,
            refusals.OrdersOpen,
            refusals.MatchesOpen,
            refusals.ContractsToCome,
            refusals.AgreementsOpen,
            refusals.DeliveriesOpen,
            refusals.PoliciesOpen,
            refusals.PassportsOpen,
            refusals.WithdrawalsMax,
            refusals.OrganisationIsClosed,
            refusals.ClosingNotAsked,
            refusals.ClosingAskedBefore,
            refusals.ClosedByItself,
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
            refusals.OrganisationExists,
            refusals.InitiativeExists,
            refusals.AlreadyPartner,
            refusals.InvitedBefore,
            refusals.QuarterNotOver,
            refusals.FiguresStatedBefore,
            refusals.FiguresWouldDiffer,
            refusals.FacilityInUse,
            refusals.CapacityExceeded,
            record.IdTaken,
            refusals.KeysMax,
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
            refusals.CertificateExpired,
            refusals.ReasonMissing,
            refusals.ReasonUnexpected,
            refusals.SignaturesMissing,
            refusals.SignaturesOfOne,
            refusals.InputInFuture,
            refusals.BenchmarkWorstTooLow,
            refusals.ConditionByGrading,
            refusals.EntriesMax,
            refusals.EuroNeedsNoRate,
            refusals.InputAnalyteUnknown,
            refusals.InputDenominatorUnusable,
            refusals.InputEmpty,
            refusals.ExpiryPast,
            refusals.WebhookUrlUnusable,
            refusals.AddressForbidden,
            refusals.EventTypesUnknown,
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
            for of in (defects, policy_defects, forecast_defects, twin_defects)
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
(`defects`, `forecast_defects`, `policy_defects` and `twin_defects` of `rules/refusing`) is 422 throughout."""

NOTHING_STORED: Final = "; nothing was stored"
"""Said of a change; a request that only reads hears nothing of it."""

PRECEDENCE: Final = (BUSY, UNKNOWN, FORBIDDEN, STALE, MANY, CONFLICT, UNFIT)
"""Which status answers when several refusals come together."""


_ABBREVIATIONS: Final = {
    word.lower(): word for word in ("API", "CSV", "HTTP", "ID", "JSON", "SVG", "TREO", "URL", "XLSX")
}


def title_of(code: str) -> str:
    words = code.replace("if_match", "If-Match").split("_")
    first, *rest = (_ABBREVIATIONS.get(word, word) for word in words)
    return " ".join([first[:1].upper() + first[1:], *rest])


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


class Answered(NamedTuple):
    """A problem on its way out; its media type is `MEDIA_TYPE`."""

    status: int
    headers: dict[str, str]
    content: bytes


def exception_to_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """`answer_to`, for Litestar."""
    status, headers, content = answer_to(trace_of(request.scope), error)
    return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def answer_to(trace: Trace, error: Exception) -> Answered:
    """What the client is told of an exception; one that nobody foresaw is logged whole and answered without
    its text."""
    if isinstance(error, DoorError):
        return _answer(trace, error.code, DOOR[error.code], error.detail, error.faults, error.headers)
    if isinstance(error, InvalidInputError):
        return _invalid(trace, error)
    if isinstance(error, Refusal):
        return _refused(trace, (error,))
    if isinstance(error, Refusals):
        return _refused(trace, error.refusals)
    if isinstance(error, HTTPException) and error.status_code in _OF_LITESTAR:
        code, detail = _OF_LITESTAR[error.status_code]
        headers = {"Allow": _allowed(error.headers)} if code == "method_not_allowed" else {}
        return _answer(trace, code, error.status_code, detail, (), headers)
    write_unhandled(trace, error)
    if isinstance(error, ConnectionError | TimeoutError):
        detail = f"A server behind this one does not answer{NOTHING_STORED}, try again."
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return _answer(trace, "unavailable", DOOR["unavailable"], detail, (), headers)
    return _answer(
        trace, "internal_error", 500, "An unforeseen error; it is logged under this instance id.", (), {}
    )


NO_PATH: Final = (
    "unknown_path",
    "This API has no such address; GET /schema/openapi.json lists those it has.",
)
_OF_LITESTAR: Final[dict[int, tuple[str, str]]] = {
    400: ("invalid_request", "The request cannot be understood."),
    404: NO_PATH,
    405: ("method_not_allowed", "This resource does not take that method."),
    413: ("body_too_large", "The body is larger than this door accepts."),
}


def _allowed(headers: Mapping[str, str] | None) -> str:
    methods = {name.strip() for name in (headers or {}).get("allow", "").split(",") if name.strip()}
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _invalid(trace: Trace, error: InvalidInputError) -> Answered:
    """One lone fault with a code of its own names the problem; otherwise it is `invalid_request` with all
    of them."""
    faults = error.faults + error.refused
    if len(faults) == 1 and faults[0].code in DOOR:
        code = faults[0].code
    else:
        code = "inconsistent" if {fault.code for fault in error.faults} <= OF_CONTENT else "invalid_request"
    count = "One thing is" if len(faults) == 1 else f"{len(faults)} things are"
    return _answer(trace, code, DOOR[code], f"{count} wrong with the request{NOTHING_STORED}.", faults, {})


def _refused(trace: Trace, reasons: tuple[Refusal, ...]) -> Answered:
    leading = min(reasons, key=lambda reason: PRECEDENCE.index(status_of(reason)))
    status = status_of(leading)
    headers: dict[str, str] = {}
    if status == BUSY or "retry_after_seconds" in leading.figures:
        headers["Retry-After"] = str(leading.figures.get("retry_after_seconds", RETRY_AFTER_SECONDS))
    return _answer(trace, leading.code, status, told(leading), refusal_faults(reasons), headers)


def told(reason: Refusal) -> str:
    """Its sentence, with times written as everywhere in answers."""
    return _IN_UTC.sub(r"\1Z", reason.detail())


_IN_UTC: Final = re.compile(r"(T\d\d:\d\d:\d\d(?:\.\d+)?)\+00:00")


def refusal_faults(reasons: Iterable[Refusal]) -> list[Fault]:
    return [
        Fault(code=reason.code, detail=told(reason), pointer=wire_pointer(reason.pointer))
        for reason in reasons
    ]


def _answer(
    trace: Trace, code: str, status: int, detail: str, faults: Iterable[Fault], headers: dict[str, str]
) -> Answered:
    errors = tuple(faults)
    if trace.method in ("GET", "HEAD"):
        detail = detail.replace(NOTHING_STORED, "")
        errors = tuple(replace(fault, detail=fault.detail.replace(NOTHING_STORED, "")) for fault in errors)
    trace.codes = tuple(dict.fromkeys([code, *(fault.code for fault in errors)]))
    problem = Problem(
        type=TYPE_PREFIX + code,
        title=title_of(code),
        status=int(status),
        code=code,
        detail=detail,
        instance=f"urn:uuid:{trace.request_id}",
        errors=errors,
    )
    return Answered(int(status), headers, msgspec.json.encode(problem))


_RENAMED: Final[dict[str, str]] = {
    "net_wet_g": "net_wet_t",
    "minimum_parcel_wet_g": "minimum_parcel_wet_t",
    "package_wet_g": "package_wet_kg",
    "basis_g": "basis_kg",
    "minimum_parcel_g": "minimum_parcel_kg",
    "minimum_quantity_g": "minimum_quantity_kg",
    "minimum_quantity_wet_g": "minimum_quantity_wet_t",
    "moisture_ppb": "moisture_percent",
    "treo_ppb": "treo_percent",
    "share_ppm": "share_percent",
    "fraction_ppb": "fraction",
    "min_ppb": "min",
    "max_ppb": "max",
    "threshold_ppb": "threshold",
    "step_ppb": "step",
    "amount_micro": "amount",
    "profile_ppb": "profile_percent",
    "profile_tolerance_ppb": "profile_tolerance_percent",
    "payable_ppb": "payable_percent",
    "max_ratio_ppb": "max_ratio",
    "primary_data_ppb": "primary_data_percent",
    "recycled_min_ppb": "recycled_min_percent",
    "recycled_max_ppb": "recycled_max_percent",
    "third_country_max_ppb": "third_country_max_percent",
    "post_consumer_ppb": "post_consumer_percent",
    "pre_consumer_ppb": "pre_consumer_percent",
    "credit_limit_cents_eur": "credit_limit_eur",
    "carbon_cents_per_t": "carbon_eur_per_t",
    "ueur_per_unit": "eur_per_unit",
    "nameplate_g_per_year": "nameplate_t_per_year",
    "least_basis_ppb": "least_basis_percent",
    "min_value_share_ppb": "min_value_share_percent",
    "self_declared_improvement_ppb": "self_declared_improvement_percent",
    "marginality_tolerance_ppb": "marginality_tolerance_percent",
    "tolerance_um": "tolerance_mm",
    "size_um": "size_mm",
    "minutes_tenths": "minutes",
    "flux_ppb": "flux_percent",
    "mass_mg": "mass_g",
    "flux_min_ppb": "flux_min_percent",
    "yield_ppb": "yield_percent",
    "basis_ppb": "basis_percent",
    "collection_ppb": "collection",
    "disassembly_ppb": "disassembly",
    "recovery_ppb": "recovery",
    "scale_micro_years": "life",
    "shape_micro": "shape",
    **CONTRACT_RENAMED,
    **PASSPORT_RENAMED,
}


def wire_pointer(pointer: str | None) -> str | None:
    """A pointer into a rule's draft, in the names and units of the request."""
    if pointer is None:
        return None
    return "/".join(wire_name(part) for part in pointer.split("/"))


def wire_name(part: str) -> str:
    """The name that a member of a draft has in the request."""
    return _UNIT.sub(lambda unit: _UNITS[unit[0]], _RENAMED.get(part, part))


_UNITS: Final[dict[str, str]] = {
    "ueur_per_kg": "eur_per_kg",
    "g_co2e_per_kg": "kg_co2e_per_kg",
    "_mbq_per_g": "_bq_per_g",
    "_micro_per_kg": "_per_kg",
}
_UNIT: Final = re.compile(r"(?<![a-z])(ueur_per_kg|g_co2e_per_kg)|_mbq_per_g|_micro_per_kg")
