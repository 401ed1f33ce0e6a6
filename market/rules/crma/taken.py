"""What was taken from whom, by orders, deliveries and passports: masses, and where each stage took place.

Masses are milligrams of an element, rounded down once for each lot.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from contracts.rules.oxides import WITHOUT_METAL
from events.contract_terms import DeliveryEvidence
from events.market_terms import SupplyTerms
from events.origin_terms import OriginStage, StagePath
from events.passport_terms import ORIGIN_STAGES, OriginShare, PassportContent
from events.vocabulary import (
    BASIS_ELEMENTS,
    MICRO,
    PPB,
    MarketBasis,
    OriginStep,
    ProductForm,
    RecycledContent,
    RexRoute,
)
from market.rules.crma.dated import CrmaRules
from market.rules.element_masses import MG_PER_G, contained, in_mg
from market.rules.orders.materials import WHOLE_MAGNETS
from market.rules.parties.parties import Organisation
from market.rules.passports.bound_lots import DELIVERED_LEAST_PPB
from market.rules.quantities import largest_remainder, product_g
from market.rules.stage_paths import told_paths

SILENCE_IS_NONE: frozenset[OriginStage] = frozenset({"recycling"})
"""Stages that did not happen unless stated: recycling. Extraction and processing always happened
somewhere."""
REUSABLE: Final[frozenset[ProductForm]] = WHOLE_MAGNETS | {"core"}
BEFORE_MAGNETS: Final[frozenset[ProductForm]] = WITHOUT_METAL | {"metal", "strip_cast_alloy", "magnet_powder"}
"""What magnets are made of; the rest are magnets, what held them, or what is left of making them."""
Reuse = Literal["reuse", "refurbish", "repurpose", "unstated"]


class Party(Struct, frozen=True, kw_only=True):
    organisation: UUID
    group: UUID
    country: str
    roles: tuple[str, ...]

    @classmethod
    def of(cls, known: Organisation) -> "Party":
        return cls(
            organisation=known.organisation, group=known.group, country=known.country, roles=known.roles
        )


class Taken(Struct, frozen=True, kw_only=True):
    """Material that `buyer` took from `seller`: milligrams by element, and where each stage took place.

    `recycled_ppb`: the claimed recycled share of each element; None: as in `origin`. `paths`: set if a
    passport states earlier steps of a stage. `documented`: stated by a passport, not only by the order;
    `corrected`: the passport was corrected after the lot was taken. `declared`: not traded here. `reuse`:
    magnets for reuse, `goods_g` of them; None: material. `resold`: what its buyer has sold on, which is not
    in `elements`.
    """

    seller: Party
    buyer: Party
    elements: dict[str, int]
    origin: tuple[OriginShare, ...]
    recycled_ppb: Mapping[str, int] | None = None
    documented: bool
    declared: bool = False
    form: ProductForm | None = None
    paths: tuple[StagePath, ...] = ()
    passport: UUID | None = None
    corrected: bool = False
    reuse: Reuse | None = None
    goods_g: int = 0
    resold: Mapping[str, int] = {}

    def origin_of(self, element: str) -> tuple[OriginShare, ...]:
        """A country recycled at most what the origin says of it, and all of them what is claimed of the
        element."""
        if self.recycled_ppb is None:
            return self.origin
        return recycled_origin(self.origin, self.recycled_ppb.get(element, 0))

    def parts_of(self, element: str, stage: OriginStage) -> Iterator["StagePart"]:
        """By all steps that are told; a material is recycled where its origin says, as much as is claimed."""
        told = [] if stage in SILENCE_IS_NONE else [part for part in self.paths if part.stage == stage]
        for part in told:
            countries = frozenset(step.country for step in part.steps)
            yield StagePart(part.share_ppm * (PPB // MICRO), countries, untold=part.untold)
        if not told:
            for share in self.origin_of(element):
                if share.stage == stage:
                    yield StagePart(share.share_ppb, frozenset((share.country,)), untold=False)


class StagePart(NamedTuple):
    """Of an element, parts per billion that went through a stage in `countries`, and with `untold` perhaps in
    others; without countries nobody says where, or it did not."""

    share_ppb: int
    countries: frozenset[str]
    untold: bool


def recycled_origin(origin: Sequence[OriginShare], recycled_ppb: int) -> tuple[OriginShare, ...]:
    """Steps of recycling cut down to `recycled_ppb`, in proportion; of a blend they say less than all."""
    steps = [each for each in origin if each.stage in SILENCE_IS_NONE]
    named_ppb = [each.share_ppb for each in steps]
    counted_ppb = largest_remainder(min(recycled_ppb, sum(named_ppb)), named_ppb) if steps else ()
    others = (each for each in origin if each.stage not in SILENCE_IS_NONE)
    recycled = (
        replace(each, share_ppb=share_ppb)
        for each, share_ppb in zip(steps, counted_ppb, strict=True)
        if share_ppb
    )
    return (*others, *recycled)


def masses(
    material: PassportContent | SupplyTerms, net_wet_g: int, elements: Sequence[str]
) -> dict[str, int]:
    """Milligrams of the elements that were measured, rounded down; below detection counts nothing."""
    found = contained(material, net_wet_g)
    return {each: in_mg(found[each].least, "down") for each in elements if each in found}


class Traded(Struct, frozen=True, kw_only=True):
    """What is known of a lot beside its goods: the basis of its market, the route that its buyer runs, and
    its passport, `corrected` since the lot was taken, `made` by a transformation. `passport` None: there is
    none, or nobody shows it."""

    seller: Party
    buyer: Party
    basis: MarketBasis
    route: RexRoute | None = None
    passport: UUID | None = None
    content: PassportContent | None = None
    corrected: bool = False
    made: bool = False

    def of(
        self,
        form: ProductForm,
        elements: dict[str, int],
        goods_g: int,
        stated: SupplyTerms | DeliveryEvidence,
    ) -> Taken:
        """What the lot's passport states goes before `stated`, which the seller alone has said."""
        content = self.content
        return Taken(
            seller=self.seller,
            buyer=self.buyer,
            elements=elements,
            origin=stated_origin(stated.origin) if content is None else content.origin,
            recycled_ppb=_stated_ppb(stated.recycled, self.basis)
            if content is None
            else claimed_ppb(content),
            paths=() if content is None else told_paths(content, made=self.made),
            documented=content is not None,
            form=form,
            passport=self.passport,
            corrected=self.corrected,
            reuse=reuse_of(form, self.basis, self.route),
            goods_g=goods_g,
        )


