"""What a round asks of every supply of a horizon, in columns: each supply is read once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from contracts.rules.price_terms import RAW_FORMS, stages_untold
from events.market_terms import RuleSet, SupplyTerms
from events.vocabulary import PPB, Footprint, OriginStep, ProductForm, RexRoute
from market.rules.book import SupplyOrder
from market.rules.clearing.columns import NEVER, Keys, alike, int64s, microseconds, numbers
from market.rules.clearing.eligibility import seller_parcel_g
from market.rules.full_origins import origin_of, steps_of
from market.rules.optimum.problem import Int64s, Mask
from market.rules.quantities import UNPACKED_UNITS
from market.rules.tranches import left_of_shares_g, tranche_shares_g

READ_TOGETHER = 256
NO_KIND = -1
TRANCHE_FIGURES = 5
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
    """One entry a supply in each column, but those of cells and tranches: one each, in their order.

    order_key: bytes of its id. bound: whether it has a least quantity. parcel_g, parcel_wet_g: the least, of
    basis and of product. treo_ppb: PPB where fractions are of the sample. cells: of each supply. cell_kind,
    footprint_kind: numbers of kinds; NO_KIND without a footprint. fraction_ppb: 0 where there is none.
    footprint_until: microseconds since 1970. footprint_g: CO2e per kg; 0 without a footprint.
    tranches: how many of each, one of a term order. tranche_wet_g: of product; _share_g of basis, of which
    _left_g are neither held nor sold; _start, _end: of its window, microseconds, of a term order NEVER.
    """

    orders: list[SupplyOrder]
    terms: list[SupplyTerms]
    order_key: Keys
    rank: Int64s
    firm: Mask
    bound: Mask
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
    footprint_g: Int64s
    footprint_verified: Mask
    package_wet_g: Int64s
    is_loose: Mask
    parcel_wet_g: Int64s
    tranches: Int64s
    tranche_left_g: Int64s
    tranche_share_g: Int64s
    tranche_wet_g: Int64s
    tranche_start: Int64s
    tranche_end: Int64s

    def __len__(self) -> int:
        return len(self.orders)


@dataclass(frozen=True, eq=False, slots=True)
class Nodes:
    """Tranches with something left, by supply: which supply each is of, its number, its figures' place."""

    supply: Int64s
    tranche: Int64s
    place: Int64s


def nodes_of(supplies: Supplies) -> Nodes:
    place = np.flatnonzero(supplies.tranche_left_g > 0)
    supply = np.repeat(np.arange(len(supplies)), supplies.tranches)[place]
    first = np.cumsum(supplies.tranches) - supplies.tranches
    return Nodes(supply, place - first[supply], place)


def unstated_stages(supplies: Supplies, rule_set: RuleSet) -> Mask:
    """Whether `full_origins.open_stages` names any stage of a supply."""
    by_stage, in_full = rule_set.origins_by_stage is True, rule_set.origins_in_full is True
    found = _left_out(supplies) if by_stage else np.zeros(len(supplies), dtype=np.bool_)
    if in_full:
        untold = (bool(stages_untold(steps_of(each), rule_set)) for each in supplies.terms)
        found |= np.fromiter(untold, np.bool_, len(supplies))
    return found


def _left_out(supplies: Supplies) -> Mask:
    origins, which = alike(supplies.origin)
    mined, processed, recycled = (
        np.array([any(step.stage == stage for step in steps) for steps in origins], dtype=np.bool_)[which]
        for stage in ("extraction", "processing", "recycling")
    )
    raw = np.array([form in RAW_FORMS for form in supplies.form], dtype=np.bool_)
    share_ppb = supplies.post_consumer_ppb + supplies.pre_consumer_ppb
    found: Mask = ((share_ppb < PPB) & ~(mined & (raw | processed))) | ((share_ppb > 0) & ~recycled)
    return found


def read_supplies(orders: Sequence[SupplyOrder], rule_set: RuleSet) -> Supplies:
    """`origin` is that which the rule set goes by."""
    return side_by_side(orders, partial(_read, numbers(), numbers(), rule_set))


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


