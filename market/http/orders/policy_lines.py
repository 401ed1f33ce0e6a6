"""Lines of procurement policies as bodies: what is stated, what is named, where lines come from."""

from typing import Annotated, Self

from msgspec import Meta

from events.policy_terms import (
    CERTIFICATES_MAX,
    COUNTRIES_MAX,
    AppliedPolicy,
    PolicyTerms,
    PolicyVersion,
    PortfolioLimits,
)
from market.http.wire.ids import PolicyId, to_text, to_uuid
from market.http.wire.material import Body
from market.http.wire.numbers import EUR_PER_KG, PERCENT, EurPerKg, Percent
from market.rules.orders.policy_references import PolicyReference
from market.rules.policy_lines import EffectiveLine, LineName
from market.rules.refusing.ineligibility import PolicyLine
from market.rules.refusing.wording import Code, CountryCode


class Portfolio(Body, frozen=True, kw_only=True):
    """Limits over everything that a round gives the requirement: minimum recycled share, maximum share of any
    one third country.

    The limit price then also applies to the total: one lot may cost more and others less. A round that cannot
    keep the limits gives less, or nothing; the explanation of the round shows what they cost.
    A lot counts towards a country that it names; stages and steps that nobody states count towards none. Any
    country in `origins_excluded` keeps such lots away: for unstated stages if the rule set has
    `origins_by_stage`, for unstated steps if it has `origins_in_full`.
    """

    recycled_min_percent: Percent | None = None
    third_country_max_percent: Percent | None = None

    def inside(self) -> PortfolioLimits:
        return PortfolioLimits(
            recycled_min_ppb=PERCENT.decoded_optional(self.recycled_min_percent),
            third_country_max_ppb=PERCENT.decoded_optional(self.third_country_max_percent),
        )

    @classmethod
    def outside(cls, value: PortfolioLimits) -> Self:
        return cls(
            recycled_min_percent=PERCENT.text_optional(value.recycled_min_ppb),
            third_country_max_percent=PERCENT.text_optional(value.third_country_max_ppb),
        )


class PolicyLines(Body, frozen=True, kw_only=True):
    """The lines of a policy, at least one.

    `recycled_min_percent`, `origins_excluded` and certificates apply to each lot, `portfolio` to everything
    that a round gives. `strategic_project_eur_per_kg`: what a requirement adds to its bid, per basis kg, for
    material of a site that is a strategic project under Regulation (EU) 2024/1252.
    """

    certificates_required: Annotated[tuple[Code, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    recycled_min_percent: Percent | None = None
    portfolio: Portfolio | None = None
    strategic_project_eur_per_kg: EurPerKg = "0.00"

    def inside(self) -> PolicyTerms:
        return PolicyTerms(
            certificates_required=self.certificates_required,
            origins_excluded=self.origins_excluded,
            recycled_min_ppb=PERCENT.decoded_optional(self.recycled_min_percent),
            portfolio=None if self.portfolio is None else self.portfolio.inside(),
            strategic_project_ueur_per_kg=EUR_PER_KG.decoded(self.strategic_project_eur_per_kg),
        )

    @classmethod
    def outside(cls, value: PolicyTerms) -> Self:
        return cls(
            certificates_required=value.certificates_required,
            origins_excluded=value.origins_excluded,
            recycled_min_percent=PERCENT.text_optional(value.recycled_min_ppb),
            portfolio=None if value.portfolio is None else Portfolio.outside(value.portfolio),
            strategic_project_eur_per_kg=EUR_PER_KG.text(value.strategic_project_ueur_per_kg),
        )


class NamedPolicy(Body, frozen=True, kw_only=True):
    """A version of a policy; new requirements name the newest."""

    policy: PolicyId
    version: PolicyVersion

    def inside(self) -> PolicyReference:
        return PolicyReference(policy=to_uuid(self.policy), version=self.version)

    @classmethod
    def outside(cls, value: AppliedPolicy | PolicyLine) -> Self:
        return cls(policy=to_text("pol", value.policy), version=value.version)


class EffectiveLineView(Body, frozen=True, kw_only=True):
    """An effective line: its scheme or country, its figure, and who states it that strictly. `own`: the
    requirement itself."""

    line: LineName
    subject: str | None
    figure: str | None
    own: bool
    policies: tuple[NamedPolicy, ...]

    @classmethod
    def of(cls, value: EffectiveLine) -> Self:
        return cls(
            line=value.line,
            subject=value.subject,
            figure=value.figure,
            own=value.own,
            policies=tuple(map(NamedPolicy.outside, value.policies)),
        )
