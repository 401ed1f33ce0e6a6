"""Procurement policies: publish, publish a further version, retire, and who may see them."""

from collections.abc import Set as AbstractSet
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from events.callers import Caller, role_refusals
from events.decision import Decision, Moment
from events.envelope import Draft, Fact
from events.party_events import PolicyPublished, PolicyRetired
from events.policy_terms import POLICY_VERSIONS_MAX, PolicyTerms, PolicyVersion, PortfolioLimits
from events.refusal import NoChange, Refusal, VersionStale, refuse
from events.vocabulary import Position
from events.wellformed import duplicate_refusals, malformed
from market.rules.countries import COUNTRIES
from market.rules.orders.bids import amount_refusals
from market.rules.orders.initiatives import initiative_refusals
from market.rules.refusing.defects import PortfolioEmpty
from market.rules.refusing.policy_defects import (
    CountryUnknown,
    PolicyEmpty,
    PolicyRetiredAlready,
    PolicyVersionsUsed,
)
from market.rules.refusing.refusals import PolicyAbsent
from market.rules.refusing.wording import Code, Text


class PolicyDetails(Struct, frozen=True, kw_only=True):
    """`authority` is the name of who adopted it."""

    title: Text
    authority: Text | None = None
    terms: PolicyTerms


class NewPolicy(PolicyDetails, frozen=True, kw_only=True):
    addressed_to: Annotated[tuple[Code, ...], Meta(max_length=32)] = ()


class Policy(Struct, frozen=True, kw_only=True):
    """A policy at its newest version, published at this position of its lane."""

    policy: UUID
    organisation: UUID
    addressed_to: tuple[str, ...]
    version: PolicyVersion
    position: Position
    details: PolicyDetails
    retired: bool = False

    @property
    def row_version(self) -> int:
        return self.version + self.retired


class PolicyState(Struct, frozen=True, kw_only=True):
    """`policy` None: never published. `initiatives`: the named ones that exist and are not revoked."""

    lane: int
    policy: Policy | None
    initiatives: frozenset[str] = frozenset()


class PublishPolicy(Struct, frozen=True, kw_only=True):
    """The id is an argument because it names the lane."""

    caller: Caller
    policy: UUID
    details: NewPolicy


class RevisePolicy(Struct, frozen=True, kw_only=True):
    caller: Caller
    policy: UUID
    expected_version: int
    details: PolicyDetails


class RetirePolicy(Struct, frozen=True, kw_only=True):
    caller: Caller
    policy: UUID
    expected_version: int


def publish(state: PolicyState, argument: PublishPolicy, moment: Moment) -> Decision:
    """Publishes a buyer's own policy, or, by an operator, one addressed to initiatives. Raises Refusals."""
    del moment
    details = argument.details
    reasons = _writer_refusals(argument.caller, details.addressed_to) + malformed(details)
    if not reasons:
        reasons += duplicate_refusals("/addressed_to", details.addressed_to)
        reasons += initiative_refusals(details.addressed_to, state.initiatives, "/addressed_to")
        reasons += terms_refusals(details.terms)
    refuse(reasons)
    fact = PolicyPublished(
        organisation=argument.caller.organisation,
        policy=argument.policy,
        version=1,
        title=details.title,
        authority=details.authority,
        addressed_to=details.addressed_to,
        terms=details.terms,
    )
    return _decision(state, argument.policy, fact)


def revise(state: PolicyState, argument: RevisePolicy, moment: Moment) -> Decision:
    """Publishes the next version, complete. Requirements posted before do not change. Raises Refusals."""
    del moment
    policy = _standing(state, argument.caller, argument.expected_version)
    if policy.version == POLICY_VERSIONS_MAX:
        raise PolicyVersionsUsed(most=POLICY_VERSIONS_MAX)
    details = argument.details
    reasons = malformed(details) or terms_refusals(details.terms)
    if details == policy.details:
        reasons.append(NoChange())
    refuse(reasons)
    fact = PolicyPublished(
        organisation=policy.organisation,
        policy=policy.policy,
        version=policy.version + 1,
        title=details.title,
        authority=details.authority,
        addressed_to=policy.addressed_to,
        terms=details.terms,
    )
    return _decision(state, policy.policy, fact)


def retire(state: PolicyState, argument: RetirePolicy, moment: Moment) -> Decision:
    """Raises Refusals."""
    del moment
    policy = _standing(state, argument.caller, argument.expected_version)
    fact = PolicyRetired(organisation=policy.organisation, policy=policy.policy)
    return _decision(state, policy.policy, fact)


def _standing(state: PolicyState, caller: Caller, expected_version: int) -> Policy:
    """The policy, for its publisher. Raises Refusals."""
    policy = state.policy
    if policy is None or policy.organisation != caller.organisation:
        raise PolicyAbsent
    refuse(_writer_refusals(caller, policy.addressed_to))
    if policy.row_version != expected_version:
        raise VersionStale(expected=expected_version, current=policy.row_version)
    if policy.retired:
        raise PolicyRetiredAlready(version=policy.version)
    return policy


def _writer_refusals(caller: Caller, addressed_to: tuple[str, ...]) -> list[Refusal]:
    if addressed_to:
        return role_refusals(caller, "operator")
    return role_refusals(caller, "trader", "compliance", "operator")


def _decision(state: PolicyState, policy: UUID, fact: Fact) -> Decision:
    return Decision(drafts=(Draft(stream="parties", lane=state.lane, subject=str(policy), data=fact),))


def terms_refusals(terms: PolicyTerms) -> list[Refusal]:
    """Refusals for the lines of a policy."""
    if terms == PolicyTerms():
        return [PolicyEmpty(pointer="/terms")]
    reasons = duplicate_refusals("/terms/certificates_required", terms.certificates_required)
    reasons += duplicate_refusals("/terms/origins_excluded", terms.origins_excluded)
    reasons += [
        CountryUnknown(pointer=f"/terms/origins_excluded/{index}", country=country)
        for index, country in enumerate(terms.origins_excluded)
        if country not in COUNTRIES
    ]
    if terms.portfolio == PortfolioLimits():
        reasons.append(PortfolioEmpty(pointer="/terms/portfolio"))
    pointer = "/terms/strategic_project_ueur_per_kg"
    return reasons + amount_refusals(terms.strategic_project_ueur_per_kg, pointer)


def visible_to(policy: Policy, organisation: UUID, initiatives: AbstractSet[str]) -> bool:
    """A policy is visible to its publisher and to members of the initiatives to which it is addressed."""
    return policy.organisation == organisation or not initiatives.isdisjoint(policy.addressed_to)
