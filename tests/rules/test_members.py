"""A market opens, admits organisations and suspends them; members leave, and organisations end."""

from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from events.callers import Caller
from events.market_events import (
    MarketOpened,
    MemberAdmitted,
    MemberLeft,
    MemberSuspended,
    RecoveredLotWithdrawn,
    RequirementWithdrawn,
    SupplyOfferWithdrawn,
)
from events.material_events import LotReleased
from events.party_events import OrganisationClosed
from events.refusal import Refusals
from events.vocabulary import PPB
from market.rules.parties import closings, leaving, members
from market.rules.parties.closings import AskClosing, CloseOrganisation, WithdrawClosing
from market.rules.parties.leaving import LeaveMarket, LeavingState
from market.rules.parties.members import AdmitMember, MembershipState, OpeningState, OpenMarket, SuspendMember
from market.rules.parties.openings import MarketOpenings, MoneyOpenings, Openings, money_cautions
from market.rules.parties.parties import Facility, FacilityDetails, Organisation, OrganisationState
from market.rules.refusing.party_refusals import ReadmissionUnstated
from tests.desk_support import (
    BUYER,
    LANE,
    LANES,
    MARKET,
    MEMBERS,
    OPERATOR_CALLER,
    SELLER,
    SELLER_SITE,
    SELLER_TRADER,
    TERMS,
    blotter,
    day,
    facts,
    lot,
    moment,
    numbered,
    refusals,
    requirement_order,
    supply_order,
)

OPEN = OpenMarket(caller=OPERATOR_CALLER, market=MARKET, terms=TERMS)
ADMIT = AdmitMember(caller=OPERATOR_CALLER, organisation=SELLER)
SUSPEND = SuspendMember(caller=OPERATOR_CALLER, organisation=SELLER, reason="sanctions list of 2026-02-24")
PARTY = OrganisationState(
    lane=7,
    position=12,
    organisation=Organisation(
        organisation=SELLER,
        name="recycler-fr-1",
        country="FR",
        roles=("recycler",),
        group=SELLER,
        initiatives=("remhub",),
        sanctions_screened_until=day(1, 1, 2027),
        version=3,
    ),
    facilities=(
        Facility(
            organisation=SELLER,
            facility=SELLER_SITE,
            version=1,
            details=FacilityDetails(
                name="Lyon plant",
                country="FR",
                place="Lyon",
                stages=("recycling",),
                scale="industrial",
                readiness_level=9,
                strategic_project="SP-FR-1",
            ),
        ),
    ),
)
OUTSIDE = MembershipState(market=MARKET, lane=LANE, member=None, suspended=False, party=PARTY)
INSIDE = replace(OUTSIDE, member=MEMBERS[SELLER])


def test_a_market_that_cannot_run_is_not_opened() -> None:
    odd = replace(TERMS, confirmation_seconds=0, clearing_jitter_seconds=3_601)
    assert [
        ("role_missing", None),
        ("market_exists", None),
        ("seconds_out_of_range", "/confirmation_seconds"),
        ("seconds_out_of_range", "/clearing_jitter_seconds"),
    ] == blotter(
        lambda: members.open_market(
            OpeningState(lane=LANE, exists=True), replace(OPEN, terms=odd, caller=SELLER_TRADER), moment()
        )
    )
    with pytest.raises(Refusals) as found:
        members.open_market(OpeningState(lane=LANE, exists=False), replace(OPEN, terms=odd), moment())
    assert ["0 s is outside 1 s to 1000000000 s.", "3601 s is outside 0 s to 3600 s."] == [
        each.detail() for each in found.value.refusals
    ]
    endless = replace(TERMS, orders_max=10**6, least_basis_ppb=PPB + 1)
    assert [("malformed_member", "/least_basis_ppb"), ("malformed_member", "/orders_max")] == blotter(
        lambda: members.open_market(
            OpeningState(lane=LANE, exists=False), replace(OPEN, terms=endless), moment()
        )
    )


def test_a_market_opens_with_its_terms() -> None:
    (fact,) = facts(members.open_market(OpeningState(lane=LANE, exists=False), OPEN, moment()))
    assert MarketOpened(market=MARKET, terms=TERMS) == fact


def test_an_admission_copies_the_organisation_as_it_stands() -> None:
    decision = members.admit(OUTSIDE, ADMIT, moment())
    (fact,) = facts(decision)
    assert isinstance(fact, MemberAdmitted)
    assert (SELLER, ("remhub",), 12) == (
        fact.member.organisation, fact.member.initiatives, fact.member.source_position,
    )  # fmt: skip
    assert [(SELLER_SITE, True)] == [
        (site.facility, site.strategic_project) for site in fact.member.facilities
    ]
    assert ("market", LANE) == (decision.drafts[0].stream, decision.drafts[0].lane)


