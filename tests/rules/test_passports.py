"""Passports are issued, transferred, corrected and retired by whom it concerns, and seen tier by tier."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from events.callers import Caller
from events.contract_terms import Evidence
from events.decision import Decision
from events.facts import MaterialFact
from events.material_events import (
    LotReleased,
    LotReserved,
    MassBalanceMoved,
    PassportAcknowledged,
    PassportCorrected,
    PassportDrawn,
    PassportIssued,
    PassportNoted,
    PassportRetired,
    PassportTransferred,
    PassportTransformed,
    ProductTwinStated,
    VolumeCorrected,
    VolumeDeclared,
    VolumeWithdrawn,
)
from events.party_events import PostalAddress
from events.passport_terms import ClaimEvidence, MagnetType, OriginShare
from events.vocabulary import PPB, Footprint
from market.rules.crma.statement import statement
from market.rules.element_masses import contained
from market.rules.orders.orders import Reservation
from market.rules.passport import Passport, awaited_after, fold
from market.rules.passports import delivered_lots, lot_checks, passport_cautions, passports
from market.rules.passports.delivered_lots import (
    AcceptedDelivery,
    DeliverPassport,
    DeliveryState,
    WetMass,
)
from market.rules.passports.lot_checks import LotDays
from market.rules.passports.magnet_labels import Responsible, label_cautions, unstated_parts
from market.rules.passports.magnet_types import type_cautions
from market.rules.passports.passports import (
    NOTES_MAX,
    AcknowledgeCorrection,
    AcknowledgePassport,
    CorrectPassport,
    IssuePassport,
    IssueState,
    NotePassport,
    RetirePassport,
    TransferPassport,
)
from market.rules.passports.settled_lots import SettledLot
from market.rules.viewers import (
    AuditorViewer,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    Viewer,
)
from market.rules.visibility.passport_visibility import (
    LabelShare,
    MagnetLabel,
    SeenPassport,
    SeenStatement,
    see_label,
    see_material,
    see_passport,
    see_sites,
)
from tests.desk_support import (
    BUYER,
    BUYER_SITE,
    BUYER_TRADER,
    LANES,
    MARKET,
    NOW,
    OPERATOR_CALLER,
    ORDER,
    READER,
    SELLER,
    SELLER_SITE,
    SELLER_TRADER,
    STRANGER,
    blotter,
    facts,
    moment,
    numbered,
    refusals,
)
from tests.golden.samples import samples
from tests.passport_support import (
    Ledger,
    assayed,
    content,
    made,
    magnet_record,
    paper,
    recycled,
    site,
    transform,
)
from tests.rules.test_crma_statement import FROM

A, X, T = (numbered(900 + number) for number in range(3))
ISSUE = IssuePassport(caller=SELLER_TRADER, passport=A, content=content(SELLER_SITE))
TODAY = NOW.date()


def ledger(**changes: Any) -> Ledger:
    found = Ledger(site())
    found.issue(replace(ISSUE, content=content(SELLER_SITE, **changes)), moment())
    return found


def refused(found: Ledger, rule: Callable[..., Decision], argument: Any) -> list[tuple[str, str | None]]:
    receivers = (SELLER, BUYER)
    return blotter(lambda: rule(found.state(argument.passport, *receivers), argument, moment()))


def issuing(**changes: Any) -> list[tuple[str, str | None]]:
    argument = replace(ISSUE, content=content(SELLER_SITE, **changes))
    state = IssueState(lanes=LANES, facility=site(), taken=frozenset())
    return blotter(lambda: passports.issue(state, argument, moment()))


def transferring(**changes: Any) -> TransferPassport:
    given: dict[str, Any] = {"caller": SELLER_TRADER, "passport": A, "expected_version": 1}
    return TransferPassport(**(given | {"owner": BUYER, "transferred_on": TODAY} | changes))


def correcting(found: Ledger, **changes: Any) -> CorrectPassport:
    known = found.passports[A]
    return CorrectPassport(
        caller=SELLER_TRADER,
        passport=A,
        expected_version=known.version,
        corrects=known.stated_by,
        reason="the laboratory withdrew its report",
        content=replace(known.content, **changes),
    )


def test_who_issues_owns_and_holds() -> None:
    found = ledger().passports[A]
    assert (SELLER, SELLER, SELLER, 1, 1_000_000, "live") == (
        found.organisation,
        found.owner,
        found.holder,
        found.version,
        found.remaining_g,
        found.status,
    )


def test_only_from_ones_own_standing_site_and_one_number_once() -> None:
    for facility, code in ((None, "facility_not_owned"), (replace(site(), revoked=True), "facility_revoked")):
        state = IssueState(lanes=LANES, facility=facility, taken=frozenset({"LOT-1"}))
        assert [(code, "/facility"), ("lot_number_taken", "/lot_number")] == blotter(
            lambda state=state: passports.issue(state, ISSUE, moment())  # type: ignore[misc]
        )
    state = IssueState(lanes=LANES, facility=site(), taken=frozenset())
    reader = replace(ISSUE, caller=READER)
    assert [("role_missing", None)] == blotter(lambda: passports.issue(state, reader, moment()))


def test_a_site_of_an_origin_is_registered_or_stood_there_before() -> None:
    """Asked of what is stated now: an audit takes what was stated."""
    lost, other = numbered(71), numbered(72)

    def origin(facility: UUID) -> tuple[OriginShare, ...]:
        return (OriginShare(stage="extraction", country="NO", share_ppb=PPB, facility=facility),)

    stated = replace(ISSUE, content=content(SELLER_SITE, origin=origin(lost)))
    state = IssueState(lanes=LANES, facility=site(), taken=frozenset(), at_door=True)
    assert [("origin_facility_unknown", "/origin/0/facility")] == blotter(
        lambda: passports.issue(state, stated, moment())
    )
    for known in (replace(state, sites=frozenset({lost})), replace(state, at_door=False)):
        assert [PassportIssued] == [type(each) for each in facts(passports.issue(known, stated, moment()))]
    found = ledger(origin=origin(lost))
    door = replace(found.state(A), at_door=True)
    custody, moved = correcting(found, custody="book_and_claim"), correcting(found, origin=origin(other))
    wrong = [("origin_facility_unknown", "/content/origin/0/facility")]
    assert [[], wrong, []] == [
        blotter(lambda state=state, argument=argument: passports.correct(state, argument, moment()))  # type: ignore[misc]
        for state, argument in (
            (door, custody),
            (door, moved),
            (replace(door, sites=frozenset({other})), moved),
        )
    ]


LATE = Evidence(title="of tomorrow", sha256="cd" * 32, dated_on=TODAY + timedelta(days=1))
FOOTPRINT = Footprint(
    g_co2e_per_kg=15_000,
    declared_unit="element",
    form="swarf",
    standard="ISO14067",
    boundary="cradle-to-gate",
    allocation="economic",
    reference_year=2025,
    primary_data_ppb=PPB,
    verified=True,
    valid_until=NOW,
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"net_wet_g": 0}, [("quantity_not_positive", "/net_wet_g")]),
        ({"moisture_ppb": PPB}, [("moisture_whole", "/moisture_ppb")]),
        ({"lot_number": ""}, [("malformed_member", "/lot_number")]),
        ({"composition": assayed(Nd=70, Fe=40)}, [("composition_over_whole", "/composition/cells")]),
        ({"composition": assayed(Xx=1)}, [("analyte_unknown", "/composition/cells/0/analyte")]),
        ({"recycled": recycled("Fe", post=1)}, [("claimed_element_unknown", "/recycled/0/element")]),
        ({"recycled": recycled("Dy", post=1)}, [("claimed_element_absent", "/recycled/0/element")]),
        (
            {
                "evidence": (ClaimEvidence(supports="origin", document=LATE),),
                "certificates": (paper(evidence=LATE),),
            },
            [
                ("document_in_future", "/evidence/0/document/dated_on"),
                ("document_in_future", "/certificates/0/evidence/dated_on"),
            ],
        ),
        ({"recycled": recycled(post=1) * 2}, [("duplicate_entry", "/recycled/1")]),
        (
            {"recycled": recycled(post=1), "evidence": (), "footprint": replace(FOOTPRINT, verifier="v")},
            [
                ("footprint_expired", "/footprint/valid_until"),
                ("claim_without_evidence", "/evidence"),
                ("claim_without_evidence", "/evidence"),
                ("claim_without_evidence", "/evidence"),
            ],
        ),
        (
            {"footprint": FOOTPRINT},
            [
                ("verifier_missing", "/footprint/verifier"),
                ("footprint_expired", "/footprint/valid_until"),
                ("claim_without_evidence", "/evidence"),
            ],
        ),
        (
            {"booked": recycled(post=1)},
            [("booked_apart", "/booked"), ("claim_without_evidence", "/evidence")],
        ),
        ({"recycled": recycled(post=1), "custody": "book_and_claim"}, [("booked_apart", "/recycled")]),
        (
            {
                "origin": (
                    OriginShare(stage="extraction", country="NO", share_ppb=PPB, source="a mine"),
                    OriginShare(stage="extraction", country="AU", share_ppb=1),
                )
            },
            [("origin_source_missing", "/origin/1"), ("origin_over_whole", "/origin")],
        ),
        (
            {
                "certificates": (
                    paper(valid_until=NOW),
                    paper("b", valid_from=NOW + timedelta(days=1)),
                    paper("c", valid_from=datetime(2028, 1, 1, tzinfo=UTC)),
                    paper("d", BUYER_SITE),
                    paper("d"),
                )
            },
            [
                ("certificate_expired", "/certificates/0"),
                ("certificate_not_yet_valid", "/certificates/1"),
                ("certificate_period_empty", "/certificates/2"),
                ("duplicate_entry", "/certificates/4"),
                ("certificate_of_other_site", "/certificates/3/facility"),
            ],
        ),
    ],
)
def test_what_cannot_be_stated(changes: Any, expected: list[tuple[str, str | None]]) -> None:
    assert expected == issuing(**changes)


def test_magnets_weigh_no_more_than_the_lot() -> None:
    record = magnet_record(SELLER)
    (magnet,) = record.magnets
    assert [] == issuing(magnets=record, net_wet_g=360)
    odd = replace(magnet, mass_mg=0, composition=assayed(Xx=1))
    assert [
        ("magnet_empty", "/magnets/magnets/0/mass_mg"),
        ("analyte_unknown", "/magnets/magnets/0/composition/cells/0/analyte"),
        ("magnets_heavier_than_lot", "/magnets/magnets"),
    ] == issuing(magnets=replace(record, magnets=(odd, magnet)), net_wet_g=359)


def test_contained_masses_know_water_and_oxides() -> None:
    """25 t of swarf with 20 % water and 28 % dry carry 5.6 t."""
    wet = content(SELLER_SITE, net_wet_g=25_000_000, moisture_ppb=PPB // 5, composition=assayed(Nd=21, Pr=7))
    masses = contained(wet, wet.net_wet_g)
    assert 5_600_000 * PPB**4 == sum(mass.least for mass in masses.values())


# --- transfers


def test_title_and_goods_go_to_the_buyer() -> None:
    found = ledger()
    found.write(passports.transfer(found.state(A, BUYER), transferring(), moment()))
    assert (SELLER, BUYER, BUYER, 2) == (
        found.passports[A].organisation,
        found.passports[A].owner,
        found.passports[A].holder,
        found.passports[A].version,
    )
    assert [("passport_of_other", None)] == refused(
        found, passports.transfer, transferring(expected_version=2, owner=SELLER)
    )


def test_who_has_sold_a_lot_is_not_told_whether_it_is_offered_or_used() -> None:
    found = ledger()
    found.write(passports.transfer(found.state(A, BUYER), transferring(), moment()))
    found.reservations[A] = Reservation(identity=str(A), organisation=BUYER, market=MARKET, order=ORDER)
    retiring = RetirePassport(caller=SELLER_TRADER, passport=A, expected_version=2, reason="lost")
    for step, argument in (
        (passports.transfer, transferring(expected_version=2, owner=STRANGER)),
        (passports.retire, retiring),
    ):
        assert [("passport_of_other", None)] == refused(found, step, argument)


def test_goods_go_to_a_toller_and_title_stays() -> None:
    found = ledger()
    argument = transferring(owner=SELLER, holder=BUYER)
    found.write(passports.transfer(found.state(A, SELLER, BUYER), argument, moment()))
    assert (SELLER, BUYER) == (found.passports[A].owner, found.passports[A].holder)
    taking = transform(BUYER_TRADER, T, BUYER_SITE, [(A, 10**6)], [made(X)])
    found.facility = replace(site(), organisation=BUYER, facility=BUYER_SITE)
    found.transform(taking, moment())
    assert (SELLER, BUYER) == (found.passports[X].owner, found.passports[X].holder)


def test_defects_of_a_transfer() -> None:
    tomorrow = TODAY + timedelta(days=1)
    argument = transferring(owner=STRANGER, holder=STRANGER, transferred_on=tomorrow)
    assert [
        ("organisation_unknown", "/owner"),
        ("organisation_unknown", "/holder"),
        ("day_in_future", "/transferred_on"),
    ] == refused(ledger(), passports.transfer, argument)
    assert [("transfer_to_self", "/owner")] == refused(
        ledger(), passports.transfer, transferring(owner=SELLER)
    )
    assert [("version_stale", None)] == refused(
        ledger(), passports.transfer, transferring(expected_version=2)
    )
    assert [("passport_unknown", None)] == refused(
        ledger(), passports.transfer, transferring(caller=BUYER_TRADER)
    )
    assert [("passport_unknown", None)] == refused(ledger(), passports.transfer, transferring(passport=X))
    offered = ledger()
    offered.reservations[A] = Reservation(
        identity=str(A), organisation=SELLER, market=MARKET, order=ORDER, released=False, sold=False
    )
    assert [("passport_in_order", None)] == refused(offered, passports.transfer, transferring())
    offered.reservations[A] = replace(offered.reservations[A], released=True, sold=True)
    assert [] == refused(offered, passports.transfer, transferring())


@pytest.mark.parametrize("what", ["made", "transferred", "drawn"])
def test_a_lot_goes_nowhere_before_it_came_to_be_or_last_went_elsewhere(what: str) -> None:
    days = LotDays(**{"made_on": TODAY - timedelta(days=9), f"{what}_on": TODAY - timedelta(days=1)})
    state = replace(ledger().state(A, BUYER), days=days)
    early = transferring(transferred_on=TODAY - timedelta(days=2))
    (found,) = refusals(lambda: passports.transfer(state, early, moment()))
    assert ("day_before_lot", "/transferred_on") == (found.code, found.pointer)
    assert f"2026-02-28 is before 2026-03-01, when the lot of pass_{A.hex} was " in str(found)
    assert [] == blotter(
        lambda: passports.transfer(state, transferring(transferred_on=TODAY - timedelta(days=1)), moment())
    )


# --- deliveries

DELIVERED = AcceptedDelivery(
    agreement=numbered(31),
    delivery=numbered(32),
    seller=SELLER,
    buyer=BUYER,
    shipped=WetMass(net_wet_g=1_000_000, moisture_ppb=0),
    received=WetMass(net_wet_g=1_000_000, moisture_ppb=0),
    shipped_on=TODAY,
    title_passed_on=TODAY + timedelta(days=3),
)
DELIVER = DeliverPassport(caller=OPERATOR_CALLER, passport=A, delivery=DELIVERED.delivery)


def shipped(net_wet_g: int, **changes: Any) -> AcceptedDelivery:
    return replace(DELIVERED, shipped=WetMass(net_wet_g=net_wet_g, moisture_ppb=0), **changes)


def delivering(known: Passport | None, accepted: AcceptedDelivery | None = DELIVERED) -> list[Any]:
    state = DeliveryState(lanes=LANES, passport=known, accepted=accepted)
    return blotter(lambda: delivered_lots.deliver(state, DELIVER, moment()))


def test_who_is_named_in_a_transfer_has_its_word() -> None:
    """Before it says so the lot is on nobody's word; an audit takes a transfer of before as it stands."""
    found = ledger()
    acknowledging = AcknowledgePassport(caller=BUYER_TRADER, passport=A, expected_version=2)

    def word(**changes: Any) -> list[tuple[str, str | None]]:
        return refused(found, passports.acknowledge, replace(acknowledging, **changes))

    assert [("passport_unknown", None)] == word(expected_version=1)
    own = {"caller": SELLER_TRADER, "expected_version": 1}
    assert [("passport_not_awaited", None)] == word(**own)
    before = passports.transfer(found.state(A, BUYER), transferring(), moment())
    (told,) = facts(before)
    assert isinstance(told, PassportTransferred)
    assert [] == list(passport_cautions.transfer_cautions(told))
    assert b"acceptance" not in msgspec.json.encode(told)
    door = replace(found.state(A, BUYER), at_door=True)
    given = found.write(passports.transfer(door, transferring(), moment()))
    (told,) = facts(given)
    assert isinstance(told, PassportTransferred)
    assert ["acceptance_awaited"] == [each.code for each in passport_cautions.transfer_cautions(told)]
    for issued_at, expected in (
        (NOW, []),
        (NOW + timedelta(days=1), ["1 day before"]),
        (NOW + timedelta(days=2_000), ["2,000 days before"]),
    ):
        early = [each.text for each in passport_cautions.day_cautions(told, issued_at)]
        assert expected == [each.partition(" is ")[2][: len(expected[0])] for each in early]
    assert (BUYER,) == found.passports[A].awaited
    audited = replace(transferring(), awaited=True)
    assert facts(given) == facts(passports.transfer(ledger().state(A, BUYER), audited, moment()))
    assert [("version_stale", None)] == word(expected_version=1)
    assert [("role_missing", None)] == word(caller=replace(BUYER_TRADER, roles=frozenset({"auditor"})))
    assert [("passport_not_awaited", None)] == word(caller=SELLER_TRADER)
    unasked = found.passports[A]
    drawn = PassportDrawn(passport=A, transformation=T, net_wet_g=1)
    used = fold(unasked, found.event(lot_checks.passport_draft(A, LANES, drawn)), drawn)
    assert UNSET is used.awaited
    found.write(passports.acknowledge(found.state(A), acknowledging, moment()))
    assert UNSET is found.passports[A].awaited
    again = replace(acknowledging, expected_version=3)
    assert [("passport_not_awaited", None)] == blotter(
        lambda: passports.acknowledge(found.state(A), again, moment())
    )


