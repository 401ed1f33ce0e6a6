"""Reading for a caller: row-level security by organisation, or everything for operators and auditors."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from events.callers import Caller
from events.connections import Connection, Pool
from events.desk import Desk
from market.http.wire.access import OVERSEERS
from market.http.wire.endpoint import Call
from market.rules.viewers import AuditorViewer, OperatorViewer, OrganisationViewer, Viewer
from market.store import clearings
from market.store import lists as views
from market.store.reading import ReaderRole, reading
from market.store.recently_read import RecentTerms


def reader_role(caller: Caller) -> ReaderRole:
    if "operator" in caller.roles:
        return "operator"
    return "auditor" if "auditor" in caller.roles else "tenant"


def sees_all(caller: Caller) -> bool:
    return bool(OVERSEERS & caller.roles)


def own(caller: Caller) -> UUID | None:
    """The organisation that a query is narrowed to; None for those who see all."""
    return None if sees_all(caller) else caller.organisation


def as_caller(call: Call[Any, Any]) -> AbstractAsyncContextManager[Connection]:
    caller = call.caller
    return reading(call.door.reader, organisation=caller.organisation, role=reader_role(caller))


async def viewer(call: Call[Any, Any], connection: Connection, market: UUID, owner: UUID | None) -> Viewer:
    """The viewer of something of `owner` in `market`: its own side, or an auditor or operator with all
    sides."""
    caller = call.caller
    if sees_all(caller) and "auditor" in caller.roles and caller.organisation != owner:
        return AuditorViewer()
    cut = await clearings.newest_cut(connection, market)
    if caller.organisation == owner or not sees_all(caller):
        return OrganisationViewer(organisation=caller.organisation, cut=cut)
    return OperatorViewer(cut=cut)


async def as_of(
    call: Call[Any, Any], connection: Connection, market: UUID, position: int | None = None
) -> int:
    """The position of a market's views, or of what was read at `position`; traders only get the newest cut in
    it.

    In a quiet market a moving position would reveal the other side's sealed answer.
    """
    if position is None:
        position = await views.position_of(connection, market)
    if sees_all(call.caller):
        return position
    return await clearings.newest_cut(connection, market, completed_by=position)


class Looking(Protocol):
    """Whoever looks at the record besides giving commands: the door, or the process of imports."""

    @property
    def desk(self) -> Desk: ...

    @property
    def reader(self) -> Pool: ...

    @property
    def recent(self) -> RecentTerms: ...

    @property
    def clock(self) -> Callable[[], datetime]: ...


def looking_on(on: Looking) -> AbstractAsyncContextManager[Connection]:
    """Sees every row: what is read so passes `rules.visibility` before anybody gets it."""
    return reading(on.reader, organisation=None, role="desk")


def as_desk(call: Call[Any, Any]) -> AbstractAsyncContextManager[Connection]:
    """As `looking_on`."""
    return looking_on(call.door)
