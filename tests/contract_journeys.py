"""Whole lives of agreements on paper, of every kind of fact, and what an audit finds in them."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from contracts.rules.indices import IndexUnit
from events.codec import encode_event
from events.contract_terms import (
    AssayClause,
    FixedVolume,
    NominatedPart,
    SplittingLimit,
    TakeOrPayClause,
    TermClause,
    WeighingClause,
)
from events.envelope import Recorded, source_of
from events.market_terms import AnalyteLimit, PenaltyRule
from events.price_clauses import ContractForDifference, FlatPrice, IndexedPrice
from market.audit.lane_audit import LaneAudit, LaneRecord
from market.audit.lane_verdict import Divergence, LaneVerdict
from market.audit.operator_audit import Operators
from market.audit.round_audit import BY_CERTIFICATE
from market.audit.shelf import AuditShelf
from tests.contract_lane import DEPLOYMENT, KEY, ContractLane
from tests.contract_support import FINANCING, MICRO, PERMIT, TONNE_G, agreement_terms
from tests.delivery_support import CFD, NDPR, PPM_PPB, SURVEYOR, UMPIRE, delivery_terms, figures, quoted
from tests.desk_support import PERCENT_PPB, numbered
from tests.payment_lane import PaidLane
from tests.volume_support import days, share_of_output

OXIDE, RATE = "ndpr-oxide-cn", "usd-eur"
IN_USD, EUR_PER_USD = IndexUnit(currency="USD", per="oxide"), IndexUnit(currency="EUR", rate_of="USD")
PRICE = agreement_terms().price
assert isinstance(PRICE, IndexedPrice)
TAKE_OR_PAY = TakeOrPayClause(
    top_ppb=80 * PERCENT_PPB,
    deficiency_price_ppb=90 * PERCENT_PPB,
    makeup_years=2,
    carry_forward_years=1,
    carry_forward_max_ppb=10 * PERCENT_PPB,
    deliver_ppb=60 * PERCENT_PPB,
    deliver_price_ppb=10 * PERCENT_PPB,
)
TERMS = agreement_terms(
    product=replace(agreement_terms().product, limits=(AnalyteLimit(analyte="Th", max_ppb=50 * PPM_PPB),)),
    volume=FixedVolume(acq_g=(100 * TONNE_G,) * 4),
    take_or_pay=TAKE_OR_PAY,
    penalties=(
        PenaltyRule(analyte="Th", threshold_ppb=PPM_PPB, step_ppb=PPM_PPB, ueur_per_kg_per_step=MICRO),
    ),
    assay=AssayClause(
        splitting=(
            SplittingLimit(analyte="Nd", limit_ppb=5_000_000),
            SplittingLimit(analyte="Th", limit_ppb=PPM_PPB),
        ),
        umpire=UMPIRE,
    ),
)
IN_EUR = IndexUnit(currency="EUR", per="oxide")
SPOT = delivery_terms(replace(PRICE, index=replace(PRICE.index, currency="EUR", fx_code=None)))
CLEAN = {**NDPR, "Th": 3 * PPM_PPB}


def offtake() -> ContractLane:
    """From a counter-proposal to a termination in the third year; a year with deliveries, one without."""
    lane = ContractLane()
    dear = replace(TERMS, price=replace(PRICE, floor_micro_per_kg=130 * MICRO))
    lane.draft(TERMS).propose("buyer", dear, "dearer").withdraw("buyer").propose("seller", TERMS)
    lane.sign(binding=False).sign().on(date(2026, 4, 1))
    lane.settle_condition("seller", PERMIT.code).settle_condition("seller", FINANCING.code, "waived")
    whole = NominatedPart(
        period=days(date(2027, 1, 1), date(2028, 1, 1)), quantity_g=105 * TONNE_G, form="metal"
    )
    lane.on(date(2026, 9, 1)).nominate("annual", whole)
    lane.on(date(2027, 1, 5)).pass_time()
    lane.publish(OXIDE, IN_USD, quoted(date(2026, 12, 1), 80 * MICRO))
    lane.publish(RATE, EUR_PER_USD, quoted(date(2026, 12, 1), 900_000))
    before_umpire(lane.on(date(2027, 2, 10)))
    lane.on(date(2027, 2, 20)).ship(stated=figures_of(CLEAN | {"Th": 60 * PPM_PPB})).weigh()
    lane.lodge("seller", Nd=NDPR["Nd"], Th=60 * PPM_PPB).lodge(
        "buyer", Nd=NDPR["Nd"], Th=60 * PPM_PPB
    ).reject()
    publish_month(lane.on(date(2027, 3, 2)), date(2027, 2, 1), 120_500_000)
    settle_first(lane)
    publish_month(lane.on(date(2027, 4, 2)), date(2027, 3, 1), 140_250_000)
    lane.ship(shipped_on=date(2027, 3, 9), stated=figures_of(CLEAN)).weigh().lodge(
        "buyer", Nd=590_000_001, Th=7
    )
    lane.on(date(2027, 5, 2)).exchange().accept().settle()
    lane.publish(OXIDE, IN_USD, quoted(date(2027, 3, 1), 141 * MICRO, published=date(2027, 5, 2))).restate()
    lane.on(date(2027, 6, 1)).suspend("seller", 30).on(date(2027, 6, 12)).resume("seller")
    lane.propose("buyer", dear).sign().notify_shortfall(1, 5 * TONNE_G)
    publish_month(lane.on(date(2027, 8, 2)), date(2027, 7, 1), 100 * MICRO)
    lane.ship(shipped_on=date(2027, 7, 9), stated=figures_of(CLEAN)).weigh()
    lane.lodge("seller", Nd=NDPR["Nd"], Th=7).lodge("buyer", Nd=NDPR["Nd"] + 3, Th=8).accept().settle()
    lane.on(date(2028, 1, 1)).pass_time().on(date(2028, 2, 1)).extend("buyer")
    publish_month(lane.on(date(2029, 1, 2)), date(2028, 12, 1), 90 * MICRO)
    lane.pass_time().on(date(2029, 2, 1)).terminate("buyer", "breach", evidence=lane.papers())
    return lane.on(date(2029, 2, 9)).contest("seller", None)


def before_umpire(lane: ContractLane) -> None:
    """The two assays of Nd differ too far; the umpire finds for neither alone."""
    lane.ship(stated=figures_of(CLEAN)).weigh(9_950_000)
    lane.lodge("seller", Nd=61 * PERCENT_PPB, Th=3 * PPM_PPB).lodge(
        "buyer", Nd=59 * PERCENT_PPB, Th=3 * PPM_PPB
    )
    lane.umpire(90_000, Nd=609_000_000).object_to_umpire()
    lane.umpire(90_000, by="operator", Nd=601_000_000).accept()


def settle_first(lane: ContractLane) -> None:
    lane.last = next(iter(lane.deliveries))
    lane.settle()


def publish_month(lane: ContractLane, month: date, oxide_micro: int) -> None:
    lane.publish(OXIDE, IN_USD, quoted(month, oxide_micro))
    lane.publish(RATE, EUR_PER_USD, quoted(month, 905_000))


def figures_of(fractions_ppb: dict[str, int]) -> Any:
    return figures(**fractions_ppb)


def difference() -> ContractLane:
    """A contract for difference whose strike is amended in a quarter, which is settled and restated."""
    index = replace(CFD.index, code=OXIDE)
    terms = delivery_terms(replace(CFD, index=index), currency="USD", assay=AssayClause(umpire=UMPIRE))
    lane = ContractLane().on(date(2027, 1, 1)).draft(terms, kind="spot").sign()
    lane.publish(OXIDE, IN_USD, quoted(date(2026, 12, 1), 62 * MICRO))
    lane.on(date(2027, 1, 15)).ship().weigh().accept()
    assert isinstance(terms.price, ContractForDifference)
    dearer = replace(terms, price=replace(terms.price, strike_micro_per_kg=120 * MICRO))
    lane.on(date(2027, 2, 12)).propose("seller", dearer).sign()
    lane.on(date(2027, 3, 20)).ship(net_wet_g=20 * TONNE_G).weigh(20 * TONNE_G).accept()
    lane.on(date(2027, 4, 1))
    lane.publish(OXIDE, IN_USD, *(quoted(date(2027, month, 1), 63 * MICRO) for month in (1, 2, 3)))
    lane.settle_quarter(date(2027, 1, 1))
    restated = quoted(date(2027, 3, 1), 66 * MICRO, published=date(2027, 4, 20))
    return lane.on(date(2027, 4, 21)).publish(OXIDE, IN_USD, restated).settle_quarter(date(2027, 1, 1))


def share() -> ContractLane:
    """Half of the output, declared; the clock ends a suspension, the years and the term. One suspension
    stands, of one nothing is left."""
    terms = agreement_terms(
        term=TermClause(starts_on=date(2027, 1, 1), years=2),
        volume=share_of_output(200, 200),
        price=FlatPrice(price_micro_per_kg=75 * MICRO),
        take_or_pay=replace(TAKE_OR_PAY, deficiency_price_ppb=100 * PERCENT_PPB),
        conditions=(),
    )
    lane = ContractLane().draft(terms, by="seller").sign()
    lane.on(date(2027, 6, 1)).declare_output(1, 180 * TONNE_G).suspend("buyer", 10)
    lane.on(date(2027, 8, 1)).pass_time().suspend("buyer", 20, evidence=lane.papers())
    lane.on(date(2027, 8, 3)).contest("seller", 2).on(date(2027, 9, 1)).pass_time()
    lane.settle_contest("seller", 2, "stands")
    lane.on(date(2028, 11, 1)).pass_time().suspend("seller", 30, evidence=lane.papers())
    lane.on(date(2028, 11, 5)).contest("buyer", 3).on(date(2028, 11, 10)).settle_contest(
        "operator", 3, "falls"
    )
    return lane.on(date(2029, 3, 1)).pass_time()


def silent_buyer() -> ContractLane:
    """Of two lots the buyer weighs none and accepts none: both are deemed taken, and the year is assessed."""
    terms = agreement_terms(
        term=TermClause(starts_on=date(2027, 1, 1), years=1),
        volume=FixedVolume(acq_g=(100 * TONNE_G,)),
        price=FlatPrice(price_micro_per_kg=75 * MICRO),
        take_or_pay=TAKE_OR_PAY,
        conditions=(),
        assay=TERMS.assay,
    )
    lane = ContractLane().draft(terms, by="seller").sign().on(date(2027, 1, 1))
    lane.ship(stated=figures_of(CLEAN)).on(date(2027, 3, 3)).pass_delivery()
    lane.on(date(2027, 4, 3)).pass_delivery().lodge("seller", Nd=NDPR["Nd"], Th=7)
    lane.on(date(2027, 4, 18)).pass_delivery().pass_delivery().on(date(2027, 5, 19)).pass_delivery().settle()
    lane.ship(stated=figures_of(CLEAN)).weigh().on(date(2027, 6, 3)).pass_delivery().pass_delivery()
    lane.on(date(2027, 6, 20)).accept().settle()
    return lane.on(date(2028, 1, 2)).pass_time()


def weights() -> ContractLane:
    """Masses that the sides differ on: taken from each other, weighed again, surveyed, left to the operator;
    one of before evidence was asked for, and final."""
    terms = delivery_terms(
        FlatPrice(price_micro_per_kg=75 * MICRO),
        assay=AssayClause(umpire=UMPIRE),
        weighing=WeighingClause(franchise_ppb=4_000_000, surveyor=SURVEYOR),
    )
    lane = ContractLane().on(date(2027, 1, 1)).draft(terms, kind="spot").sign()

    def short(net_wet_g: int = 9_100_000) -> ContractLane:
        return lane.ship().weigh(net_wet_g, evidence=lane.papers())

    lane.ship().weigh(2_000_000).accept().settle()
    lane.ship().weigh(9_961_000, evidence=lane.papers()).accept().settle()
    short().object_to_mass(9_900_000).agree_on_mass("buyer").accept().settle()
    short().agree_on_mass("seller").accept()
    short(1_000_000).on(date(2027, 1, 2)).weigh(9_970_000, evidence=lane.papers()).accept()
    short().object_to_mass(9_940_000).weigh(9_930_000, evidence=lane.papers()).accept().settle()
    short().object_to_mass(9_940_000).survey(9_500_000).accept().settle()
    short().object_to_mass(9_940_000).survey(9_800_000).object_to_mass(9_300_000, "buyer")
    lane.survey(9_700_000, "operator").accept().settle()
    short().on(date(2027, 1, 10)).accept()
    short().on(date(2027, 1, 26)).pass_delivery()
    return lane.on(date(2027, 3, 1)).pass_delivery().settle()


def lost_lots() -> ContractLane:
    """Lots that never came, at either side's risk: given in by the seller, contested, left to the operator
    and to the clock; one came after all, two were there."""
    terms = agreement_terms(
        term=TermClause(starts_on=date(2027, 1, 1), years=1),
        volume=FixedVolume(acq_g=(100 * TONNE_G,)),
        price=FlatPrice(price_micro_per_kg=75 * MICRO),
        take_or_pay=TAKE_OR_PAY,
        conditions=(),
        assay=TERMS.assay,
        delivery=replace(TERMS.delivery, incoterm="FCA"),
    )
    delivered = replace(terms, delivery=replace(TERMS.delivery, incoterm="DAP"))
    lane = ContractLane().draft(terms, by="seller").sign().on(date(2027, 1, 1))
    lane.ship(stated=figures_of(CLEAN)).declare_non_arrival().on(date(2027, 1, 9)).pass_delivery().settle()
    lane.ship(stated=figures_of(CLEAN)).declare_non_arrival(before_handover=True).contest_non_arrival()
    lane.settle_non_arrival("operator", "stands").settle()
    lane.ship(stated=figures_of(CLEAN)).declare_non_arrival(before_handover=True)
    lane.settle_non_arrival("seller", "stands")
    lane.propose("seller", delivered).sign().on(date(2027, 2, 1))
    lane.ship(stated=figures_of(CLEAN)).declare_non_arrival().on(date(2027, 2, 9)).pass_delivery()
    lane.ship(stated=figures_of(CLEAN)).declare_non_arrival().contest_non_arrival().weigh()
    lane.lodge("seller", Nd=NDPR["Nd"], Th=7).lodge("buyer", Nd=NDPR["Nd"], Th=7).accept().settle()
    lane.ship(stated=figures_of(CLEAN)).declare_non_arrival().contest_non_arrival()
    lane.settle_non_arrival("operator", "falls").weigh()
    lane.lodge("seller", Nd=NDPR["Nd"], Th=7).lodge("buyer", Nd=NDPR["Nd"], Th=7).accept().settle()
    lane.ship(stated=figures_of(CLEAN)).declare_non_arrival().settle_non_arrival("buyer", "falls").weigh()
    lane.on(date(2027, 3, 1)).exchange().accept().settle()
    return lane.on(date(2028, 1, 2)).pass_time()


def presented_again() -> ContractLane:
    """A lot that is rejected, presented and rejected again, then taken; one replaced by others of which one
    is lost and one deemed accepted, the last in the year after."""
    terms = agreement_terms(
        product=replace(TERMS.product, limits=(AnalyteLimit(analyte="Th", max_ppb=50 * PPM_PPB),)),
        term=TermClause(starts_on=date(2027, 1, 1), years=2),
        volume=FixedVolume(acq_g=(100 * TONNE_G,) * 2),
        price=FlatPrice(price_micro_per_kg=75 * MICRO),
        take_or_pay=TAKE_OR_PAY,
        conditions=(),
        assay=TERMS.assay,
        delivery=replace(TERMS.delivery, incoterm="DAP"),
    )
    lane = ContractLane().draft(terms, by="seller").sign().on(date(2027, 1, 1))
    off_spec(lane, "HEAVY")
    off_spec(lane.on(date(2027, 2, 1)), "HEAVY")
    taken(lane.on(date(2027, 3, 1)), "HEAVY").settle()
    first = off_spec(lane.on(date(2027, 4, 1)), "OTHER").last
    lane.ship(stated=figures_of(CLEAN), net_wet_g=4_000_000, replaces=first).declare_non_arrival()
    lane.on(date(2027, 4, 9)).pass_delivery()
    lane.ship(stated=figures_of(CLEAN), net_wet_g=4_000_000, replaces=first).weigh(4_000_000)
    lane.lodge("seller", Nd=NDPR["Nd"], Th=7).lodge("buyer", Nd=NDPR["Nd"], Th=7)
    lane.on(date(2027, 4, 24)).pass_delivery().on(date(2027, 5, 25)).pass_delivery().settle()
    lane.on(date(2028, 1, 2)).pass_time()
    taken(lane, "LATE", replaces=first).settle()
    return lane.on(date(2029, 1, 2)).pass_time()


def goes_back() -> ContractLane:
    """Accepted lots that go back: a part agreed, one contested that falls and one that stands, the rest after
    its index was restated, what replaces it, and one whose year was assessed."""
    terms = agreement_terms(
        term=TermClause(starts_on=date(2027, 1, 1), years=2),
        volume=FixedVolume(acq_g=(100 * TONNE_G,) * 2),
        price=SPOT.price,
        payment=replace(TERMS.payment, currency="EUR"),
        take_or_pay=TAKE_OR_PAY,
        conditions=(),
        assay=TERMS.assay,
    )
    lane = ContractLane().draft(terms, by="seller").sign().on(date(2027, 1, 1))
    lane.publish(OXIDE, IN_EUR, quoted(date(2026, 12, 1), 120 * MICRO)).on(date(2027, 1, 5))
    taken(lane, "L1").on(date(2027, 2, 2)).publish(OXIDE, IN_EUR, quoted(date(2027, 1, 1), 120 * MICRO))
    lane.settle().declare_return(3_000_000).settle_return()
    lane.declare_return(1_000_000, by="seller", freight="buyer").contest_return("buyer")
    lane.settle_return("seller", "falls")
    lane.declare_return(1_000_000, passport=numbered(88)).contest_return().settle_return("operator")
    restated = quoted(date(2027, 1, 1), 121 * MICRO, published=date(2027, 3, 1))
    lane.on(date(2027, 3, 2)).publish(OXIDE, IN_EUR, restated).restate()
    first = lane.declare_return(6_000_000).settle_return().last
    taken(lane.on(date(2027, 3, 3)), "L2", replaces=first).on(date(2027, 4, 2))
    lane.publish(OXIDE, IN_EUR, quoted(date(2027, 3, 1), 130 * MICRO)).settle()
    lane.on(date(2028, 1, 2)).pass_time()
    return lane.declare_return(10_000_000).settle_return()


def off_spec(lane: ContractLane, lot_number: str) -> ContractLane:
    lane.ship(lot_number=lot_number, stated=figures_of(CLEAN | {"Th": 60 * PPM_PPB})).weigh()
    lane.lodge("seller", Nd=NDPR["Nd"], Th=60 * PPM_PPB)
    return lane.lodge("buyer", Nd=NDPR["Nd"], Th=60 * PPM_PPB).reject()


def taken(lane: ContractLane, lot_number: str, **changes: Any) -> ContractLane:
    lane.ship(lot_number=lot_number, stated=figures_of(CLEAN), **changes).weigh()
    return lane.lodge("seller", Nd=NDPR["Nd"], Th=7).lodge("buyer", Nd=NDPR["Nd"], Th=7).accept()


def never_begun() -> ContractLane:
    return ContractLane().draft(TERMS).sign().on(date(2027, 1, 1)).pass_time()


def withdrawn() -> ContractLane:
    """200 t of a lot of 20 t; then what left."""
    terms = delivery_terms(FlatPrice(price_micro_per_kg=75 * MICRO))
    lane = ContractLane().on(date(2027, 1, 10)).draft(terms, kind="spot")
    lane.sign().ship(lot_number="L1", net_wet_g=200 * TONNE_G).withdraw_lot().ship(lot_number="L1").weigh()
    return lane.lodge("seller").lodge("buyer").accept().settle()


def paid() -> ContractLane:
    """A provisional invoice paid in two parts, one taken back and one confirmed after it was denied, then a
    credit set off; a receipt of the payee's own that was a mistake, and what the seller pays back."""
    lane = PaidLane()
    lane.on(date(2027, 1, 10)).draft(delivery_terms(FlatPrice(price_micro_per_kg=75 * MICRO)), kind="spot")
    lane.sign().ship(lot_number="L1")
    first = lane.newest
    half = first.total_cents // 2
    lane.refer(first.invoice, "RE-2027/1", "seller", date(2027, 1, 9)).refer(first.invoice, "FI:51", "buyer")
    lane.pay({first.invoice: half}).withdraw_payment().pay({first.invoice: half}).deny()
    lane.confirm({first.invoice: half - 1_500}, value_on=date(2027, 1, 9))
    lane.weigh(8_000_000).lodge("seller").lodge("buyer").accept().settle()
    credit = lane.newest
    lane.day(date(2027, 2, 1)).pay({first.invoice: 400_000}, "seller", receives=True).reverse()
    left = first.total_cents - half + 1_500
    lane.pay({first.invoice: left, credit.invoice: credit.total_cents + 7}).confirm()
    lane.pay({credit.invoice: 7}, "seller").confirm(by="buyer")
    lane.ship(lot_number="L2").withdraw_lot()
    charge, undone = list(lane.issued)[-2:]
    cents = lane.newest.total_cents
    return lane.pay({charge: -cents, undone: cents}).deny().withdraw_payment()


