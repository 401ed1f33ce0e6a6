"""Goods agreed by the piece, and findings about them, as request and response."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from events import rex_terms as words
from events.rex_terms import MagnetCoating, MagnetShape
from events.vocabulary import ConditionGrade, RexRoute
from market.http.orders.rex_terms import Core, MagnetDimension, WholeMagnets
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, Percent
from market.rules.refusing.wording import Code

Pieces = Annotated[int, Meta(ge=1, le=10**12)]


class AgreedGoods(Body, frozen=True, kw_only=True):
    """What a lot has to be in addition to its assay. `pieces`: per lot of `delivery.lot_wet_t`. The contract
    of a match starts with what the seller offered: sizes within their tolerance, minimum flux and
    condition."""

    pieces: Pieces | None = None
    magnets: WholeMagnets | None = None
    core: Core | None = None
    condition: ConditionGrade | None = None
    rex_routes: Annotated[tuple[RexRoute, ...], Meta(max_length=4)] = ()

    def inside(self) -> words.AgreedGoods:
        return words.AgreedGoods(
            pieces=self.pieces or UNSET,
            magnets=UNSET if self.magnets is None else self.magnets.inside(),
            core=UNSET if self.core is None else self.core.inside(),
            condition=self.condition or UNSET,
            rex_routes=self.rex_routes,
        )

    @classmethod
    def outside(cls, value: words.AgreedGoods | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            pieces=value.pieces or None,
            magnets=WholeMagnets.outside(value.magnets),
            core=Core.outside(value.core),
            condition=value.condition or None,
            rex_routes=value.rex_routes,
        )


class FoundGoods(Body, frozen=True, kw_only=True):
    """What was counted and measured in a shipped lot; `flux_percent` and `condition` are the lowest of any
    piece; a size with its tolerance covers all pieces. Omitted members are not judged."""

    pieces: Pieces | None = None
    grade: Code | None = None
    shape: MagnetShape | None = None
    dimensions: Annotated[tuple[MagnetDimension, ...], Meta(max_length=4)] = ()
    coating: MagnetCoating | None = None
    flux_percent: Percent | None = None
    condition: ConditionGrade | None = None

    def inside(self) -> words.FoundGoods:
        return words.FoundGoods(
            pieces=self.pieces or UNSET,
            grade=self.grade or UNSET,
            shape=self.shape or UNSET,
            dimensions=tuple(each.inside() for each in self.dimensions),
            coating=self.coating or UNSET,
            flux_ppb=UNSET if self.flux_percent is None else PERCENT.decoded(self.flux_percent),
            condition=self.condition or UNSET,
        )

    @classmethod
    def outside(cls, value: words.FoundGoods | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            pieces=value.pieces or None,
            grade=value.grade or None,
            shape=value.shape or None,
            dimensions=tuple(map(MagnetDimension.outside, value.dimensions)),
            coating=value.coating or None,
            flux_percent=None if value.flux_ppb is UNSET else PERCENT.text(value.flux_ppb),
            condition=value.condition or None,
        )
