"""The lanes of the materials stream on paper: what rules decide is encoded and chained as recorded."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.callers import Caller
from events.chain import genesis, next_head
from events.codec import decode_event, encode_event
from events.decision import Decision, LaneKey
from events.envelope import Draft, Recorded, source_of
from events.material_events import LotReleased, LotReserved, PassportTransferred
from events.twin_terms import ProductTwinTerms
from events.vocabulary import PhysicalLot, lane_of
from events.volume_terms import DeclaredOrigin, VolumeTerms
from market.audit.lane_audit import LaneAudit, LaneRecord
from market.audit.lane_verdict import Divergence, LaneVerdict
from market.audit.material_audit import settled
from market.audit.round_audit import BY_CERTIFICATE
from market.audit.shelf import AuditShelf
from market.rules.crma import declared_volumes
from market.rules.crma.declared_volumes import CorrectVolume, DeclareVolume, WithdrawVolume
from market.rules.orders import reservations
from market.rules.passports import delivered_lots, passports, returned_lots
from market.rules.passports.delivered_lots import (
    AcceptedDelivery,
    DeliverPassport,
    DeliveryState,
    WetMass,
)
from market.rules.passports.passports import (
    AcknowledgeCorrection,
    AcknowledgePassport,
    CorrectPassport,
    IssuePassport,
    NotePassport,
    RetirePassport,
    TransferPassport,
)
from market.rules.passports.returned_lots import GiveBackPassport, HeldLot, ReturnedLot, ReturnState
from market.rules.passports.transformations import MadeLot
from market.rules.twins.product_twins import StateTwin, TwinState, bill_of, state_twin
from tests.blotter import DEPLOYMENT
from tests.desk_support import (
    BUYER,
    BUYER_TRADER,
    LANES,
    MARKET,
    NOW,
    OPERATOR_CALLER,
    ORDER,
    SELLER_SITE,
    SELLER_TRADER,
    moment,
    numbered,
)
from tests.passport_support import (
    DAY,
    PERCENT,
    Ledger,
    assayed,
    content,
    declared,
    made,
    product,
    recycled,
    site,
    transform,
)

Lanes = dict[int, list[LaneRecord]]


class MaterialLanes(Ledger):
    """A ledger whose facts are recorded in lanes, an hour after each other."""

    def __init__(self) -> None:
        super().__init__(site())
        self.now = NOW
        self.caller: Caller = SELLER_TRADER
        self.lanes: dict[int, list[Recorded]] = defaultdict(list)
        self.ids = count(70_000)

    def write(self, decision: Decision) -> Decision:
        super().write(decision)
        self.now += timedelta(hours=1)
        return decision

    def event(self, draft: Draft) -> Recorded:
        lane = self.lanes[draft.lane]
        body = encode_event(
            event_id=numbered(next(self.ids)),
            source=source_of(DEPLOYMENT),
            subject=draft.subject,
            time=self.now,
            lane=draft.lane,
            position=len(lane) + 1,
            cause=f"at {self.now.isoformat()}",
            actor=self.caller.organisation,
            salt="00" * 16,
            data=draft.data,
        )
        head = lane[-1].chain if lane else genesis(DEPLOYMENT, "materials", draft.lane)
        return decode_event(body, next_head(head, body))

    def fold(self, event: Recorded) -> None:
        self.lanes[event.lane].append(event)
        fact: Any = event.data
        if isinstance(fact, LotReserved | LotReleased):
            passport = fact.identity
            of = UUID(passport)
            self.reservations[of] = reservations.fold(self.reservations.get(of), fact)
            return
        super().fold(event)
        if isinstance(fact, PassportTransferred) and fact.passport in self.reservations:
            after = reservations.returned(self.reservations[fact.passport], fact)
            assert after is not None
            self.reservations[fact.passport] = after

    def root(self, passport: UUID, lot_number: str, **changes: Any) -> None:
        stated = content(SELLER_SITE, lot_number, **changes)
        argument = IssuePassport(caller=SELLER_TRADER, passport=passport, content=stated)
        self.issue(argument, moment(self.now))

    def work(self, transformation: UUID, inputs: dict[UUID, int], *outputs: MadeLot, **changes: Any) -> None:
        argument = transform(
            SELLER_TRADER, transformation, SELLER_SITE, list(inputs.items()), outputs, **changes
        )
        self.transform(argument, moment(self.now))

    def step(self, rule: Callable[..., Decision], argument: Any, *receivers: UUID) -> None:
        self.caller = argument.caller
        self.write(rule(self.state(argument.passport, *receivers), argument, moment(self.now)))
        self.caller = SELLER_TRADER

    def twin(self, twin: UUID, expected_version: int, terms: ProductTwinTerms) -> None:
        state = TwinState(lanes=LANES, twin=self.twins.get(twin), record=bill_of(terms.magnets))
        argument = StateTwin(caller=self.caller, twin=twin, expected_version=expected_version, terms=terms)
        self.write(state_twin(state, argument, moment(self.now)))

    def declare(self, volume: UUID, terms: VolumeTerms) -> None:
        argument = DeclareVolume(caller=self.caller, volume=volume, terms=terms)
        self.write(declared_volumes.declare(self.volume_state(volume, terms), argument, moment(self.now)))

    def correct_volume(self, volume: UUID, terms: VolumeTerms) -> None:
        known = self.volumes[volume]
        argument = CorrectVolume(
            caller=self.caller,
            volume=volume,
            expected_version=known.version,
            corrects=known.stated_by,
            reason="the certificate of origin came later",
            terms=terms,
        )
        self.write(declared_volumes.correct(self.volume_state(volume, terms), argument, moment(self.now)))

    def withdraw_volume(self, volume: UUID) -> None:
        argument = WithdrawVolume(
            caller=self.caller,
            volume=volume,
            expected_version=self.volumes[volume].version,
            reason="the goods came back",
        )
        self.write(declared_volumes.withdraw(self.volume_state(volume), argument, moment(self.now)))

    def version(self, passport: UUID) -> int:
        return self.passports[passport].version

    def reserve(self, passport: UUID) -> None:
        lot = PhysicalLot(site=SELLER_SITE, lot_number="LOT", passport=passport)
        drafts = reservations.reserve(MARKET, LANES, SELLER_TRADER.organisation, ORDER, lot)
        self.write(Decision(drafts=drafts))

    def release(self, passport: UUID, reason: Any) -> None:
        fact = LotReleased(
            identity=str(passport),
            organisation=SELLER_TRADER.organisation,
            market=MARKET,
            order=ORDER,
            reason=reason,
        )
        lane = lane_of(str(passport), LANES)
        self.write(Decision(drafts=(Draft(stream="materials", lane=lane, subject=str(passport), data=fact),)))

    def go_on(self) -> "MaterialLanes":
        """Something later in every lane, so that nothing of before is missing there."""
        for lane in range(LANES):
            fact = LotReserved(
                physical_lot=PhysicalLot(
                    site=SELLER_SITE, lot_number="LOT", passport=numbered(80_000 + lane)
                ),
                identity=str(numbered(80_000 + lane)),
                organisation=BUYER,
                market=MARKET,
                order=ORDER,
            )
            self.write(Decision(drafts=(Draft(stream="materials", lane=lane, subject="later", data=fact),)))
        return self

    def records(self) -> Lanes:
        return {
            lane: [
                LaneRecord(offset=place, body=event.body, chain=event.chain.hex())
                for place, event in enumerate(self.lanes[lane])
            ]
            for lane in range(LANES)
        }


ORE, SWARF, RICH, POWDER, METAL, SCRAP, MAGNET, CORE, BLEND, MORE = (
    numbered(900 + number) for number in range(10)
)
MADE_METAL, MADE_MAGNET, GIVEN_BACK, BLENDED, AGAIN = (numbered(940 + number) for number in range(5))
TWIN = numbered(960)
VOLUME, GIVEN_UP = numbered(970), numbered(971)
CREDIT: dict[str, Any] = {"custody": "mass_balance", "method": "credit", "balance_days": 30}


@cache
def journey() -> MaterialLanes:
    """Every kind of fact: metal and scrap of swarf, magnets, what is given back of them, accounts twice."""
    of = MaterialLanes()
    of.root(SWARF, "SWARF", recycled=recycled(post=40))
    of.root(RICH, "RICH", composition=assayed(Nd=20, Dy=2), recycled=recycled(post=50, pre=10))
    of.root(ORE, "ORE", custody="mass_balance", recycled=recycled(post=60))
    of.reserve(SWARF)
    of.release(SWARF, "withdrawn")
    corrected = replace(of.passports[RICH].content, net_wet_g=900_000)
    of.step(
        passports.correct,
        CorrectPassport(
            caller=SELLER_TRADER,
            passport=RICH,
            expected_version=1,
            corrects=of.passports[RICH].stated_by,
            reason="weighed again",
            content=corrected,
        ),
    )
    metal = made(METAL, "METAL", net_wet_g=500_000, composition=assayed(Nd=60, Dy=3))
    of.work(
        MADE_METAL, {SWARF: 1_000_000, RICH: 300_000},
        replace(metal, composition=assayed(Nd=68, Dy=1), recycled=recycled(post=40), net_wet_g=500_000),
        made(SCRAP, "SCRAP", net_wet_g=50_000, composition=assayed(Nd=20)),
        lost_mg={"Nd": 10_000_000, "Dy": 1_000_000},
    )  # fmt: skip
    of.work(
        MADE_MAGNET, {METAL: 500_000},
        made(MAGNET, "MAGNET", form="finished_magnet", composition=assayed(Nd=68, Dy=1), net_wet_g=500_000),
        stage="manufacturing", custody="controlled_blending",
    )  # fmt: skip
    of.work(
        GIVEN_BACK, {MAGNET: 400_000},
        made(CORE, "CORE", form="core", composition=assayed(Nd=68, Dy=1), net_wet_g=400_000,
             recycled=recycled(post=100), evidence=content(SELLER_SITE).evidence),
        stage="recycling",
    )  # fmt: skip
    of.work(
        BLENDED, {ORE: 600_000},
        made(BLEND, "BLEND", net_wet_g=600_000, recycled=recycled(post=30)), **CREDIT,
    )  # fmt: skip
    of.work(
        AGAIN, {ORE: 400_000},
        made(MORE, "MORE", net_wet_g=400_000, recycled=recycled(post=60)),
        **(CREDIT | {"method": "rolling_average"}),
    )  # fmt: skip
    deliver_and_back(of)
    noted = NotePassport(
        caller=SELLER_TRADER, passport=SCRAP, expected_version=of.version(SCRAP), note="overstated"
    )
    of.step(passports.note, noted)
    retired = RetirePassport(
        caller=SELLER_TRADER, passport=SCRAP, expected_version=of.version(SCRAP), reason="lost", note="fire"
    )
    of.step(passports.retire, retired)
    for version, terms in enumerate((product(), product(name="motor M4, second series"))):
        of.twin(TWIN, version, terms)
    recycled_abroad = DeclaredOrigin(
        stage="recycling", country="FR", share_ppb=30 * PERCENT, pre_consumer_ppb=10 * PERCENT
    )
    told = declared(
        origin=(*declared().origin, recycled_abroad),
        recycled_evidence=(declared().document,),
        lot_number="LOT-7",
    )
    of.declare(VOLUME, declared(reference="INV-2"))
    of.correct_volume(VOLUME, told)
    of.declare(GIVEN_UP, declared(reference="INV-3", direction="sold"))
    of.withdraw_volume(GIVEN_UP)
    return of.go_on()


def deliver_and_back(of: MaterialLanes) -> None:
    """The core is offered, sold and delivered, and comes back, which its seller acknowledges."""
    of.reserve(CORE)
    of.release(CORE, "sold")
    passport = of.passports[CORE]
    accepted = AcceptedDelivery(
        agreement=numbered(950),
        delivery=numbered(951),
        seller=passport.owner,
        buyer=BUYER,
        shipped=WetMass(net_wet_g=passport.remaining_g, moisture_ppb=passport.content.moisture_ppb),
        received=WetMass(net_wet_g=passport.remaining_g - 1_000, moisture_ppb=passport.content.moisture_ppb),
        shipped_on=of.now.date(),
        title_passed_on=of.now.date(),
    )
    of.caller = OPERATOR_CALLER
    argument = DeliverPassport(caller=OPERATOR_CALLER, passport=CORE, delivery=accepted.delivery)
    state = DeliveryState(lanes=LANES, passport=passport, accepted=accepted)
    of.write(delivered_lots.deliver(state, argument, moment(of.now)))
    sold = of.passports[CORE]
    corrected = CorrectPassport(
        caller=SELLER_TRADER,
        passport=CORE,
        expected_version=sold.version,
        corrects=sold.stated_by,
        reason="the laboratory says so",
        content=replace(sold.content, assurance="limited"),
        awaited=True,
    )
    of.step(passports.correct, corrected)
    stands = AcknowledgeCorrection(caller=BUYER_TRADER, passport=CORE, expected_version=of.version(CORE))
    of.step(passports.acknowledge_correction, stands)
    back = TransferPassport(
        caller=BUYER_TRADER,
        passport=CORE,
        expected_version=of.version(CORE),
        owner=SELLER_TRADER.organisation,
        transferred_on=DAY,
        awaited=True,
    )
    of.step(passports.transfer, back, SELLER_TRADER.organisation)
    taken = AcknowledgePassport(caller=SELLER_TRADER, passport=CORE, expected_version=of.version(CORE))
    of.step(passports.acknowledge, taken)
    hand_back(of, taken)
    deliver_and_return(of, replace(accepted, delivery=numbered(952), received=accepted.shipped))


def hand_back(of: MaterialLanes, taken: AcknowledgePassport) -> None:
    """The core is somebody's to hold for a while, who gives it back."""
    there = TransferPassport(
        caller=SELLER_TRADER,
        passport=CORE,
        expected_version=of.version(CORE),
        owner=SELLER_TRADER.organisation,
        holder=BUYER,
        transferred_on=DAY,
        awaited=True,
    )
    of.step(passports.transfer, there, BUYER, SELLER_TRADER.organisation)
    handed = replace(
        there,
        caller=BUYER_TRADER,
        expected_version=of.version(CORE),
        holder=SELLER_TRADER.organisation,
    )
    of.step(passports.transfer, handed, SELLER_TRADER.organisation)
    of.step(passports.acknowledge, replace(taken, expected_version=of.version(CORE)))


