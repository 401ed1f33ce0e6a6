"""The content of a passport in the API's units: every value converts exactly in both directions."""

from typing import Annotated, Self

from msgspec import UNSET, Meta

from events import passport_terms as words
from events.origin_terms import PATHS_MAX, OriginStage
from events.passport_terms import (
    Assurance,
    CarrierKind,
    ClaimSupported,
    MagnetType,
    ResponsibleRole,
)
from events.vocabulary import PPB, CustodyModel, Instant, ProductForm
from market.http.agreements.agreement_views import Evidence
from market.http.materials.path_terms import StagePath
from market.http.orders.composition import Assay, Composition
from market.http.wire.countries import CountryCode
from market.http.wire.ids import FacilityId, OrganisationId, to_text, to_uuid
from market.http.wire.material import Body, Footprint, utc
from market.http.wire.numbers import (
    GRAMS,
    PERCENT,
    TONNES_POSITIVE,
    Grams,
    Percent,
    TonnesPositive,
)
from market.rules.refusing.wording import Code, LongText, Text

Texts = Annotated[tuple[Text, ...], Meta(max_length=16)]


class OriginShare(Body, frozen=True, kw_only=True):
    """The part of the material whose stage took place in `country`, at a facility or a named source.

    Shares of a stage add up to 100 % at most; what is missing, nobody answered for.
    """

    stage: OriginStage
    country: CountryCode
    share_percent: Percent
    facility: FacilityId | None = None
    source: Text | None = None
    strategic_project: bool = False

    def inside(self) -> words.OriginShare:
        return words.OriginShare(
            stage=self.stage,
            country=self.country,
            share_ppb=PERCENT.decoded(self.share_percent),
            facility=None if self.facility is None else to_uuid(self.facility),
            source=self.source,
            strategic_project=self.strategic_project,
        )

    @classmethod
    def outside(cls, value: words.OriginShare) -> Self:
        return cls(
            stage=value.stage,
            country=value.country,
            share_percent=PERCENT.text(value.share_ppb),
            facility=None if value.facility is None else to_text("fac", value.facility),
            source=value.source,
            strategic_project=value.strategic_project,
        )


class ElementShare(Body, frozen=True, kw_only=True):
    """Recycled share of one element; post- and pre-consumer stay apart."""

    element: Code
    post_consumer_percent: Percent = "0"
    pre_consumer_percent: Percent = "0"

    def __post_init__(self) -> None:
        shares = (self.post_consumer_percent, self.pre_consumer_percent)
        if sum(PERCENT.decoded(share) for share in shares) > PPB:
            raise ValueError("post- and pre-consumer shares cannot exceed 100 % together")

    def inside(self) -> words.ElementShare:
        return words.ElementShare(
            element=self.element,
            post_consumer_ppb=PERCENT.decoded(self.post_consumer_percent),
            pre_consumer_ppb=PERCENT.decoded(self.pre_consumer_percent),
        )

    @classmethod
    def outside(cls, value: words.ElementShare) -> Self:
        return cls(
            element=value.element,
            post_consumer_percent=PERCENT.text(value.post_consumer_ppb),
            pre_consumer_percent=PERCENT.text(value.pre_consumer_ppb),
        )


class ClaimEvidence(Body, frozen=True, kw_only=True):
    """A document, and the claim that it supports."""

    supports: ClaimSupported
    document: Evidence

    def inside(self) -> words.ClaimEvidence:
        return words.ClaimEvidence(supports=self.supports, document=self.document.inside())

    @classmethod
    def outside(cls, value: words.ClaimEvidence) -> Self:
        return cls(supports=value.supports, document=Evidence.outside(value.document))


class PassportCertificate(Body, frozen=True, kw_only=True):
    """A certificate of the material, or of a site if `facility` is named."""

    scheme: Code
    reference: Text
    certified_by: Text
    valid_from: Instant
    valid_until: Instant
    evidence: Evidence
    facility: FacilityId | None = None

    def inside(self) -> words.PassportCertificate:
        return words.PassportCertificate(
            scheme=self.scheme,
            reference=self.reference,
            certified_by=self.certified_by,
            valid_from=utc(self.valid_from),
            valid_until=utc(self.valid_until),
            evidence=self.evidence.inside(),
            facility=None if self.facility is None else to_uuid(self.facility),
        )

    @classmethod
    def outside(cls, value: words.PassportCertificate) -> Self:
        return cls(
            scheme=value.scheme,
            reference=value.reference,
            certified_by=value.certified_by,
            valid_from=value.valid_from,
            valid_until=value.valid_until,
            evidence=Evidence.outside(value.evidence),
            facility=None if value.facility is None else to_text("fac", value.facility),
        )


class Magnet(Body, frozen=True, kw_only=True):
    """`pieces` identical magnets, each of `mass_g`.

    `coatings`, `glues` and `additives` as Article 28 requires: an empty list means not stated, and the label
    lists it as unstated; if there are none, state `none`.
    """

    type: MagnetType
    pieces: Annotated[int, Meta(ge=1, le=1_000_000)]
    mass_g: Grams
    location: Text
    composition: Composition | None = None
    coatings: Texts = ()
    glues: Texts = ()
    additives: Texts = ()

    def inside(self) -> words.Magnet:
        return words.Magnet(
            type=self.type,
            pieces=self.pieces,
            mass_mg=GRAMS.decoded(self.mass_g),
            location=self.location,
            composition=None if self.composition is None else self.composition.inside(),
            coatings=self.coatings,
            glues=self.glues,
            additives=self.additives or UNSET,
        )

    @classmethod
    def outside(cls, value: words.Magnet) -> Self:
        return cls(
            type=value.type,
            pieces=value.pieces,
            mass_g=GRAMS.text(value.mass_mg),
            location=value.location,
            composition=None if value.composition is None else Composition.outside(value.composition),
            coatings=value.coatings,
            glues=value.glues,
            additives=value.additives or (),
        )


