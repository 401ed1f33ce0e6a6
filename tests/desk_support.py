"""A desk for tests of the rules: one market, its members, a swarf lot, a buyer; and blotters of decisions."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from uuid import UUID

from msgspec.structs import replace

from events.callers import Caller
from events.codec import encode_event
from events.decision import Decision, Moment
from events.envelope import Fact
from events.market_terms import (
    AcceptedForm,
    FxRate,
    MarketTerms,
    Member,
    MemberCertificate,
    MemberFacility,
    ReferencePrice,
    RuleSet,
    SustainabilityProfile,
)
from events.refusal import Refusal, Refusals
from events.vocabulary import (
    Assay,
    Cell,
    Composition,
    CompositionOf,
    Denominator,
    MassBasis,
    OriginStep,
    Packaging,
    Period,
    PhysicalLot,
    Place,
    StatedPrice,
    Tranche,
)
from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.clearing import ALGORITHM
from market.rules.market_inputs import MarketInputs, RecordedFx, RecordedReference
from market.rules.orders.offers import AmendSupply, PostSupply
from market.rules.orders.orders import PostingState, RequirementState, SupplyState
from market.rules.orders.requirement_drafts import RequirementDraft
from market.rules.orders.requirement_drafts import terms_of as requirement_terms_of
from market.rules.orders.requirements import AmendRequirement, PostRequirement
from market.rules.orders.supplies import SupplyDraft
from market.rules.orders.supplies import terms_of as supply_terms_of

TONNE_G = 1_000_000
MILLION = 1_000_000
PERCENT_PPB = 10_000_000
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LANES = 12
LANE = 3
SOURCE = "urn:lodestone:0193a000-0000-7000-8000-000000000001"


def numbered(number: int) -> UUID:
    return UUID(int=(0x0193A000_0000_7000_8000 << 48) + number)


MARKET, SELLER, BUYER, OPERATOR, STRANGER = (numbered(number) for number in range(1, 6))
SELLER_SITE, BUYER_SITE, CERTIFICATE, OLD_CERTIFICATE = (numbered(number) for number in range(11, 15))
ORDER, REQUIREMENT, MATCH, PLAN = (numbered(number) for number in range(21, 25))

SELLER_TRADER = Caller(organisation=SELLER, roles=frozenset({"trader"}))
BUYER_TRADER = Caller(organisation=BUYER, roles=frozenset({"trader"}))
STRANGER_TRADER = Caller(organisation=STRANGER, roles=frozenset({"trader"}))
READER = Caller(organisation=SELLER, roles=frozenset({"auditor"}))
OPERATOR_CALLER = Caller(organisation=OPERATOR, roles=frozenset({"operator"}))


def scaled(figure: str, unit: int) -> int:
    return int(Decimal(figure) * unit)


def moment(now: datetime = NOW) -> Moment:
    numbers = count(1_000)
    return Moment(now, lambda: numbered(next(numbers)))


def day(month: int, day_of_month: int, year: int = 2026) -> datetime:
    return datetime(year, month, day_of_month, tzinfo=UTC)


def period(start: datetime, end: datetime) -> Period:
    return Period(start=start, end=end)


TERMS = MarketTerms(
    name="NdPr spot and term",
    basis="ndpr",
    sandbox=False,
    clearing_interval_seconds=3_600,
    demand_notice_seconds=600,
    rule_notice_seconds=432_000,
    confirmation_seconds=172_800,
    least_basis_ppb=PERCENT_PPB,
    orders_max=100,
    tick_ueur_per_kg=100_000,
)
RULE_SET = RuleSet(
    version=1,
    algorithm=ALGORITHM,
    default_profile=SustainabilityProfile(),
    effective_from=day(1, 1),
)


def reference(code: str, analyte: str, price: str, per: Denominator = "oxide") -> RecordedReference:
    stated = StatedPrice(amount_micro=scaled(price, MILLION), currency="USD", per=per)
    value = ReferencePrice(
        code=code,
        analyte=analyte,
        price=stated,
        description=code,
        as_of=date(2026, 1, 31),
        published_at=day(2, 1),
        source="USGS Mineral Commodity Summaries 2026",
    )
    return RecordedReference(value=value, position=10)


def fx(currency: str, ueur_per_unit: int) -> RecordedFx:
    rate = FxRate(
        currency=currency,
        ueur_per_unit=ueur_per_unit,
        as_of=date(2026, 2, 27),
        published_at=day(2, 27),
        source="ECB reference rates",
    )
    return RecordedFx(value=rate, position=11)


def inputs() -> MarketInputs:
    references = (
        reference("NdPr_oxide_99", "NdPr", "69"),
        reference("Dy_oxide", "Dy", "239"),
        reference("Tb_oxide", "Tb", "1010"),
        reference("La2O3", "La", "1.0"),
        reference("CeO2", "Ce", "1.71"),
        reference("Gd_oxide", "Gd", "30"),
        reference("Y_oxide", "Y", "9"),
    )
    return MarketInputs(
        references={recorded.value.code: recorded for recorded in references}, fx={"USD": fx("USD", 920_000)}
    )


def member(organisation: UUID, site: UUID) -> Member:
    def certificate(number: UUID, until: datetime) -> MemberCertificate:
        return MemberCertificate(
            certificate=number,
            facility=site,
            scheme="ISO14001",
            valid_from=day(1, 1, 2024),
            valid_until=until,
        )

    papers = (certificate(CERTIFICATE, day(1, 1, 2028)), certificate(OLD_CERTIFICATE, day(1, 1)))
    return Member(
        organisation=organisation,
        name=f"trader-{organisation.int % 100}",
        country="FR",
        roles=("recycler",),
        group=organisation,
        sanctions_screened_until=day(1, 1, 2027),
        facilities=(MemberFacility(facility=site, country="FR", stages=("recycling",), scale="industrial"),),
        certificates=papers if organisation == SELLER else (),
        source_position=4,
    )


MEMBERS = {SELLER: member(SELLER, SELLER_SITE), BUYER: member(BUYER, BUYER_SITE)}


def cell(analyte: str, percent: str, reported_as: str | None = None) -> Cell:
    ppb = scaled(percent, PERCENT_PPB)
    return Cell(analyte=analyte, reported_as=reported_as or analyte, state="value", fraction_ppb=ppb)


def below(analyte: str, percent: str) -> Cell:
    ppb = scaled(percent, PERCENT_PPB)
    return Cell(analyte=analyte, reported_as=analyte, state="below_detection", fraction_ppb=ppb)


def not_available(analyte: str) -> Cell:
    return Cell(analyte=analyte, reported_as=analyte, state="not_available")


def sample(*cells: Cell, basis: MassBasis = "dry") -> Composition:
    return Composition(basis=basis, of="sample", cells=cells)


def split(treo_percent: str, *cells: Cell, of: CompositionOf = "treo") -> Composition:
    return Composition(basis="dry", of=of, cells=cells, treo_ppb=scaled(treo_percent, PERCENT_PPB))


SWARF = sample(cell("Nd", "21"), cell("Pr", "7"), cell("Dy", "1"), cell("Fe", "62"), below("Th", "0.0001"))


def swarf(**changes: object) -> SupplyDraft:
    """25 t of swarf with 20 % water, 28 % NdPr dry, at 20 EUR per kg dry."""
    draft = SupplyDraft(
        form="swarf",
        net_wet_g=25 * TONNE_G,
        moisture_ppb=20 * PERCENT_PPB,
        composition=SWARF,
        assay=Assay(laboratory="lab-de-1", reference="CoA 4711", sampled_on=date(2026, 2, 20)),
        packaging=Packaging(unit="drum", package_wet_g=250_000),
        minimum_parcel_wet_g=TONNE_G,
        tranches=(
            Tranche(window=period(day(4, 1), day(5, 1)), net_wet_g=10 * TONNE_G),
            Tranche(window=period(day(5, 1), day(6, 1)), net_wet_g=15 * TONNE_G),
        ),
        incoterm="FCA",
        place=Place(country="FR", name="Lyon"),
        ask=StatedPrice(amount_micro=20 * MILLION, currency="EUR", per="dry"),
        valid_until=day(6, 1),
        payment_terms="30 days",
        facility=SELLER_SITE,
        origin=(OriginStep(stage="recycling", country="FR"),),
        waste_status="by_product",
        commitment="firm",
    )
    return replace(draft, **changes)


def lot(**changes: object) -> SupplyDraft:
    return swarf(
        **{
            "physical_lot": PhysicalLot(site=SELLER_SITE, lot_number="L-2026-07"),
            "rex_routes": ("recycle",),
            **changes,
        }
    )


def need(**changes: object) -> RequirementDraft:
    """5 t of NdPr at 69 USD per kg of oxide."""
    draft = RequirementDraft(
        forms=(AcceptedForm(form="swarf"), AcceptedForm(form="separated_oxide")),
        basis_g=5 * TONNE_G,
        minimum_parcel_g=TONNE_G,
        limit=StatedPrice(amount_micro=69 * MILLION, currency="USD", per="oxide"),
        window=period(day(4, 1), day(7, 1)),
        place=Place(country="DE", name="Hanau"),
        facility=BUYER_SITE,
        valid_until=day(6, 1),
        commitment="firm",
    )
    return replace(draft, **changes)


def posting(organisation: UUID = SELLER, **changes: object) -> PostingState:
    state = PostingState(
        market=MARKET,
        lane=LANE,
        lanes=LANES,
        terms=TERMS,
        member=MEMBERS.get(organisation),
        suspended=False,
        inputs=inputs(),
        rule_set=RULE_SET,
        open_orders=0,
        failings=0,
    )
    return replace(state, **changes)


def supply_order(draft: SupplyDraft | None = None, **changes: object) -> SupplyOrder:
    order = SupplyOrder(
        order=ORDER,
        kind="offer",
        market=MARKET,
        organisation=SELLER,
        rank=40,
        version=1,
        status="open",
        terms=supply_terms_of(draft or swarf(), TERMS, inputs()),
    )
    return replace(order, **changes)


def supply_state(order: SupplyOrder | None, **changes: object) -> SupplyState:
    known = posting(SELLER)
    fields = {name: getattr(known, name) for name in known.__struct_fields__}
    return replace(SupplyState(**fields, order=order, plan_cut=None), **changes)


def requirement_order(**changes: object) -> RequirementOrder:
    order = RequirementOrder(
        order=REQUIREMENT,
        market=MARKET,
        organisation=BUYER,
        rank=41,
        version=1,
        status="open",
        terms=requirement_terms_of(need(), TERMS, inputs()),
    )
    return replace(order, **changes)


def requirement_state(order: RequirementOrder | None, **changes: object) -> RequirementState:
    known = posting(BUYER)
    fields = {name: getattr(known, name) for name in known.__struct_fields__}
    return replace(RequirementState(**fields, order=order, plan_cut=None), **changes)


def post_supply(draft: SupplyDraft, caller: Caller = SELLER_TRADER) -> PostSupply:
    return PostSupply(caller=caller, draft=draft)


def amend_supply(draft: SupplyDraft, version: int = 1) -> AmendSupply:
    return AmendSupply(caller=SELLER_TRADER, order=ORDER, expected_version=version, draft=draft)


def post_need(draft: RequirementDraft, caller: Caller = BUYER_TRADER) -> PostRequirement:
    return PostRequirement(caller=caller, draft=draft)


def amend_need(draft: RequirementDraft, version: int = 1) -> AmendRequirement:
    return AmendRequirement(caller=BUYER_TRADER, order=REQUIREMENT, expected_version=version, draft=draft)


def refusals(decide: Callable[[], object]) -> list[Refusal]:
    """Why a decision said no, each with a detail that can be written; none when it said yes."""
    try:
        decide()
    except Refusals as several:
        found = list(several.refusals)
    except Refusal as one:
        found = [one]
    else:
        found = []
    for refusal in found:
        assert refusal.detail()
    return found


def blotter(decide: Callable[[], object]) -> list[tuple[str, str | None]]:
    """(code, pointer) of each refusal, in order."""
    return [(refusal.code, refusal.pointer) for refusal in refusals(decide)]


def codes_of(decide: Callable[[], object]) -> list[str]:
    """The code of each refusal, in order."""
    return [code for code, _ in blotter(decide)]


def facts(decision: Decision) -> tuple[Fact, ...]:
    """The facts of a decision, each of which the record can encode and every reader decode."""
    for position, draft in enumerate(decision.drafts, start=1):
        encode_event(
            event_id=numbered(900 + position),
            source=SOURCE,
            subject=draft.subject,
            time=NOW,
            lane=draft.lane,
            position=position,
            cause="test",
            actor=SELLER,
            salt="0" * 32,
            data=draft.data,
        )
    return tuple(draft.data for draft in decision.drafts)
