"""What a viewer may see of a passport and of each fact of the materials stream; every interface uses it.

Owner and holder see all of it, the issuer what it states, a counterparty what it buys without the suppliers,
the public what CRMA Articles 28 and 29 put on a magnet's data carrier, operators and auditors everything.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from events.facts import MaterialFact
from events.material_events import PassportCorrected, PassportIssued, PassportRetired
from events.passport_terms import MagnetRecord, OriginShare, PassportContent, RetireReason
from events.vocabulary import ProductForm
from market.rules.parties.parties import Facility
from market.rules.passport import LotParties, Passport, PassportNote, PassportStatus
from market.rules.passports.magnet_labels import LabelPart, Responsible, unstated_parts
from market.rules.viewers import (
    AuditorViewer,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    Viewer,
)
from market.rules.visibility.audience import concerns, material_audience

Tier = Literal["authority", "party", "issuer", "counterparty"]
ON_LABEL: tuple[str, ...] = ("Nd", "Dy", "Pr", "Tb", "B", "Sm", "Ni", "Co")
"""Elements of CRMA Article 29."""


class SeenPassport(Struct, frozen=True, kw_only=True):
    """A passport as a viewer sees it; None: withheld from this tier."""

    tier: Tier
    passport: UUID
    content: PassportContent
    status: PassportStatus
    retired: RetireReason | None
    version: int
    corrections: int
    stated_by: UUID
    issued_at: datetime
    organisation: UUID | None
    owner: UUID | None
    holder: UUID | None
    drawn_g: int | None
    short_g: int | None
    transformation: UUID | None
    notes: tuple[PassportNote, ...] = ()
    awaited: tuple[UUID, ...] = ()
    proposed: UUID | None = None


class SeenStatement(Struct, frozen=True, kw_only=True):
    """The original statement, for viewers who may not see the parties of that day."""

    content: PassportContent


class NamedSite(Struct, frozen=True, kw_only=True):
    facility: UUID
    name: str
    country: str


def sites(content: PassportContent) -> frozenset[UUID]:
    """Every facility that a passport names."""
    origin = (share.facility for share in content.origin)
    papers = (paper.facility for paper in content.certificates)
    return frozenset({content.facility, *filter(None, origin), *filter(None, papers)})


def see_sites(seen: SeenPassport, known: Mapping[UUID, Facility]) -> tuple[NamedSite, ...]:
    """Name and country of the issuer's own facilities, for viewers who may see the issuer; suppliers'
    facilities stay ids."""
    named = [known[each] for each in sorted(sites(seen.content)) if each in known]
    return tuple(
        NamedSite(facility=each.facility, name=each.details.name, country=each.details.country)
        for each in named
        if each.organisation == seen.organisation
    )


class LabelShare(Struct, frozen=True, kw_only=True):
    """The post-consumer share of an element; a label does not contain the pre-consumer share."""

    element: str
    post_consumer_ppb: int


class MagnetLabel(Struct, frozen=True, kw_only=True):
    """`recycled` of the elements of Article 29; `responsible`: None where another than the issuer is stated;
    `unstated`: what Article 28 asks for besides."""

    passport: UUID
    form: ProductForm
    net_wet_g: int
    magnets: MagnetRecord
    responsible: Responsible | None
    unstated: tuple[LabelPart, ...]
    recycled: tuple[LabelShare, ...]
    corrections: int
    issued_at: datetime
    notes: tuple[PassportNote, ...] = ()


def see_passport(
    passport: Passport, viewer: Viewer, counterparties: AbstractSet[UUID] = frozenset()
) -> SeenPassport | None:
    """`counterparties` of a confirmed match or an agreement over this lot."""
    tier = _tier(passport, viewer, counterparties)
    if tier is None:
        return None
    whole = SeenPassport(
        tier=tier,
        passport=passport.passport,
        content=passport.content,
        status=passport.status,
        retired=passport.retired,
        version=passport.version,
        corrections=passport.corrections,
        stated_by=passport.stated_by,
        issued_at=passport.issued_at,
        organisation=passport.organisation,
        owner=passport.owner,
        holder=passport.holder,
        drawn_g=passport.drawn_g,
        short_g=passport.short_g,
        transformation=passport.transformation,
        notes=passport.notes or (),
        awaited=passport.awaited or (),
        proposed=passport.proposed.event if passport.proposed else None,
    )
    match tier:
        case "authority" | "party":
            return whole
        case "issuer":
            return replace(whole, owner=None, holder=None, drawn_g=None, short_g=None, awaited=())
        case "counterparty":
            return replace(
                whole,
                content=_without_suppliers(passport.content),
                organisation=None,
                holder=None,
                drawn_g=None,
                short_g=None,
                transformation=None,
                awaited=(),
            )
        case _:
            assert_never(tier)


def see_label(passport: Passport, responsible: Responsible | None) -> MagnetLabel | None:
    """What everybody may see; None without magnets. A responsible organisation other than the issuer is not
    shown, since it has not agreed; older labels may state one."""
    content = passport.content
    if content.magnets is None:
        return None
    if content.magnets.responsible.organisation != passport.organisation:
        responsible = None
    return MagnetLabel(
        passport=passport.passport,
        form=content.form,
        net_wet_g=content.net_wet_g,
        magnets=content.magnets,
        responsible=responsible,
        unstated=unstated_parts(content.magnets, responsible),
        recycled=tuple(
            LabelShare(element=share.element, post_consumer_ppb=share.post_consumer_ppb)
            for share in content.recycled
            if share.element in ON_LABEL
        ),
        corrections=passport.corrections,
        issued_at=passport.issued_at,
        notes=passport.notes or (),
    )


def see_material(
    fact: MaterialFact,
    viewer: Viewer,
    lot: LotParties | None = None,
    counterparties: AbstractSet[UUID] = frozenset(),
) -> Struct | None:
    """None: nothing. `lot` says who has to do with the passport of the fact, as it stands after it or now.

    No fact is public: who has the passport of magnets in hand reads their label.
    """
    match viewer:
        case AuditorViewer() | OperatorViewer():
            return fact
        case PublicViewer() | InitiativeViewer():
            return None
        case OrganisationViewer():
            return _for_organisation(fact, viewer, lot, counterparties)
        case _:
            assert_never(viewer)


def _for_organisation(
    fact: MaterialFact, viewer: OrganisationViewer, lot: LotParties | None, counterparties: AbstractSet[UUID]
) -> Struct | None:
    if not concerns(material_audience(fact, lot, counterparties), viewer.organisation):
        return None
    tier = None if lot is None else _tier(lot, viewer, counterparties)
    match fact:
        case PassportIssued() if tier == "counterparty":
            return SeenStatement(content=_without_suppliers(fact.content))
        case PassportCorrected() if tier == "counterparty":
            return replace(fact, content=_without_suppliers(fact.content))
        case PassportRetired() if tier != "party":
            return replace(fact, note=None)
        case _:
            return fact


def _tier(passport: LotParties, viewer: Viewer, counterparties: AbstractSet[UUID]) -> Tier | None:
    match viewer:
        case AuditorViewer() | OperatorViewer():
            return "authority"
        case OrganisationViewer():
            if viewer.organisation in (passport.owner, passport.holder):
                return "party"
            if viewer.organisation == passport.organisation:
                return "issuer"
            return "counterparty" if viewer.organisation in counterparties else None
        case PublicViewer() | InitiativeViewer():
            return None
        case _:
            assert_never(viewer)


def _without_suppliers(content: PassportContent) -> PassportContent:
    """Keeps countries and shares of origin, and certificates; removes suppliers and sites."""
    origin = tuple(
        OriginShare(
            stage=share.stage,
            country=share.country,
            share_ppb=share.share_ppb,
            strategic_project=share.strategic_project,
        )
        for share in content.origin
    )
    certificates = tuple(
        paper if paper.facility == content.facility else replace(paper, facility=None)
        for paper in content.certificates
    )
    return replace(content, origin=origin, certificates=certificates)
