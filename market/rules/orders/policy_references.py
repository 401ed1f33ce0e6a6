"""Policies that a requirement names: which it may name, and what it takes over from them."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from events.fractions import ppb_text
from events.market_terms import Member, RuleSet
from events.policy_terms import CERTIFICATES_MAX, COUNTRIES_MAX, AppliedPolicy, PolicyVersion
from events.refusal import Refusal
from events.wellformed import duplicate_refusals
from market.rules.orders.orders import PostingState
from market.rules.orders.policies import Policy, visible_to
from market.rules.policy_lines import Stating, resolved, stated_lines
from market.rules.refusing.policy_defects import (
    CertificateNotRecognised,
    PolicyLinesMax,
    PolicyOutdated,
    PolicyRetiredAlready,
    PolicyUnknown,
    PolicyVersionUnknown,
    RecycledContradiction,
)


class PolicyReference(Struct, frozen=True, kw_only=True):
    policy: UUID
    version: PolicyVersion


class Naming(Stating, Protocol):
    """A draft with the ceiling that its minima may contradict."""

    @property
    def recycled_max_ppb(self) -> int | None: ...
    @property
    def policies(self) -> tuple[PolicyReference, ...]: ...


def policy_refusals(draft: Naming, state: PostingState, kept: tuple[AppliedPolicy, ...]) -> list[Refusal]:
    """Refusals for the named policies and for all lines together; only for the buyer's own lines if a policy
    may not be named."""
    if state.member is None:
        return []
    before = {(each.policy, each.version) for each in kept}
    reasons = _reference_refusals(draft.policies, state.policies, state.member, state.rule_set, before)
    policies = () if reasons else applied(draft.policies, state.policies, kept)
    return reasons + _line_refusals(draft, policies)


def _line_refusals(draft: Naming, policies: tuple[AppliedPolicy, ...]) -> list[Refusal]:
    """Refusals if there are too many lines together, or no lot can meet them."""
    lines = resolved(stated_lines(draft), policies)
    reasons: list[Refusal] = [
        PolicyLinesMax(pointer=pointer, count=count, most=most)
        for pointer, count, most in (
            ("/certificates_required", len(lines.certificates_required), CERTIFICATES_MAX),
            ("/origins_excluded", len(lines.origins_excluded), COUNTRIES_MAX),
        )
        if count > most
    ]
    minima = [lines.recycled_min_ppb, None if lines.portfolio is None else lines.portfolio.recycled_min_ppb]
    least, most_ppb = max(each or 0 for each in minima), draft.recycled_max_ppb
    if most_ppb is not None and least > most_ppb:
        pointer = "/recycled_max_ppb"
        reasons.append(RecycledContradiction(pointer=pointer, least=ppb_text(least), most=ppb_text(most_ppb)))
    return reasons


def _reference_refusals(
    named: Sequence[PolicyReference],
    known: Mapping[UUID, Policy],
    member: Member,
    rule_set: RuleSet | None,
    kept: AbstractSet[tuple[UUID, int]],
) -> list[Refusal]:
    """Refusals for references: each has to name the newest version, or one that is `kept`."""
    reasons = duplicate_refusals("/policies", (f"pol_{each.policy.hex}" for each in named))
    for index, reference in enumerate(named):
        if (reference.policy, reference.version) in kept:
            continue
        pointer, policy = f"/policies/{index}", known.get(reference.policy)
        if policy is None or not visible_to(policy, member.organisation, frozenset(member.initiatives)):
            reasons.append(PolicyUnknown(pointer=pointer))
        elif policy.retired:
            reasons.append(PolicyRetiredAlready(pointer=pointer, version=policy.version))
        elif reference.version > policy.version:
            version = reference.version
            reasons.append(
                PolicyVersionUnknown(pointer=f"{pointer}/version", version=version, newest=policy.version)
            )
        elif reference.version < policy.version:
            version = reference.version
            reasons.append(
                PolicyOutdated(pointer=f"{pointer}/version", version=version, newest=policy.version)
            )
        elif rule_set is not None:
            reasons += [
                CertificateNotRecognised(pointer=pointer, scheme=scheme)
                for scheme in policy.details.terms.certificates_required
                if scheme not in rule_set.recognised_certificates
            ]
    return reasons


def references(applied: Sequence[AppliedPolicy]) -> tuple[PolicyReference, ...]:
    return tuple(PolicyReference(policy=each.policy, version=each.version) for each in applied)


def applied(
    named: Sequence[PolicyReference], known: Mapping[UUID, Policy], kept: Sequence[AppliedPolicy]
) -> tuple[AppliedPolicy, ...]:
    """The versions that are named, as a requirement takes them over. KeyError for one that is refused."""
    before = {(each.policy, each.version): each for each in kept}
    return tuple(before.get((each.policy, each.version)) or _taken_over(known[each.policy]) for each in named)


def _taken_over(policy: Policy) -> AppliedPolicy:
    return AppliedPolicy(
        policy=policy.policy, version=policy.version, position=policy.position, terms=policy.details.terms
    )
