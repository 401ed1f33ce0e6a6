"""What procurement policies state, and the policy versions that apply to a requirement."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from events.vocabulary import Code, CountryCode, FractionPpb, Position, ValueUeurPerKg

CERTIFICATES_MAX = 32
COUNTRIES_MAX = 250
POLICY_VERSIONS_MAX = 10_000
PolicyVersion = Annotated[int, Meta(ge=1, le=POLICY_VERSIONS_MAX)]


class PortfolioLimits(Struct, frozen=True, kw_only=True):
    """Limits on everything that a round gives the requirement: minimum recycled share, maximum share of one
    third country. A lot counts for a country if a stage of its origin took place there; each stage counts
    separately."""

    recycled_min_ppb: FractionPpb | None = None
    third_country_max_ppb: FractionPpb | None = None


class PolicyTerms(Struct, frozen=True, kw_only=True):
    """The lines that a policy, or a requirement itself, may state.

    `recycled_min_ppb` and `origins_excluded` apply to each lot; `portfolio` to everything that a round gives.
    `strategic_project_ueur_per_kg`: added per basis kg from a seller's site that is a strategic project.
    """

    certificates_required: Annotated[tuple[Code, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    recycled_min_ppb: FractionPpb | None = None
    portfolio: PortfolioLimits | None = None
    strategic_project_ueur_per_kg: ValueUeurPerKg = 0


class AppliedPolicy(Struct, frozen=True, kw_only=True):
    """A policy version as a requirement took it over, read at this position of the policy's lane."""

    policy: UUID
    version: PolicyVersion
    position: Position
    terms: PolicyTerms