def test_admission_and_suspension_are_refused_when_they_make_no_sense() -> None:
    assert [("market_unknown", None)] == blotter(lambda: members.admit(None, ADMIT, moment()))
    assert [("role_missing", None)] == blotter(
        lambda: members.admit(OUTSIDE, replace(ADMIT, caller=SELLER_TRADER), moment())
    )
    assert [("already_member", None)] == blotter(lambda: members.admit(INSIDE, ADMIT, moment()))
    for party in (None, replace(PARTY, organisation=None)):
        assert [("organisation_unknown", "/organisation")] == blotter(
            lambda party=party: members.admit(replace(OUTSIDE, party=party), ADMIT, moment())  # type: ignore[misc]
        )
    assert [("market_unknown", None)] == blotter(lambda: members.suspend(None, SUSPEND, moment()))
    assert [("not_a_member", None)] == blotter(lambda: members.suspend(OUTSIDE, SUSPEND, moment()))
    assert [("role_missing", None), ("malformed_member", "/reason"), ("suspended_before", None)] == blotter(
        lambda: members.suspend(
            replace(INSIDE, suspended=True), replace(SUSPEND, caller=SELLER_TRADER, reason="\x00"), moment()
        )
    )


@pytest.mark.parametrize(("has_left", "how"), [(False, "suspended in"), (True, "one that has left")])
def test_who_was_suspended_or_left_is_admitted_again_only_where_that_is_meant(
    has_left: bool, how: str
) -> None:
    gone = replace(INSIDE, suspended=True, has_left=has_left)
    with pytest.raises(ReadmissionUnstated, match=f"is {how} this market"):
        members.admit(gone, replace(ADMIT, readmits=False), moment())
    (fact,) = facts(members.admit(gone, ADMIT, moment()))
    assert isinstance(fact, MemberAdmitted)
    (fact,) = facts(members.admit(OUTSIDE, replace(ADMIT, readmits=False), moment()))
    assert isinstance(fact, MemberAdmitted)


def test_a_suspended_member_can_come_back() -> None:
    (fact,) = facts(members.suspend(INSIDE, SUSPEND, moment()))
    assert isinstance(fact, MemberSuspended)
    assert (SELLER, SUSPEND.reason) == (fact.organisation, fact.reason)
    (admitted,) = facts(members.admit(replace(INSIDE, suspended=True), ADMIT, moment()))
    assert isinstance(admitted, MemberAdmitted)


ADMIN = Caller(organisation=SELLER, roles=frozenset({"admin", "trader"}))
OFFER = supply_order()
LOT = supply_order(lot(), order=numbered(71), kind="lot")
NEED = requirement_order(order=numbered(72), organisation=SELLER)
OPENINGS = MarketOpenings(market=MARKET, lane=LANE, plan_cut=39)
LEAVE = LeaveMarket(caller=ADMIN, organisation=SELLER)


def leaving_state(**open_: Any) -> LeavingState:
    return LeavingState(lanes=LANES, is_member=True, openings=replace(OPENINGS, **open_))


def test_a_member_leaves_only_with_nothing_open_and_is_told_all_that_is() -> None:
    assert [("market_unknown", None)] == blotter(lambda: leaving.leave(None, LEAVE, moment()))
    for other in (OPERATOR_CALLER, Caller(organisation=BUYER, roles=frozenset({"admin"}))):
        assert [("organisation_unknown", None)] == blotter(
            partial(leaving.leave, leaving_state(), replace(LEAVE, caller=other), moment())
        )
    assert [("role_missing", None)] == blotter(
        lambda: leaving.leave(leaving_state(), replace(LEAVE, caller=SELLER_TRADER), moment())
    )
    assert [("not_a_member", None)] == blotter(
        lambda: leaving.leave(replace(leaving_state(), is_member=False), LEAVE, moment())
    )
    match, coming, agreement = numbered(80), numbered(81), numbered(82)
    busy = leaving_state(
        supplies=(OFFER,),
        requirements=(NEED,),
        matches=(match,),
        uncontracted=(coming,),
        agreements=(agreement,),
    )
    told = refusals(lambda: leaving.leave(busy, LEAVE, moment()))
    assert ["matches_open", "contracts_to_come", "agreements_open", "orders_open"] == [
        each.code for each in told
    ]
    for each, named in zip(told, ((match,), (coming,), (agreement,), (OFFER.order, NEED.order)), strict=True):
        assert all(name.hex in each.detail() for name in named)
    withdrawing = replace(LEAVE, withdraw_orders=True)
    assert ["matches_open", "contracts_to_come", "agreements_open"] == [
        code for code, _ in blotter(lambda: leaving.leave(busy, withdrawing, moment()))
    ]


