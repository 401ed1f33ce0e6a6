"""Webhooks of an organisation: register, change, rotate secrets, disable, remove."""

from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict, replace

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.party_events import (
    WebhookChanged,
    WebhookDisabled,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
)
from events.refusal import Caution, NoChange, Refusal, refuse
from events.vocabulary import Instant
from events.wellformed import duplicate_refusals, malformed
from market.rules.callers import party_refusals
from market.rules.parties.parties import OrganisationState, decision, registered, version_refusals
from market.rules.refusing.party_refusals import (
    AddressForbidden,
    EntriesMax,
    EventTypesUnknown,
    WebhookUnknown,
    WebhookUrlUnusable,
)
from market.rules.streams.partner_lines import PARTNER_TYPES
from market.rules.streams.reach import Reach, Unusable, all_allowed, literal, target_of
from market.rules.webhook_terms import WEBHOOKS_MAX, Webhook, WebhookTerms

OVERLAP_HOURS_MAX: Final = 168


class RegisterWebhook(Struct, frozen=True, kw_only=True):
    """The id is an argument, since secrets are derived from it."""

    caller: Caller
    organisation: UUID
    webhook: UUID
    terms: WebhookTerms
    reach: Reach


class ChangeWebhook(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    webhook: UUID
    expected_version: int
    terms: WebhookTerms
    active: bool
    reach: Reach


class RotateWebhook(Struct, frozen=True, kw_only=True):
    """`overlap_hours`: how long the old secrets still sign too; 0 if they are compromised."""

    caller: Caller
    organisation: UUID
    webhook: UUID
    overlap_hours: int


class DisableWebhook(Struct, frozen=True, kw_only=True):
    """`version` is the one that failed: a webhook that was changed meanwhile is not disabled."""

    caller: Caller
    organisation: UUID
    webhook: UUID
    version: int
    reason: Literal["failing", "gone"]
    since: Instant


class RemoveWebhook(Struct, frozen=True, kw_only=True):
    caller: Caller
    organisation: UUID
    webhook: UUID


def register_webhook(state: OrganisationState, argument: RegisterWebhook, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    refuse(party_refusals(argument.caller, argument.organisation, "admin"))
    registered(state)
    reasons = _terms_refusals(argument.terms, argument.reach)
    if sum(not webhook.removed for webhook in state.webhooks) >= WEBHOOKS_MAX:
        reasons.append(EntriesMax(kind="webhooks", most=WEBHOOKS_MAX))
    refuse(reasons)
    fact = WebhookRegistered(
        organisation=argument.organisation, webhook=argument.webhook, **asdict(argument.terms)
    )
    return decision(state, state, fact)


def change_webhook(state: OrganisationState, argument: ChangeWebhook, moment: Moment) -> Decision:
    """Replaces the terms. Raises Refusals."""
    del moment
    refuse(party_refusals(argument.caller, argument.organisation, "admin"))
    webhook = live_webhook(state, argument.webhook)
    refuse(version_refusals(webhook.version, argument.expected_version))
    reasons = _terms_refusals(argument.terms, argument.reach)
    if replace(webhook, terms=argument.terms, active=argument.active) == webhook:
        reasons.append(NoChange())
    refuse(reasons)
    fact = WebhookChanged(
        organisation=argument.organisation,
        webhook=argument.webhook,
        active=argument.active,
        **asdict(argument.terms),
    )
    return decision(state, state, fact)


def rotate_webhook(state: OrganisationState, argument: RotateWebhook, moment: Moment) -> Decision:
    """Rotates the secrets; at most two generations sign at a time. Raises Refusals."""
    refuse(party_refusals(argument.caller, argument.organisation, "admin"))
    webhook = live_webhook(state, argument.webhook)
    fact = WebhookSecretRotated(
        organisation=argument.organisation,
        webhook=argument.webhook,
        generation=webhook.generation + 1,
        previous_until=moment.now + timedelta(hours=min(argument.overlap_hours, OVERLAP_HOURS_MAX)),
    )
    return decision(state, state, fact)


def disable_webhook(state: OrganisationState, argument: DisableWebhook, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    refuse(role_refusals(argument.caller, "operator"))
    webhook = live_webhook(state, argument.webhook)
    reasons = version_refusals(webhook.version, argument.version)
    if not webhook.active:
        reasons.append(NoChange())
    refuse(reasons)
    fact = WebhookDisabled(
        organisation=argument.organisation,
        webhook=argument.webhook,
        reason=argument.reason,
        since=argument.since,
    )
    return decision(state, state, fact)


def remove_webhook(state: OrganisationState, argument: RemoveWebhook, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    refuse(party_refusals(argument.caller, argument.organisation, "admin"))
    live_webhook(state, argument.webhook)
    fact = WebhookRemoved(organisation=argument.organisation, webhook=argument.webhook)
    return decision(state, state, fact)


def live_webhook(state: OrganisationState, webhook: UUID) -> Webhook:
    """Raises WebhookUnknown."""
    registered(state)
    for found in state.webhooks:
        if found.webhook == webhook and not found.removed:
            return found
    raise WebhookUnknown


def url_refusals(url: str, reach: Reach) -> list[Refusal]:
    """Refusals from the URL alone; the addresses of its name are checked when it is looked up."""
    try:
        host = target_of(url, reach).host
    except Unusable as unusable:
        return [WebhookUrlUnusable(pointer="/url", why=str(unusable))]
    address = literal(host)
    if address is not None and not all_allowed([address], reach):
        return [AddressForbidden(pointer="/url", host=host)]
    return []


def _terms_refusals(terms: WebhookTerms, reach: Reach) -> list[Refusal]:
    reasons = malformed(terms) + url_refusals(terms.url, reach)
    markets = [f"mkt_{each.hex}" for each in terms.markets]
    reasons += duplicate_refusals("/types", terms.types) + duplicate_refusals("/markets", markets)
    unknown = sorted(set(terms.types).difference(PARTNER_TYPES))
    if unknown:
        reasons.append(EventTypesUnknown(pointer="/types", unknown=", ".join(unknown)))
    return reasons


def address_cautions(terms: WebhookTerms) -> list[Caution]:
    """Warns about a URL that may contain a secret, since the record stores all of it."""
    if "?" not in terms.url:
        return []
    text = (
        "The part after the question mark is stored in the record for good, where the operator's "
        "services and auditors can read it: put no secret there; the signature shows who posts."
    )
    return [Caution(code="address_with_query", text=text, pointer="/url")]