def test_goods_and_title_each_await_their_own_word() -> None:
    """Not the word of who gives them, nor of who had them by its own."""
    known = ledger().passports[A]
    moved = PassportTransferred(
        passport=A, previous_owner=SELLER, owner=SELLER, holder=SELLER, transferred_on=TODAY
    )
    for owner, holder, awaited in (
        (SELLER, BUYER, {BUYER}),
        (BUYER, SELLER, {BUYER}),
        (BUYER, STRANGER, {BUYER, STRANGER}),
        (SELLER, SELLER, set()),
    ):
        assert awaited == set(awaited_after(known, replace(moved, owner=owner, holder=holder)))
    unasked = replace(known, holder=BUYER, awaited=(BUYER,))
    assert (BUYER,) == awaited_after(unasked, replace(moved, owner=BUYER, holder=BUYER))
    kept = replace(known, holder=BUYER)
    assert () == awaited_after(kept, replace(moved, owner=BUYER, holder=BUYER))


def test_a_passport_follows_an_accepted_delivery_once() -> None:
    found = ledger()
    state = DeliveryState(lanes=LANES, passport=found.passports[A], accepted=DELIVERED)
    decision = delivered_lots.deliver(state, DELIVER, moment())
    found.write(decision)
    (fact,) = facts(decision)
    assert isinstance(fact, PassportTransferred)
    assert (SELLER, BUYER, BUYER, DELIVERED.title_passed_on, DELIVERED.agreement, DELIVERED.delivery) == (
        fact.previous_owner,
        fact.owner,
        fact.holder,
        fact.transferred_on,
        fact.agreement,
        fact.delivery,
    )
    back = transferring(caller=BUYER_TRADER, expected_version=2, owner=SELLER)
    found.write(passports.transfer(found.state(A, SELLER), back, moment()))
    assert [("delivery_not_of_passport", None)] == delivering(found.passports[A])


