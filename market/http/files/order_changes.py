"""Rows that change orders: an amendment says what its PATCH would, a withdrawal what its DELETE would.

Id and version stand in the row; a member that it gives replaces the whole member, what is absent stays.
"""

from typing import Annotated, Any, Final

from msgspec import Meta

from events.callers import Caller
from events.decision import Request
from events.desk import Answer, Desk
from market.commands import lots, offers, requirements
from market.commands.supplies import SupplyCommands
from market.http.orders.requirement_terms import RequirementTerms
from market.http.orders.supply_terms import SupplyTerms
from market.http.wire.ids import LotId, OfferId, RequirementId, to_uuid
from market.http.wire.material import Body
from market.http.wire.patching import patch_of, patched
from market.http.wire.reads import own
from market.rules.refusing.refusals import OrderUnknown
from market.store import requirements as requirement_store
from market.store import supplies as supply_store

Version = Annotated[
    int, Meta(ge=1, le=2**53 - 1, description="That the order stands at; every change makes the next one.")
]


class OfferVersion(Body, frozen=True, kw_only=True):
    """An offer, and the version that is meant."""

    id: OfferId
    version: Version


class LotVersion(Body, frozen=True, kw_only=True):
    """A lot, and the version that is meant."""

    id: LotId
    version: Version


class RequirementVersion(Body, frozen=True, kw_only=True):
    """A requirement, and the version that is meant."""

    id: RequirementId
    version: Version


_DOC: Final = "What changes of which version of an order; each member replaces the whole member."
OfferAmendment: Any = patch_of("OfferAmendment", SupplyTerms, _DOC, base=OfferVersion)
LotAmendment: Any = patch_of("LotAmendment", SupplyTerms, _DOC, base=LotVersion)
RequirementAmendment: Any = patch_of("RequirementAmendment", RequirementTerms, _DOC, base=RequirementVersion)


def _amend_supply(commands: SupplyCommands) -> Any:
    async def given(
        desk: Desk, caller: Caller, row: Any, *, request: Request | None, dry_run: bool
    ) -> Answer:
        async with desk.looking() as connection:
            found = await supply_store.load_supply(connection, own(caller), to_uuid(row.id))
        if found is None or found.order.kind != commands.kind:
            raise OrderUnknown
        return await commands.amend(
            desk,
            caller,
            order=found.order.order,
            expected_version=row.version,
            draft=patched(
                SupplyTerms.outside(found.order.terms), row, read=found.order.version, expected=row.version
            ).draft(),
            request=request,
            dry_run=dry_run,
        )

    return given


def _withdraw(command: Any) -> Any:
    async def given(
        desk: Desk, caller: Caller, row: Any, *, request: Request | None, dry_run: bool
    ) -> Answer:
        answer: Answer = await command(
            desk,
            caller,
            order=to_uuid(row.id),
            expected_version=row.version,
            request=request,
            dry_run=dry_run,
        )
        return answer

    return given


amend_offer: Final = _amend_supply(offers.OFFERS)
amend_lot: Final = _amend_supply(lots.LOTS)
withdraw_offer: Final = _withdraw(offers.OFFERS.withdraw)
withdraw_lot: Final = _withdraw(lots.LOTS.withdraw)
withdraw_requirement: Final = _withdraw(requirements.withdraw)


async def amend_requirement(
    desk: Desk, caller: Caller, row: Any, *, request: Request | None, dry_run: bool
) -> Answer:
    async with desk.looking() as connection:
        found = await requirement_store.load_requirement(connection, own(caller), to_uuid(row.id))
    if found is None:
        raise OrderUnknown
    return await requirements.amend(
        desk,
        caller,
        order=found.order.order,
        expected_version=row.version,
        draft=patched(
            RequirementTerms.outside(found.order.terms), row, read=found.order.version, expected=row.version
        ).draft(),
        request=request,
        dry_run=dry_run,
    )


def subject(_caller: Caller, row: Any) -> str:
    found: str = row.id
    return found
