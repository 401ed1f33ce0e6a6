"""What a viewer may see of shares of consumption; every interface uses it.

A company sees its own in full, an auditor everybody's, an operator everybody's from matches, but of contracts
no more than the public; everybody sees the Union's or a market's trades in bands, for elements with enough
groups of companies on both sides.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from events.origin_terms import OriginStage
from events.vocabulary import PPB
from market.rules.crma.shares import ElementShares, Verdict
from market.rules.viewers import (
    AuditorViewer,
    Band,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    Viewer,
    content_band_ppb,
    mass_band_g,
)
from market.rules.visibility.crowd import is_crowd

GRAMS_MG = 1_000
Counted = Literal["struck", "confirmed", "delivered", "taken"]
OF_CONTRACTS: frozenset[Counted] = frozenset({"delivered", "taken"})
"""Figures that include deliveries, which only their parties and auditors may see."""


class BandedStage(Struct, frozen=True, kw_only=True):
    """Shares in steps of 10 %; without the name of the largest third country."""

    stage: OriginStage
    union: Band
    undeclared: Band
    largest_third: Band
    benchmark_ppb: int | None
    benchmark: Verdict
    ceiling_ppb: int | None
    ceiling: Verdict


class BandedShares(Struct, frozen=True, kw_only=True):
    element: str
    consumption_g: Band
    stages: tuple[BandedStage, ...]


SeenShares = tuple[ElementShares, ...] | tuple[BandedShares, ...]


def see_shares(
    shares: Sequence[ElementShares],
    viewer: Viewer,
    counted: Counted,
    organisations_min: int,
    of: UUID | None = None,
) -> SeenShares:
    """`of`: whose consumption it is; None: the Union's or a market's. Bands contain no declared volumes:
    these cost nothing and can be corrected at will, so they could be used to find the edges of a band."""
    match viewer:
        case AuditorViewer():
            return tuple(shares)
        case OperatorViewer() if counted not in OF_CONTRACTS:
            return tuple(shares)
        case OrganisationViewer(organisation=organisation) if organisation == of and counted != "struck":
            return tuple(shares)
        case OperatorViewer():
            return _banded(shares, organisations_min)
        case OrganisationViewer() | InitiativeViewer() | PublicViewer():
            return () if counted == "struck" or of is not None else _banded(shares, organisations_min)


def _banded(shares: Sequence[ElementShares], organisations_min: int) -> tuple[BandedShares, ...]:
    assert not any(each.declared_mg for each in shares), "bands are of trades alone"
    return tuple(
        _band(each)
        for each in shares
        if all(is_crowd(mass_mg.values(), organisations_min) for mass_mg in (each.bought_mg, each.sold_mg))
    )


def _band(shares: ElementShares) -> BandedShares:
    return BandedShares(
        element=shares.element,
        consumption_g=mass_band_g(shares.consumption_mg // GRAMS_MG),
        stages=tuple(
            BandedStage(
                stage=each.stage,
                union=content_band_ppb(each.union_ppb, PPB),
                undeclared=content_band_ppb(each.undeclared_ppb, PPB),
                largest_third=content_band_ppb(
                    0 if each.largest_third is None else each.largest_third.share_ppb, PPB
                ),
                benchmark_ppb=each.benchmark_ppb,
                benchmark=each.benchmark,
                ceiling_ppb=each.ceiling_ppb,
                ceiling=each.ceiling,
            )
            for each in shares.stages
        ),
    )