def test_what_a_passport_does_not_follow() -> None:
    known = ledger().passports[A]
    assert [("passport_unknown", None)] == delivering(None)
    for other in (
        None,
        replace(DELIVERED, seller=STRANGER),
        replace(DELIVERED, shipped_on=TODAY - timedelta(days=1)),
    ):
        assert [("delivery_not_of_passport", None)] == delivering(known, other)
    assert [] == delivering(known, shipped(950_000))
    assert [("lot_delivered_in_part", None)] == delivering(known, shipped(949_999))
    assert [("passport_over", None)] == delivering(replace(known, retired="lost"))
    state = DeliveryState(lanes=LANES, passport=known, accepted=DELIVERED)
    by_owner = replace(DELIVER, caller=SELLER_TRADER)
    assert [("role_missing", None)] == blotter(lambda: delivered_lots.deliver(state, by_owner, moment()))


def test_a_passport_says_what_arrived_and_what_comes_late() -> None:
    """What was short is nobody's until its seller brings it to who has title, at most as much, each once."""
    found = ledger()

    def go(of: AcceptedDelivery) -> list[Any]:
        state = DeliveryState(lanes=LANES, passport=found.passports[A], accepted=of)
        return blotter(lambda: found.write(delivered_lots.deliver(state, DELIVER, moment())))

    def stands() -> tuple[int, int, int, str]:
        lot = found.passports[A]
        return lot.remaining_g, lot.short_g, lot.open_g, lot.status

    wet = WetMass(net_wet_g=800_000, moisture_ppb=250_000_000)
    assert [] == go(shipped(960_000, received=wet))
    assert (600_000, 400_000, 400_000, "live") == stands()
    door = replace(found.state(A, BUYER, STRANGER), at_door=True)
    found.write(passports.transfer(door, holding(STRANGER), moment()))
    assert (STRANGER,) == found.passports[A].awaited
    late = replace(shipped(300_000), delivery=numbered(33), received=wet)
    for other in (
        replace(late, delivery=DELIVERED.delivery),
        replace(late, seller=STRANGER),
        replace(late, buyer=STRANGER),
        replace(late, shipped_on=TODAY - timedelta(days=1)),
    ):
        assert [("delivery_not_of_passport", None)] == go(other)
    drawn = replace(found.passports[A], drawn_g=600_000)
    assert "consumed" == drawn.status
    assert [] == delivering(drawn, late)
    assert [("passport_over", None)] == delivering(replace(drawn, retired="lost"), late)
    assert [] == go(late)
    assert (900_000, 100_000, 100_000, "live") == stands()
    lot = found.passports[A]
    assert (BUYER, STRANGER, (STRANGER,)) == (lot.owner, lot.holder, lot.awaited)
    assert [("delivery_not_of_passport", None)] == go(late)
    assert [] == go(replace(late, delivery=numbered(34)))
    assert (1_000_000, 0, 0, "live") == stands()
    assert [("delivery_not_of_passport", None)] == go(replace(late, delivery=numbered(35)))


