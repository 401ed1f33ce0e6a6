"""A step of an agreement or of one of its deliveries, declared by its name, what it reads and its rule."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from contracts.rules.delivery_refusals import DeliveryUnknown
from contracts.rules.refusals import AgreementUnknown
from contracts.store import agreements as agreement_store
from contracts.store import deliveries as delivery_store
from contracts.store.agreements import AgreementPlace
from contracts.store.deliveries import DeliveryPlace
from events.callers import Caller, OfCaller
from events.connections import Connection
from events.decision import Decision, LaneKey, Moment, Request
from events.desk import Answer, Desk, InMarket, Operation, in_market, submit


class OfAgreement(OfCaller, Protocol):
    """A command about one agreement."""

    @property
    def agreement(self) -> UUID: ...


class OfDelivery(OfCaller, Protocol):
    """A command about one delivery."""

    @property
    def delivery(self) -> UUID: ...


B = TypeVar("B", bound=OfCaller)
A = TypeVar("A", bound=OfAgreement)
D = TypeVar("D", bound=OfDelivery)
S = TypeVar("S")
Load: TypeAlias = Callable[[Connection, Sequence[InMarket[B]], Moment], Awaitable[Sequence[S]]]
Decide: TypeAlias = Callable[[S, B, Moment], Decision]


class AgreementStep(Generic[A, S]):
    """Called with a desk and a command, it runs one lane transaction. Raises what the rule raises."""

    def __init__(
        self,
        name: str,
        load: Load[A, S],
        decide: Decide[S, A],
        touches: frozenset[str] = frozenset(),
        lot: Callable[[A], UUID | None] = lambda _: None,
    ) -> None:
        """`touches`: further keys besides the agreement itself; `lot`: the passport whose lot must not change
        meanwhile."""
        self._operation = in_market(name, load, decide)
        self._touches = touches
        self._lot = lot

    async def __call__(
        self, desk: Desk, argument: A, *, request: Request | None = None, dry_run: bool = False
    ) -> Answer:
        place = await find(desk, argument.caller, argument.agreement)
        return await _give(
            desk,
            self._operation,
            argument,
            place,
            self._touches,
            lot=self._lot(argument),
            request=request,
            dry_run=dry_run,
        )


class DeliveryStep(Generic[D, S]):
    """As `AgreementStep`, for a delivery; steps of one agreement are decided one at a time."""

    def __init__(self, name: str, load: Load[D, S], decide: Decide[S, D]) -> None:
        self._operation = in_market(name, load, decide)

    async def __call__(
        self, desk: Desk, argument: D, *, request: Request | None = None, dry_run: bool = False
    ) -> Answer:
        place = await locate(desk, argument.caller, argument.delivery)
        return await _give(
            desk, self._operation, argument, place, frozenset(), request=request, dry_run=dry_run
        )


async def find(desk: Desk, caller: Caller, agreement: UUID) -> AgreementPlace:
    """Raises AgreementUnknown, also for callers that are not a party to it."""
    async with desk.looking() as connection:
        place = await agreement_store.locate(connection, _party(caller), agreement)
    if place is None:
        raise AgreementUnknown
    return place


async def locate(desk: Desk, caller: Caller, delivery: UUID) -> DeliveryPlace:
    """Raises DeliveryUnknown, also for callers that are not a party to its agreement."""
    async with desk.looking() as connection:
        place = await delivery_store.locate(connection, _party(caller), delivery)
    if place is None:
        raise DeliveryUnknown
    return place


def _party(caller: Caller) -> UUID | None:
    return None if "operator" in caller.roles else caller.organisation


async def _give(
    desk: Desk,
    operation: Operation[InMarket[B], S],
    argument: B,
    place: AgreementPlace | DeliveryPlace,
    touches: frozenset[str],
    *,
    lot: UUID | None = None,
    request: Request | None,
    dry_run: bool,
) -> Answer:
    lanes, keys = [LaneKey("contracts", place.lane)], touches | {f"agreement:{place.agreement}"}
    if lot is not None:
        lanes.append(desk.lane("materials", lot))
        keys |= {f"lot:{lot}"}
    return await submit(
        desk,
        operation,
        InMarket(lane=place.lane, lanes=desk.lanes, market=place.market, argument=argument),
        caller=argument.caller,
        lanes=lanes,
        touches=keys,
        request=request,
        dry_run=dry_run,
    )