def _read(
    cell_kinds: CellKinds, footprint_kinds: FootprintKinds, rule_set: RuleSet, orders: Sequence[SupplyOrder]
) -> Supplies:
    count, terms = len(orders), [order.terms for order in orders]
    form, compositions = [each.form for each in terms], [each.composition for each in terms]
    recycled, footprints = [each.recycled for each in terms], [each.footprint for each in terms]
    cells = list(chain.from_iterable([each.cells for each in compositions]))
    packagings, basis_g = [each.packaging for each in terms], int64s([each.basis_g for each in terms], count)
    available_g = int64s([order.available_g for order in orders], count)
    tranches, (left_g, share_g, wet_g, start, end) = _tranches(orders, terms, basis_g, available_g)
    return Supplies(
        orders=list(orders),
        terms=terms,
        order_key=np.frombuffer(b"".join([order.order.int.to_bytes(16, "big") for order in orders]), "V16"),
        rank=int64s([order.rank for order in orders], count),
        firm=np.fromiter([each.commitment == "firm" for each in terms], np.bool_, count),
        bound=np.fromiter(
            [each.all_or_nothing or each.minimum_quantity_wet_g is not None for each in terms],
            np.bool_,
            count,
        ),
        form=form,
        country=[each.place.country for each in terms],
        origin=[origin_of(each, rule_set) for each in terms],
        rex_routes=[each.rex_routes for each in terms],
        available_g=available_g,
        basis_g=basis_g,
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
        footprint_g=int64s([0 if each is None else each.g_co2e_per_kg for each in footprints], count),
        footprint_verified=np.fromiter(
            [each is not None and each.verified for each in footprints], np.bool_, count
        ),
        package_wet_g=int64s([each.package_wet_g for each in packagings], count),
        is_loose=np.fromiter([each.unit in UNPACKED_UNITS for each in packagings], np.bool_, count),
        parcel_wet_g=int64s([each.minimum_parcel_wet_g for each in terms], count),
        tranches=tranches,
        tranche_left_g=left_g,
        tranche_share_g=share_g,
        tranche_wet_g=wet_g,
        tranche_start=start,
        tranche_end=end,
    )


def _tranches(
    orders: Sequence[SupplyOrder], terms: Sequence[SupplyTerms], basis_g: Int64s, available_g: Int64s
) -> tuple[Int64s, Sequence[Int64s]]:
    """How many each has; of each what is left, its share, its product, start and end."""
    if any(
        each.term is not None or len(each.tranches) != 1 or not each.tranches[0].net_wet_g for each in terms
    ):
        several = list(map(_tranches_of, orders))
        counts = int64s(map(len, several), len(several))
        figures = int64s(
            chain.from_iterable(chain.from_iterable(several)), TRANCHE_FIGURES * int(counts.sum())
        )
        return counts, list(figures.reshape(-1, TRANCHE_FIGURES).T.copy())
    # as nearly all supplies are offered: one tranche has all that there is
    count, alone = len(orders), [each.tranches[0] for each in terms]
    committed = [order.tranche_committed_g for order in orders]
    committed_g = int64s([each[0] if each else 0 for each in committed], count)
    windows = [tranche.window for tranche in alone]
    return np.ones(count, dtype=np.int64), (
        np.maximum(0, np.minimum(available_g, basis_g - committed_g)),
        basis_g,
        int64s([tranche.net_wet_g for tranche in alone], count),
        int64s([microseconds(window.start) for window in windows], count),
        int64s([microseconds(window.end) for window in windows], count),
    )


def _tranches_of(order: SupplyOrder) -> list[tuple[int, ...]]:
    """What is left of each tranche, its share, its product, start and end."""
    terms, available_g = order.terms, order.available_g
    if terms.term is not None:
        return [(available_g, terms.basis_g, terms.net_wet_g, NEVER, NEVER)]
    shares_g = tranche_shares_g(terms)
    left_g = left_of_shares_g(shares_g, order.tranche_committed_g, available_g)
    return [
        (left, share, tranche.net_wet_g, microseconds(tranche.window.start), microseconds(tranche.window.end))
        for left, share, tranche in zip(left_g, shares_g, terms.tranches, strict=True)
    ]