def deliver_and_return(of: MaterialLanes, accepted: AcceptedDelivery) -> None:
    """It is delivered once more, and goes back by both sides' word after it was accepted."""
    of.caller = OPERATOR_CALLER
    whole = WetMass(
        net_wet_g=of.passports[CORE].remaining_g, moisture_ppb=of.passports[CORE].content.moisture_ppb
    )
    state = DeliveryState(
        lanes=LANES,
        passport=of.passports[CORE],
        accepted=replace(accepted, shipped=whole, received=whole, shipped_on=of.now.date()),
    )
    argument = DeliverPassport(caller=OPERATOR_CALLER, passport=CORE, delivery=accepted.delivery)
    of.write(delivered_lots.deliver(state, argument, moment(of.now)))
    returned = ReturnedLot(
        agreement=accepted.agreement,
        delivery=accepted.delivery,
        seller=accepted.seller,
        buyer=accepted.buyer,
        lot_number=of.passports[CORE].content.lot_number,
        net_wet_g=whole.net_wet_g,
        moisture_ppb=whole.moisture_ppb,
    )
    of.write(
        returned_lots.give_back(
            ReturnState(lanes=LANES, lot=HeldLot(passport=of.passports[CORE]), returned=returned),
            GiveBackPassport(caller=OPERATOR_CALLER, passport=CORE, delivery=accepted.delivery),
            moment(of.now),
        )
    )
    of.caller = SELLER_TRADER


