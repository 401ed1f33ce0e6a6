"""The twin of a facility: capacity, ramp, committed and free volume. Derived, nothing is stored."""

from collections.abc import Iterator
from typing import Annotated, Final, Self

from msgspec import Meta, Struct

from events.capacity_terms import product_text
from events.vocabulary import FacilityScale, FacilityStatus, ProductForm
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import FacilityId, OrganisationId, to_text
from market.http.wire.loading import COST, RATE
from market.http.wire.material import Body
from market.http.wire.numbers import PERCENT, TONNES, DecimalText
from market.http.wire.reads import as_caller
from market.http.wire.sheets import SHAPES, Bar, Shape, Sheet, answer
from market.pages import words
from market.rules.parties.parties import Facility
from market.rules.refusing.wording import Code
from market.rules.twins.capacities import quarter_of, quarter_text
from market.rules.twins.twins import TwinProduct, TwinQuarter, twin
from market.store import claims, party_reads

TAG: Final = "Organisations"
QUARTERS_MAX: Final = 80
QUARTERS_SHOWN: Final = 12
AGREEMENTS: Final = "An agreement that no match led to is counted where its terms name the facility."
HEAD: Final = (
    "product",
    "element",
    "quarter",
    "nameplate_t",
    "ramp_percent",
    "capacity_t",
    "feed_t",
    "offered_t",
    "matched_t",
    "contracted_t",
    "committed_t",
    "free_t",
    "exceeded_by_t",
)


class TwinQuery(Struct, frozen=True, kw_only=True):
    """From the running quarter on."""

    quarters: Annotated[int, Meta(ge=1, le=QUARTERS_MAX)] = QUARTERS_SHOWN
    format: Annotated[Shape | None, Meta(description="Instead of an Accept header.")] = None


class TwinQuarterView(Body, frozen=True, kw_only=True):
    """Tonnes of product as delivered, or of the element in it. `feed_t` is the input needed by the yield.
    `committed_t` covers open offers and lots, their open matches, and contracts; if it is above the capacity,
    nothing is free and `exceeded_by_t` says by how much. A product without a stated capacity has neither."""

    quarter: str
    nameplate_t: DecimalText | None
    ramp_percent: DecimalText | None
    capacity_t: DecimalText | None
    feed_t: DecimalText | None
    offered_t: DecimalText
    matched_t: DecimalText
    contracted_t: DecimalText
    committed_t: DecimalText
    free_t: DecimalText | None
    exceeded_by_t: DecimalText | None

    @classmethod
    def of(cls, value: TwinQuarter, *, stated: bool) -> Self:
        volume, free_g = value.volume, value.free_g
        return cls(
            quarter=quarter_text(value.quarter),
            nameplate_t=TONNES.text(value.nameplate_g) if stated else None,
            ramp_percent=PERCENT.text(value.ramp_ppb) if stated else None,
            capacity_t=TONNES.text(value.made_g) if stated else None,
            feed_t=TONNES.text_optional(value.feed_g),
            offered_t=TONNES.text(volume.offered_g),
            matched_t=TONNES.text(volume.matched_g),
            contracted_t=TONNES.text(volume.contracted_g),
            committed_t=TONNES.text(volume.committed_g),
            free_t=TONNES.text(max(0, free_g)) if stated else None,
            exceeded_by_t=TONNES.text(max(0, -free_g)) if stated else None,
        )


class TwinProductView(Body, frozen=True, kw_only=True):
    form: ProductForm
    element: Code | None
    quarters: tuple[TwinQuarterView, ...]

    @classmethod
    def of(cls, value: TwinProduct) -> Self:
        return cls(
            form=value.form,
            element=value.element,
            quarters=tuple(TwinQuarterView.of(each, stated=value.stated) for each in value.quarters),
        )


class TwinView(Body, frozen=True, kw_only=True):
    """A facility as its own statements and the record of its orders have it."""

    facility: FacilityId
    organisation: OrganisationId
    name: str
    scale: FacilityScale
    readiness_level: int
    status: FacilityStatus | None
    version: int
    revoked: bool
    products: tuple[TwinProductView, ...]

    @classmethod
    def of(cls, row: Facility, products: tuple[TwinProduct, ...]) -> Self:
        return cls(
            facility=to_text("fac", row.facility),
            organisation=to_text("org", row.organisation),
            name=row.details.name,
            scale=row.details.scale,
            readiness_level=row.details.readiness_level,
            status=row.details.status,
            version=row.version,
            revoked=row.revoked,
            products=tuple(map(TwinProductView.of, products)),
        )


@endpoint(
    "GET",
    "/v1/facilities/{facility}/twin",
    roles=READERS,
    summary="Read a facility's twin",
    tag=TAG,
    query=TwinQuery,
    answer=TwinView,
    shapes=SHAPES,
    cost=COST,
    description=(
        "What the facility can make by product, element and quarter, what of it live offers, lots, matches "
        "and contracts have committed in all markets, and what is free. One's own; operators and auditors "
        f"see all. Derived from the record whenever it is asked for. {AGREEMENTS} {RATE}"
    ),
)
async def read(call: Call[Nothing, TwinQuery]) -> Answer:
    now = call.door.clock()
    async with as_caller(call) as connection:
        row = await party_reads.find_facility(connection, call.ids["facility"])
        if row is None:
            raise not_found()
        found = await claims.read_claims(connection, [row.facility], now)
    products = twin(row.details.capacities, found.get(row.facility, ()), quarter_of(now), call.query.quarters)
    view = TwinView.of(row, products)
    return await answer(call, view, _sheet(view, products), call.query.format)


def _sheet(view: TwinView, products: tuple[TwinProduct, ...]) -> Sheet:
    lengths = [max(each.made_g, each.volume.committed_g) for of in products for each in of.quarters]
    return Sheet(
        name="facility-twin",
        title=f"{view.name}: capacity and what is committed",
        note=f"Tonnes by product, element and quarter. {AGREEMENTS}",
        head=HEAD,
        rows=tuple(_rows(view)),
        key="dark: contracted · middle: matched · light: offered · grey: free · red mark: capacity",
        bars=tuple(_bar(of, each) for of in products for each in of.quarters),
        whole=max(lengths, default=0),
    )


def _rows(view: TwinView) -> Iterator[tuple[str | None, ...]]:
    for product in view.products:
        for each in product.quarters:
            figures = (getattr(each, name) for name in HEAD[3:])
            yield product.form, product.element, each.quarter, *figures


def _bar(product: TwinProduct, each: TwinQuarter) -> Bar:
    volume = each.volume
    return Bar(
        label=f"{words(product_text(product.form, product.element))} {quarter_text(each.quarter)}",
        parts=(
            ("low", volume.contracted_g),
            ("middle", volume.matched_g),
            ("high", volume.offered_g),
            ("open", max(0, each.free_g)),
        ),
        mark=each.made_g if product.stated else None,
    )


HANDLERS: Final = (read,)
