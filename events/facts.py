"""The facts of each stream, as unions and as a list: a rule that does not handle one fails type checking."""

from typing import TypeAlias, get_args

from msgspec import Struct

from events.contract_events import (
    AgreementAdvanced,
    AgreementDrafted,
    AgreementExtended,
    AgreementProposed,
    AgreementSigned,
    AgreementTerminated,
    ConditionSettled,
    ContestSettled,
    DeclarationContested,
    ForceMajeureDeclared,
    ForceMajeureEnded,
    IndexPublished,
    InvoiceSettled,
    OutputDeclared,
    ProposalWithdrawn,
    QuantityNominated,
    ShortfallNotified,
    YearAssessed,
)
from events.delivery_events import (
    AssayLodged,
    AssaysExchanged,
    BuyerCalled,
    DeliveryAccepted,
    DeliveryRejected,
    DeliveryShipped,
    DeliveryWeighed,
    DeliveryWithdrawn,
    NonArrivalContested,
    NonArrivalDeclared,
    NonArrivalSettled,
    ReturnContested,
    ReturnDeclared,
    ReturnSettled,
    UmpireDecided,
    UmpireObjected,
    WeighingObjected,
    WeighingSettled,
)
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
    PassportAcknowledged,
    PassportCorrected,
    PassportDrawn,
    PassportIssued,
    PassportNoted,
    PassportRetired,
    PassportTransferred,
    PassportTransformed,
    ProductTwinStated,
    VolumeCorrected,
    VolumeDeclared,
    VolumeWithdrawn,
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
from events.payment_events import (
    InvoiceReferenced,
    PaymentDenied,
    PaymentReceived,
    PaymentReversed,
    PaymentStated,
    PaymentWithdrawn,
)

ReturnFact: TypeAlias = ReturnDeclared | ReturnContested | ReturnSettled
DeliveryStep: TypeAlias = (
    DeliveryWeighed
    | WeighingObjected
    | WeighingSettled
    | NonArrivalDeclared
    | NonArrivalContested
    | NonArrivalSettled
    | BuyerCalled
    | AssayLodged
    | AssaysExchanged
    | UmpireDecided
    | UmpireObjected
    | DeliveryAccepted
    | DeliveryRejected
    | DeliveryWithdrawn
)
"""The facts that the state of a delivery stores as one member each."""
DeliveryFact: TypeAlias = DeliveryShipped | DeliveryStep | ReturnFact
PaymentFact: TypeAlias = PaymentStated | PaymentReceived | PaymentDenied | PaymentWithdrawn | PaymentReversed
LifecycleStep: TypeAlias = (
    AgreementProposed
    | ProposalWithdrawn
    | AgreementSigned
    | AgreementAdvanced
    | ConditionSettled
    | AgreementExtended
    | ForceMajeureDeclared
    | ForceMajeureEnded
    | AgreementTerminated
    | DeclarationContested
    | ContestSettled
)
LifecycleFact: TypeAlias = AgreementDrafted | LifecycleStep
AgreementFact: TypeAlias = (
    LifecycleFact
    | OutputDeclared
    | QuantityNominated
    | ShortfallNotified
    | DeliveryFact
    | InvoiceSettled
    | InvoiceReferenced
    | PaymentFact
    | YearAssessed
)
"""The facts of one agreement; an index belongs to none."""
ContractFact: TypeAlias = AgreementFact | IndexPublished

PassportFact: TypeAlias = (
    PassportIssued
    | PassportTransferred
    | PassportAcknowledged
    | PassportDrawn
    | PassportCorrected
    | PassportNoted
    | PassportRetired
)
DeclaredVolumeFact: TypeAlias = VolumeDeclared | VolumeCorrected | VolumeWithdrawn

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
"""The facts that concern only the organisation that they name, which sees them in full."""
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

FACTS: tuple[type[Struct], ...] = (
    *get_args(PartyFact),
    *get_args(MarketFact),
    *get_args(ContractFact),
    *get_args(MaterialFact),
)
