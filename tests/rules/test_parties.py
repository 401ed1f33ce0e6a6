"""Organisations, sites, papers and keys; and the copies that each market gets in the same transaction."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from msgspec import UNSET
from msgspec.structs import asdict, replace

from events.callers import Caller
from events.decision import Decision
from events.market_events import MemberChanged
from events.party_events import (
    ApiKeyIssued,
    ApiKeyRevoked,
    CertificateRegistered,
    CertificateRevoked,
    FacilityChanged,
    FacilityRegistered,
    FacilityRevoked,
    LicenceRegistered,
    LicenceRevoked,
    OrganisationChanged,
    OrganisationRegistered,
)
from events.refusal import Refusals
from market.rules.parties import facilities, keys, papers, parties
from market.rules.parties.facilities import ChangeFacility, RegisterFacility, RevokeFacility
from market.rules.parties.keys import IssueKey, RevokeKey
from market.rules.parties.licence_kinds import LICENCE_KINDS, counts_as
from market.rules.parties.papers import (
    RegisterCertificate,
    RegisterLicence,
    RevokeCertificate,
    RevokeLicence,
    licence_cautions,
)
from market.rules.parties.parties import (
    ApiKey,
    Certificate,
    CertificateDetails,
    ChangeOrganisation,
    Facility,
    FacilityDetails,
    KeyDetails,
    Licence,
    LicenceDetails,
    Membership,
    Organisation,
    OrganisationDetails,
    OrganisationState,
    RegisterOrganisation,
    member_copy,
)
from tests.desk_support import (
    CERTIFICATE,
    MARKET,
    NOW,
    OPERATOR_CALLER,
    SELLER,
    SELLER_SITE,
    SELLER_TRADER,
    STRANGER,
    blotter,
    day,
    facts,
    moment,
    numbered,
)

LICENCE, KEY, OTHER_MARKET = numbered(31), numbered(32), numbered(33)
COMPLIANCE = Caller(organisation=SELLER, roles=frozenset({"compliance"}))
ADMIN = Caller(organisation=SELLER, roles=frozenset({"admin"}))
FOREIGN_ADMIN = Caller(organisation=STRANGER, roles=frozenset({"admin", "compliance"}))
UNTIL = day(1, 1, 2028)

DETAILS = OrganisationDetails(
    name="recycler-fr-1", country="FR", roles=("recycler",), sanctions_screened_until=UNTIL
)
SITE = FacilityDetails(
    name="Lyon plant",
    country="FR",
    place="Lyon",
    stages=("recycling",),
    scale="industrial",
    readiness_level=9,
)
PAPER = CertificateDetails(
    facility=SELLER_SITE, scheme="ISO14001", reference="FR-1", valid_from=day(1, 1), valid_until=UNTIL
)
PERMIT = LicenceDetails(
    facility=SELLER_SITE, kind="waste_treatment", waste_statuses=("waste",), ewc_codes=("120103",),
    reference="DREAL-1", valid_from=day(1, 1), valid_until=UNTIL,
)  # fmt: skip
KEY_DETAILS = KeyDetails(label="desk", secret_sha256="a" * 64, roles=("trader",), expires_at=UNTIL)
FIRM = Organisation(organisation=SELLER, version=1, **asdict(replace(DETAILS, group=SELLER)))
STATE = OrganisationState(
    lane=7,
    position=12,
    organisation=FIRM,
    facilities=(Facility(organisation=SELLER, facility=SELLER_SITE, details=SITE, version=1),),
    certificates=(Certificate(organisation=SELLER, certificate=CERTIFICATE, details=PAPER, version=1),),
    licences=(Licence(organisation=SELLER, licence=LICENCE, details=PERMIT, version=1),),
    keys=(ApiKey(organisation=SELLER, key=KEY, details=KEY_DETAILS, version=1),),
    memberships=(Membership(market=OTHER_MARKET, lane=5), Membership(market=MARKET, lane=3)),
)
NOBODY = OrganisationState(lane=7, position=0, organisation=None)

REGISTER = RegisterOrganisation(caller=OPERATOR_CALLER, organisation=SELLER, details=DETAILS)
CHANGE = ChangeOrganisation(caller=OPERATOR_CALLER, organisation=SELLER, expected_version=1, details=DETAILS)
REGISTER_SITE = RegisterFacility(caller=COMPLIANCE, organisation=SELLER, details=SITE)
CHANGE_SITE = ChangeFacility(
    caller=COMPLIANCE, organisation=SELLER, facility=SELLER_SITE, expected_version=1, details=SITE
)
REVOKE_SITE = RevokeFacility(caller=COMPLIANCE, organisation=SELLER, facility=SELLER_SITE)
REGISTER_PAPER = RegisterCertificate(caller=COMPLIANCE, organisation=SELLER, details=PAPER)
REVOKE_PAPER = RevokeCertificate(caller=COMPLIANCE, organisation=SELLER, certificate=CERTIFICATE)
REGISTER_PERMIT = RegisterLicence(caller=COMPLIANCE, organisation=SELLER, details=PERMIT)
REVOKE_PERMIT = RevokeLicence(caller=COMPLIANCE, organisation=SELLER, licence=LICENCE)
ISSUE = IssueKey(caller=ADMIN, organisation=SELLER, key=numbered(34), details=KEY_DETAILS)
REVOKE = RevokeKey(caller=ADMIN, organisation=SELLER, key=KEY)


def copies(decision: Decision) -> list[tuple[int, MemberChanged]]:
    """Lane and fact of each market's new copy, in order; the party's own fact stands first."""
    facts(decision)
    assert ("parties", 7) == (decision.drafts[0].stream, decision.drafts[0].lane)
    return [
        (draft.lane, draft.data) for draft in decision.drafts[1:] if isinstance(draft.data, MemberChanged)
    ]


OWN_DOORS = [
    (facilities.register_facility, REGISTER_SITE),
    (facilities.change_facility, CHANGE_SITE),
    (facilities.revoke_facility, REVOKE_SITE),
    (papers.register_certificate, REGISTER_PAPER),
    (papers.revoke_certificate, REVOKE_PAPER),
    (papers.register_licence, REGISTER_PERMIT),
    (papers.revoke_licence, REVOKE_PERMIT),
    (keys.issue_key, ISSUE),
    (keys.revoke_key, REVOKE),
]


@pytest.mark.parametrize(("decide", "argument"), OWN_DOORS, ids=[door.__name__ for door, _ in OWN_DOORS])
def test_another_organisation_does_not_exist_and_a_trader_has_not_the_role(decide, argument) -> None:  # type: ignore[no-untyped-def]
    for caller, state, code in (
        (FOREIGN_ADMIN, STATE, "organisation_unknown"),
        (SELLER_TRADER, STATE, "role_missing"),
        (OPERATOR_CALLER, NOBODY, "organisation_unknown"),
    ):
        assert [(code, None)] == blotter(
            lambda caller=caller, state=state: decide(state, replace(argument, caller=caller), moment())  # type: ignore[misc]  # bound by its default
        )


def test_only_an_operator_registers_and_changes_organisations() -> None:
    assert [("role_missing", None), ("organisation_exists", None)] == blotter(
        lambda: parties.register_organisation(STATE, replace(REGISTER, caller=ADMIN), moment())
    )
    assert [("role_missing", None)] == blotter(
        lambda: parties.change_organisation(STATE, replace(CHANGE, caller=ADMIN), moment())
    )


def test_defects_of_an_organisation() -> None:
    bad = replace(
        DETAILS, name="", country="fr", roles=("recycler", "recycler"), initiatives=("remhub", "remhub")
    )
    assert [
        ("malformed_member", "/name"),
        ("malformed_member", "/country"),
        ("duplicate_entry", "/roles/1"),
        ("duplicate_entry", "/initiatives/1"),
        ("initiative_unknown", "/initiatives/0"),
        ("initiative_unknown", "/initiatives/1"),
    ] == blotter(lambda: parties.register_organisation(NOBODY, replace(REGISTER, details=bad), moment()))
    assert [("version_stale", None)] == blotter(
        lambda: parties.change_organisation(STATE, replace(CHANGE, expected_version=4), moment())
    )
    assert [("no_change", None)] == blotter(lambda: parties.change_organisation(STATE, CHANGE, moment()))
    assert [("organisation_unknown", None)] == blotter(
        lambda: parties.change_organisation(NOBODY, CHANGE, moment())
    )


def test_an_organisation_names_only_initiatives_that_stand() -> None:
    named = replace(DETAILS, initiatives=("remhub", "permanet", "Remhub"))
    expected = [("initiative_unknown", "/initiatives/0"), ("initiative_unknown", "/initiatives/2")]
    new = replace(NOBODY, initiatives=frozenset({"permanet"}))
    assert expected == blotter(
        lambda: parties.register_organisation(new, replace(REGISTER, details=named), moment())
    )
    known = replace(STATE, initiatives=new.initiatives)
    assert expected == blotter(
        lambda: parties.change_organisation(known, replace(CHANGE, details=named), moment())
    )
    joins = replace(CHANGE, details=replace(DETAILS, initiatives=("permanet",)))
    assert [("permanet",)] * 2 == [
        fact.member.initiatives for _, fact in copies(parties.change_organisation(known, joins, moment()))
    ]


def test_an_organisation_is_its_own_group_unless_it_says_otherwise() -> None:
    (fact,) = facts(parties.register_organisation(NOBODY, REGISTER, moment()))
    assert isinstance(fact, OrganisationRegistered)
    assert SELLER == fact.group
    parent = replace(REGISTER, details=replace(DETAILS, group=STRANGER))
    (fact,) = facts(parties.register_organisation(NOBODY, parent, moment()))
    assert isinstance(fact, OrganisationRegistered)
    assert STRANGER == fact.group


def test_only_an_ultimate_parent_is_named_as_group() -> None:
    below = replace(DETAILS, group=STRANGER)
    expected = [("group_not_ultimate", "/group")]
    for ultimate, refused in ((numbered(40), expected), (SELLER, expected), (STRANGER, []), (None, [])):
        new = replace(NOBODY, parent_group=ultimate)
        assert refused == blotter(
            lambda new=new: parties.register_organisation(new, replace(REGISTER, details=below), moment())  # type: ignore[misc]  # bound by its default
        )
        known = replace(STATE, parent_group=ultimate)
        assert refused == blotter(
            lambda known=known: parties.change_organisation(known, replace(CHANGE, details=below), moment())  # type: ignore[misc]  # bound by its default
        )


def test_who_names_an_organisation_as_group_moves_along_to_its_new_one() -> None:
    joins = replace(CHANGE, details=replace(DETAILS, group=STRANGER))
    daughter = replace(FIRM, organisation=numbered(41), name="daughter", version=3)
    market = Membership(market=MARKET, lane=3)
    follower = OrganisationState(lane=2, position=9, organisation=daughter, memberships=(market,))
    state = replace(STATE, parent_group=STRANGER, followers=(follower,))
    decision = parties.change_organisation(state, joins, moment())
    *own, moved, copy = decision.drafts
    assert 3 == len(own)
    assert ("parties", 2, str(daughter.organisation)) == (moved.stream, moved.lane, moved.subject)
    assert isinstance(moved.data, OrganisationChanged)
    assert ("daughter", STRANGER) == (moved.data.name, moved.data.group)
    assert isinstance(copy.data, MemberChanged)
    member = copy.data.member
    assert (daughter.organisation, STRANGER, 9) == (member.organisation, member.group, member.source_position)
    many = replace(state, followers=(follower,) * (parties.FOLLOWERS_MAX + 1))
    assert [("entries_max", None)] == blotter(lambda: parties.change_organisation(many, joins, moment()))


def test_a_change_is_copied_into_every_market_in_lane_order() -> None:
    renamed = replace(CHANGE, details=replace(DETAILS, name="recycler-fr-2"))
    decision = parties.change_organisation(STATE, renamed, moment())
    assert isinstance(decision.drafts[0].data, OrganisationChanged)
    found = copies(decision)
    assert [(3, MARKET), (5, OTHER_MARKET)] == [(lane, fact.market) for lane, fact in found]
    assert ["recycler-fr-2"] * 2 == [fact.member.name for _, fact in found]
    assert 12 == found[0][1].member.source_position


def test_a_site_is_registered_changed_and_revoked() -> None:
    decision = facilities.register_facility(STATE, REGISTER_SITE, moment())
    assert isinstance(decision.drafts[0].data, FacilityRegistered)
    assert [SELLER_SITE, numbered(1_000)] == [
        site.facility for site in copies(decision)[0][1].member.facilities
    ]
    moved = facilities.change_facility(
        STATE, replace(CHANGE_SITE, details=replace(SITE, country="DE")), moment()
    )
    assert isinstance(moved.drafts[0].data, FacilityChanged)
    assert "DE" == copies(moved)[0][1].member.facilities[0].country
    bare = replace(STATE, certificates=(), licences=())
    revoked = facilities.revoke_facility(bare, REVOKE_SITE, moment())
    assert isinstance(revoked.drafts[0].data, FacilityRevoked)
    assert () == copies(revoked)[0][1].member.facilities


def test_a_new_plant_manager_is_no_news_for_the_markets() -> None:
    renamed = replace(CHANGE_SITE, details=replace(SITE, name="Lyon works", readiness_level=8))
    assert [] == copies(facilities.change_facility(STATE, renamed, moment()))


def test_a_site_with_live_papers_stays() -> None:
    for state in (STATE, replace(STATE, certificates=()), replace(STATE, licences=())):
        assert [("facility_in_use", None)] == blotter(
            lambda state=state: facilities.revoke_facility(state, REVOKE_SITE, moment())  # type: ignore[misc]  # bound by its default
        )


def test_defects_of_a_site() -> None:
    gone = replace(STATE, facilities=(replace(STATE.facilities[0], revoked=True),))
    many = replace(STATE, facilities=STATE.facilities * facilities.FACILITIES_MAX)
    odd = replace(SITE, readiness_level=10, stages=("recycling", "recycling"))
    assert [("malformed_member", "/readiness_level"), ("duplicate_entry", "/stages/1")] == blotter(
        lambda: facilities.register_facility(STATE, replace(REGISTER_SITE, details=odd), moment())
    )
    assert [("entries_max", None)] == blotter(
        lambda: facilities.register_facility(many, REGISTER_SITE, moment())
    )
    assert [("facility_unknown", None)] == blotter(
        lambda: facilities.change_facility(gone, CHANGE_SITE, moment())
    )
    assert [("no_change", None)] == blotter(lambda: facilities.change_facility(STATE, CHANGE_SITE, moment()))
    assert [("version_stale", None)] == blotter(
        lambda: facilities.change_facility(STATE, replace(CHANGE_SITE, expected_version=2), moment())
    )


def test_papers_belong_to_a_live_site_and_are_valid() -> None:
    late = replace(PAPER, facility=numbered(99), valid_from=NOW, valid_until=NOW - timedelta(days=1))
    expected = [
        ("facility_not_owned", "/facility"),
        ("window_empty", "/valid_until"),
        ("expiry_past", "/valid_until"),
    ]
    assert expected == blotter(
        lambda: papers.register_certificate(STATE, replace(REGISTER_PAPER, details=late), moment())
    )
    odd = replace(PERMIT, ewc_codes=("1201", "120103", "120103"), from_countries=("SE", "SE"))
    assert [
        ("ewc_code_malformed", "/ewc_codes/0"),
        ("duplicate_entry", "/ewc_codes/2"),
        ("duplicate_entry", "/from_countries/1"),
    ] == blotter(lambda: papers.register_licence(STATE, replace(REGISTER_PERMIT, details=odd), moment()))
    nowhere = replace(PERMIT, kind="shipment_consent", from_countries=())
    for details, expected in (
        (nowhere, [("consent_countries_missing", "/from_countries")]),
        (replace(nowhere, from_countries=("CH",)), []),
    ):
        asked = replace(REGISTER_PERMIT, details=details)
        assert expected == blotter(partial(papers.register_licence, STATE, asked, moment()))
    for kind, nearest in (
        ("shipment-consent", "; did you mean shipment_consent?"),
        ("waste_permit", "; did you mean waste_treatment?"),
        ("snack-bar", "."),
    ):
        asked = replace(REGISTER_PERMIT, details=replace(PERMIT, kind=kind))
        with pytest.raises(Refusals) as refused:
            papers.register_licence(STATE, asked, moment())
        (reason,) = refused.value.refusals
        assert ("licence_kind_unknown", "/kind") == (reason.code, reason.pointer)
        assert f"{', '.join(LICENCE_KINDS)}{nearest}" in reason.detail()
    assert [("malformed_member", "/waste_statuses")] == blotter(
        lambda: papers.register_licence(
            STATE, replace(REGISTER_PERMIT, details=replace(PERMIT, waste_statuses=())), moment()
        )
    )


def test_papers_have_a_limit() -> None:
    many = replace(
        STATE,
        certificates=STATE.certificates * papers.PAPERS_MAX,
        licences=STATE.licences * papers.PAPERS_MAX,
    )
    assert [("entries_max", None)] == blotter(
        lambda: papers.register_certificate(many, REGISTER_PAPER, moment())
    )
    assert [("entries_max", None)] == blotter(
        lambda: papers.register_licence(many, REGISTER_PERMIT, moment())
    )


def test_papers_come_and_go_with_their_copies() -> None:
    added = papers.register_certificate(STATE, REGISTER_PAPER, moment())
    assert isinstance(added.drafts[0].data, CertificateRegistered)
    assert [CERTIFICATE, numbered(1_000)] == [
        paper.certificate for paper in copies(added)[0][1].member.certificates
    ]
    removed = papers.revoke_certificate(STATE, REVOKE_PAPER, moment())
    assert isinstance(removed.drafts[0].data, CertificateRevoked)
    assert () == copies(removed)[0][1].member.certificates
    licensed = papers.register_licence(STATE, REGISTER_PERMIT, moment())
    assert isinstance(licensed.drafts[0].data, LicenceRegistered)
    assert ("120103",) == copies(licensed)[0][1].member.licences[1].ewc_codes
    unlicensed = papers.revoke_licence(STATE, REVOKE_PERMIT, moment())
    assert isinstance(unlicensed.drafts[0].data, LicenceRevoked)
    assert () == copies(unlicensed)[0][1].member.licences


def test_markets_get_papers_that_open_waste_and_no_others() -> None:
    told = {
        ("waste_treatment", ("120103",)): [],
        ("waste_treatment", ()): ["licence_of_all_codes"],
        ("shipment_consent", ()): ["licence_of_all_codes"],
        ("dealer_broker", ()): ["licence_opens_nothing"],
    }
    assert list(told.values()) == [[each.code for each in licence_cautions(*asked)] for asked in told]
    for kind, counts in (
        *((kind, "nothing") for kind in ("collection", "dealer_broker", "radioactive_material", "snack-bar")),
        ("shipment-consent", "nothing"),
        ("shipment_consent", "shipment_consent"),
        ("waste_treatment", "treatment_permit"),
        ("waste-treatment", "treatment_permit"),
        ("waste_permit", "treatment_permit"),
    ):
        former = replace(STATE.licences[0], details=replace(PERMIT, kind=kind))
        state = replace(STATE, licences=(former,))
        assert counts == counts_as(kind)
        assert (counts != "nothing") == bool(member_copy(state).licences)
        revoked = papers.revoke_licence(state, REVOKE_PERMIT, moment())
        assert [()] * 2 == [copy.member.licences for _, copy in copies(revoked)]


def test_what_was_revoked_cannot_be_revoked_again() -> None:
    gone = replace(
        STATE,
        certificates=(replace(STATE.certificates[0], revoked=True),),
        licences=(replace(STATE.licences[0], revoked=True),),
        keys=(replace(STATE.keys[0], revoked=True),),
    )
    assert [("certificate_unknown", None)] == blotter(
        lambda: papers.revoke_certificate(gone, REVOKE_PAPER, moment())
    )
    assert [("licence_unknown", None)] == blotter(
        lambda: papers.revoke_licence(gone, REVOKE_PERMIT, moment())
    )
    assert [("key_unknown", None)] == blotter(lambda: keys.revoke_key(gone, REVOKE, moment()))
    assert ((), ()) == (member_copy(gone).certificates, member_copy(gone).licences)


def test_keys_are_given_within_the_giver_s_reach() -> None:
    platform = replace(ISSUE, details=replace(KEY_DETAILS, roles=("operator", "trader")))
    assert [("role_missing", None)] == blotter(lambda: keys.issue_key(STATE, platform, moment()))
    assert [] == blotter(lambda: keys.issue_key(STATE, replace(platform, caller=OPERATOR_CALLER), moment()))


def test_a_key_of_more_than_two_years_is_warned_of_with_the_day_that_it_ends() -> None:
    now = moment().now
    assert () == keys.late_cautions(now + keys.EARLY_ENOUGH, now)
    (late,) = keys.late_cautions(datetime(2099, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC), now)
    assert "can use it until 2099-01-02. Issue" in late.text


def test_an_administrator_gives_keys_that_only_read() -> None:
    reading = replace(ISSUE, details=replace(KEY_DETAILS, roles=("reader",)))
    assert [] == blotter(lambda: keys.issue_key(STATE, reading, moment()))
    by_reader = replace(reading, caller=replace(ISSUE.caller, roles=frozenset({"reader"})))
    assert [("role_missing", None)] == blotter(lambda: keys.issue_key(STATE, by_reader, moment()))


def test_defects_of_a_key() -> None:
    second = ApiKey(organisation=SELLER, key=numbered(35), details=KEY_DETAILS, version=1)
    full = replace(STATE, keys=(*STATE.keys, second))
    odd = replace(ISSUE, key=KEY, details=replace(KEY_DETAILS, roles=("trader", "trader"), expires_at=NOW))
    assert [
        ("duplicate_entry", "/roles/1"),
        ("expiry_past", "/expires_at"),
        ("keys_max", "/label"),
        ("id_taken", None),
    ] == blotter(lambda: keys.issue_key(full, odd, moment()))
    hundred = tuple(
        replace(second, key=numbered(200 + number), details=replace(KEY_DETAILS, label=f"desk {number}"))
        for number in range(keys.KEYS_MAX)
    )
    assert [("entries_max", None)] == blotter(
        lambda: keys.issue_key(replace(STATE, keys=hundred), ISSUE, moment())
    )
    assert [("malformed_member", "/secret_sha256")] == blotter(
        lambda: keys.issue_key(
            STATE, replace(ISSUE, details=replace(KEY_DETAILS, secret_sha256="x")), moment()
        )
    )


def test_a_key_is_replaced_by_a_second_one_and_told_to_no_market() -> None:
    issued = keys.issue_key(STATE, ISSUE, moment())
    fact = issued.drafts[0].data
    assert isinstance(fact, ApiKeyIssued)
    assert fact.issued_by is UNSET
    asked = replace(ISSUE, caller=replace(ISSUE.caller, key=numbered(77)))
    (by_key, *_) = keys.issue_key(STATE, asked, moment()).drafts
    assert replace(fact, issued_by=numbered(77)) == by_key.data
    assert [] == copies(issued)
    revoked = keys.revoke_key(STATE, REVOKE, moment())
    assert isinstance(revoked.drafts[0].data, ApiKeyRevoked)
    assert [] == copies(revoked)
