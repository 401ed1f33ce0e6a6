"""Initiatives (remhub, permanet, …): registered words that organisations and orders name.

After a revocation, no organisation can be registered or changed with its code; nothing else changes. Markets
decide from their own lane, so an organisation keeps the initiative until its own next change, which has to
remove it, and orders visible to the initiative still match exactly these organisations.
"""

from collections.abc import Set as AbstractSet
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft, Fact
from events.party_events import InitiativeChanged, InitiativeRegistered, InitiativeRevoked
from events.refusal import NoChange, Refusal, VersionStale, refuse
from events.wellformed import malformed
from market.rules.refusing.defects import CoordinatorUnknown, InitiativeUnknown
from market.rules.refusing.party_refusals import InitiativeAbsent, InitiativeExists
from market.rules.refusing.wording import InitiativeCode, Text


class InitiativeDetails(Struct, frozen=True, kw_only=True):
    """`coordinator` is the name of who leads it; `coordinated_by` the organisation that manages its
    partners."""

    name: Text
    coordinator: Text | None = None
    coordinated_by: UUID | UnsetType = UNSET


class NewInitiative(InitiativeDetails, frozen=True, kw_only=True):
    code: InitiativeCode


class Initiative(Struct, frozen=True, kw_only=True):
    initiative: str
    details: InitiativeDetails
    version: int
    revoked: bool = False


class InitiativeState(Struct, frozen=True, kw_only=True):
    """`initiative` None: never registered. `lane` is that of its code in the parties stream.
    `coordinator_known`: the named coordinating organisation exists."""

    lane: int
    initiative: Initiative | None
    coordinator_known: bool = True


class RegisterInitiative(Struct, frozen=True, kw_only=True):
    caller: Caller
    details: NewInitiative

    @property
    def initiative(self) -> str:
        return self.details.code


class ChangeInitiative(Struct, frozen=True, kw_only=True):
    caller: Caller
    initiative: str
    expected_version: int
    details: InitiativeDetails


class RevokeInitiative(Struct, frozen=True, kw_only=True):
    caller: Caller
    initiative: str


def register(state: InitiativeState, argument: RegisterInitiative, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    details = argument.details
    reasons = role_refusals(argument.caller, "operator") + malformed(details)
    reasons += _coordinator_refusals(state)
    if state.initiative is not None:
        reasons.append(InitiativeExists(pointer="/code", initiative=details.code))
    refuse(reasons)
    fact = InitiativeRegistered(
        initiative=details.code,
        name=details.name,
        coordinator=details.coordinator,
        coordinated_by=details.coordinated_by,
    )
    return _decision(state, details.code, fact)


def change(state: InitiativeState, argument: ChangeInitiative, moment: Moment) -> Decision:
    """The details as they shall stand. Raises Refusals."""
    del moment
    refuse(role_refusals(argument.caller, "operator"))
    initiative = _standing(state)
    if initiative.version != argument.expected_version:
        raise VersionStale(expected=argument.expected_version, current=initiative.version)
    reasons = malformed(argument.details) + _coordinator_refusals(state)
    if argument.details == initiative.details:
        reasons.append(NoChange())
    refuse(reasons)
    fact = InitiativeChanged(initiative=initiative.initiative, **asdict(argument.details))
    return _decision(state, initiative.initiative, fact)


def revoke(state: InitiativeState, argument: RevokeInitiative, moment: Moment) -> Decision:
    """Revokes it, whether or not organisations name it. Raises Refusals."""
    del moment
    refuse(role_refusals(argument.caller, "operator"))
    initiative = _standing(state)
    return _decision(state, initiative.initiative, InitiativeRevoked(initiative=initiative.initiative))


def _coordinator_refusals(state: InitiativeState) -> list[Refusal]:
    return [] if state.coordinator_known else [CoordinatorUnknown(pointer="/coordinated_by")]


def initiative_refusals(
    named: tuple[str, ...], standing: AbstractSet[str], pointer: str = "/initiatives"
) -> list[Refusal]:
    """One refusal for each named initiative that does not exist or is revoked."""
    return [
        InitiativeUnknown(pointer=f"{pointer}/{index}", initiative=code)
        for index, code in enumerate(named)
        if code not in standing
    ]


def _standing(state: InitiativeState) -> Initiative:
    if state.initiative is None or state.initiative.revoked:
        raise InitiativeAbsent
    return state.initiative


def _decision(state: InitiativeState, initiative: str, fact: Fact) -> Decision:
    return Decision(drafts=(Draft(stream="parties", lane=state.lane, subject=initiative, data=fact),))
