"""Checks the materials stream from its records alone: each fact in its lane, transformations over all lanes.

A passport, a reservation and a facility's account are complete in one lane and checked there. The parts of a
transformation are in several lanes: `settled` decides it again once all were read.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import replace

from events.envelope import Recorded
from events.facts import PassportFact
from events.material_events import (
    LotReleased,
    LotReserved,
    MassBalanceMoved,
    PassportDrawn,
    PassportIssued,
    PassportTransferred,
    PassportTransformed,
    ProductTwinStated,
    VolumeCorrected,
    VolumeDeclared,
    VolumeWithdrawn,
)
from events.refusal import Refusal, Refusals
from events.vocabulary import lane_of
from market.audit.asked_again import asked_again, refused_by, unlike
from market.audit.fact_faults import FactFault, difference_between, said_by
from market.audit.fact_progress import NOTHING_COUNTED, Counted
from market.audit.material_shelf import MaterialShelf, Part, Role
from market.audit.volume_audit import follow_volume
from market.rules.clearing.columns import microseconds
from market.rules.clearing.differences import Difference
from market.rules.materials_remade import (
    Drawn,
    Whole,
    issued_again,
    stated_again,
    stepped_again,
    transformed_again,
)
from market.rules.orders import reservations
from market.rules.passport import Passport, fold
from market.rules.twins.product_twins import stated


class MaterialAudit:
    """Give it the facts of a lane in order; the first fault ends the check, since nothing fits after it."""

    def __init__(self, shelf: MaterialShelf, counted: Counted = NOTHING_COUNTED) -> None:
        """`counted`: by an earlier reading."""
        self._shelf = shelf
        self.passports = counted.passports
        self.transformations = counted.transformations

    def follow(self, event: Recorded, offset: int) -> FactFault | None:
        fact: Any = event.data
        part = Part(body=event.body, chain=event.chain, offset=offset)
        match fact:
            case LotReserved() | LotReleased():
                return self._reserved(fact)
            case PassportTransformed():
                return self._kept(event, "transformed", fact.transformation, part)
            case MassBalanceMoved():
                return self._moved(event, fact, part)
            case ProductTwinStated():
                return self._twin(event, fact)
            case VolumeDeclared() | VolumeCorrected() | VolumeWithdrawn():
                return follow_volume(self._shelf, event, fact)
            case _:
                return self._passport(event, fact, part)

    def _reserved(self, fact: LotReserved | LotReleased) -> FactFault | None:
        """That the order stands, and that it is of this lot, its market's lane says."""
        before = self._shelf.reservation(fact.identity)
        if isinstance(fact, LotReserved):
            identity = reservations.identity(fact.organisation, fact.physical_lot)
            if identity != fact.identity:
                difference = Difference("identity", fact.identity, identity)
                return FactFault(kind="material", told="reserves another lot", difference=difference)
        try:
            self._shelf.keep_reservation(reservations.fold(before, fact))
        except AssertionError as error:
            return _misplaced(error, Difference("order", str(fact.order), "one that fits what stands"))
        return None

    def _passport(self, event: Recorded, fact: PassportFact, part: Part) -> FactFault | None:
        known = self._shelf.passport(fact.passport)
        if known is not None and known[0] != event.lane:
            difference = Difference("lane", str(event.lane), str(known[0]))
            return FactFault(kind="fold", told="is not in its passport's lane", difference=difference)
        before = None if known is None else known[1]
        fault = _unlike_before(before, fact)
        if fault is None:
            fault = self._issued(event, fact, part) if before is None else self._stepped(before, event, part)
        if fault is None:
            self._shelf.keep_passport(event.lane, fold(before, event, fact))
        return fault

    def _twin(self, event: Recorded, fact: ProductTwinStated) -> FactFault | None:
        """That its passport's record was so, the passport's lane says."""
        known = self._shelf.twin(fact.twin)
        lane, before = (event.lane, None) if known is None else known
        following = 1 if before is None else before.version + 1
        for field, recorded, expected in (("lane", event.lane, lane), ("version", fact.version, following)):
            if recorded != expected:
                difference = Difference(field, str(recorded), str(expected))
                told = "does not follow the version of its twin before it"
                return FactFault(kind="fold", told=told, difference=difference)
        fault = asked_again(lambda: stated_again(before, event, fact), event)
        if fault is None:
            self._shelf.keep_twin(event.lane, stated(event, fact))
        return fault

    def _stepped(self, before: Passport, event: Recorded, part: Part) -> FactFault | None:
        fact: Any = event.data
        reservation = self._shelf.reservation(str(fact.passport))
        match fact:
            case PassportDrawn():
                drawn = Drawn(passport=before, reservation=reservation)
                return self._kept(event, "drawn", fact.passport, replace(part, drawn=drawn))
            case PassportTransferred():
                after = reservations.returned(reservation, fact)
                if after is not None:
                    self._shelf.keep_reservation(after)
                if fact.returns is not UNSET:
                    return _unlike_returned(before, fact)
                if fact.delivery is not None:
                    return _unlike_delivered(before, fact)
        return asked_again(lambda: stepped_again(before, reservation, event, fact), event)

    def _issued(self, event: Recorded, fact: Any, part: Part) -> FactFault | None:
        content = fact.content
        taken = self._shelf.numbered(content.facility, content.lot_number) not in (None, fact.passport)
        self._shelf.keep_number(content.facility, content.lot_number, fact.passport)
        if fact.transformation is not None:
            fault = self._kept(event, "issued", fact.passport, part)
        else:
            numbers = frozenset((content.lot_number,) if taken else ())
            fault = asked_again(lambda: issued_again(event, fact, numbers), event)
        self.passports += fault is None
        return fault

    def _moved(self, event: Recorded, fact: MassBalanceMoved, part: Part) -> FactFault | None:
        """Uses of what nobody paid in, or of what is used or gone, are told here; the rest by `settled`."""
        now = microseconds(event.time)
        accounts = self._shelf.accounts(fact.facility, now)
        kept = tuple((element, claim, account) for (element, claim), account in accounts.items())
        fault = self._kept(event, "moved", fact.facility, replace(part, accounts=kept))
        if fault is not None:
            return fault
        self._shelf.pay_in(fact)
        for place, line in enumerate(fact.lines):
            for number, use in enumerate(line.uses):
                credit = self._shelf.credit(fact.facility, line.element, line.claim, use.transformation)
                held_mg = 0 if credit is None or credit.expires <= now else credit.remaining_mg
                if use.mass_mg > held_mg:
                    field = f"lines/{place}/uses/{number}/mass_mg"
                    difference = Difference(field, str(use.mass_mg), f"{held_mg} at most")
                    told = "takes more out of an account than was paid in and is left"
                    return FactFault(kind="material", told=told, difference=difference)
                self._shelf.take_out(fact.facility, line.element, line.claim, use.transformation, use.mass_mg)
        return None

    def _kept(self, event: Recorded, role: Role, of: UUID, part: Part) -> FactFault | None:
        fact: Any = event.data
        transformation: UUID = fact.transformation
        if self._shelf.keep_part(transformation, role, of, microseconds(event.time), part):
            return None
        told = "says again what its transformation has said"
        difference = Difference("transformation", str(transformation), "another one")
        return FactFault(kind="fold", told=told, difference=difference)