class RemovalStep(Body, frozen=True, kw_only=True):
    """How the magnets are reached and removed, step by step."""

    instruction: LongText
    tools: Texts = ()


class MagnetRecord(Body, frozen=True, kw_only=True):
    """CRMA Article 28. The responsible organisation is the issuer of the label, in the stated role, never a
    natural person.

    The data carrier leads to an `https://` address or a GS1 Digital Link.
    """

    magnets: Annotated[tuple[Magnet, ...], Meta(min_length=1, max_length=64)]
    removal_steps: Annotated[tuple[RemovalStep, ...], Meta(max_length=64)]
    responsible_organisation: OrganisationId
    responsible_role: ResponsibleRole
    data_carrier: CarrierKind
    data_carrier_address: Text

    def inside(self) -> words.MagnetRecord:
        return words.MagnetRecord(
            magnets=tuple(magnet.inside() for magnet in self.magnets),
            removal_steps=tuple(
                words.RemovalStep(instruction=step.instruction, tools=step.tools)
                for step in self.removal_steps
            ),
            responsible=words.ResponsibleParty(
                organisation=to_uuid(self.responsible_organisation), role=self.responsible_role
            ),
            data_carrier=words.DataCarrier(kind=self.data_carrier, address=self.data_carrier_address),
        )

    @classmethod
    def outside(cls, value: words.MagnetRecord) -> Self:
        return cls(
            magnets=tuple(map(Magnet.outside, value.magnets)),
            removal_steps=tuple(
                RemovalStep(instruction=step.instruction, tools=step.tools) for step in value.removal_steps
            ),
            responsible_organisation=to_text("org", value.responsible.organisation),
            responsible_role=value.responsible.role,
            data_carrier=value.data_carrier.kind,
            data_carrier_address=value.data_carrier.address,
        )


class LotTerms(Body, frozen=True, kw_only=True):
    """The statements about a lot, whether it existed before or was made from others."""

    lot_number: Code
    form: ProductForm
    net_wet_t: TonnesPositive
    moisture_percent: Percent = "0"
    composition: Composition
    assay: Assay | None = None
    recycled: Annotated[tuple[ElementShare, ...], Meta(max_length=32)] = ()
    booked: Annotated[tuple[ElementShare, ...], Meta(max_length=32)] = ()
    footprint: Footprint | None = None
    assurance: Assurance = "none"
    certificates: Annotated[tuple[PassportCertificate, ...], Meta(max_length=32)] = ()
    evidence: Annotated[tuple[ClaimEvidence, ...], Meta(max_length=64)] = ()
    magnets: MagnetRecord | None = None


class PassportTerms(LotTerms, frozen=True, kw_only=True):
    """`recycled` is claimed for this material by its custody model; `booked` was bought separately from any
    material.

    `origin` names only the last step of a stage, `paths` also the earlier ones: for a lot made by a
    transformation they follow from its inputs; for another lot its issuer may state them, otherwise its
    origin names all steps.
    """

    facility: FacilityId
    custody: CustodyModel
    origin: Annotated[tuple[OriginShare, ...], Meta(max_length=768)] = ()
    paths: Annotated[tuple[StagePath, ...], Meta(max_length=3 * PATHS_MAX)] = ()

    def inside(self) -> words.PassportContent:
        return words.PassportContent(
            facility=to_uuid(self.facility),
            custody=self.custody,
            origin=tuple(share.inside() for share in self.origin),
            paths=tuple(part.inside() for part in self.paths) or UNSET,
            lot_number=self.lot_number,
            form=self.form,
            net_wet_g=TONNES_POSITIVE.decoded(self.net_wet_t),
            moisture_ppb=PERCENT.decoded(self.moisture_percent),
            composition=self.composition.inside(),
            assay=None if self.assay is None else self.assay.inside(),
            recycled=tuple(share.inside() for share in self.recycled),
            booked=tuple(share.inside() for share in self.booked),
            footprint=None if self.footprint is None else self.footprint.inside(),
            assurance=self.assurance,
            certificates=tuple(paper.inside() for paper in self.certificates),
            evidence=tuple(each.inside() for each in self.evidence),
            magnets=None if self.magnets is None else self.magnets.inside(),
        )

    @classmethod
    def outside(cls, value: words.PassportContent) -> Self:
        return cls(
            facility=to_text("fac", value.facility),
            custody=value.custody,
            origin=tuple(map(OriginShare.outside, value.origin)),
            paths=tuple(map(StagePath.outside, value.paths or ())),
            lot_number=value.lot_number,
            form=value.form,
            net_wet_t=TONNES_POSITIVE.text(value.net_wet_g),
            moisture_percent=PERCENT.text(value.moisture_ppb),
            composition=Composition.outside(value.composition),
            assay=None if value.assay is None else Assay.outside(value.assay),
            recycled=tuple(map(ElementShare.outside, value.recycled)),
            booked=tuple(map(ElementShare.outside, value.booked)),
            footprint=None if value.footprint is None else Footprint.outside(value.footprint),
            assurance=value.assurance,
            certificates=tuple(map(PassportCertificate.outside, value.certificates)),
            evidence=tuple(map(ClaimEvidence.outside, value.evidence)),
            magnets=None if value.magnets is None else MagnetRecord.outside(value.magnets),
        )