def holding(holder: Any) -> TransferPassport:
    return transferring(caller=BUYER_TRADER, expected_version=2, owner=BUYER, holder=holder)


def test_what_was_short_is_lost_to_who_buys_the_lot_next() -> None:
    found = ledger()
    half = WetMass(net_wet_g=500_000, moisture_ppb=0)
    state = DeliveryState(
        lanes=LANES, passport=found.passports[A], accepted=replace(DELIVERED, received=half)
    )
    found.write(delivered_lots.deliver(state, DELIVER, moment()))
    sold = transferring(caller=BUYER_TRADER, expected_version=2, owner=STRANGER)
    found.write(passports.transfer(found.state(A, STRANGER), sold, moment()))
    lot = found.passports[A]
    assert (500_000, 500_000, 0) == (lot.remaining_g, lot.short_g, lot.open_g)
    onward = replace(
        DELIVERED, delivery=numbered(36), seller=STRANGER, received=replace(half, net_wet_g=499_000)
    )
    state = DeliveryState(lanes=LANES, passport=lot, accepted=replace(onward, shipped=half))
    found.write(delivered_lots.deliver(state, DELIVER, moment()))
    lot = found.passports[A]
    assert (499_000, 501_000, 1_000) == (lot.remaining_g, lot.short_g, lot.open_g)
    assert lot.received is not UNSET
    assert STRANGER == lot.received.seller
    assert (DELIVERED.delivery, numbered(36)) == lot.received.deliveries


