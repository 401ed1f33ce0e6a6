"""The seller's claims about a delivery besides its figures, as both sides read them."""

from typing import Self

from msgspec import UNSET, UnsetType

from events.contract_terms import DeliveryEvidence
from events.market_terms import MemberCertificate
from events.vocabulary import Instant, RexRoute
from market.http.wire.ids import CertificateId, FacilityId, to_text
from market.http.wire.material import Body, Footprint, OriginStep, RecycledContent
from market.http.wire.numbers import BECQUEREL_PER_GRAM, BecquerelPerGram
from market.http.wire.origin_steps import StepShare


class HeldCertificate(Body, frozen=True, kw_only=True):
    """A certificate of the seller's site, as registered when the lot was shipped."""

    certificate: CertificateId
    facility: FacilityId
    scheme: str
    valid_from: Instant
    valid_until: Instant

    @classmethod
    def outside(cls, value: MemberCertificate) -> Self:
        return cls(
            certificate=to_text("cert", value.certificate),
            facility=to_text("fac", value.facility),
            scheme=value.scheme,
            valid_from=value.valid_from,
            valid_until=value.valid_until,
        )


class ClaimsView(Body, frozen=True, kw_only=True):
    """The seller's claims, supported by the passport if the delivery names one. Null and empty: nothing was
    stated. `steps`: all steps in that passport at shipment, including earlier ones of a stage."""

    footprint: Footprint | None
    recycled: RecycledContent | None
    origin: tuple[OriginStep, ...]
    certificates: tuple[HeldCertificate, ...]
    rex_routes: tuple[RexRoute, ...]
    th_bq_per_g: BecquerelPerGram | None
    u_bq_per_g: BecquerelPerGram | None
    steps: tuple[StepShare, ...]

    @classmethod
    def outside(cls, value: DeliveryEvidence) -> Self:
        return cls(
            footprint=None if value.footprint is None else Footprint.outside(value.footprint),
            recycled=None if value.recycled is None else RecycledContent.outside(value.recycled),
            origin=tuple(map(OriginStep.outside, value.origin)),
            certificates=tuple(map(HeldCertificate.outside, value.certificates)),
            rex_routes=value.rex_routes,
            th_bq_per_g=_activity(value.th_mbq_per_g),
            u_bq_per_g=_activity(value.u_mbq_per_g),
            steps=tuple(map(StepShare.of, value.steps or ())),
        )


def _activity(stated: int | UnsetType) -> str | None:
    return None if stated is UNSET else BECQUEREL_PER_GRAM.text(stated)
