"""The facts of each stream that the exchange knows, as unions: whoever leaves one out does not type-check."""

from typing import TypeAlias

from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    InputRecorded,
    MarketHalted,
    MarketOpened,
    MarketResumed,
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    MemberAdmitted,
    MemberChanged,
    MemberLeft,
    MemberSuspended,
    QuoteAsked,
    RecoveredLotAmended,
    RecoveredLotExpired,
    RecoveredLotGraded,
    RecoveredLotListed,
    RecoveredLotWithdrawn,
    RequirementAmended,
    RequirementExpired,
    RequirementPosted,
    RequirementWithdrawn,
    RuleSetPublished,
    RuleSetRehearsed,
    SupplyOfferAmended,
    SupplyOffered,
    SupplyOfferExpired,
    SupplyOfferWithdrawn,
)
from events.material_events import (
    LotReleased,
    LotReserved,
    MassBalanceMoved,
    PassportTransformed,
    ProductTwinStated,
)
from events.party_events import (
    ApiKeyIssued,
    ApiKeyRevoked,
    CertificateRegistered,
    CertificateRevoked,
    ClosingAsked,
    ClosingWithdrawn,
    FacilityChanged,
    FacilityRegistered,
    FacilityRevoked,
    InitiativeChanged,
    InitiativeFiguresStated,
    InitiativeRegistered,
    InitiativeRevoked,
    InvitationEnded,
    LicenceRegistered,
    LicenceRevoked,
    OrganisationChanged,
    OrganisationClosed,
    OrganisationRegistered,
    PartnerInvited,
    PolicyPublished,
    PolicyRetired,
    RecordRepublished,
    RecordRestored,
    StreamClosed,
    StreamOpened,
    WebhookChanged,
    WebhookDisabled,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
)
from market.rules.crma.declared_volumes import DeclaredVolumeFact
from market.rules.passport import PassportFact

OfferFact: TypeAlias = SupplyOffered | SupplyOfferAmended | SupplyOfferWithdrawn | SupplyOfferExpired
SupplyFact: TypeAlias = (
    OfferFact
    | RecoveredLotListed
    | RecoveredLotGraded
    | RecoveredLotAmended
    | RecoveredLotWithdrawn
    | RecoveredLotExpired
)
RequirementFact: TypeAlias = (
    RequirementPosted | RequirementAmended | RequirementWithdrawn | RequirementExpired
)
OrderFact: TypeAlias = SupplyFact | RequirementFact
OwnFact: TypeAlias = OrderFact | MatchAnswered | QuoteAsked | MemberSuspended | MemberLeft
"""What concerns nobody but the organisation that it names, which sees it whole."""
MatchFact: TypeAlias = MatchStruck | MatchAnswered | MatchConfirmed | MatchDeclined | MatchLapsed
MarketFact: TypeAlias = (
    MarketOpened
    | MarketHalted
    | MarketResumed
    | MemberAdmitted
    | MemberChanged
    | MemberSuspended
    | MemberLeft
    | InputRecorded
    | RuleSetPublished
    | SupplyFact
    | RequirementFact
    | ClearingPlanned
    | ClearingEvidence
    | ClearingCompleted
    | ClearingAbandoned
    | MatchFact
    | RuleSetRehearsed
    | QuoteAsked
)
MaterialFact: TypeAlias = (
    LotReserved
    | LotReleased
    | PassportFact
    | PassportTransformed
    | MassBalanceMoved
    | ProductTwinStated
    | DeclaredVolumeFact
)
InitiativeFact: TypeAlias = (
    InitiativeRegistered | InitiativeChanged | InitiativeRevoked | InitiativeFiguresStated
)
InvitationFact: TypeAlias = PartnerInvited | InvitationEnded
PolicyFact: TypeAlias = PolicyPublished | PolicyRetired
WebhookFact: TypeAlias = (
    WebhookRegistered | WebhookChanged | WebhookSecretRotated | WebhookDisabled | WebhookRemoved
)
PartyFact: TypeAlias = (
    OrganisationRegistered
    | OrganisationChanged
    | ClosingAsked
    | ClosingWithdrawn
    | OrganisationClosed
    | FacilityRegistered
    | FacilityChanged
    | FacilityRevoked
    | CertificateRegistered
    | CertificateRevoked
    | LicenceRegistered
    | LicenceRevoked
    | ApiKeyIssued
    | ApiKeyRevoked
    | StreamOpened
    | StreamClosed
    | WebhookFact
    | InitiativeFact
    | InvitationFact
    | PolicyFact
    | RecordRepublished
    | RecordRestored
)