def _unlike_before(before: Passport | None, fact: PassportFact) -> FactFault | None:
    """What has no place in the life of a passport: a second issue, one of nothing, more than is left."""
    if isinstance(fact, PassportIssued):
        if before is None:
            return None
        told = "issues a passport that was issued before"
        difference = Difference("passport", str(fact.passport), "one that is not issued")
        return FactFault(kind="fold", told=told, difference=difference)
    if before is None:
        told = "is of a passport that was never issued"
        difference = Difference("passport", str(fact.passport), "one that was issued")
        return FactFault(kind="fold", told=told, difference=difference)
    if isinstance(fact, PassportDrawn) and fact.net_wet_g > before.remaining_g:
        told = "takes more of a lot than is left"
        difference = Difference("net_wet_g", str(fact.net_wet_g), f"{before.remaining_g} at most")
        return FactFault(kind="fold", told=told, difference=difference)
    if isinstance(fact, PassportTransferred) and fact.previous_owner != before.owner:
        told = "transfers what somebody else has title to"
        difference = Difference("previous_owner", str(fact.previous_owner), str(before.owner))
        return FactFault(kind="fold", told=told, difference=difference)
    return None


def _unlike_delivered(before: Passport, fact: PassportTransferred) -> FactFault | None:
    """The delivery itself stands in the contracts stream; what can be seen here is told."""
    late = fact.owner == fact.previous_owner
    most_g = before.open_g if late else before.remaining_g
    live = "live" if before.retired is None and late else before.status
    received_g = 0 if fact.received_g is UNSET else fact.received_g
    for field, recorded, expected in (
        ("owner", fact.owner, None if late and not before.open_g else fact.owner),
        ("holder", fact.holder, before.holder if late else fact.owner),
        ("delivery", fact.delivery, None if _followed(before, fact) else fact.delivery),
        ("received_g", received_g, min(received_g, most_g)),
        ("agreement", fact.agreement, fact.agreement or "the delivery's"),
        ("passport", live, "live"),
    ):
        if recorded != expected:
            told = "follows its delivery in a way that no delivery allows"
            difference = Difference(field, str(recorded), str(expected or "one that it has not followed"))
            return FactFault(kind="material", told=told, difference=difference)
    return None


