"""Passports as whoever looks may see them."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal, Self
from uuid import UUID

from msgspec import UNSET, Struct

from contracts.rules.delivery import Delivery, DeliveryStatus
from events.material_events import (
    PassportAcknowledged,
    PassportCorrected,
    PassportDrawn,
    PassportIssued,
    PassportNoted,
    PassportRetired,
    PassportTransferred,
)
from events.passport_terms import RetireReason
from events.vocabulary import Instant, ProductForm
from market.http.agreements.agreement_views import Evidence
from market.http.materials.passport_terms import MagnetRecord, PassportTerms
from market.http.wire.addresses import PostalAddress
from market.http.wire.countries import CountryCode
from market.http.wire.ids import (
    AgreementId,
    DeliveryId,
    EventId,
    FacilityId,
    OrganisationId,
    PassportId,
    Prefix,
    TransformationId,
    to_text,
)
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, TONNES, DecimalText, Percent
from market.rules.parties.parties import Facility
from market.rules.passport import PassportNote, PassportStatus
from market.rules.passports.magnet_labels import LabelPart
from market.rules.refusing.wording import Code
from market.rules.visibility import passport_visibility as visibility
from market.rules.visibility.passport_visibility import MagnetLabel, SeenPassport, Tier, see_sites
from market.store.passports import PassportStep

StepKind = Literal["issued", "transferred", "acknowledged", "drawn", "corrected", "noted", "retired"]


class NoteView(Body, frozen=True, kw_only=True):
    """A note by the issuer of a passport, where a correction is not possible."""

    event: EventId
    at: Instant
    note: str
    evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, value: PassportNote) -> Self:
        evidence = tuple(map(Evidence.outside, value.evidence))
        return cls(event=to_text("evt", value.event), at=value.at, note=value.note, evidence=evidence)


class NamedFacility(Body, frozen=True, kw_only=True):
    """A facility of the passport's issuer, as the register has it today."""

    id: FacilityId
    name: str
    country: CountryCode


class JourneyView(Body, frozen=True, kw_only=True):
    """A delivery that names the passport, where the reader sells or buys by it. `replaces`: one before, whose
    lot was rejected and went back."""

    delivery: DeliveryId
    agreement: AgreementId
    lot_number: str
    shipped_on: date
    status: DeliveryStatus
    replaces: DeliveryId | None
    weighed_on: date | None
    title_passed_on: date | None

    @classmethod
    def of(cls, value: Delivery) -> Self:
        shipped = value.shipped
        return cls(
            delivery=to_text("del", shipped.delivery),
            agreement=to_text("agr", shipped.agreement),
            lot_number=shipped.lot_number,
            shipped_on=shipped.shipped_on,
            status=value.status,
            replaces=None if shipped.replaces is UNSET else to_text("del", shipped.replaces),
            weighed_on=None if value.weighed is None else value.weighed.weighed_on,
            title_passed_on=None if value.accepted is None else value.accepted.title_passed_on,
        )


class PassportView(Body, frozen=True, kw_only=True):
    """A passport as it stands, corrections applied. Null is what this `tier` of reader is not shown.

    `stated_by` is the event that stated the content, to which a correction has to refer. `facilities`: the
    issuer's facilities named in the content, for readers who may see the issuer. `awaited`: who got title or
    goods outside a delivery, and has neither acknowledged it nor used the lot, so that it does not count as
    its stock. `proposed`: the event of a correction that waits for the owner's acknowledgement; its content
    is in the history. `short_wet_t`: what deliveries did not bring of the lot, at the moisture of its
    content; in nobody's stock. `footprint_expired`: whether the footprint's validity is over; null without
    one. `journeys`: the reader's own deliveries that name it, the newest 100 in order; null in a list.
    """

    id: PassportId
    tier: Tier
    content: PassportTerms
    status: PassportStatus
    retired: RetireReason | None
    version: int
    corrections: int
    stated_by: EventId
    issued_at: Instant
    organisation: OrganisationId | None
    owner: OrganisationId | None
    holder: OrganisationId | None
    remaining_wet_t: DecimalText | None
    short_wet_t: DecimalText | None
    transformation: TransformationId | None
    notes: tuple[NoteView, ...]
    awaited: tuple[OrganisationId, ...] = ()
    proposed: EventId | None = None
    footprint_expired: bool | None
    facilities: tuple[NamedFacility, ...]
    journeys: tuple[JourneyView, ...] | None = None

    @classmethod
    def of(
        cls,
        seen: SeenPassport,
        known: Mapping[UUID, Facility],
        now: datetime,
        journeys: Iterable[Delivery] | None = None,
    ) -> Self:
        footprint = seen.content.footprint
        return cls(
            id=to_text("pass", seen.passport),
            tier=seen.tier,
            content=PassportTerms.outside(seen.content),
            status=seen.status,
            retired=seen.retired,
            version=seen.version,
            corrections=seen.corrections,
            stated_by=to_text("evt", seen.stated_by),
            issued_at=seen.issued_at,
            organisation=None if seen.organisation is None else to_text("org", seen.organisation),
            owner=None if seen.owner is None else to_text("org", seen.owner),
            holder=None if seen.holder is None else to_text("org", seen.holder),
            remaining_wet_t=None
            if seen.drawn_g is None or seen.short_g is None
            else TONNES.text(seen.content.net_wet_g - seen.short_g - seen.drawn_g),
            short_wet_t=None if seen.short_g is None else TONNES.text(seen.short_g),
            transformation=None if seen.transformation is None else to_text("tra", seen.transformation),
            notes=tuple(map(NoteView.of, seen.notes)),
            awaited=tuple(to_text("org", each) for each in seen.awaited),
            proposed=None if seen.proposed is None else to_text("evt", seen.proposed),
            footprint_expired=None if footprint is None else footprint.valid_until <= now,
            facilities=tuple(
                NamedFacility(id=to_text("fac", each.facility), name=each.name, country=each.country)
                for each in see_sites(seen, known)
            ),
            journeys=None if journeys is None else tuple(map(JourneyView.of, journeys)),
        )


