"""What files may hold: of each kind the form of a row, who may hand it in, and the command that it asks for.

A row is the body of the kind's own POST or PATCH, and goes through the same decoder, conversion and command.
What the path would name, and the version, are in the row together with the body.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, Protocol

from msgspec import Struct

from events.callers import Caller
from events.contract_events import IndexPublished
from events.decision import Request
from events.delivery_events import AssayLodged
from events.desk import Answer, Desk
from events.envelope import Recorded
from events.market_events import (
    MemberAdmitted,
    RecoveredLotAmended,
    RecoveredLotListed,
    RecoveredLotWithdrawn,
    RequirementAmended,
    RequirementPosted,
    RequirementWithdrawn,
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferWithdrawn,
)
from events.party_events import FacilityRegistered, OrganisationRegistered
from events.vocabulary import KeyRole
from market.commands.orders import lot_of
from market.http.agreements import assays
from market.http.agreements.indices import VALUE
from market.http.files import contract_rows, order_changes, party_rows
from market.http.files.order_changes import (
    LotAmendment,
    LotVersion,
    OfferAmendment,
    OfferVersion,
    RequirementAmendment,
    RequirementVersion,
)
from market.http.files.party_rows import FacilityRow, MembershipRow
from market.http.orders import recovered_lots, requirements, supplies, supply_offers
from market.http.orders.requirements import PostRequirement
from market.http.orders.supplies import PostSupply
from market.http.parties import facilities, organisations
from market.http.parties.organisation_warnings import of_organisation
from market.http.parties.organisations import OrganisationTerms
from market.http.wire import examples
from market.http.wire.access import OPERATORS, READS_ONLY, TRADERS
from market.http.wire.ids import to_text
from market.http.wire.reads import Looking
from market.http.wire.receipts import Warned

KindName = Literal[
    "offers",
    "lots",
    "requirements",
    "offer-amendments",
    "lot-amendments",
    "requirement-amendments",
    "offer-withdrawals",
    "lot-withdrawals",
    "requirement-withdrawals",
    "index-values",
    "assays",
    "organisations",
    "facilities",
    "memberships",
]
OFFER: Final = {"id": "offer_0199b3c2d4e57f60a1b2c3d4e5f60718", "version": 1}
LOT: Final = {"id": "lot_0199b3c2d4e57f60a1b2c3d4e5f60718", "version": 1}
REQUIREMENT: Final = {"id": "req_0199b3c2d4e57f60a1b2c3d4e5f60718", "version": 1}
ASK: Final = {"ask": {"amount": "67.50", "currency": "USD", "per": "oxide"}}
LESS: Final = {"basis_kg": "4000.000"}


Warn = Callable[[Looking, Any], Awaitable[tuple[Warned, ...]]]


async def _no_warning(_on: Looking, _fact: Any) -> tuple[Warned, ...]:
    return ()


class Give(Protocol):
    """The command that rows ask for together."""

    def __call__(
        self, desk: Desk, caller: Caller, rows: Sequence[Any], *, request: Request | None, dry_run: bool
    ) -> Awaitable[Answer | Sequence[Any]]: ...


class Kind(Struct, frozen=True, kw_only=True):
    """`shape` is a row's body, `example` one that is documented. `names_market`: rows name a market.

    `rows_max` rows in a line with the same `group` are one command, whose main `fact` is told of as `made`.
    `subject`: what only one command of a transaction may be about, if anything. `warn`: what the kind's own
    POST or PATCH would tell of the fact.
    """

    name: KindName
    shape: Any
    roles: frozenset[KeyRole]
    example: dict[str, Any]
    names_market: bool = True
    fact: type[Struct]
    give: Give
    made: Callable[[Recorded], str]
    warn: Warn = _no_warning
    rows_max: int = 1
    group: Callable[[Any], object] = id
    subject: Callable[[Caller, Any], str | None]


def _alone(give: Callable[..., Awaitable[Any]]) -> Give:
    """Of a command about one row."""

    async def given(
        desk: Desk, caller: Caller, rows: Sequence[Any], *, request: Request | None, dry_run: bool
    ) -> Any:
        (row,) = rows
        return await give(desk, caller, row, request=request, dry_run=dry_run)

    return given


def _lot(caller: Caller, row: PostSupply) -> str | None:
    return None if row.physical_lot is None else lot_of(caller, row.physical_lot.inside())


def _nothing(_caller: Caller, _row: PostRequirement) -> None:
    return None


def _made_offer(event: Recorded) -> str:
    assert isinstance(event.data, SupplyOffered | SupplyOfferAmended | SupplyOfferWithdrawn)
    return to_text("offer", event.data.offer)


def _made_lot(event: Recorded) -> str:
    assert isinstance(event.data, RecoveredLotListed | RecoveredLotAmended | RecoveredLotWithdrawn)
    return to_text("lot", event.data.lot)


def _made_requirement(event: Recorded) -> str:
    assert isinstance(event.data, RequirementPosted | RequirementAmended | RequirementWithdrawn)
    return to_text("req", event.data.requirement)


async def _warn_of_supply(on: Looking, fact: Any) -> tuple[Warned, ...]:
    return await supplies.warnings_of(on, fact, unhurried=True)


async def _warn_of_requirement(on: Looking, fact: Any) -> tuple[Warned, ...]:
    return await requirements.warnings_of(on, fact, unhurried=True)


def _change(
    name: KindName,
    shape: Any,
    example: dict[str, Any],
    fact: type[Struct],
    made: Callable[[Recorded], str],
    give: Callable[..., Awaitable[Any]],
    warn: Warn = _no_warning,
) -> Kind:
    """Of orders that stand: their market is known."""
    return Kind(
        name=name,
        shape=shape,
        roles=TRADERS,
        example=example,
        names_market=False,
        fact=fact,
        give=_alone(give),
        made=made,
        warn=warn,
        subject=order_changes.subject,
    )


_KINDS: Final = (
    Kind(
        name="offers",
        shape=PostSupply,
        roles=TRADERS,
        example=examples.OFFER,
        fact=SupplyOffered,
        give=_alone(supply_offers.OFFERS.give),
        made=_made_offer,
        warn=_warn_of_supply,
        subject=_lot,
    ),
    Kind(
        name="lots",
        shape=PostSupply,
        roles=TRADERS,
        example=examples.LOT,
        fact=RecoveredLotListed,
        give=_alone(recovered_lots.LOTS.give),
        made=_made_lot,
        warn=_warn_of_supply,
        subject=_lot,
    ),
    Kind(
        name="requirements",
        shape=PostRequirement,
        roles=TRADERS,
        example=examples.REQUIREMENT,
        fact=RequirementPosted,
        give=_alone(requirements.give),
        made=_made_requirement,
        warn=_warn_of_requirement,
        subject=_nothing,
    ),
    _change(
        "offer-amendments",
        OfferAmendment,
        OFFER | ASK,
        SupplyOfferAmended,
        _made_offer,
        order_changes.amend_offer,
        _warn_of_supply,
    ),
    _change(
        "lot-amendments",
        LotAmendment,
        LOT | ASK,
        RecoveredLotAmended,
        _made_lot,
        order_changes.amend_lot,
        _warn_of_supply,
    ),
    _change(
        "requirement-amendments",
        RequirementAmendment,
        REQUIREMENT | LESS,
        RequirementAmended,
        _made_requirement,
        order_changes.amend_requirement,
        _warn_of_requirement,
    ),
    _change(
        "offer-withdrawals",
        OfferVersion,
        OFFER,
        SupplyOfferWithdrawn,
        _made_offer,
        order_changes.withdraw_offer,
    ),
    _change(
        "lot-withdrawals",
        LotVersion,
        LOT,
        RecoveredLotWithdrawn,
        _made_lot,
        order_changes.withdraw_lot,
    ),
    _change(
        "requirement-withdrawals",
        RequirementVersion,
        REQUIREMENT,
        RequirementWithdrawn,
        _made_requirement,
        order_changes.withdraw_requirement,
    ),
    Kind(
        name="index-values",
        shape=contract_rows.IndexValueRow,
        roles=OPERATORS,
        example={"index": "ndpr-oxide", "currency": "USD", "per": "oxide", **VALUE},
        names_market=False,
        fact=IndexPublished,
        give=contract_rows.publish,
        made=contract_rows.made_values,
        warn=contract_rows.warn_of_values,
        rows_max=100,
        group=contract_rows.unit_of,
        subject=lambda _, row: row.index,
    ),
    Kind(
        name="assays",
        shape=contract_rows.AssayRow,
        roles=TRADERS,
        example={"delivery": contract_rows.DELIVERY, **assays.ASSAY},
        names_market=False,
        fact=AssayLodged,
        give=_alone(contract_rows.lodge),
        made=contract_rows.made_assay,
        warn=contract_rows.warn_of_assay,
        subject=lambda _, row: row.delivery,
    ),
    Kind(
        name="organisations",
        shape=OrganisationTerms,
        roles=OPERATORS,
        example=organisations.EXAMPLE,
        names_market=False,
        fact=OrganisationRegistered,
        give=_alone(party_rows.register),
        made=party_rows.made_organisation,
        warn=of_organisation,
        subject=party_rows.no_subject,
    ),
    Kind(
        name="facilities",
        shape=FacilityRow,
        roles=OPERATORS,
        example={"organisation": party_rows.ORGANISATION, **facilities.EXAMPLE},
        names_market=False,
        fact=FacilityRegistered,
        give=_alone(party_rows.register_facility),
        made=party_rows.made_facility,
        subject=party_rows.owner_of,
    ),
    Kind(
        name="memberships",
        shape=MembershipRow,
        roles=OPERATORS,
        example={"market": party_rows.MARKET, "organisation": party_rows.ORGANISATION, "readmit": False},
        fact=MemberAdmitted,
        give=_alone(party_rows.admit),
        made=party_rows.made_member,
        warn=party_rows.warn_of_member,
        subject=party_rows.membership,
    ),
)
KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in _KINDS}
IMPORTERS: Final = TRADERS | OPERATORS
IMPORT_READERS: Final = IMPORTERS | READS_ONLY


def place_in(kind: Kind, pointer: str) -> tuple[int | None, str]:
    """Which of a command's rows a refusal's pointer is about, None for all, and the pointer into it."""
    if kind.rows_max == 1:
        return 0, pointer
    head, _, rest = pointer.removeprefix("/values/").partition("/")
    if not pointer.startswith("/values/") or not head.isdecimal():
        return None, pointer
    return int(head), f"/{rest}"