def test_a_lot_that_comes_back_and_is_sold_again_the_same_day_follows_each_delivery_once() -> None:
    """What the first one brought is not what is short of the second."""
    found = ledger()
    short = replace(DELIVERED, delivery=numbered(37), received=WetMass(net_wet_g=600_000, moisture_ppb=0))

    def go(of: AcceptedDelivery) -> list[Any]:
        state = DeliveryState(lanes=LANES, passport=found.passports[A], accepted=of)
        return blotter(lambda: found.write(delivered_lots.deliver(state, DELIVER, moment())))

    assert [] == go(DELIVERED)
    back = transferring(caller=BUYER_TRADER, expected_version=2, owner=SELLER)
    found.write(passports.transfer(found.state(A, SELLER), back, moment()))
    assert [] == go(short)
    assert [("delivery_not_of_passport", None)] == go(DELIVERED)
    assert [("delivery_not_of_passport", None)] == go(short)
    assert [] == go(replace(short, delivery=numbered(38)))
    assert (1_000_000, 0) == (found.passports[A].remaining_g, found.passports[A].open_g)


# --- corrections


def test_what_a_delivery_settled_is_not_corrected_away() -> None:
    """Of mass, form and moisture what was received; of figures that both settled what assays explain."""
    found = ledger()
    settled = SettledLot(settled_ppb={"Nd": 300_000_000, "Dy": 10_000_000})

    def asked(of: tuple[SettledLot, ...], **changes: Any) -> list[str | None]:
        state = replace(found.state(A), settled=of)
        told = blotter(lambda: passports.correct(state, correcting(found, **changes), moment()))
        assert {"correction_of_delivery"} >= {code for code, _ in told}
        return [pointer for _, pointer in told]

    figures = ["/content/composition"]
    for share, expected in ((28, figures), (29, []), (31, []), (32, figures)):
        figure = assayed(Nd=share)
        assert expected == asked((settled,), composition=figure)
        assert [] == asked((), composition=figure)
    assert figures == asked((settled,), composition=assayed(Pr=30))
    moist = ledger(composition=replace(assayed(Nd=30), basis="as_received"))
    assert [("correction_of_delivery", "/content/composition")] == blotter(
        lambda: passports.correct(
            replace(moist.state(A), settled=(settled,)),
            correcting(moist, moisture_ppb=100_000_000),
            moment(),
        )
    )
    before = replace(settled, received_g=600_000)
    for grams, expected in (
        (570_000, []),
        (569_999, ["/content/net_wet_g"]),
        (600_001, ["/content/net_wet_g"]),
    ):
        assert expected == asked((before, settled), net_wet_g=grams)
        assert [] == asked((settled,), net_wet_g=grams)
    assert ["/content/form", "/content/moisture_ppb"] == asked(
        (before,), form="magnet_powder", moisture_ppb=1
    )
    state = DeliveryState(lanes=LANES, passport=found.passports[A], accepted=DELIVERED)
    found.write(delivered_lots.deliver(state, DELIVER, moment()))
    for of in ((), (before,)):
        assert ["/content/net_wet_g"] == asked(of, net_wet_g=600_000)
    assert [] == asked((settled,), custody="book_and_claim")


def test_a_lot_that_is_sold_is_corrected_by_its_owners_word() -> None:
    """What was stated stands until then; silence leaves it, and so does what was made of it meanwhile."""
    found = ledger()
    argument = correcting(found, custody="book_and_claim")
    by_owner = AcknowledgeCorrection(caller=BUYER_TRADER, passport=A, expected_version=2)

    def word(**changes: Any) -> list[tuple[str, str | None]]:
        return refused(found, passports.acknowledge_correction, replace(by_owner, **changes))

    (own,) = facts(passports.correct(replace(found.state(A), at_door=True), argument, moment()))
    assert isinstance(own, PassportCorrected)
    assert [] == list(passport_cautions.correction_cautions(own))
    assert b"acceptance" not in msgspec.json.encode(own)
    found.write(passports.transfer(found.state(A, BUYER), transferring(), moment()))
    assert [("correction_not_proposed", None)] == word()
    given = passports.correct(
        replace(found.state(A), at_door=True), correcting(found, custody="book_and_claim"), moment()
    )
    (told,) = facts(given)
    audited = replace(correcting(found, custody="book_and_claim"), awaited=True)
    assert (told,) == facts(passports.correct(found.state(A), audited, moment()))
    stood = found.passports[A]
    found.write(given)
    assert isinstance(told, PassportCorrected)
    assert ["correction_awaited"] == [each.code for each in passport_cautions.correction_cautions(told)]
    waits = found.passports[A]
    assert (stood.content, stood.stated_by, 0) == (waits.content, waits.stated_by, waits.corrections)
    assert waits.proposed is not UNSET
    assert told.content == waits.proposed.content
    assert [("version_stale", None)] == word()
    assert [("passport_of_other", None)] == word(caller=SELLER_TRADER, expected_version=3)
    drawn = PassportDrawn(passport=A, transformation=T, net_wet_g=1)
    used = fold(waits, found.event(lot_checks.passport_draft(A, LANES, drawn)), drawn)
    state = replace(found.state(A), passport=used)
    assert [("correction_of_balance", "/content/custody")] == blotter(
        lambda: passports.acknowledge_correction(state, replace(by_owner, expected_version=4), moment())
    )
    found.write(
        passports.acknowledge_correction(found.state(A), replace(by_owner, expected_version=3), moment())
    )
    after = found.passports[A]
    assert (told.content, waits.proposed.event, 1) == (after.content, after.stated_by, after.corrections)
    assert UNSET is after.proposed
    assert [("correction_not_proposed", None)] == word(expected_version=4)


