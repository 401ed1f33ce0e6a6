"""What is delivered under an agreement: form, composition, waste status, whole goods, demands."""

from typing import Annotated, Self

from msgspec import UNSET, Meta

from events import contract_terms as terms
from events.vocabulary import MarketBasis, ProductForm, RexRoute, WasteStatus
from market.http.agreements.demand_terms import AgreedDemands
from market.http.agreements.goods_terms import AgreedGoods
from market.http.orders.requirement_terms import AnalyteLimit, PurityFloor
from market.http.wire.ids import FacilityId, to_text, to_uuid
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, Percent
from market.rules.orders.supplies import six_digits
from market.rules.refusing.wording import EwcCode


class AgreedWaste(Body, frozen=True, kw_only=True):
    """Whether the goods are waste when they leave the seller, and by which code. `facility` is the buyer's
    site that takes them, for `rex_route`: papers are asked of it, or where none is named of any of its
    sites."""

    status: WasteStatus
    ewc_code: EwcCode | None = None
    facility: FacilityId | None = None
    rex_route: RexRoute | None = None

    def __post_init__(self) -> None:
        if self.status == "waste" and self.ewc_code is None:
            raise ValueError("waste needs its six-digit code of the European list of waste: ewc_code")

    def inside(self) -> terms.WasteClause:
        return terms.WasteClause(
            status=self.status,
            ewc_code=None if self.ewc_code is None else six_digits(self.ewc_code),
            facility=None if self.facility is None else to_uuid(self.facility),
            rex_route=self.rex_route,
        )

    @classmethod
    def outside(cls, value: terms.WasteClause) -> Self:
        return cls(
            status=value.status,
            ewc_code=value.ewc_code,
            facility=None if value.facility is None else to_text("fac", value.facility),
            rex_route=value.rex_route,
        )


class Product(Body, frozen=True, kw_only=True):
    """What is delivered; the buyer may nominate one of its option forms instead. `waste`: what the orders of
    a match say where it is null."""

    basis: MarketBasis
    form: ProductForm
    buyer_option_forms: Annotated[tuple[ProductForm, ...], Meta(max_length=8)] = ()
    limits: Annotated[tuple[AnalyteLimit, ...], Meta(max_length=64)] = ()
    purity: PurityFloor | None = None
    post_consumer_min_percent: Percent = "0"
    goods: AgreedGoods | None = None
    waste: AgreedWaste | None = None
    demands: AgreedDemands | None = None

    def inside(self) -> terms.ProductClause:
        return terms.ProductClause(
            basis=self.basis,
            form=self.form,
            buyer_option_forms=self.buyer_option_forms,
            limits=tuple(limit.inside() for limit in self.limits),
            purity=None if self.purity is None else self.purity.inside(),
            post_consumer_min_ppb=PERCENT.parse(self.post_consumer_min_percent),
            goods=UNSET if self.goods is None else self.goods.inside(),
            waste=UNSET if self.waste is None else self.waste.inside(),
            demands=UNSET if self.demands is None else self.demands.inside(),
        )

    @classmethod
    def outside(cls, value: terms.ProductClause) -> Self:
        return cls(
            basis=value.basis,
            form=value.form,
            buyer_option_forms=value.buyer_option_forms,
            limits=tuple(map(AnalyteLimit.outside, value.limits)),
            purity=None if value.purity is None else PurityFloor.outside(value.purity),
            post_consumer_min_percent=PERCENT.text(value.post_consumer_min_ppb),
            goods=AgreedGoods.outside(value.goods),
            waste=None if value.waste is UNSET else AgreedWaste.outside(value.waste),
            demands=AgreedDemands.outside(value.demands),
        )