def test_a_member_withdraws_as_it_leaves_unless_a_round_has_its_orders() -> None:
    with_orders = leaving_state(supplies=(OFFER, LOT), requirements=(NEED,))
    withdrawing = replace(LEAVE, withdraw_orders=True)
    decision = leaving.leave(with_orders, withdrawing, moment())
    assert [
        ("market", SupplyOfferWithdrawn),
        ("market", RecoveredLotWithdrawn),
        ("materials", LotReleased),
        ("market", RequirementWithdrawn),
        ("market", MemberLeft),
    ] == [(draft.stream, type(draft.data)) for draft in decision.drafts]
    admin_alone = Caller(organisation=SELLER, roles=frozenset({"admin"}))
    assert [("role_missing", None)] == blotter(
        lambda: leaving.leave(with_orders, replace(withdrawing, caller=admin_alone), moment())
    )
    in_round = replace(with_orders, openings=replace(with_orders.openings, plan_cut=40))
    assert [("clearing_in_progress", None)] == blotter(lambda: leaving.leave(in_round, withdrawing, moment()))
    many = leaving_state(supplies=(OFFER,) * 501)
    assert [("withdrawals_max", None)] == blotter(lambda: leaving.leave(many, withdrawing, moment()))
    (told,) = refusals(lambda: leaving.leave(many, LEAVE, moment()))
    assert told.detail().endswith(f"offer_{OFFER.order.hex} and 301 more.")
    (fact,) = facts(leaving.leave(leaving_state(), LEAVE, moment()))
    assert MemberLeft(market=MARKET, organisation=SELLER) == fact


def test_who_has_left_is_no_member_and_may_be_admitted_again() -> None:
    gone = replace(INSIDE, suspended=True, has_left=True)
    assert [("not_a_member", None)] == blotter(lambda: members.suspend(gone, SUSPEND, moment()))
    (admitted,) = facts(members.admit(gone, ADMIT, moment()))
    assert isinstance(admitted, MemberAdmitted)
    assert PARTY.organisation is not None
    closed = replace(PARTY, organisation=replace(PARTY.organisation, closed_at=moment().now))
    assert [("organisation_closed", "/organisation")] == blotter(
        lambda: members.admit(replace(gone, party=closed), ADMIT, moment())
    )


def test_closing_takes_its_admin_and_another_operator() -> None:
    ask = AskClosing(caller=ADMIN, organisation=SELLER)
    back = WithdrawClosing(caller=ADMIN, organisation=SELLER)
    close = CloseOrganisation(caller=OPERATOR_CALLER, organisation=SELLER)
    assert PARTY.organisation is not None
    asked = replace(PARTY, organisation=replace(PARTY.organisation, closing_asked_at=moment().now))
    closed = replace(PARTY, organisation=replace(PARTY.organisation, closed_at=moment().now))
    assert [("closing_asked_before", None)] == blotter(lambda: closings.ask(asked, ask, moment()))
    assert [("closing_not_asked", None)] == blotter(lambda: closings.withdraw(PARTY, back, moment()))
    assert [("organisation_unknown", None)] == blotter(
        lambda: closings.ask(PARTY, replace(ask, caller=OPERATOR_CALLER), moment())
    )
    assert [("role_missing", None)] == blotter(
        lambda: closings.ask(PARTY, replace(ask, caller=SELLER_TRADER), moment())
    )
    assert [("role_missing", None)] == blotter(
        lambda: closings.close(asked, replace(close, caller=ADMIN), moment())
    )
    assert [("organisation_closed", None)] == blotter(lambda: closings.close(closed, close, moment()))
    assert [("organisation_closed", None)] == blotter(lambda: closings.ask(closed, ask, moment()))
    busy = replace(
        PARTY,
        openings=Openings(
            markets=(replace(OPENINGS, supplies=(OFFER,)), replace(OPENINGS, matches=(numbered(80),))),
            deliveries=(numbered(83),),
            policies=(numbered(84),),
            passports=(numbered(85),),
        ),
    )
    own = replace(close, caller=Caller(organisation=SELLER, roles=frozenset({"operator"})))
    assert [
        "orders_open", "matches_open", "deliveries_open", "policies_open", "passports_open",
        "closed_by_itself", "closing_not_asked",
    ] == [code for code, _ in blotter(lambda: closings.close(busy, own, moment()))]  # fmt: skip
    open_ = replace(asked, openings=Openings(markets=(OPENINGS, replace(OPENINGS, has_left=True))))
    assert [MemberLeft, OrganisationClosed] == [
        type(fact) for fact in facts(closings.close(open_, close, moment()))
    ]


def test_what_is_to_be_paid_is_told_and_keeps_nobody() -> None:
    invoices = tuple(map(numbered, range(100, 301)))
    money = MoneyOpenings(invoices=invoices, statements=(numbered(90),))
    ends = money_cautions(money, ends=True)
    assert ["invoices_open", "payments_open"] == [each.code for each in ends]
    assert ends[0].text.startswith("201 invoices are not settled, once it is closed it neither reads")
    assert ends[0].text.endswith(f"inv_{invoices[199].hex} and 1 more.")
    assert f"pay_{numbered(90).hex}" in ends[1].text
    (left,) = money_cautions(MoneyOpenings(invoices=invoices[:1]), ends=False)
    assert f"they are due as before, whoever is a member: inv_{invoices[0].hex}." in left.text
    assert [] == money_cautions(MoneyOpenings(), ends=True)