def _unlike_returned(before: Passport, fact: PassportTransferred) -> FactFault | None:
    """The return itself stands in the contracts stream; what can be seen here is told."""
    for field, recorded, expected in (
        ("owner", fact.owner, None if fact.owner == fact.previous_owner else fact.owner),
        ("holder", fact.holder, fact.owner),
        ("returns", fact.returns, None if fact.returns in (before.went_back or ()) else fact.returns),
        ("agreement", fact.agreement, fact.agreement or "the return's"),
        ("delivery", fact.delivery, None),
        ("acceptance", fact.acceptance, UNSET),
        ("received_g", fact.received_g, UNSET),
        ("passport", before.status, "live"),
    ):
        if recorded != expected:
            told = "follows a return in a way that no return allows"
            difference = Difference(field, str(recorded), str(expected or "none, or another"))
            return FactFault(kind="material", told=told, difference=difference)
    return None


def _followed(before: Passport, fact: PassportTransferred) -> bool:
    known = () if before.received is UNSET else before.received.deliveries
    return fact.delivery in (before.delivery, *known)


class Settled(Struct, frozen=True, kw_only=True):
    """A transformation that follows from its parts, or the first of its facts that does not."""

    event: Recorded
    offset: int
    fault: FactFault | None = None


ReadPast = Callable[[int, datetime], bool]
"""Whether a lane was followed to an event later than a moment: all that it holds of the moment was seen."""


def settled(shelf: MaterialShelf, lanes: int, read_past: ReadPast) -> Iterator[Settled]:
    """Transformations whose parts were read, or have to have been, up to the first that is wrong: later ones
    may rest on it. The others stay on the shelf. `lanes`: the deployment's count.
    """
    for transformation in shelf.open_transformations():
        found = _Parts(shelf, transformation).judged(lanes, read_past)
        if found is None:
            continue
        yield found
        if found.fault is not None:
            return
        shelf.settle(transformation)