class Audited(Struct):
    """Verdicts by lane, and transformations that were not decided."""

    verdicts: dict[int, LaneVerdict]
    open: list[UUID]

    @property
    def first(self) -> Divergence | None:
        found = [verdict.divergence for verdict in self.verdicts.values() if verdict.divergence]
        return found[0] if found else None


def audited(lanes: Lanes, shelf: AuditShelf | None = None) -> Audited:
    shelf = shelf or AuditShelf()
    checks = {
        lane: LaneAudit(LaneKey("materials", lane), DEPLOYMENT, BY_CERTIFICATE, shelf=shelf) for lane in lanes
    }
    for lane, records in lanes.items():
        for record in records:
            checks[lane].feed(record)
    for found in settled(shelf.materials, LANES, reads_past(checks)):
        checks[found.event.lane].settle(found)
    verdicts = {lane: check.verdict() for lane, check in checks.items()}
    return Audited(verdicts=verdicts, open=shelf.materials.open_transformations())


def reads_past(checks: Mapping[int, LaneAudit]) -> Callable[[int, datetime], bool]:
    return lambda lane, moment: lane in checks and checks[lane].read_past(moment)


def changed(lanes: Lanes, event: Recorded, fact: Struct, **of_event: Any) -> Lanes:
    """What the event says is something else, and the lane behind it chained anew."""
    given: dict[str, Any] = {
        "time": event.time, "cause": event.cause, "actor": event.actor, "subject": event.subject
    } | of_event  # fmt: skip
    body = encode_event(
        event_id=event.id,
        source=source_of(DEPLOYMENT),
        lane=event.lane,
        position=event.position,
        salt=event.salt,
        data=fact,
        **given,
    )
    bodies = [record.body for record in lanes[event.lane]]
    bodies[event.position - 1] = body
    return lanes | {event.lane: chained(event.lane, bodies)}


def without(lanes: Lanes, event: Recorded) -> Lanes:
    """The event left out, those after it moved up."""
    bodies = [record.body for record in lanes[event.lane]]
    del bodies[event.position - 1]
    return lanes | {event.lane: chained(event.lane, bodies)}


def chained(lane: int, bodies: list[bytes]) -> list[LaneRecord]:
    """At the positions where they stand."""
    head = genesis(DEPLOYMENT, "materials", lane)
    found = []
    for place, stored in enumerate(bodies):
        event = decode_event(stored, b"")
        body = encode_event(
            event_id=event.id,
            source=source_of(DEPLOYMENT),
            subject=event.subject,
            time=event.time,
            lane=lane,
            position=place + 1,
            cause=event.cause,
            actor=event.actor,
            salt=event.salt,
            data=event.data,
        )
        head = next_head(head, body)
        found.append(LaneRecord(offset=place, body=body, chain=head.hex()))
    return found
