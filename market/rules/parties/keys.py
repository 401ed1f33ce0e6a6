"""API keys of an organisation: issue and revoke. Rules only get the SHA-256 of a secret."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import UNSET, Struct
from msgspec.structs import asdict, replace

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.party_events import ApiKeyIssued, ApiKeyRevoked
from events.refusal import Caution, IdTaken, refuse
from events.vocabulary import KeyRole
from events.wellformed import duplicate_refusals, malformed
from market.rules.callers import party_refusals
from market.rules.parties.parties import ApiKey, KeyDetails, OrganisationState, decision, registered
from market.rules.refusing.party_refusals import EntriesMax, ExpiryPast, KeysMax, KeyUnknown

LIVE_WITH_ONE_LABEL_MAX = 2
KEYS_MAX = 100
EARLY_ENOUGH = timedelta(days=731)
"""Two years, one of them a leap year."""
PLATFORM_ROLES: frozenset[KeyRole] = frozenset({"operator", "auditor"})


class IssueKey(Struct, frozen=True, kw_only=True):
    """The id is created in the HTTP layer, since the secret's text contains it."""

    caller: Caller
    organisation: UUID
    key: UUID
    details: KeyDetails


class RevokeKey(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    key: UUID


def issue_key(state: OrganisationState, argument: IssueKey, moment: Moment) -> Decision:
    """Issues a key; two keys with the same label may be valid at a time, so that one can replace the other.
    Raises Refusals.

    Only an operator can give roles that see more than their own organisation.
    """
    refuse(party_refusals(argument.caller, argument.organisation, "admin"))
    registered(state)
    details = replace(argument.details, issued_by=argument.caller.key or UNSET)
    refuse(malformed(details))
    live = [key for key in state.keys if not key.revoked and key.details.expires_at > moment.now]
    same_label = sum(key.details.label == details.label for key in live)
    reasons = duplicate_refusals("/roles", details.roles)
    if PLATFORM_ROLES.intersection(details.roles):
        reasons += role_refusals(argument.caller, "operator")
    if details.expires_at <= moment.now:
        reasons.append(ExpiryPast(pointer="/expires_at", until=details.expires_at.isoformat()))
    if same_label >= LIVE_WITH_ONE_LABEL_MAX:
        reasons.append(KeysMax(pointer="/label", live=same_label, most=LIVE_WITH_ONE_LABEL_MAX))
    if len(live) >= KEYS_MAX:
        reasons.append(EntriesMax(kind="keys", most=KEYS_MAX))
    if any(key.key == argument.key for key in state.keys):
        reasons.append(IdTaken())
    refuse(reasons)
    fact = ApiKeyIssued(organisation=argument.organisation, key=argument.key, **asdict(details))
    issued = ApiKey(organisation=argument.organisation, key=argument.key, details=details, version=1)
    return decision(state, replace(state, keys=(*state.keys, issued)), fact)


def late_cautions(until: datetime, now: datetime) -> tuple[Caution, ...]:
    """Warns about a key that would be valid for more than two years."""
    if until - now <= EARLY_ENOUGH:
        return ()
    text = (
        f"Anybody who finds the key can use it until {until:%Y-%m-%d}. Issue a key of two years at most, and "
        "the next before it ends: two keys of one label may be live."
    )
    return (Caution(code="key_expires_late", text=text, pointer="/expires_at"),)


def revoke_key(state: OrganisationState, argument: RevokeKey, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    refuse(party_refusals(argument.caller, argument.organisation, "admin"))
    registered(state)
    kept = tuple(key for key in state.keys if key.key != argument.key or key.revoked)
    if len(kept) == len(state.keys):
        raise KeyUnknown
    fact = ApiKeyRevoked(organisation=argument.organisation, key=argument.key)
    return decision(state, replace(state, keys=kept), fact)