def taken_by_order(terms: SupplyTerms, quantity_g: int, traded: Traded, rules: CrmaRules) -> Taken:
    """`quantity_g` of the market's basis out of an order; of a term order it is a contract year's."""
    net_wet_g = product_g(quantity_g, terms.basis_g, terms.net_wet_g)
    elements = masses(traded.content or terms, net_wet_g, rules.strategic)
    return traded.of(terms.form, elements, net_wet_g, terms)


class Delivered(Struct, frozen=True, kw_only=True):
    """A lot as it was accepted: the mass and the figures, of the dry sample, that are settled; `evidence` is
    what its seller has said of it at the shipment."""

    form: ProductForm
    fractions_ppb: Mapping[str, int]
    net_wet_g: int
    moisture_ppb: int
    evidence: DeliveryEvidence


def taken_by_delivery(lot: Delivered, ordered: SupplyTerms | None, traded: Traded, rules: CrmaRules) -> Taken:
    """Without a passport the seller has said where it comes from at its shipment, else in its order,
    `ordered`, where a match led to it; or nobody has."""
    elements = delivered_masses(lot.fractions_ppb, (lot.net_wet_g, lot.moisture_ppb), rules.strategic)
    stated = lot.evidence if ordered is None or lot.evidence.origin else ordered
    return traded.of(lot.form, elements, lot.net_wet_g, stated)


def reuse_of(form: ProductForm, basis: MarketBasis, route: RexRoute | None) -> Reuse | None:
    """Whole magnets have a market of their own, where nobody has to name the route."""
    if form not in REUSABLE or route == "recycle":
        return None
    if route is not None:
        return route
    return "unstated" if basis == "ndfeb-reuse" else None


def open_g(quantity_g: int, closed_g: int, *, ended: bool) -> int:
    """What is still to come of a match: nothing once its contract has ended, or nearly all has come."""
    if ended or closed_g * PPB >= quantity_g * DELIVERED_LEAST_PPB:
        return 0
    return quantity_g - closed_g


def delivered_masses(
    fractions_ppb: Mapping[str, int], mass: tuple[int, int], elements: Sequence[str]
) -> dict[str, int]:
    """Milligrams of the elements that were settled, of net wet grams and moisture."""
    net_wet_g, moisture_ppb = mass
    dry_mg = net_wet_g * (PPB - moisture_ppb) * MG_PER_G
    return {
        element: dry_mg * fractions_ppb[element] // PPB**2 for element in elements if element in fractions_ppb
    }


def claimed_ppb(passport: PassportContent) -> dict[str, int]:
    """Post- and pre-consumer together; what was booked apart from the material is none of it."""
    return {each.element: each.post_consumer_ppb + each.pre_consumer_ppb for each in passport.recycled}


def _stated_ppb(recycled: RecycledContent | None, basis: MarketBasis) -> dict[str, int]:
    """An order states one share, of the elements of its market's basis."""
    if recycled is None:
        return {}
    return dict.fromkeys(BASIS_ELEMENTS[basis], recycled.post_consumer_ppb + recycled.pre_consumer_ppb)


def stated_origin(steps: Iterable[OriginStep]) -> tuple[OriginShare, ...]:
    """What an order says of origin: a stage in one country is all of it; of several nobody knows how much."""
    countries: dict[OriginStage, dict[str, bool]] = {}
    for step in steps:
        for stage in ORIGIN_STAGES:
            if step.stage == stage:
                countries.setdefault(stage, {})[step.country] = step.strategic_project
    return tuple(
        OriginShare(stage=stage, country=country, share_ppb=PPB, strategic_project=strategic)
        for stage, named in countries.items()
        if len(named) == 1
        for country, strategic in named.items()
    )