JOURNEYS: dict[str, Callable[[], ContractLane]] = {
    "offtake": offtake,
    "difference": difference,
    "share": share,
    "silent buyer": silent_buyer,
    "weights": weights,
    "lost lots": lost_lots,
    "presented again": presented_again,
    "goes back": goes_back,
    "withdrawn": withdrawn,
    "paid": paid,
    "never begun": never_begun,
}


def audited(
    records: Sequence[LaneRecord], shelf: AuditShelf | None = None, operators: Operators | None = None
) -> LaneVerdict:
    audit = LaneAudit(KEY, DEPLOYMENT, BY_CERTIFICATE, shelf=shelf, operators=operators)
    for record in records:
        audit.feed(record)
    return audit.verdict()


def divergence_of(records: Sequence[LaneRecord]) -> Divergence:
    found = audited(records).divergence
    assert found is not None
    return found


@cache
def journey(name: str) -> ContractLane:
    return JOURNEYS[name]()


def body_of(event: Recorded, fact: Struct) -> bytes:
    return encode_event(
        event_id=event.id,
        source=source_of(DEPLOYMENT),
        subject=event.subject,
        time=event.time,
        lane=event.lane,
        position=event.position,
        cause=event.cause,
        actor=event.actor,
        salt=event.salt,
        data=fact,
    )