class LabelShare(Body, frozen=True, kw_only=True):
    """Post-consumer share of one element; a label does not say what of it is pre-consumer."""

    element: Code
    post_consumer_percent: Percent

    @classmethod
    def of(cls, value: visibility.LabelShare) -> Self:
        return cls(element=value.element, post_consumer_percent=PERCENT.text(value.post_consumer_ppb))


class LabelView(Body, frozen=True, kw_only=True):
    """What the data carrier of a product with magnets leads to (CRMA Articles 28 and 29).

    The responsible organisation is `magnets.responsible_organisation`, as registered today; null: not
    registered. `unstated`: what Article 28 requires and this label does not state. `notes`: the issuer's
    notes about the figures.
    """

    id: PassportId
    form: ProductForm
    net_wet_t: DecimalText
    magnets: MagnetRecord
    responsible_name: str | None
    responsible_country: CountryCode | None
    responsible_postal_address: PostalAddress | None = None
    responsible_electronic_contact: str | None = None
    unstated: tuple[LabelPart, ...]
    recycled: tuple[LabelShare, ...]
    corrections: int
    notes: tuple[NoteView, ...]
    issued_at: Instant

    @classmethod
    def of(cls, label: MagnetLabel) -> Self:
        responsible = label.responsible
        address = None if responsible is None else responsible.postal_address
        contact = None if responsible is None else responsible.electronic_contact
        return cls(
            id=to_text("pass", label.passport),
            form=label.form,
            net_wet_t=TONNES.text(label.net_wet_g),
            magnets=MagnetRecord.outside(label.magnets),
            responsible_name=None if responsible is None else responsible.name,
            responsible_country=None if responsible is None else responsible.country,
            responsible_postal_address=PostalAddress.outside(address) if address else None,
            responsible_electronic_contact=contact or None,
            unstated=label.unstated,
            recycled=tuple(map(LabelShare.of, label.recycled)),
            corrections=label.corrections,
            notes=tuple(map(NoteView.of, label.notes)),
            issued_at=label.issued_at,
        )


class StepView(Body, frozen=True, kw_only=True):
    """One fact of a passport. `content` is what this fact stated; `stands`: no later correction has replaced
    it."""

    version: int
    event: EventId
    at: Instant
    kind: StepKind
    stands: bool = False
    content: PassportTerms | None = None
    corrects: EventId | None = None
    reason: str | None = None
    note: str | None = None
    owner: OrganisationId | None = None
    holder: OrganisationId | None = None
    transferred_on: date | None = None
    acknowledged_by: OrganisationId | None = None
    correction: EventId | None = None
    acceptance: Literal["awaited"] | None = None
    agreement: AgreementId | None = None
    delivery: DeliveryId | None = None
    returns: DeliveryId | None = None
    transformation: TransformationId | None = None
    drawn_wet_t: DecimalText | None = None
    received_wet_t: DecimalText | None = None

    @classmethod
    def of(cls, step: PassportStep, fact: Struct, stated_by: UUID) -> Self:
        """`fact`: what the viewer may see of that of the step."""

        def found(member: str) -> Any:
            return getattr(fact, member, None)

        def named(prefix: Prefix, member: str) -> str | None:
            value = found(member)
            return None if value in (None, UNSET) else to_text(prefix, value)

        content, drawn_g, received_g = found("content"), found("net_wet_g"), found("received_g")
        return cls(
            version=step.version,
            event=to_text("evt", step.event),
            at=step.at,
            kind=_KINDS[type(step.fact)],
            stands=step.event == stated_by,
            content=None if content is None else PassportTerms.outside(content),
            corrects=named("evt", "corrects"),
            reason=found("reason"),
            note=found("note"),
            owner=named("org", "owner"),
            holder=named("org", "holder"),
            transferred_on=found("transferred_on"),
            acknowledged_by=to_text("org", fact.organisation)
            if isinstance(fact, PassportAcknowledged)
            else None,
            correction=named("evt", "correction"),
            acceptance=found("acceptance") or None,
            agreement=named("agr", "agreement"),
            delivery=named("del", "delivery"),
            returns=named("del", "returns"),
            transformation=named("tra", "transformation"),
            drawn_wet_t=None if drawn_g is None else TONNES.text(drawn_g),
            received_wet_t=None if received_g in (None, UNSET) else TONNES.text(received_g),
        )


_KINDS: Final[dict[type[Struct], StepKind]] = {
    PassportIssued: "issued",
    PassportTransferred: "transferred",
    PassportAcknowledged: "acknowledged",
    PassportDrawn: "drawn",
    PassportCorrected: "corrected",
    PassportNoted: "noted",
    PassportRetired: "retired",
}
