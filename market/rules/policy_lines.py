"""Lines of procurement policies: the strictest of all that apply to a requirement, and who states each."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from events.fractions import ppb_text
from events.market_terms import RequirementTerms
from events.policy_terms import AppliedPolicy, PolicyTerms, PortfolioLimits
from market.rules.refusing.ineligibility import PolicyLine, eur_per_kg_text

LineName = Literal[
    "certificates_required",
    "origins_excluded",
    "recycled_min",
    "portfolio_recycled_min",
    "portfolio_third_country_max",
    "strategic_project",
]


class EffectiveLine(Struct, frozen=True, kw_only=True):
    """An effective line: its scheme or country, its figure, and who states it that strictly."""

    line: LineName
    subject: str | None
    figure: str | None
    own: bool
    policies: tuple[PolicyLine, ...]


def own_lines(terms: RequirementTerms) -> PolicyTerms:
    """What the buyer stated itself."""
    return terms.own if terms.own is not None else stated_lines(terms)


class Stating(Protocol):
    """Terms or a draft of a requirement: its lines are members of their own."""

    @property
    def certificates_required(self) -> tuple[str, ...]: ...
    @property
    def origins_excluded(self) -> tuple[str, ...]: ...
    @property
    def recycled_min_ppb(self) -> int | None: ...
    @property
    def portfolio(self) -> PortfolioLimits | None: ...
    @property
    def strategic_project_ueur_per_kg(self) -> int: ...


def stated_lines(terms: Stating) -> PolicyTerms:
    """The lines stated there."""
    return PolicyTerms(**{name: getattr(terms, name) for name in PolicyTerms.__struct_fields__})


def strictest(parts: Sequence[PolicyTerms]) -> PolicyTerms:
    """All certificates and countries, the highest minima and premium, the lowest maximum."""
    return PolicyTerms(
        certificates_required=_all(part.certificates_required for part in parts),
        origins_excluded=_all(part.origins_excluded for part in parts),
        recycled_min_ppb=_highest(part.recycled_min_ppb for part in parts),
        portfolio=_portfolio([part.portfolio for part in parts if part.portfolio is not None]),
        strategic_project_ueur_per_kg=max(part.strategic_project_ueur_per_kg for part in parts),
    )


def resolved(own: PolicyTerms, applied: Sequence[AppliedPolicy]) -> PolicyTerms:
    return strictest([own, *(each.terms for each in applied)])


def obeys(terms: RequirementTerms) -> bool:
    """Whether the terms' lines are the strictest of their policies' and the buyer's own."""
    if terms.own is None:
        return not terms.policies
    return stated_lines(terms) == resolved(terms.own, terms.policies)


def without_policies(terms: RequirementTerms) -> RequirementTerms:
    """The terms with the buyer's own lines alone, as it stated them."""
    own = own_lines(terms)
    lines = {name: getattr(own, name) for name in PolicyTerms.__struct_fields__}
    return replace(terms, **lines, policies=(), own=None)


def stating(terms: RequirementTerms, line: LineName, subject: str | None = None) -> tuple[PolicyLine, ...]:
    """The policies whose line of this name is the one that counts, in the order of the requirement."""
    if not terms.policies:
        return ()
    wanted = {(each.line, each.subject): each for each in effective_lines(terms)}.get((line, subject))
    return () if wanted is None else wanted.policies


def effective_lines(terms: RequirementTerms) -> tuple[EffectiveLine, ...]:
    """Every line that counts."""
    own = dict(_lines(own_lines(terms)))
    of_policies = [(each, dict(_lines(each.terms))) for each in terms.policies]
    return tuple(
        EffectiveLine(
            line=name,
            subject=subject,
            figure=figure,
            own=own.get((name, subject), _ABSENT) == figure,
            policies=tuple(
                PolicyLine(policy=each.policy, version=each.version, line=name)
                for each, lines in of_policies
                if lines.get((name, subject), _ABSENT) == figure
            ),
        )
        for (name, subject), figure in _lines(stated_lines(terms))
    )


_ABSENT = ""


def _lines(of: PolicyTerms) -> Iterator[tuple[tuple[LineName, str | None], str | None]]:
    """Name and subject of each line that is stated, and its figure."""
    for scheme in of.certificates_required:
        yield ("certificates_required", scheme), None
    for country in of.origins_excluded:
        yield ("origins_excluded", country), None
    portfolio = of.portfolio or PortfolioLimits()
    shares: tuple[tuple[LineName, int | None], ...] = (
        ("recycled_min", of.recycled_min_ppb),
        ("portfolio_recycled_min", portfolio.recycled_min_ppb),
        ("portfolio_third_country_max", portfolio.third_country_max_ppb),
    )
    for name, share_ppb in shares:
        if share_ppb is not None:
            yield (name, None), ppb_text(share_ppb)
    if of.strategic_project_ueur_per_kg:
        yield ("strategic_project", None), eur_per_kg_text(of.strategic_project_ueur_per_kg)


def _all(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry for entries in lists for entry in entries))


def _highest(figures: Iterable[int | None]) -> int | None:
    return max((each for each in figures if each is not None), default=None)


def _portfolio(limits: Sequence[PortfolioLimits]) -> PortfolioLimits | None:
    if not limits:
        return None
    ceilings = [each.third_country_max_ppb for each in limits if each.third_country_max_ppb is not None]
    return PortfolioLimits(
        recycled_min_ppb=_highest(each.recycled_min_ppb for each in limits),
        third_country_max_ppb=min(ceilings, default=None),
    )
