"""Lots with passports, and what is made of them, for tests of the material loop."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import UUID

from events.callers import Caller
from events.contract_terms import Evidence
from events.decision import Decision, Moment
from events.envelope import Draft, Recorded
from events.forecast_terms import ElementShare as ForecastShare
from events.forecast_terms import LifeBounds, ShareBounds
from events.material_events import (
    MassBalanceMoved,
    PassportTransformed,
    ProductTwinStated,
    VolumeCorrected,
    VolumeDeclared,
    VolumeWithdrawn,
)
from events.passport_terms import (
    ClaimEvidence,
    ClaimKind,
    DataCarrier,
    ElementLoss,
    ElementShare,
    Magnet,
    MagnetRecord,
    MassBalanceLine,
    OriginShare,
    PassportCertificate,
    PassportContent,
    RemovalStep,
    ResponsibleParty,
)
from events.twin_terms import ProductTwinTerms, TwinMagnet, TwinStep
from events.vocabulary import PPB, Cell, Composition
from events.volume_terms import DeclaredMass, DeclaredOrigin, VolumeTerms
from market.rules.crma import declared_volumes
from market.rules.crma.declared_volumes import DeclaredVolume, VolumeState
from market.rules.custody import Batch
from market.rules.element_masses import SCALE_PER_MG, contained
from market.rules.orders.orders import Reservation
from market.rules.parties.parties import Facility, FacilityDetails
from market.rules.passport import Passport, fold
from market.rules.passports import passports, transformations
from market.rules.passports.lot_checks import LotDays
from market.rules.passports.mass_balance import Account, Credit
from market.rules.passports.passports import IssuePassport, IssueState, PassportState
from market.rules.passports.transformations import DrawnPart, MadeLot, Transform, TransformState
from market.rules.twins.product_twins import ProductTwin, stated
from tests.desk_support import LANES, NOW, SELLER, SELLER_SITE

PERCENT = 10_000_000
DAY = date(2026, 2, 20)
DOCUMENT = Evidence(title="chain of custody file", sha256="ab" * 32, dated_on=DAY)


def assayed(**percents: int | None) -> Composition:
    """Elements in per cent of the dry sample; None: nobody knows."""
    return Composition(
        basis="dry",
        of="sample",
        cells=tuple(
            Cell(analyte=name, reported_as=name, state="not_available")
            if percent is None
            else Cell(analyte=name, reported_as=name, state="value", fraction_ppb=percent * PERCENT)
            for name, percent in percents.items()
        ),
    )


def recycled(element: str = "Nd", post: int = 0, pre: int = 0) -> tuple[ElementShare, ...]:
    """Shares in per cent."""
    return (ElementShare(element=element, post_consumer_ppb=post * PERCENT, pre_consumer_ppb=pre * PERCENT),)


def paper(scheme: str = "irma", facility: UUID | None = None, **changes: Any) -> PassportCertificate:
    given: dict[str, Any] = {
        "scheme": scheme,
        "reference": f"{scheme}-1",
        "certified_by": "a certification body",
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "valid_until": datetime(2028, 1, 1, tzinfo=UTC),
        "evidence": DOCUMENT,
        "facility": facility,
    }
    return PassportCertificate(**(given | changes))


def content(facility: UUID, lot_number: str = "LOT-1", **changes: Any) -> PassportContent:
    """1 t of dry swarf with 30 % Nd, mined in NO, of which nothing is recycled."""
    given: dict[str, Any] = {
        "facility": facility,
        "lot_number": lot_number,
        "form": "swarf",
        "net_wet_g": 1_000_000,
        "moisture_ppb": 0,
        "composition": assayed(Nd=30),
        "custody": "segregated",
        "origin": (OriginShare(stage="extraction", country="NO", share_ppb=PPB, source="a mine"),),
        "evidence": tuple(
            ClaimEvidence(supports=claim, document=DOCUMENT) for claim in ("origin", "recycled")
        ),
    }
    return PassportContent(**(given | changes))


def made(passport: UUID, lot_number: str = "OUT-1", **changes: Any) -> MadeLot:
    given: dict[str, Any] = {
        "passport": passport,
        "lot_number": lot_number,
        "form": "metal",
        "net_wet_g": 1_000_000,
        "moisture_ppb": 0,
        "composition": assayed(Nd=30),
    }
    return MadeLot(**(given | changes))


def transform(
    caller: Caller,
    transformation: UUID,
    facility: UUID,
    inputs: Sequence[tuple[UUID, int]],
    outputs: Sequence[MadeLot],
    *,
    lost_mg: dict[str, int] | None = None,
    **changes: Any,
) -> Transform:
    given: dict[str, Any] = {
        "stage": "processing",
        "transformed_on": DAY,
        "custody": "segregated",
        "tolerance_ppm": 0,
        "losses": tuple(
            ElementLoss(element=element, mass_mg=mass_mg) for element, mass_mg in (lost_mg or {}).items()
        ),
    }
    return Transform(
        caller=caller,
        transformation=transformation,
        facility=facility,
        inputs=tuple(DrawnPart(passport=passport, net_wet_g=mass_g) for passport, mass_g in inputs),
        outputs=tuple(outputs),
        **(given | changes),
    )


def magnet_record(organisation: UUID, **changes: Any) -> MagnetRecord:
    given: dict[str, Any] = {
        "magnets": (
            Magnet(
                type="NdFeB",
                pieces=8,
                mass_mg=45_000,
                location="rotor, behind the end cap",
                composition=assayed(Nd=28, Dy=2),
                coatings=("NiCuNi",),
                glues=("epoxy",),
                additives=("none",),
            ),
        ),
        "removal_steps": (
            RemovalStep(instruction="Heat the rotor to 150 degrees and push.", tools=("press",)),
        ),
        "responsible": ResponsibleParty(organisation=organisation, role="manufacturer"),
        "data_carrier": DataCarrier(kind="qr_code", address="https://id.example/01/04012345123456"),
    }
    return MagnetRecord(**(given | changes))


def product(**changes: Any) -> ProductTwinTerms:
    """A motor with eight magnets of 45 g, as `magnet_record` has them."""
    elements = (("Nd", 27, 28, 29), ("Dy", 1, 2, 3))
    magnet = TwinMagnet(
        pieces=8,
        grade="N42SH",
        mass_mg=45_000,
        coating="nickel",
        fixing="glued",
        elements=tuple(
            ForecastShare(
                element=element,
                fraction_ppb=ShareBounds(low=low * PERCENT, middle=middle * PERCENT, high=high * PERCENT),
            )
            for element, low, middle, high in elements
        ),
    )
    given: dict[str, Any] = {
        "name": "motor M4",
        "application": "ev-traction-motor",
        "magnets": (magnet,),
        "steps": (
            TwinStep(action="open", tool="screwdriver", minutes_tenths=15, tool_class="basic"),
            TwinStep(action="heat and push", tool="oven", minutes_tenths=60, tool_class="supplied"),
        ),
        "scale_micro_years": LifeBounds(low=12_000_000, middle=16_000_000, high=20_000_000),
        "shape_micro": 3_500_000,
    }
    return ProductTwinTerms(**(given | changes))


def site(**changes: Any) -> Facility:
    given: dict[str, Any] = {
        "name": "works north",
        "country": "FR",
        "place": "La Rochelle",
        "stages": ("processing", "recycling", "manufacturing"),
        "scale": "industrial",
        "readiness_level": 9,
    }
    details = FacilityDetails(**(given | changes))
    return Facility(organisation=SELLER, facility=SELLER_SITE, details=details, version=1)


def declared(**changes: Any) -> VolumeTerms:
    """12 t Nd and 3 t Pr of the quarter of DAY, mined in AU as to 70 %, separated in MY, bought in JP."""
    given: dict[str, Any] = {
        "direction": "bought",
        "quarter": date(2026, 1, 1),
        "reference": "INV-1",
        "form": "separated_oxide",
        "masses": (
            DeclaredMass(element="Nd", contained_mg=12 * 10**9),
            DeclaredMass(element="Pr", contained_mg=3 * 10**9),
        ),
        "counterparty": "a trading house",
        "counterparty_country": "JP",
        "origin": (
            DeclaredOrigin(stage="extraction", country="AU", share_ppb=70 * PERCENT),
            DeclaredOrigin(stage="extraction", share_ppb=30 * PERCENT),
            DeclaredOrigin(stage="processing", country="MY", share_ppb=PPB, source="a separation plant"),
        ),
        "document": Evidence(title="invoice", sha256="ab" * 32, dated_on=DAY),
    }
    return VolumeTerms(**(given | changes))


class Ledger:
    """What the store keeps of the material loop, in memory: decisions are folded as they are applied."""

    def __init__(self, facility: Facility) -> None:
        self.facility = facility
        self.passports: dict[UUID, Passport] = {}
        self.transformations: list[PassportTransformed] = []
        self.credits: dict[tuple[str, ClaimKind, UUID], tuple[MassBalanceLine, int, datetime]] = {}
        self.reservations: dict[UUID, Reservation] = {}
        self.days: dict[UUID, LotDays] = {}
        self.twins: dict[UUID, ProductTwin] = {}
        self.volumes: dict[UUID, DeclaredVolume] = {}
        self.positions = count(1)

    def issue(self, argument: IssuePassport, moment: Moment) -> Decision:
        taken = frozenset(each.content.lot_number for each in self.passports.values())
        state = IssueState(lanes=LANES, facility=self.facility, taken=taken)
        return self.write(passports.issue(state, argument, moment))

    def transform(self, argument: Transform, moment: Moment, **known: Any) -> Decision:
        state = TransformState(
            lanes=LANES,
            facility=self.facility,
            passports=self.passports,
            reservations=self.reservations,
            taken=frozenset(each.content.lot_number for each in self.passports.values()),
            accounts=self.accounts(moment.now),
            days=self.days,
            **known,
        )
        return self.write(transformations.transform(state, argument, moment))

    def volume_state(self, volume: UUID, terms: VolumeTerms | None = None) -> VolumeState:
        """As the store loads it; no lot is named, and nothing traded."""
        known = self.volumes.get(volume)
        if terms is None:
            return VolumeState(lanes=LANES, volume=known)
        others = [each for each in self.volumes.values() if each.volume != volume and not each.withdrawn]
        standing = [each for each in self.volumes.values() if not each.withdrawn]
        return VolumeState(
            lanes=LANES,
            volume=known,
            others=tuple(
                each
                for each in others
                if each.terms.reference == terms.reference
                or (each.terms.document.sha256, each.terms.quarter) == (terms.document.sha256, terms.quarter)
            ),
            of_quarter=sum(each.terms.quarter == terms.quarter for each in standing),
        )

    def accounts(self, now: datetime) -> dict[tuple[str, ClaimKind], Account]:
        found: dict[tuple[str, ClaimKind], Account] = {}
        for (element, claim, transformation), (line, remaining_mg, expires_at) in self.credits.items():
            if expires_at > now:
                before = found.get((element, claim), Account())
                credit = Credit(
                    transformation=transformation, expires_at=expires_at, remaining_mg=remaining_mg
                )
                found[element, claim] = Account(
                    input_mg=before.input_mg + line.input_mg,
                    claimed_mg=before.claimed_mg + line.claimed_mg,
                    credits=(*before.credits, credit),
                )
        return found

    def state(self, passport: UUID, *receivers: UUID) -> PassportState:
        return PassportState(
            lanes=LANES,
            passport=self.passports.get(passport),
            reservation=self.reservations.get(passport),
            receivers=frozenset(receivers),
        )

    def write(self, decision: Decision) -> Decision:
        for draft in decision.drafts:
            self.fold(self.event(draft))
        return decision

    def event(self, draft: Draft) -> Recorded:
        position = next(self.positions)
        return Recorded(
            id=UUID(int=position),
            type="",
            subject=draft.subject,
            time=NOW,
            stream="materials",
            lane=draft.lane,
            position=position,
            cause="",
            actor=SELLER,
            salt="",
            data=draft.data,
            body=b"",
            chain=b"",
        )

    def fold(self, event: Recorded) -> None:
        fact: Any = event.data
        if isinstance(fact, PassportTransformed):
            self.transformations.append(fact)
        elif isinstance(fact, MassBalanceMoved):
            self._move(fact)
        elif isinstance(fact, ProductTwinStated):
            self.twins[fact.twin] = stated(event, fact)
        elif isinstance(fact, VolumeDeclared | VolumeCorrected | VolumeWithdrawn):
            self.volumes[fact.volume] = declared_volumes.fold(self.volumes.get(fact.volume), event, fact)
        else:
            self.passports[fact.passport] = fold(self.passports.get(fact.passport), event, fact)

    def _move(self, moved: MassBalanceMoved) -> None:
        for line in moved.lines:
            key = (line.element, line.claim, moved.transformation)
            self.credits[key] = (line, line.deposited_mg, moved.expires_at)
            for use in line.uses:
                used = (line.element, line.claim, use.transformation)
                held, remaining_mg, expires_at = self.credits[used]
                assert remaining_mg >= use.mass_mg
                self.credits[used] = (held, remaining_mg - use.mass_mg, expires_at)

    def claimed(self, element: str, claim: ClaimKind) -> int:
        """Claimed mass of all that is left, over SCALE_PER_MG × PPB, with what accounts still hold."""
        parts = 0
        for of in self.passports.values():
            left = Batch(
                content=of.content, net_wet_g=of.remaining_g, masses=contained(of.content, of.remaining_g)
            )
            parts += left.claimed(element, claim)
        held_mg = sum(
            remaining_mg
            for (of_element, of_claim, _), (_, remaining_mg, _) in self.credits.items()
            if (of_element, of_claim) == (element, claim)
        )
        return parts + held_mg * SCALE_PER_MG * PPB

    def mass(self, element: str) -> int:
        """Of all that is left, over SCALE_PER_MG."""
        left = (contained(of.content, of.remaining_g) for of in self.passports.values())
        return sum(masses[element].least for masses in left if element in masses)