def test_a_correction_replaces_what_is_read_and_names_what_it_corrects() -> None:
    found = ledger()
    first = found.passports[A].stated_by
    argument = correcting(found, composition=assayed(Nd=29))
    decision = passports.correct(found.state(A), argument, moment())
    found.write(decision)
    (fact,) = facts(decision)
    assert isinstance(fact, PassportCorrected)
    assert (first, assayed(Nd=29), 1) == (
        fact.corrects,
        found.passports[A].content.composition,
        found.passports[A].corrections,
    )
    stale = replace(correcting(found, moisture_ppb=1), corrects=first)
    assert [("corrects_other", "/corrects")] == refused(found, passports.correct, stale)


def test_papers_have_to_be_valid_when_the_passport_was_issued() -> None:
    found = ledger(certificates=(paper(valid_until=NOW + timedelta(days=1)),))
    argument = correcting(found, composition=assayed(Nd=29))
    later = moment(NOW + timedelta(days=30))
    assert [PassportCorrected] == [
        type(fact) for fact in facts(passports.correct(found.state(A), argument, later))
    ]


def noting(caller: Caller = SELLER_TRADER, **changes: Any) -> NotePassport:
    given: dict[str, Any] = {"passport": A, "expected_version": 1, "note": "10 %, not 100 %"} | changes
    return NotePassport(caller=caller, **given)


def test_who_issued_a_passport_says_beside_its_figures_what_is_wrong_with_them() -> None:
    """Also of a lot that is gone: what was made of it rests on the figures, and its label stays."""
    found = ledger()
    assert [("malformed_member", "/note")] == refused(found, passports.note, noting(note=""))
    assert [("passport_unknown", None)] == refused(found, passports.note, noting(BUYER_TRADER))
    found.write(passports.transfer(found.state(A, BUYER), transferring(), moment()))
    by_owner = noting(BUYER_TRADER, expected_version=2)
    assert [("passport_of_other", None)] == refused(found, passports.note, by_owner)
    for number in range(NOTES_MAX):
        found.write(passports.note(found.state(A), noting(expected_version=2 + number), moment()))
    used = noting(expected_version=2 + NOTES_MAX)
    assert [("passport_notes_used", None)] == refused(found, passports.note, used)
    noted = found.passports[A]
    assert ([NOW] * NOTES_MAX, "live") == ([each.at for each in noted.notes or ()], noted.status)


def test_defects_of_a_correction() -> None:
    found = ledger()
    assert [("no_change", None)] == refused(found, passports.correct, correcting(found))
    moved = correcting(found, lot_number="LOT-2", recycled=recycled(post=1), evidence=())
    assert [
        ("correction_moves", "/content/facility"),
        ("claim_without_evidence", "/content/evidence"),
        ("claim_without_evidence", "/content/evidence"),
    ] == refused(found, passports.correct, moved)
    odd = replace(correcting(found, lot_number=""), reason="")
    assert [("malformed_member", "/reason"), ("malformed_member", "/content/lot_number")] == refused(
        found, passports.correct, odd
    )
    found.write(passports.transfer(found.state(A, BUYER), transferring(), moment()))
    assert [] == refused(found, passports.correct, correcting(found, moisture_ppb=1))
    by_owner = replace(correcting(found, moisture_ppb=1), caller=BUYER_TRADER)
    assert [("passport_of_other", None)] == refused(found, passports.correct, by_owner)


def test_what_a_balance_rests_on_is_not_corrected() -> None:
    found = ledger()
    found.transform(transform(SELLER_TRADER, T, SELLER_SITE, [(A, 1)], [made(X, net_wet_g=1)]), moment())
    changed = correcting(found, net_wet_g=2_000_000, composition=assayed(Nd=31))
    assert [
        ("correction_of_balance", "/content/net_wet_g"),
        ("correction_of_balance", "/content/composition"),
    ] == refused(found, passports.correct, changed)
    made_lot = found.passports[X]
    of_made = replace(
        changed,
        passport=X,
        expected_version=1,
        corrects=made_lot.stated_by,
        content=replace(made_lot.content, custody="identity_preserved"),
    )
    assert [("correction_of_balance", "/content/custody")] == refused(found, passports.correct, of_made)
    assert [] == refused(
        found,
        passports.correct,
        replace(of_made, content=replace(made_lot.content, magnets=None, evidence=ISSUE.content.evidence)),
    )


# --- retirement


