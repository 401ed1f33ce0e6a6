"""What a round asks of every supply of a horizon, in columns: each supply is read once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from contracts.rules.price_terms import RAW_FORMS
from events.market_terms import SupplyTerms
from events.vocabulary import PPB, Footprint, OriginStep, ProductForm, RexRoute
from market.rules.book import SupplyOrder
from market.rules.clearing.columns import alike, int64s, microseconds, numbers
from market.rules.clearing.eligibility import seller_parcel_g
from market.rules.optimum.problem import Int64s, Mask

READ_TOGETHER = 256
NO_KIND = -1
Entry = TypeVar("Entry")
Columns = TypeVar("Columns")
CellKinds = Mapping[tuple[str, str, str], int]
"""Analyte, what it is reported as, state."""
FootprintKinds = Mapping[tuple[ProductForm, tuple[str, str, str, str]], int]
"""A supply's form; form, declared unit, boundary and allocation of its footprint."""

_cell_kind = attrgetter("analyte", "reported_as", "state")
_stated_as = attrgetter("form", "declared_unit", "boundary", "allocation")


@dataclass(frozen=True, eq=False, slots=True)
class Supplies:
    """One entry a supply in each column, but those of cells, which has one a cell, in their order.

    parcel_g: the least, of basis. treo_ppb: PPB where fractions are of the sample. cells: of each supply.
    cell_kind, footprint_kind: numbers of kinds; NO_KIND without a footprint. fraction_ppb: 0 where there is
    none. footprint_until: microseconds since 1970.
    """

    orders: list[SupplyOrder]
    terms: list[SupplyTerms]
    form: list[ProductForm]
    country: list[str]
    origin: list[tuple[OriginStep, ...]]
    rex_routes: list[tuple[RexRoute, ...]]
    available_g: Int64s
    basis_g: Int64s
    parcel_g: Int64s
    ask_ueur_per_kg: Int64s
    moisture_ppb: Int64s
    treo_ppb: Int64s
    dry: Mask
    post_consumer_ppb: Int64s
    pre_consumer_ppb: Int64s
    cells: Int64s
    cell_kinds: CellKinds
    cell_kind: Int64s
    fraction_ppb: Int64s
    footprint: list[Footprint | None]
    footprint_kinds: FootprintKinds
    footprint_kind: Int64s
    footprint_until: Int64s

    def __len__(self) -> int:
        return len(self.orders)


def unstated_stages(supplies: Supplies) -> Mask:
    """Whether `price_terms.stages_unstated` names any stage of a supply, by a rule set that asks for them."""
    origins, which = alike(supplies.origin)
    mined, processed, recycled = (
        np.array([any(step.stage == stage for step in steps) for steps in origins], dtype=np.bool_)[which]
        for stage in ("extraction", "processing", "recycling")
    )
    raw = np.array([form in RAW_FORMS for form in supplies.form], dtype=np.bool_)
    share_ppb = supplies.post_consumer_ppb + supplies.pre_consumer_ppb
    found: Mask = ((share_ppb < PPB) & ~(mined & (raw | processed))) | ((share_ppb > 0) & ~recycled)
    return found


def read_supplies(orders: Sequence[SupplyOrder]) -> Supplies:
    return side_by_side(orders, partial(_read, numbers(), numbers()))


def side_by_side(entries: Sequence[Entry], read: Callable[[Sequence[Entry]], Columns]) -> Columns:
    """The columns that `read`, of a dataclass, makes of entries, READ_TOGETHER of them at a time.

    What an entry is made of lies near for all columns once the first has fetched it.
    """
    parts = [
        read(entries[start : start + READ_TOGETHER]) for start in range(0, len(entries) or 1, READ_TOGETHER)
    ]
    of: Any = type(parts[0])
    joined: Columns = of(*(_joined([getattr(part, field.name) for part in parts]) for field in fields(of)))
    return joined


def _joined(columns: Sequence[Any]) -> Any:
    first = columns[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(columns)
    return first if isinstance(first, Mapping) else list(chain.from_iterable(columns))


def _read(cell_kinds: CellKinds, footprint_kinds: FootprintKinds, orders: Sequence[SupplyOrder]) -> Supplies:
    count, terms = len(orders), [order.terms for order in orders]
    form, compositions = [each.form for each in terms], [each.composition for each in terms]
    recycled, footprints = [each.recycled for each in terms], [each.footprint for each in terms]
    cells = list(chain.from_iterable([each.cells for each in compositions]))
    return Supplies(
        orders=list(orders),
        terms=terms,
        form=form,
        country=[each.place.country for each in terms],
        origin=[each.origin for each in terms],
        rex_routes=[each.rex_routes for each in terms],
        available_g=int64s([order.available_g for order in orders], count),
        basis_g=int64s([each.basis_g for each in terms], count),
        parcel_g=int64s(map(seller_parcel_g, terms), count),
        ask_ueur_per_kg=int64s([each.ask.ueur_per_kg for each in terms], count),
        moisture_ppb=int64s([each.moisture_ppb for each in terms], count),
        treo_ppb=int64s([(each.treo_ppb or 0) if each.of == "treo" else PPB for each in compositions], count),
        dry=np.fromiter([each.basis == "dry" for each in compositions], np.bool_, count),
        post_consumer_ppb=int64s([0 if each is None else each.post_consumer_ppb for each in recycled], count),
        pre_consumer_ppb=int64s([0 if each is None else each.pre_consumer_ppb for each in recycled], count),
        cells=int64s([len(each.cells) for each in compositions], count),
        cell_kinds=cell_kinds,
        cell_kind=int64s(map(cell_kinds.__getitem__, map(_cell_kind, cells)), len(cells)),
        fraction_ppb=int64s([cell.fraction_ppb or 0 for cell in cells], len(cells)),
        footprint=footprints,
        footprint_kinds=footprint_kinds,
        footprint_kind=int64s(
            [
                NO_KIND if each is None else footprint_kinds[of, _stated_as(each)]
                for of, each in zip(form, footprints, strict=True)
            ],
            count,
        ),
        footprint_until=int64s(
            [0 if each is None else microseconds(each.valid_until) for each in footprints], count
        ),
    )
