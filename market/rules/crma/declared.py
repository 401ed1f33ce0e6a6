"""Declared volumes as the monitor counts them: beside the trades of a period, each by its declarer alone."""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from msgspec import Struct

from events.passport_terms import ORIGIN_STAGES, OriginShare
from events.vocabulary import BASIS_ELEMENTS, MarketBasis
from events.volume_terms import DeclaredOrigin
from market.rules.crma.dated import CrmaRules
from market.rules.crma.declared_volumes import DeclaredVolume, masses_mg
from market.rules.crma.taken import Party, Taken


class Scope(Struct, frozen=True, kw_only=True):
    """`own`: whose answer it is, None for the Union's or a market's; `basis`: of the market that is asked
    for, whose elements alone are counted then."""

    own: UUID | None = None
    basis: MarketBasis | None = None


def declared_taken(
    volumes: Iterable[DeclaredVolume],
    parties: Mapping[UUID, Party],
    rules: CrmaRules,
    scope: Scope,
) -> list[tuple[DeclaredVolume, Taken]]:
    """In an answer about all, of declarers in the Union only: what leaves it is said by who sold it there,
    what comes in by who bought it, so nothing is said twice."""
    return [
        (each, taken_by_declaration(each, parties[each.organisation], rules, scope.basis))
        for each in volumes
        if scope.own is not None or parties[each.organisation].country in rules.union
    ]


def taken_by_declaration(
    volume: DeclaredVolume, declarer: Party, rules: CrmaRules, basis: MarketBasis | None = None
) -> Taken:
    """The other side is nobody of the platform: it has the group of the declarer, whose secret both sides
    are."""
    terms = volume.terms
    other = Party(
        organisation=volume.volume, group=declarer.group, country=terms.counterparty_country, roles=()
    )
    counted = rules.strategic if basis is None else BASIS_ELEMENTS[basis]
    bought = terms.direction == "bought"
    return Taken(
        seller=other if bought else declarer,
        buyer=declarer if bought else other,
        elements={
            element: mass_mg
            for element, mass_mg in masses_mg(terms).items()
            if element in rules.strategic and element in counted
        },
        origin=tuple(_counted_origin(terms.origin)),
        documented=False,
        declared=True,
        form=terms.form,
        passport=terms.passport,
    )


def _counted_origin(origin: Iterable[DeclaredOrigin]) -> Iterator[OriginShare]:
    """Where the supplier did not answer is not declared; no benchmark is set for manufacturing."""
    for line in origin:
        for stage in ORIGIN_STAGES:
            if line.stage == stage and line.country is not None:
                yield OriginShare(
                    stage=stage,
                    country=line.country,
                    share_ppb=line.share_ppb,
                    source=line.source,
                    strategic_project=line.strategic_project,
                )