def test_a_retired_lot_is_done_with() -> None:
    found = ledger()
    argument = RetirePassport(caller=SELLER_TRADER, passport=A, expected_version=1, reason="lost")
    assert [("passport_unknown", None)] == refused(
        found, passports.retire, replace(argument, caller=BUYER_TRADER)
    )
    found.write(passports.retire(found.state(A), argument, moment()))
    assert ("retired", "lost") == (found.passports[A].status, found.passports[A].retired)
    again = replace(argument, expected_version=2)
    assert [("passport_over", None)] == refused(found, passports.retire, again)
    assert [("passport_over", None)] == refused(found, passports.transfer, transferring(expected_version=2))


def test_a_lot_that_another_holds_is_back_before_it_is_retired() -> None:
    """Unless that other was named only, and has not said so; an audit takes what was retired before."""
    argument = RetirePassport(caller=SELLER_TRADER, passport=A, expected_version=2, reason="lost")
    for awaited, at_door, expected in (
        (False, True, [("goods_not_back", None)]),
        (True, True, []),
        (False, False, []),
    ):
        found = ledger()
        named = transferring(owner=SELLER, holder=BUYER, awaited=awaited)
        found.write(passports.transfer(found.state(A, SELLER, BUYER), named, moment()))
        state = replace(found.state(A, BUYER), at_door=at_door)
        assert expected == blotter(lambda state=state: passports.retire(state, argument, moment()))  # type: ignore[misc]
        (rid,) = facts(passports.transfer(state, transferring(expected_version=2), moment()))
        assert isinstance(rid, PassportTransferred)
        assert (BUYER, BUYER) == (rid.owner, rid.holder)


# --- who sees what

VIEWERS: tuple[Viewer, ...] = (
    PublicViewer(key=b"k"),
    InitiativeViewer(initiative="remhub", key=b"k"),
    OrganisationViewer(organisation=SELLER),
    OrganisationViewer(organisation=BUYER),
    OrganisationViewer(organisation=STRANGER),
    OperatorViewer(cut=0),
    AuditorViewer(),
)
SOLD = replace(
    ledger(magnets=magnet_record(SELLER), recycled=recycled(post=10, pre=5)).passports[A],
    owner=BUYER,
    holder=BUYER,
    transformation=T,
)


def test_tiers_of_a_passport() -> None:
    seen = [see_passport(SOLD, viewer) for viewer in VIEWERS]
    assert [None, None, "issuer", "party", None, "authority", "authority"] == [
        None if each is None else each.tier for each in seen
    ]
    issuer = seen[2]
    assert issuer is not None
    assert (None, None, None, SOLD.content) == (issuer.owner, issuer.holder, issuer.drawn_g, issuer.content)
    counterparty = see_passport(SOLD, VIEWERS[4], frozenset({STRANGER}))
    assert isinstance(counterparty, SeenPassport)
    own = site()
    known = {SELLER_SITE: own, BUYER_SITE: replace(own, organisation=BUYER, facility=BUYER_SITE)}
    assert () == see_sites(counterparty, known)
    foreign = OriginShare(stage="extraction", country="NO", share_ppb=1, facility=BUYER_SITE)
    named = replace(issuer, content=content(SELLER_SITE, origin=(foreign,)))
    assert [SELLER_SITE] == [each.facility for each in see_sites(named, known)]
    assert (None, None, None, BUYER) == (
        counterparty.organisation,
        counterparty.transformation,
        counterparty.drawn_g,
        counterparty.owner,
    )
    assert [("NO", PPB, None, None)] == [
        (each.country, each.share_ppb, each.source, each.facility) for each in counterparty.content.origin
    ]


def test_a_buyer_learns_no_supplier_from_what_was_said_first_or_from_papers() -> None:
    papers = (paper(), paper("inherited", facility=BUYER_SITE), paper("own", facility=SELLER_SITE))
    issued = PassportIssued(
        passport=A,
        organisation=SELLER,
        owner=SELLER,
        holder=SELLER,
        content=content(SELLER_SITE, certificates=papers),
    )
    seen = see_material(issued, VIEWERS[4], SOLD, frozenset({STRANGER}))
    assert isinstance(seen, SeenStatement)
    assert [None, None, SELLER_SITE] == [each.facility for each in seen.content.certificates]
    retired = PassportRetired(passport=A, reason="installed", note="in a park of ours")
    for viewer, note in zip(VIEWERS[2:5], (None, retired.note, None), strict=True):
        shown = see_material(retired, viewer, SOLD, frozenset({STRANGER}))
        assert isinstance(shown, PassportRetired)
        assert note == shown.note


@pytest.mark.parametrize(
    ("stated", "percents", "read"),
    [
        ("NdFeB", {"Nd": 28, "Sm": 1}, None),
        ("ferrite", {"Nd": 20, "Pr": 3}, "20 % Nd and 3 % Pr is NdFeB"),
        ("AlNiCo", {"Nd": 23}, "23 % Nd is NdFeB"),
        ("SmCo", {"Nd": 23}, "23 % Nd is NdFeB"),
        ("NdFeB", {"Sm": 33, "Pr": 4}, "33 % Sm is SmCo"),
        ("SmCo", {"Sm": 20, "Pr": 15}, None),
        ("ferrite", {"Nd": 9}, None),
        ("ferrite", {}, None),
    ],
)
def test_a_type_that_the_composition_contradicts_is_told(
    stated: MagnetType, percents: dict[str, int], read: str | None
) -> None:
    record = magnet_record(SELLER)
    composition = assayed(**percents) if percents else None
    magnet = replace(record.magnets[0], type=stated, composition=composition)
    magnets = replace(record, magnets=(record.magnets[0], magnet))
    found = list(type_cautions(content(SELLER_SITE, magnets=magnets)))
    assert (read is not None) == bool(found)
    for each in found:
        assert ("magnet_type_unlike_composition", "/magnets/magnets/1/type") == (each.code, each.pointer)
        assert f"{stated} is stated, but a magnet of {read}:" in each.text


