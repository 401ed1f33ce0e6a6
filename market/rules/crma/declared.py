"""Declared volumes as the monitor counts them, in addition to the trades of a period; only the declarer
counts each."""

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
    """`own`: the organisation that the answer is about, None for the Union or a market; `basis`: that of the
    requested market, whose elements alone are counted then."""

    own: UUID | None = None
    basis: MarketBasis | None = None


def declared_taken(
    volumes: Iterable[DeclaredVolume],
    parties: Mapping[UUID, Party],
    rules: CrmaRules,
    scope: Scope,
) -> list[tuple[DeclaredVolume, Taken]]:
    """For an answer about all organisations, only declarers in the Union count: exports are declared by their
    seller there, imports by their buyer, so nothing counts twice."""
    return [
        (each, taken_by_declaration(each, parties[each.organisation], rules, scope.basis))
        for each in volumes
        if scope.own is not None or parties[each.organisation].country in rules.union
    ]


def taken_by_declaration(
    volume: DeclaredVolume, declarer: Party, rules: CrmaRules, basis: MarketBasis | None = None
) -> Taken:
    """The other side is not on the platform: it gets the declarer's group, since both sides are confidential
    to the declarer."""
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
    """Origin without parts for which the supplier did not answer, and without manufacturing, for which there
    is no benchmark."""
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
