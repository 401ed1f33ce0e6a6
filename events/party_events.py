"""Facts of the `parties` stream: organisations, sites, papers and keys; initiatives; policies; recoveries.

Lane key: the organisation, of an initiative its code, of a policy the policy.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from events.capacity_terms import FacilityCapacity
from events.initiative_terms import FigureCell, FigureRoute, FigureShare
from events.policy_terms import PolicyTerms, PolicyVersion
from events.vocabulary import (
    FACILITY_STAGES_MAX,
    Code,
    Count,
    CountryCode,
    FacilityScale,
    FacilityStage,
    FacilityStatus,
    Instant,
    KeyRole,
    PartyRole,
    RexRoute,
    Sha256Hex,
    Stream,
    Text,
    WasteStatus,
)


class PostalAddress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Street with its number, or a box; `country` of the address, which may be another than the entity's."""

    street: Text
    postal_code: Text | None = None
    town: Text
    country: CountryCode


class OrganisationRegistered(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.organisation.registered.v1"

    organisation: UUID
    name: Text
    country: CountryCode
    roles: Annotated[tuple[PartyRole, ...], Meta(max_length=8)]
    group: UUID
    initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    sanctions_screened_until: Instant
    postal_address: PostalAddress | UnsetType = UNSET
    electronic_contact: Text | UnsetType = UNSET
    register_number: Text | UnsetType = UNSET


class OrganisationChanged(Struct, frozen=True, kw_only=True):
    """The organisation as it stands after the change."""

    TYPE: ClassVar[str] = "parties.organisation.changed.v1"

    organisation: UUID
    name: Text
    country: CountryCode
    roles: Annotated[tuple[PartyRole, ...], Meta(max_length=8)]
    group: UUID
    initiatives: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    sanctions_screened_until: Instant
    postal_address: PostalAddress | UnsetType = UNSET
    electronic_contact: Text | UnsetType = UNSET
    register_number: Text | UnsetType = UNSET


class ClosingAsked(Struct, frozen=True, kw_only=True):
    """By the organisation's own admin; nothing else changes by it."""

    TYPE: ClassVar[str] = "parties.closing.asked.v1"

    organisation: UUID


class ClosingWithdrawn(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.closing.withdrawn.v1"

    organisation: UUID


class OrganisationClosed(Struct, frozen=True, kw_only=True):
    """For good. Its keys, webhooks and stream end in the same transaction before, and its memberships."""

    TYPE: ClassVar[str] = "parties.organisation.closed.v1"

    organisation: UUID


class FacilityRegistered(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.facility.registered.v1"

    organisation: UUID
    facility: UUID
    name: Text
    country: CountryCode
    place: Text
    stages: Annotated[tuple[FacilityStage, ...], Meta(min_length=1, max_length=FACILITY_STAGES_MAX)]
    scale: FacilityScale
    readiness_level: Annotated[int, Meta(ge=1, le=9)]
    capacities: Annotated[tuple[FacilityCapacity, ...], Meta(max_length=32)] = ()
    strategic_project: Code | None = None
    status: FacilityStatus | None = None


class FacilityChanged(Struct, frozen=True, kw_only=True):
    """The facility as it stands after the change."""

    TYPE: ClassVar[str] = "parties.facility.changed.v1"

    organisation: UUID
    facility: UUID
    name: Text
    country: CountryCode
    place: Text
    stages: Annotated[tuple[FacilityStage, ...], Meta(min_length=1, max_length=FACILITY_STAGES_MAX)]
    scale: FacilityScale
    readiness_level: Annotated[int, Meta(ge=1, le=9)]
    capacities: Annotated[tuple[FacilityCapacity, ...], Meta(max_length=32)] = ()
    strategic_project: Code | None = None
    status: FacilityStatus | None = None


class FacilityRevoked(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.facility.revoked.v1"

    organisation: UUID
    facility: UUID


class CertificateRegistered(Struct, frozen=True, kw_only=True):
    """A certificate of one site under a recognised scheme."""

    TYPE: ClassVar[str] = "parties.certificate.registered.v1"

    organisation: UUID
    certificate: UUID
    facility: UUID
    scheme: Code
    reference: Text
    valid_from: Instant
    valid_until: Instant


class CertificateRevoked(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.certificate.revoked.v1"

    organisation: UUID
    certificate: UUID


class LicenceRegistered(Struct, frozen=True, kw_only=True):
    """A permit to take material of a waste status, or a consent to ship it from a country.

    `routes`: those that it allows; unset: any.
    """

    TYPE: ClassVar[str] = "parties.licence.registered.v1"

    organisation: UUID
    licence: UUID
    facility: UUID
    kind: Code
    waste_statuses: Annotated[tuple[WasteStatus, ...], Meta(min_length=1, max_length=4)]
    ewc_codes: Annotated[tuple[Code, ...], Meta(max_length=64)] = ()
    from_countries: Annotated[tuple[CountryCode, ...], Meta(max_length=64)] = ()
    routes: Annotated[tuple[RexRoute, ...], Meta(min_length=1, max_length=4)] | UnsetType = UNSET
    reference: Text
    valid_from: Instant
    valid_until: Instant


class LicenceRevoked(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.licence.revoked.v1"

    organisation: UUID
    licence: UUID


class ApiKeyIssued(Struct, frozen=True, kw_only=True):
    """Only the SHA-256 of the secret is ever stored.

    `issued_by` is the key that asked for it; absent for one that was issued on the command line.
    """

    TYPE: ClassVar[str] = "parties.api-key.issued.v1"

    organisation: UUID
    key: UUID
    label: Text
    secret_sha256: Sha256Hex
    roles: Annotated[tuple[KeyRole, ...], Meta(min_length=1, max_length=6)]
    expires_at: Instant
    issued_by: UUID | UnsetType = UNSET


class ApiKeyRevoked(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.api-key.revoked.v1"

    organisation: UUID
    key: UUID


class StreamOpened(Struct, frozen=True, kw_only=True):
    """The organisation's own topic gets what it may see, from its first event on."""

    TYPE: ClassVar[str] = "parties.stream.opened.v1"

    organisation: UUID


class StreamClosed(Struct, frozen=True, kw_only=True):
    """Its topic gets nothing more, and keeps what it has."""

    TYPE: ClassVar[str] = "parties.stream.closed.v1"

    organisation: UUID


Url = Annotated[str, Meta(min_length=1, max_length=1_000)]


class WebhookRegistered(Struct, frozen=True, kw_only=True):
    """Where the organisation wants what it may see to be posted, from now on; no types or markets: of all.

    Its secrets stand nowhere: they are derived from the deployment's, the webhook's id and a generation,
    the first of which is 1.
    """

    TYPE: ClassVar[str] = "parties.webhook.registered.v1"

    organisation: UUID
    webhook: UUID
    url: Url
    types: Annotated[tuple[Code, ...], Meta(max_length=200)] = ()
    markets: Annotated[tuple[UUID, ...], Meta(max_length=100)] = ()


class WebhookChanged(Struct, frozen=True, kw_only=True):
    """The webhook as it stands after the change; one that is not active goes on later where it stopped."""

    TYPE: ClassVar[str] = "parties.webhook.changed.v1"

    organisation: UUID
    webhook: UUID
    url: Url
    types: Annotated[tuple[Code, ...], Meta(max_length=200)] = ()
    markets: Annotated[tuple[UUID, ...], Meta(max_length=100)] = ()
    active: bool = True


class WebhookSecretRotated(Struct, frozen=True, kw_only=True):
    """A new generation of secrets; those of the one before sign beside them until `previous_until`."""

    TYPE: ClassVar[str] = "parties.webhook.secret-rotated.v1"

    organisation: UUID
    webhook: UUID
    generation: Count
    previous_until: Instant


class WebhookDisabled(Struct, frozen=True, kw_only=True):
    """Nothing more is posted: every attempt since `since` has failed for days, or the receiver is gone."""

    TYPE: ClassVar[str] = "parties.webhook.disabled.v1"

    organisation: UUID
    webhook: UUID
    reason: Literal["failing", "gone"]
    since: Instant


class WebhookRemoved(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.webhook.removed.v1"

    organisation: UUID
    webhook: UUID


class InitiativeRegistered(Struct, frozen=True, kw_only=True):
    """A project or alliance of organisations; its code is for ever. `coordinated_by`: the organisation whose
    keys see to its partners."""

    TYPE: ClassVar[str] = "parties.initiative.registered.v1"

    initiative: Code
    name: Text
    coordinator: Text | None = None
    coordinated_by: UUID | UnsetType = UNSET


class InitiativeChanged(Struct, frozen=True, kw_only=True):
    """The initiative as it stands after the change."""

    TYPE: ClassVar[str] = "parties.initiative.changed.v1"

    initiative: Code
    name: Text
    coordinator: Text | None = None
    coordinated_by: UUID | UnsetType = UNSET


class InitiativeRevoked(Struct, frozen=True, kw_only=True):
    TYPE: ClassVar[str] = "parties.initiative.revoked.v1"

    initiative: Code


class PartnerInvited(Struct, frozen=True, kw_only=True):
    """The organisation is asked into an initiative by its coordinator or an operator, `invited_by`; a partner
    it becomes by its own word, and its change says so."""

    TYPE: ClassVar[str] = "parties.partner.invited.v1"

    organisation: UUID
    initiative: Code
    invited_by: UUID


PARTNERS_MAX = 5_000
InvitationOutcome = Literal["accepted", "declined", "withdrawn"]


class InvitationEnded(Struct, frozen=True, kw_only=True):
    """Accepted or declined by the organisation, or withdrawn by who may invite."""

    TYPE: ClassVar[str] = "parties.invitation.ended.v1"

    organisation: UUID
    initiative: Code
    invited_by: UUID
    outcome: InvitationOutcome


class InitiativeFiguresStated(Struct, frozen=True, kw_only=True):
    """What partners of an initiative offered, needed, agreed and took in one quarter, stated once for good.

    `until` is not in. `groups`: of companies, which its `partners` were of; `organisations`: those partners;
    `groups_min`: how many stand behind each figure at least, without what the coordinator's own group was a
    side of. What fewer stand behind is not there.
    """

    TYPE: ClassVar[str] = "parties.initiative.figures-stated.v1"

    initiative: Code
    coordinated_by: UUID | UnsetType = UNSET
    since: date
    until: date
    partners: Annotated[int, Meta(ge=0, le=PARTNERS_MAX)]
    groups: Annotated[tuple[UUID, ...], Meta(max_length=PARTNERS_MAX)]
    organisations: Annotated[tuple[UUID, ...], Meta(max_length=PARTNERS_MAX)] = ()
    groups_min: Annotated[int, Meta(ge=1, le=PARTNERS_MAX)]
    cells: Annotated[tuple[FigureCell, ...], Meta(max_length=400)] = ()
    shares: Annotated[tuple[FigureShare, ...], Meta(max_length=100)] = ()
    routes: Annotated[tuple[FigureRoute, ...], Meta(max_length=4)] = ()


class PolicyPublished(Struct, frozen=True, kw_only=True):
    """A version of a procurement policy; each follows on the one before, and none ever changes.

    `addressed_to`: the initiatives whose members may see it and post under it, the same in every version;
    of a buyer's own policy none. `authority`: who adopted it, in words.
    """

    TYPE: ClassVar[str] = "parties.policy.published.v1"

    organisation: UUID
    policy: UUID
    version: PolicyVersion
    title: Text
    authority: Text | None = None
    addressed_to: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()
    terms: PolicyTerms


class PolicyRetired(Struct, frozen=True, kw_only=True):
    """Nothing new is posted under it; what was stays so."""

    TYPE: ClassVar[str] = "parties.policy.retired.v1"

    organisation: UUID
    policy: UUID


LANES_MAX = 1024


class LaneAnchor(Struct, frozen=True, kw_only=True):
    """A lane as it stood: its last position, the chain there, how many events a signed head held."""

    stream: Stream
    lane: Annotated[int, Meta(ge=0, lt=LANES_MAX)]
    position: Count
    head: Sha256Hex
    sealed: Count = 0


class RecordRepublished(Struct, frozen=True, kw_only=True):
    """The operator has lanes of a stream published again from the journal, from their first events.

    `organisation` ordered it; `old_clusters` are those that the lanes lay on, where that was known.
    """

    TYPE: ClassVar[str] = "parties.record.republished.v1"

    organisation: UUID
    old_clusters: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()
    new_cluster: Text
    anchors: Annotated[tuple[LaneAnchor, ...], Meta(min_length=1, max_length=LANES_MAX)]


class RecordRestored(Struct, frozen=True, kw_only=True):
    """The journal of a stream was lost and taken back from its topic on `cluster`, up to the anchors.

    What an anchor has beyond `sealed` is vouched for by the chain alone.
    """

    TYPE: ClassVar[str] = "parties.record.restored.v1"

    organisation: UUID
    cluster: Text
    anchors: Annotated[tuple[LaneAnchor, ...], Meta(min_length=1, max_length=LANES_MAX)]
