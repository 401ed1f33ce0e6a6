"""What is sold of a lot, what leaves beside its passport, and what contradicts itself in one."""

from datetime import date, timedelta
from re import findall
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from events.contract_terms import AnalyteResult, DeliveryEvidence
from events.decision import Moment
from events.passport_terms import ClaimEvidence, OriginShare
from events.vocabulary import PPB, Footprint, OriginStep
from market.rules.element_masses import contained
from market.rules.orders.orders import Reservation
from market.rules.passport import Passport
from market.rules.passports.bound_lots import (
    Sale,
    ShippedPart,
    TakenPart,
    bound_g,
    lot_g,
    retirement_refusals,
    sales_of,
    taken_wet_g,
    title_refusals,
    use_refusals,
)
from market.rules.passports.passports import IssuePassport
from market.rules.passports.plausible_masses import magnet_cautions, mass_cautions, origin_cautions
from market.rules.passports.shipped_lots import (
    NamedLot,
    Shipment,
    shipment_cautions,
    shipment_refusals,
    unnamed_cautions,
)
from market.rules.passports.stated_papers import paper_cautions
from tests.desk_support import (
    BUYER,
    NOW,
    SELLER,
    SELLER_SITE,
    SELLER_TRADER,
    STRANGER,
    numbered,
    supply_order,
)
from tests.passport_support import (
    DOCUMENT,
    PERCENT,
    Ledger,
    assayed,
    content,
    magnet_record,
    paper,
    site,
    transform,
)
from tests.passport_support import made as made_lot

LOT, OURS, THEIRS = numbered(1), numbered(11), numbered(12)
TODAY = NOW.date()


def passport(**changes: Any) -> Passport:
    """1 t of swarf with 10 % water and 30 % Nd, issued just now."""
    found = Ledger(site())
    stated = content(SELLER_SITE, moisture_ppb=10 * PERCENT)
    moment = Moment(NOW, lambda: numbered(99))
    found.issue(IssuePassport(caller=SELLER_TRADER, passport=LOT, content=stated), moment)
    return replace(found.passports[LOT], **changes)


def taken(**changes: Any) -> TakenPart:
    given: dict[str, Any] = {"match": numbered(21), "agreement": OURS, "ended": False, "net_wet_g": 400_000}
    return TakenPart(buyer=BUYER, **(given | changes))


def left(**changes: Any) -> ShippedPart:
    given: dict[str, Any] = {
        "agreement": OURS,
        "delivery": numbered(31),
        "buyer": BUYER,
        "shipped_on": TODAY,
        "net_wet_g": 300_000,
        "moisture_ppb": 10 * PERCENT,
        "closed": False,
    }
    return ShippedPart(**(given | changes))


def shipment(**changes: Any) -> Shipment:
    given: dict[str, Any] = {
        "agreement": OURS,
        "seller": SELLER,
        "buyer": BUYER,
        "basis": "ndpr",
        "lot_number": "LOT-1",
        "form": "swarf",
        "shipped_on": TODAY,
        "net_wet_g": 1_000_000,
        "moisture_ppb": 10 * PERCENT,
        "stated": (AnalyteResult(analyte="Nd", fraction_ppb=30 * PERCENT),),
        "evidence": DeliveryEvidence(),
    }
    return Shipment(**(given | changes))


def refused(lot: NamedLot, **changes: Any) -> list[tuple[str, str | None]]:
    found = shipment_refusals(lot, shipment(**changes), NOW)
    return [(reason.code, reason.pointer) for reason in found]


def told(lot: NamedLot, **changes: Any) -> list[str]:
    return [each.code for each in shipment_cautions(lot, shipment(**changes))]


