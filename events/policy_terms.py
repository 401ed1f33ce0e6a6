"""What procurement policies state, and the versions of them that a requirement was posted under."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from events.vocabulary import Code, CountryCode, FractionPpb, Position, ValueUeurPerKg

CERTIFICATES_MAX = 32
COUNTRIES_MAX = 250
POLICY_VERSIONS_MAX = 10_000
PolicyVersion = Annotated[int, Meta(ge=1, le=POLICY_VERSIONS_MAX)]


class PortfolioLimits(Struct, frozen=True, kw_only=True):
    """Shares of all that a round gives the requirement: recycled at least, of one third country at most.

    A lot is of a country where one of its stages of origin was there; each stage counts for itself.
    """

    recycled_min_ppb: FractionPpb | None = None
    third_country_max_ppb: FractionPpb | None = None


class PolicyTerms(Struct, frozen=True, kw_only=True):
    """The lines that a policy, or a requirement on its own, may state.

    `recycled_min_ppb` and `origins_excluded` are of each lot; `portfolio` of all that a round gives.
    `strategic_project_ueur_per_kg`: per basis kg of a seller's site that is a strategic project.
    """

    certificates_required: Annotated[tuple[Code, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    recycled_min_ppb: FractionPpb | None = None
    portfolio: PortfolioLimits | None = None
    strategic_project_ueur_per_kg: ValueUeurPerKg = 0


class AppliedPolicy(Struct, frozen=True, kw_only=True):
    """A version of a policy as a requirement took it over, from this position of the policy's lane."""

    policy: UUID
    version: PolicyVersion
    position: Position
    terms: PolicyTerms