def test_a_type_is_held_against_the_lot_where_the_magnets_are_nearly_all_of_it() -> None:
    """100 kg of magnets; of 112 kg they are less than nine tenths. NdFeB that is stated explains the lot."""
    record = magnet_record(SELLER)
    silent = replace(record.magnets[0], type="ferrite", composition=None, pieces=1_000, mass_mg=100_000)
    ndfeb = assayed(Nd=28, Pr=3, Dy=1)
    for net_wet_g, magnets, told in (
        (111_000, (silent,), True),
        (112_000, (silent,), False),
        (111_000, (replace(silent, pieces=500), replace(silent, pieces=500, type="NdFeB")), False),
        (111_000, (replace(silent, type="NdFeB"),), False),
        (111_000, (replace(silent, composition=assayed(Fe=60)),), False),
    ):
        lot = replace(
            content(SELLER_SITE, magnets=replace(record, magnets=magnets)),
            composition=ndfeb,
            net_wet_g=net_wet_g,
        )
        codes = ["magnet_type_unlike_composition"] if told else []
        assert codes == [each.code for each in type_cautions(lot)]
        found = statement(lot, FROM)
        assert found is not None
        assert told == (found.duty == "types_contradicted")


def test_the_label_is_what_the_regulation_asks_for() -> None:
    label = see_label(SOLD, Responsible(name="a magnet maker", country="DE"))
    assert isinstance(label, MagnetLabel)
    assert SOLD.content.magnets == label.magnets
    assert [LabelShare(element="Nd", post_consumer_ppb=100_000_000)] == list(label.recycled)
    assert ("responsible_postal_address", "responsible_contact") == label.unstated
    assert ("responsible_name", "responsible_postal_address", "responsible_contact") == unstated_parts(
        label.magnets, None
    )
    address = PostalAddress(street="1 Magnet Road", town="Bochum", country="DE")
    reached = Responsible(
        name="a magnet maker",
        country="DE",
        postal_address=address,
        electronic_contact="m@maker.example",
    )
    assert () == unstated_parts(label.magnets, reached)
    stated = content(SELLER_SITE, magnets=label.magnets)
    assert [] == [each.code for each in label_cautions(stated, reached)]
    assert [] == list(label_cautions(content(SELLER_SITE), reached))
    (magnet,) = label.magnets.magnets
    bare = replace(label.magnets, magnets=(magnet, replace(magnet, glues=(), additives=UNSET)))
    assert ("glues", "additives") == unstated_parts(bare, reached)
    (told,) = label_cautions(replace(stated, magnets=bare), reached)
    assert ("magnet_parts_unstated", "/magnets/magnets") == (told.code, told.pointer)
    assert "not every magnet states glues, additives." in told.text
    named = see_label(replace(SOLD, content=content(SELLER_SITE, magnets=magnet_record(BUYER))), reached)
    assert isinstance(named, MagnetLabel)
    assert (None, "responsible_name") == (named.responsible, named.unstated[0])
    assert None is see_label(replace(SOLD, content=content(SELLER_SITE)), None)


SEEN_BY: dict[type, tuple[str, ...]] = {
    LotReserved: ("SELLER", "operator", "auditor"),
    LotReleased: ("SELLER", "operator", "auditor"),
    PassportIssued: ("SELLER", "BUYER", "STRANGER", "operator", "auditor"),
    PassportTransferred: ("BUYER", "operator", "auditor"),
    PassportAcknowledged: ("BUYER", "operator", "auditor"),
    PassportDrawn: ("BUYER", "operator", "auditor"),
    PassportCorrected: ("SELLER", "BUYER", "STRANGER", "operator", "auditor"),
    PassportNoted: ("SELLER", "BUYER", "STRANGER", "operator", "auditor"),
    PassportRetired: ("SELLER", "BUYER", "STRANGER", "operator", "auditor"),
    PassportTransformed: ("SELLER", "operator", "auditor"),
    MassBalanceMoved: ("SELLER", "operator", "auditor"),
    ProductTwinStated: ("SELLER", "operator", "auditor"),
    VolumeDeclared: ("SELLER", "operator", "auditor"),
    VolumeCorrected: ("SELLER", "operator", "auditor"),
    VolumeWithdrawn: ("SELLER", "operator", "auditor"),
}
"""The issuer is SELLER, the owner BUYER, a counterparty STRANGER."""


def test_every_fact_is_placed() -> None:
    assert set(SEEN_BY) == set(get_args(MaterialFact))


@pytest.mark.parametrize("kind", SEEN_BY, ids=lambda kind: kind.__name__)
def test_who_sees_a_fact(kind: Any) -> None:
    fact = list(samples(kind.TYPE))[-1]
    if "organisation" in fact.__struct_fields__:
        fact = replace(fact, organisation=SELLER)
    names = ("public", "initiative", "SELLER", "BUYER", "STRANGER", "operator", "auditor")
    seen: Any = {
        name: see_material(fact, viewer, SOLD, frozenset({STRANGER}))  # type: ignore[arg-type]
        for name, viewer in zip(names, VIEWERS, strict=True)
    }
    assert SEEN_BY[kind] == tuple(name for name in names if seen[name] is not None)
    assert fact == seen["auditor"] == seen["operator"]
    if kind in (PassportIssued, PassportCorrected):
        assert {(None, None)} == {(o.source, o.facility) for o in seen["STRANGER"].content.origin}
    assert None is see_material(fact, VIEWERS[3]) or "organisation" in fact.__struct_fields__  # type: ignore[arg-type]


def test_facts_that_cannot_follow_are_no_state() -> None:
    drawn = PassportDrawn(passport=A, transformation=T, net_wet_g=1_000_001)
    issued = PassportIssued(
        passport=A, organisation=SELLER, owner=SELLER, holder=SELLER, content=ISSUE.content
    )
    for found, fact, error in (
        (Ledger(site()), drawn, LookupError),
        (ledger(), drawn, AssertionError),
        (ledger(), issued, AssertionError),
    ):
        with pytest.raises(error):
            found.write(Decision(drafts=(lot_checks.passport_draft(A, LANES, fact),)))
