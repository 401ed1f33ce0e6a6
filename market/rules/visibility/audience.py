"""The audience of a fact: the organisations that may see a part of it. `visibility` decides which part."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final, Literal, Protocol, TypeAlias, assert_never
from uuid import UUID

from msgspec import UNSET

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
from events.facts import ContractFact, MarketFact, MaterialFact, OwnFact, PartyFact
from events.market_events import (
    ClearingAbandoned,
    ClearingCompleted,
    ClearingEvidence,
    ClearingPlanned,
    InputRecorded,
    MarketHalted,
    MarketOpened,
    MarketResumed,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MatchStruck,
    MemberAdmitted,
    MemberChanged,
    RuleSetPublished,
    RuleSetRehearsed,
)
from events.market_terms import Qualification
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
    InitiativeChanged,
    InitiativeFiguresStated,
    InitiativeRegistered,
    InitiativeRevoked,
    InvitationEnded,
    PartnerInvited,
)
from events.payment_events import (
    InvoiceReferenced,
    PaymentDenied,
    PaymentReceived,
    PaymentReversed,
    PaymentStated,
    PaymentWithdrawn,
)
from market.rules.book import Book
from market.rules.passport import LotParties

EVERYBODY: Final = "everybody"
Audience: TypeAlias = frozenset[UUID] | Literal["everybody"]
"""Organisations, or every one of them, whether it trades in the market or not."""
NOBODY: Final[frozenset[UUID]] = frozenset()


class DealParties(Protocol):
    """Who the sides of an agreement are, of which all else may be unknown."""

    @property
    def seller(self) -> UUID: ...
    @property
    def buyer(self) -> UUID: ...


def concerns(audience: Audience, organisation: UUID) -> bool:
    return audience == EVERYBODY or organisation in audience


def market_audience(fact: MarketFact, book: Book | None) -> Audience:
    """`book` is the one before the fact; only MarketOpened has none. The most frequent facts come first."""
    if isinstance(fact, OwnFact):
        return frozenset({fact.organisation})
    match fact:
        case MarketOpened() | MarketHalted() | MarketResumed() | RuleSetPublished():
            return EVERYBODY
        case ClearingPlanned() | ClearingCompleted() | ClearingAbandoned():
            return EVERYBODY
        case InputRecorded():
            # A buyer's qualifications would reveal to the seller who is behind an order.
            value = fact.input
            return frozenset({value.buyer}) if isinstance(value, Qualification) else EVERYBODY
        case ClearingEvidence() | RuleSetRehearsed():
            return NOBODY
        case MemberAdmitted() | MemberChanged():
            return frozenset({fact.member.organisation})
        case MatchStruck():
            assert book is not None
            seller = book.supplies[fact.supply].organisation
            return frozenset({seller, book.requirements[fact.requirement].organisation})
        case MatchConfirmed() | MatchDeclined() | MatchLapsed():
            assert book is not None
            return frozenset({book.matches[fact.match].seller, book.matches[fact.match].buyer})
        case _:
            assert_never(fact)


def contract_audience(fact: ContractFact, deals: Mapping[UUID, DealParties]) -> Audience:
    """`deals` are those of the lane before the fact."""
    match fact:
        case IndexPublished():
            return EVERYBODY
        case AgreementDrafted():
            return frozenset({fact.seller, fact.buyer})
        case AssayLodged():
            # The other side's results are sealed until both are in, and are then in AssaysExchanged.
            deal = deals[fact.agreement]
            return frozenset({deal.seller if fact.side == "seller" else deal.buyer})
        case (
            AgreementProposed()
            | ProposalWithdrawn()
            | AgreementSigned()
            | AgreementAdvanced()
            | ConditionSettled()
            | AgreementExtended()
            | ForceMajeureDeclared()
            | ForceMajeureEnded()
            | AgreementTerminated()
            | DeclarationContested()
            | ContestSettled()
            | OutputDeclared()
            | QuantityNominated()
            | ShortfallNotified()
            | DeliveryShipped()
            | DeliveryWeighed()
            | WeighingObjected()
            | WeighingSettled()
            | NonArrivalDeclared()
            | NonArrivalContested()
            | NonArrivalSettled()
            | BuyerCalled()
            | AssaysExchanged()
            | UmpireDecided()
            | UmpireObjected()
            | DeliveryAccepted()
            | DeliveryRejected()
            | ReturnDeclared()
            | ReturnContested()
            | ReturnSettled()
            | DeliveryWithdrawn()
            | InvoiceSettled()
            | InvoiceReferenced()
            | PaymentStated()
            | PaymentReceived()
            | PaymentDenied()
            | PaymentWithdrawn()
            | PaymentReversed()
            | YearAssessed()
        ):
            deal = deals[fact.agreement]
            return frozenset({deal.seller, deal.buyer})
        case _:
            assert_never(fact)


def party_audience(fact: PartyFact) -> Audience:
    """The register of initiatives is public, their figures belong to the coordinator; an invitation concerns
    the invited and the inviting organisation. All else belongs to one organisation: recoveries to the
    operator, since their anchors contain positions."""
    if isinstance(fact, InitiativeRegistered | InitiativeChanged | InitiativeRevoked):
        return EVERYBODY
    if isinstance(fact, PartnerInvited | InvitationEnded):
        return frozenset({fact.organisation, fact.invited_by})
    if isinstance(fact, InitiativeFiguresStated):
        return NOBODY if fact.coordinated_by is UNSET else frozenset({fact.coordinated_by})
    return frozenset({fact.organisation})


def material_audience(
    fact: MaterialFact, lot: LotParties | None, counterparties: AbstractSet[UUID]
) -> Audience:
    """`lot` as the fact leaves it, None of a fact about several; `counterparties` of a trade in it."""
    match fact:
        case LotReserved() | LotReleased() | MassBalanceMoved() | ProductTwinStated():
            return frozenset({fact.organisation})
        case PassportTransformed():
            # The owner of goods that another organisation processes for it sees what became of each element.
            return frozenset({fact.organisation, fact.owner or fact.organisation})
        case VolumeDeclared() | VolumeCorrected() | VolumeWithdrawn():
            # Its suppliers are valuable to competitors; the monitor only shows sums.
            return frozenset({fact.organisation})
        case PassportIssued() | PassportCorrected() | PassportNoted() | PassportRetired():
            return NOBODY if lot is None else lot.parties | counterparties
        case PassportTransferred() | PassportAcknowledged() | PassportDrawn():
            # The issuer or buyer of a lot does not see who has it and what becomes of it.
            return NOBODY if lot is None else frozenset({lot.owner, lot.holder})
        case _:
            assert_never(fact)