class _Parts:
    """What the record holds of a transformation, by its role and by what it is about."""

    def __init__(self, shelf: MaterialShelf, transformation: UUID) -> None:
        self._shelf = shelf
        self._transformation = transformation
        self._parts: dict[tuple[Role, UUID], Part] = {}
        self._events: dict[tuple[Role, UUID], Recorded] = {}
        for role, of, part in shelf.parts(transformation):
            self._parts[role, of] = part
            self._events[role, of] = part.event()

    def judged(self, lanes: int, read_past: ReadPast) -> Settled | None:
        """None while a part may still come."""
        key: tuple[Role, UUID] = ("transformed", self._transformation)
        event = self._events.get(key)
        if event is None:
            return self._orphaned(lanes, read_past)
        fact: Any = event.data
        wanted = _wanted(fact)
        for each, found in self._events.items():
            if each not in wanted and each != key:
                named = Difference("transformation", str(self._transformation), "one that names it")
                return self._faulty(each, "is no part of its transformation", named)
            same = (found.time, found.cause, found.actor) == (event.time, event.cause, event.actor)
            if not same:
                difference = difference_between(said_by(found), {**said_by(found), **_common(event)})
                return self._faulty(each, "was not recorded with its transformation", difference)
        for each, field in wanted.items():
            if each not in self._events:
                if not read_past(lane_of(str(each[1]), lanes), event.time):
                    return None
                if each[0] != "moved":
                    lacking = Difference(field, str(each[1]), "a passport whose lane holds its part")
                    return self._faulty(key, f"has no part in the lane of {each[1]}", lacking)
        return self._decided(key, event, fact, wanted)

    def _orphaned(self, lanes: int, read_past: ReadPast) -> Settled | None:
        each = min(self._events, key=lambda each: (self._events[each].lane, self._events[each].position))
        if not read_past(lane_of(str(self._transformation), lanes), self._events[each].time):
            return None
        named = Difference("transformation", str(self._transformation), "one that is recorded")
        return self._faulty(each, "is of a transformation that nobody recorded", named)

    def _decided(
        self,
        key: tuple[Role, UUID],
        event: Recorded,
        fact: PassportTransformed,
        wanted: Mapping[tuple[Role, UUID], str],
    ) -> Settled:
        moved = self._parts.get(("moved", fact.facility))
        of_account: Any = None if moved is None else self._events["moved", fact.facility].data
        issued: dict[UUID, Any] = {
            of: each.data for (role, of), each in self._events.items() if role == "issued"
        }
        whole = Whole(
            event=event,
            fact=fact,
            drawn={
                of: part.drawn
                for (role, of), part in self._parts.items()
                if role == "drawn" and part.drawn is not None
            },
            issued=issued,
            moved=of_account,
            accounts={(line[0], line[1]): line[2] for line in (moved.accounts if moved else ())},
            taken=frozenset(
                each.content.lot_number
                for of, each in issued.items()
                if self._shelf.numbered(each.content.facility, each.content.lot_number) != of
            ),
        )
        try:
            drafts = transformed_again(whole).drafts
        except (Refusal, Refusals) as refused:
            fault = refused_by(refused, event)
            return self._faulty(key, fault.told, fault.difference)
        order = [key, *(each for each in wanted if each in self._events)]
        for each, draft in zip(order, drafts, strict=False):
            found = self._events[each]
            if (found.data, found.subject) != (draft.data, draft.subject):
                told = "is not what follows from its transformation's inputs and outputs"
                return self._faulty(each, told, unlike(found, draft))
        if len(order) != len(drafts):
            counts = Difference("events of the transformation", str(len(order)), str(len(drafts)))
            return self._faulty(key, "moves accounts otherwise than it has to", counts)
        return Settled(event=event, offset=self._parts[key].offset)

    def _faulty(self, key: tuple[Role, UUID], told: str, difference: Difference | None) -> Settled:
        fault = FactFault(kind="material", told=told, difference=difference)
        return Settled(event=self._events[key], offset=self._parts[key].offset, fault=fault)


def _wanted(fact: PassportTransformed) -> dict[tuple[Role, UUID], str]:
    """What a transformation names, in the order in which it is decided, and where it names it."""
    found: dict[tuple[Role, UUID], str] = {}
    for number, part in enumerate(fact.inputs):
        found["drawn", part.passport] = f"inputs/{number}/passport"
    for number, part in enumerate(fact.outputs):
        found["issued", part.passport] = f"outputs/{number}/passport"
    if fact.method is not None:
        found["moved", fact.facility] = "facility"
    return found


def _common(event: Recorded) -> dict[str, Any]:
    return {name: said_by(event)[name] for name in ("cause", "actor", "time")}


def _misplaced(error: AssertionError, difference: Difference) -> FactFault:
    return FactFault(kind="fold", told=f"does not fit what came before it ({error})", difference=difference)
