"""A market opens, admits organisations and suspends them."""

from msgspec.structs import replace

from events.market_events import MarketOpened, MemberAdmitted, MemberSuspended
from events.vocabulary import PPB
from market.rules.parties import members
from market.rules.parties.members import AdmitMember, MembershipState, OpeningState, OpenMarket, SuspendMember
from market.rules.parties.parties import Facility, FacilityDetails, Organisation, OrganisationState
from tests.desk_support import (
    LANE,
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
    moment,
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
        ("amount_out_of_range", "/confirmation_seconds"),
        ("amount_out_of_range", "/clearing_jitter_seconds"),
    ] == blotter(
        lambda: members.open_market(
            OpeningState(lane=LANE, exists=True), replace(OPEN, terms=odd, caller=SELLER_TRADER), moment()
        )
    )
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


def test_a_suspended_member_can_come_back() -> None:
    (fact,) = facts(members.suspend(INSIDE, SUSPEND, moment()))
    assert isinstance(fact, MemberSuspended)
    assert (SELLER, SUSPEND.reason) == (fact.organisation, fact.reason)
    (admitted,) = facts(members.admit(replace(INSIDE, suspended=True), ADMIT, moment()))
    assert isinstance(admitted, MemberAdmitted)