def test_a_match_binds_until_its_contract_has_ended_and_what_left_until_it_comes_back() -> None:
    lot = passport()
    assert {OURS: Sale(buyer=BUYER, owed_g=400_000, left_g=300_000)} == sales_of(lot, [taken()], [left()])
    assert 300_000 == bound_g(sales_of(lot, [taken(ended=True)], [left()]))
    assert {numbered(21)} == set(sales_of(lot, [taken(agreement=None)], []))
    assert {} == sales_of(replace(lot, delivery=numbered(31)), [], [left()])
    later = replace(lot, owned_since=lot.issued_at + timedelta(days=1))
    assert {} == sales_of(later, [], [left()])
    terms = supply_order().terms
    assert terms.net_wet_g == taken_wet_g(terms, terms.basis_g)
    assert (500_000, 7) == (lot_g(lot, 900_000, PPB // 2), lot_g(soaked(lot), 7, 0))


def soaked(lot: Passport) -> Passport:
    return replace(lot, content=replace(lot.content, moisture_ppb=PPB))


def test_of_a_sold_lot_the_rest_is_free_and_its_title_the_buyers() -> None:
    lot = passport()
    sales = sales_of(lot, [taken()], [])
    assert [] == use_refusals(lot, sales, 600_000, "/inputs/0/net_wet_g")
    (reason,) = use_refusals(lot, sales, 600_001, "/inputs/0/net_wet_g")
    assert (
        "0.4 t of this lot are sold or on their way to their buyer, who gets title to them; 0.6 t are free."
        == reason.detail()
    )
    assert [] == title_refusals(lot, sales, BUYER) + title_refusals(lot, sales, SELLER)
    assert ["/owner"] == [each.pointer for each in title_refusals(lot, sales, STRANGER)]
    assert ["lot_sold"] == [each.code for each in retirement_refusals(lot, sales)]
    accepted = sales_of(lot, [taken()], [left(net_wet_g=380_000, closed=True)])
    assert [] == retirement_refusals(lot, accepted)


def test_a_passport_lives_is_free_and_proves_what_leaves() -> None:
    assert [("passport_unknown", "/passport")] == refused(NamedLot(passport=None))
    for other in (passport(owner=BUYER), passport(owner=BUYER, retired="lost")):
        assert [("passport_unknown", "/passport")] == refused(NamedLot(passport=other))
    assert [("passport_over", "/passport")] == refused(NamedLot(passport=passport(retired="lost")))
    held = Reservation(identity=str(LOT), organisation=SELLER, market=numbered(41), order=numbered(42))
    offered = NamedLot(passport=passport(), reservation=held)
    assert [("passport_in_order", "/passport")] == refused(offered)
    for free in (replace(held, released=True), None):
        assert [] == refused(replace(offered, reservation=free))
    assert [] == refused(replace(offered, offered_here=True))
    wrong: dict[str, Any] = {
        "lot_number": "LOT-12",
        "form": "metal",
        "evidence": DeliveryEvidence(origin=(OriginStep(stage="extraction", country="AU"),)),
    }
    assert [
        ("lot_number_not_of_passport", "/lot_number"),
        ("form_not_of_passport", "/form"),
        ("origin_not_of_passport", "/origin"),
    ] == refused(NamedLot(passport=passport()), **wrong)
    assert [] == refused(NamedLot(passport=passport()), lot_number="LOT-1/2")


def test_five_percent_are_what_scales_and_assays_explain() -> None:
    lot = NamedLot(passport=passport())
    assert ([], []) == (refused(lot), told(lot))
    assert ([], []) == (refused(lot, net_wet_g=1_800_000, moisture_ppb=PPB // 2), told(lot))
    more: dict[str, Any] = {"net_wet_g": 1_050_000, "stated": figure("31.5")}
    assert ([], ["lot_above_passport", "basis_above_passport"]) == (refused(lot, **more), told(lot, **more))
    most: dict[str, Any] = {"net_wet_g": 1_050_001, "stated": figure("31.6")}
    assert [("lot_above_passport", "/net_wet_g"), ("basis_above_passport", "/stated")] == refused(lot, **most)
    whole: dict[str, Any] = {"basis": "ndfeb-reuse", "stated": figure("99")}
    assert ([], []) == (refused(lot, **whole), told(lot, **whole))


def figure(percent: str) -> tuple[AnalyteResult, ...]:
    return (AnalyteResult(analyte="Nd", fraction_ppb=int(float(percent) * 10) * PERCENT // 10),)


def test_what_one_contract_takes_of_a_lot_no_other_takes() -> None:
    lot = passport()
    sales = sales_of(lot, [taken(), taken(agreement=THEIRS, net_wet_g=500_000)], [left()])
    named = NamedLot(passport=lot, sales=sales)
    assert [] == refused(named, net_wet_g=200_000)
    assert ["lot_above_passport", "lot_shipped_in_part"] == told(named, net_wet_g=200_001)
    assert [("lot_above_passport", "/net_wet_g")] == refused(named, net_wet_g=210_001)
    assert [] == refused(named, agreement=THEIRS, net_wet_g=600_000)


def test_a_seller_is_told_when_its_passport_stays() -> None:
    lot = NamedLot(passport=passport())
    assert ["lot_shipped_in_part"] == told(lot, net_wet_g=949_999)
    assert ["shipped_before_passport"] == told(lot, shipped_on=TODAY - timedelta(days=1))
    assert [] == told(NamedLot(passport=None)) + told(NamedLot(passport=passport(owner=BUYER)))
    assert ["passport_left_out"] == [each.code for each in unnamed_cautions(LOT)]
    assert [] == list(unnamed_cautions(None))


FOOTPRINT = Footprint(
    g_co2e_per_kg=15_250,
    declared_unit="dry",
    form="swarf",
    standard="ISO 14067",
    boundary="cradle-to-gate",
    allocation="mass",
    reference_year=NOW.year,
    primary_data_ppb=80 * PERCENT,
    verified=False,
    valid_until=NOW + timedelta(days=365),
)


def _figures(text: str) -> list[str]:
    return findall(r"(\d+\.\d+) kg", text)


def test_papers_behind_a_passport_that_are_odd_are_told_of() -> None:
    sound = replace(
        content(SELLER_SITE), footprint=FOOTPRINT, certificates=(paper(),), assurance="reasonable"
    )
    assert [] == list(paper_cautions(sound, NOW))
    assert [] == list(paper_cautions(replace(content(SELLER_SITE), footprint=None), NOW))
    footprint = replace(FOOTPRINT, reference_year=NOW.year + 1, g_co2e_per_kg=0, form="metal")
    old = replace(DOCUMENT, dated_on=date(1989, 12, 31))
    odd = replace(
        sound,
        footprint=footprint,
        evidence=(ClaimEvidence(supports="footprint", document=old),),
        certificates=(),
    )
    assert [
        ("reference_year_in_future", "/footprint/reference_year"),
        ("footprint_zero", "/footprint/g_co2e_per_kg"),
        ("footprint_of_other_form", "/footprint/form"),
        ("document_long_ago", "/evidence/0/document/dated_on"),
        ("assurance_without_document", "/assurance"),
    ] == [(each.code, each.pointer) for each in paper_cautions(odd, NOW)]
    signed = replace(odd, certificates=(paper(evidence=old),))
    last = list(paper_cautions(signed, NOW))[-1]
    assert ("document_long_ago", "/certificates/0/evidence/dated_on") == (last.code, last.pointer)


def test_magnets_hold_no_more_than_their_lot() -> None:
    """Eight of 45 g with 28 % Nd and 2 % Dy hold 100.8 g Nd, of a lot that holds 96 g, or less."""
    record = magnet_record(SELLER)
    for of_lot, expected in ((32, []), (31, ["Nd: the magnets contain 0.1008 kg, but their lot 0.093 kg."])):
        lot = content(SELLER_SITE, net_wet_g=300, composition=assayed(Nd=of_lot), magnets=record)
        assert expected == [each.text for each in magnet_cautions(lot)]
    assert [] == list(magnet_cautions(content(SELLER_SITE)))
    alone = content(SELLER_SITE, net_wet_g=360, composition=assayed(Nd=56), magnets=record)
    (told_,) = magnet_cautions(alone)
    assert ("magnets_below_lot", "0.1008", "0.2016") == (told_.code, *_figures(told_.text))
    for part in ({"net_wet_g": 400}, {"composition": assayed(Nd=28)}, {"moisture_ppb": PERCENT}):
        assert [] == list(magnet_cautions(replace(alone, **part)))
    unmeasured = replace(record.magnets[0], composition=None, mass_mg=1)
    unsaid = replace(alone, magnets=replace(record, magnets=(*record.magnets, unmeasured)))
    assert [] == list(magnet_cautions(unsaid))
    unseen = replace(assayed(Nd=31).cells[0], state="below_detection")
    faint = replace(record.magnets[0], composition=replace(assayed(Nd=31), cells=(unseen,)))
    assert [] == list(magnet_cautions(content(SELLER_SITE, magnets=replace(record, magnets=(faint,)))))
    bare = replace(record, magnets=(replace(record.magnets[0], composition=None),))
    assert [] == list(magnet_cautions(content(SELLER_SITE, magnets=bare)))
    assert {"Nd"} == set(contained(content(SELLER_SITE), 1))


def test_an_origin_is_held_against_the_register() -> None:
    """Of another company's site nothing is told that who names it has not said itself."""
    other_site = numbered(7)

    def origin(stage: Any, country: str, facility: UUID | None, *, strategic: bool = False) -> OriginShare:
        return OriginShare(
            stage=stage,
            country=country,
            share_ppb=PPB,
            facility=facility,
            source="a mine",
            strategic_project=strategic,
        )

    def told_of(facility: UUID | None) -> list[tuple[str, str | None, str]]:
        steps = (
            origin("processing", "FR", facility),
            origin("processing", "DE", facility),
            origin("extraction", "FR", facility),
            origin("extraction", "DE", facility),
            origin("processing", "FR", facility, strategic=True),
        )
        lot = content(SELLER_SITE, origin=steps)
        known = {each: replace(site(), facility=each) for each in (SELLER_SITE, other_site)}
        known[other_site] = replace(known[other_site], organisation=STRANGER)
        return [(each.code, each.pointer, each.text) for each in origin_cautions(lot, SELLER, known)]

    for named in (SELLER_SITE, other_site):
        assert [
            *(("origin_not_of_facility", f"/origin/{index}") for index in (1, 2, 3)),
            ("origin_not_strategic", "/origin/4/strategic_project"),
        ] == [each[:2] for each in told_of(named)]
    assert [
        "processing in DE is stated at another company's site, which is not registered in that country.",
        "extraction in FR is stated at another company's site, which is not registered for extraction.",
        (
            "extraction in DE is stated at another company's site, which is not registered in that country "
            "or for extraction."
        ),
        "A strategic project is stated at another company's site, which is not registered as one.",
    ] == [text for _, _, text in told_of(other_site)]
    assert all(site().details.name in text for _, _, text in told_of(SELLER_SITE))
    assert [[], []] == [told_of(nowhere) for nowhere in (STRANGER, None)]
    marked = replace(site(), details=replace(site().details, strategic_project="sp-1"))
    lot = content(SELLER_SITE, origin=(origin("processing", "FR", SELLER_SITE, strategic=True),))
    assert [] == list(origin_cautions(lot, SELLER, {SELLER_SITE: marked}))


def test_what_came_in_without_a_passport_is_told() -> None:
    found = Ledger(site())
    stated = IssuePassport(caller=SELLER_TRADER, passport=LOT, content=content(SELLER_SITE))
    found.issue(stated, Moment(NOW, lambda: numbered(99)))
    for number, (output_g, percent, expected) in enumerate(
        (
            (200_000, 30, []),
            (400_000, 15, ["50 % of what was made came in without a passport."]),
        )
    ):
        output = made_lot(
            numbered(50 + number), f"OUT-{number}", net_wet_g=output_g, composition=assayed(Nd=percent)
        )
        parts = [(LOT, 200_000)]
        work = transform(
            SELLER_TRADER, numbered(60 + number), SELLER_SITE, parts, [output], transformed_on=TODAY
        )
        found.transform(work, Moment(NOW, lambda: numbered(99)))
        told_of = [each.text for each in mass_cautions(found.transformations[-1])]
        assert expected == [each.rsplit(", so ", 1)[1] for each in told_of]
