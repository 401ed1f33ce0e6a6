"""Policies: what keeps one from being published, named or obeyed, and where lines that count come from."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.callers import Caller
from events.clearing_terms import waterfall_of
from events.envelope import Recorded
from events.market_events import (
    ClearingEvidence,
    ClearingPlanned,
    MatchStruck,
    RequirementAmended,
    RequirementPosted,
)
from events.market_terms import SustainabilityProfile
from events.party_events import PolicyPublished, PolicyRetired
from events.policy_terms import AppliedPolicy, PolicyTerms, PortfolioLimits
from events.vocabulary import PPB, KeyRole, OriginStep, RecycledContent
from market.rules.clearing.certificate import expected_record
from market.rules.clearing.clearing import conclude
from market.rules.clearing.eligibility import eligible_deliveries
from market.rules.clearing.pricing import price_terms
from market.rules.clearing.rounds import posed_round
from market.rules.orders import policies, requirements
from market.rules.orders.orders import PostingState
from market.rules.orders.policies import (
    NewPolicy,
    Policy,
    PolicyDetails,
    PolicyState,
    PublishPolicy,
    RetirePolicy,
    RevisePolicy,
)
from market.rules.orders.policy_references import PolicyReference
from market.rules.orders.requirement_drafts import RequirementDraft
from market.rules.policy_lines import effective_lines, obeys, resolved, without_policies
from market.rules.visibility.explanations import Candidates, candidates
from market.rules.visibility.own_side import own_candidates
from market.rules.visibility.standings import order_in_round
from tests.blotter import (
    EUR,
    PERCENT,
    Lane,
    applied_policy,
    eur,
    ident,
    member,
    requirement_terms,
    rule_set,
    site,
    under,
)
from tests.desk_support import (
    BUYER,
    BUYER_TRADER,
    MEMBERS,
    OPERATOR,
    OPERATOR_CALLER,
    RULE_SET,
    SELLER,
    STRANGER_TRADER,
    amend_need,
    blotter,
    moment,
    need,
    numbered,
    post_need,
    posting,
    requirement_order,
    requirement_state,
)
from tests.rules.test_pairs import works

OWN, OTHERS, PUBLIC, ENDED = (numbered(number) for number in range(31, 35))
HALF = PolicyTerms(recycled_min_ppb=PPB // 2)
ADDRESSED = ("hub",)


def caller(*roles: KeyRole) -> Caller:
    return Caller(organisation=BUYER, roles=frozenset(roles))


def policy(identity: UUID, organisation: UUID = BUYER, **changes: Any) -> Policy:
    made = Policy(
        policy=identity,
        organisation=organisation,
        addressed_to=(),
        version=2,
        position=7,
        details=PolicyDetails(title="Recycled", terms=HALF),
    )
    return replace(made, **changes)


def state(of: Policy | None = None) -> PolicyState:
    return PolicyState(lane=1, policy=of, initiatives=frozenset(ADDRESSED))


def lines(**changes: Any) -> NewPolicy:
    return NewPolicy(title="Recycled", terms=PolicyTerms(**changes))


@pytest.mark.parametrize(
    ("by", "details", "expected"),
    [
        (caller("auditor"), lines(recycled_min_ppb=1), [("role_missing", None)]),
        (
            caller("trader"),
            replace(lines(recycled_min_ppb=1), addressed_to=ADDRESSED),
            [("role_missing", None)],
        ),
        (caller("trader"), lines(), [("policy_empty", "/terms")]),
        (
            caller("compliance"),
            lines(
                certificates_required=("irma", "irma"),
                origins_excluded=("DE", "XX", "QQ", "DE"),
                portfolio=PortfolioLimits(),
                strategic_project_ueur_per_kg=-1,
            ),
            [
                ("duplicate_entry", "/terms/certificates_required/1"),
                ("duplicate_entry", "/terms/origins_excluded/3"),
                ("country_unknown", "/terms/origins_excluded/1"),
                ("country_unknown", "/terms/origins_excluded/2"),
                ("portfolio_empty", "/terms/portfolio"),
                ("amount_negative", "/terms/strategic_project_ueur_per_kg"),
            ],
        ),
        (
            caller("trader"),
            lines(recycled_min_ppb=PPB + 1),
            [("malformed_member", "/terms/recycled_min_ppb")],
        ),
        (
            OPERATOR_CALLER,
            replace(lines(recycled_min_ppb=1), addressed_to=("hub", "nowhere", "hub")),
            [("duplicate_entry", "/addressed_to/2"), ("initiative_unknown", "/addressed_to/1")],
        ),
    ],
)
def test_what_is_no_policy_is_refused_whole(
    by: Caller, details: NewPolicy, expected: list[tuple[str, str | None]]
) -> None:
    asked = PublishPolicy(caller=by, policy=OWN, details=details)
    assert expected == blotter(lambda: policies.publish(state(), asked, moment()))


@pytest.mark.parametrize(
    ("of", "by", "version", "expected"),
    [
        (None, BUYER_TRADER, 2, "policy_absent"),
        (policy(OWN), STRANGER_TRADER, 2, "policy_absent"),
        (policy(OWN), caller("auditor"), 2, "role_missing"),
        (policy(PUBLIC, addressed_to=ADDRESSED), BUYER_TRADER, 2, "role_missing"),
        (policy(OWN), BUYER_TRADER, 1, "version_stale"),
        (policy(OWN, retired=True), BUYER_TRADER, 2, "version_stale"),
        (policy(OWN, retired=True), BUYER_TRADER, 3, "policy_retired"),
    ],
)
def test_only_who_publishes_it_follows_it_up_at_its_version(
    of: Policy | None, by: Caller, version: int, expected: str
) -> None:
    given: dict[str, Any] = {"caller": by, "policy": OWN, "expected_version": version}
    further = RevisePolicy(details=PolicyDetails(title="x", terms=HALF), **given)
    assert [(expected, None)] == blotter(lambda: policies.revise(state(of), further, moment()))
    assert [(expected, None)] == blotter(lambda: policies.retire(state(of), RetirePolicy(**given), moment()))


def test_a_version_that_changes_nothing_or_states_nothing_is_refused() -> None:
    def refused(details: PolicyDetails) -> list[tuple[str, str | None]]:
        asked = RevisePolicy(caller=BUYER_TRADER, policy=OWN, expected_version=2, details=details)
        return blotter(lambda: policies.revise(state(policy(OWN)), asked, moment()))

    assert [("no_change", None)] == refused(policy(OWN).details)
    assert [("policy_empty", "/terms")] == refused(PolicyDetails(title="x", terms=PolicyTerms()))


def test_the_last_version_of_all_is_said_so_and_can_be_retired() -> None:
    last = policy(OWN, version=10_000)
    given: dict[str, Any] = {"caller": BUYER_TRADER, "policy": OWN, "expected_version": 10_000}
    further = RevisePolicy(details=PolicyDetails(title="x", terms=HALF), **given)
    assert [("policy_versions_used", None)] == blotter(
        lambda: policies.revise(state(last), further, moment())
    )
    assert 1 == len(policies.retire(state(last), RetirePolicy(**given), moment()).drafts)


def test_versions_follow_one_another_and_keep_whom_they_address() -> None:
    before = policy(PUBLIC, OPERATOR, addressed_to=ADDRESSED)
    details = PolicyDetails(title="Recycled more", authority="a ministry", terms=HALF)
    given: dict[str, Any] = {"caller": OPERATOR_CALLER, "policy": PUBLIC, "expected_version": 2}
    asked = RevisePolicy(details=details, **given)
    [draft] = policies.revise(state(before), asked, moment()).drafts
    expected = PolicyPublished(
        organisation=OPERATOR,
        policy=PUBLIC,
        version=3,
        title="Recycled more",
        authority="a ministry",
        addressed_to=ADDRESSED,
        terms=HALF,
    )
    assert (expected, "parties", 1) == (draft.data, draft.stream, draft.lane)
    [draft] = policies.retire(state(before), RetirePolicy(**given), moment()).drafts
    assert PolicyRetired(organisation=OPERATOR, policy=PUBLIC) == draft.data


# --- what a requirement names


def named(*references: tuple[UUID, int], **changes: Any) -> RequirementDraft:
    return need(
        policies=tuple(PolicyReference(policy=each, version=version) for each, version in references),
        **changes,
    )


def known(**changes: Any) -> PostingState:
    """The buyer's own policy, another's, one of an initiative that the buyer is in, and a retired one."""
    documents = (
        policy(OWN),
        policy(OTHERS, SELLER),
        policy(PUBLIC, OPERATOR, addressed_to=ADDRESSED),
        policy(ENDED, retired=True),
    )
    buyer = replace(MEMBERS[BUYER], initiatives=ADDRESSED)
    return posting(BUYER, member=buyer, policies={each.policy: each for each in documents}, **changes)


def test_policies_that_may_not_be_named_are_refused_all_at_once() -> None:
    draft = named(
        (numbered(99), 1), (OTHERS, 2), (ENDED, 2), (OWN, 3), (PUBLIC, 1), (OWN, 2),
        recycled_min_ppb=PPB, recycled_max_ppb=0,
    )  # fmt: skip
    expected = [
        ("duplicate_entry", "/policies/5"),
        ("policy_unknown", "/policies/0"),
        ("policy_unknown", "/policies/1"),
        ("policy_retired", "/policies/2"),
        ("policy_version_unknown", "/policies/3/version"),
        ("policy_outdated", "/policies/4/version"),
        ("recycled_contradiction", "/recycled_max_ppb"),
    ]
    assert expected == blotter(lambda: requirements.post(known(), post_need(draft), moment()))


@pytest.mark.parametrize(
    ("terms", "changes", "expected"),
    [
        (HALF, {"recycled_max_ppb": PPB // 2 - 1}, ("recycled_contradiction", "/recycled_max_ppb")),
        (
            PolicyTerms(portfolio=PortfolioLimits(recycled_min_ppb=2)),
            {"recycled_max_ppb": 1},
            ("recycled_contradiction", "/recycled_max_ppb"),
        ),
        (
            PolicyTerms(certificates_required=("irma",)),
            {"certificates_required": tuple(f"c{k}" for k in range(32))},
            ("policy_lines_max", "/certificates_required"),
        ),
        (
            PolicyTerms(certificates_required=("irma", "unheard-of")),
            {},
            ("certificate_not_recognised", "/policies/0"),
        ),
    ],
)
def test_lines_that_no_lot_can_keep_are_refused(
    terms: PolicyTerms, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    of = policy(OWN, details=PolicyDetails(title="x", terms=terms))
    rules = replace(RULE_SET, recognised_certificates=("irma",))
    asked = post_need(named((OWN, 2), **changes))
    assert [expected] == blotter(
        lambda: requirements.post(posting(BUYER, policies={OWN: of}, rule_set=rules), asked, moment())
    )


def test_a_ceiling_as_high_as_the_minimum_is_none_of_a_contradiction() -> None:
    asked = post_need(named((OWN, 2), recycled_max_ppb=PPB // 2))
    assert [] == blotter(lambda: requirements.post(known(), asked, moment()))


def test_posting_takes_over_the_policies_and_the_strictest_of_each_line() -> None:
    of = policy(
        PUBLIC,
        OPERATOR,
        addressed_to=ADDRESSED,
        details=PolicyDetails(
            title="x",
            terms=PolicyTerms(
                origins_excluded=("CN", "RU"),
                portfolio=PortfolioLimits(third_country_max_ppb=65 * PERCENT),
                strategic_project_ueur_per_kg=EUR,
            ),
        ),
    )
    before = known()
    before = replace(before, policies={**before.policies, PUBLIC: of})
    own = PolicyTerms(
        origins_excluded=("RU", "MM"),
        recycled_min_ppb=PPB // 4,
        portfolio=PortfolioLimits(recycled_min_ppb=1, third_country_max_ppb=PPB),
        strategic_project_ueur_per_kg=2 * EUR,
    )
    given = {name: getattr(own, name) for name in own.__struct_fields__}
    asked = post_need(named((OWN, 2), (PUBLIC, 2), **given))
    [draft] = requirements.post(before, asked, moment()).drafts
    assert isinstance(draft.data, RequirementPosted)
    terms = draft.data.terms
    assert ("RU", "MM", "CN") == terms.origins_excluded
    assert (PPB // 2, 2 * EUR) == (terms.recycled_min_ppb, terms.strategic_project_ueur_per_kg)
    assert PortfolioLimits(recycled_min_ppb=1, third_country_max_ppb=65 * PERCENT) == terms.portfolio
    assert (own, [(OWN, 2, 7), (PUBLIC, 2, 7)]) == (
        terms.own,
        [(each.policy, each.version, each.position) for each in terms.policies],
    )
    assert obeys(terms)
    told = {
        (each.line, each.subject): (each.own, [of.policy for of in each.policies])
        for each in effective_lines(terms)
    }
    assert {
        ("origins_excluded", "RU"): (True, [PUBLIC]),
        ("origins_excluded", "MM"): (True, []),
        ("origins_excluded", "CN"): (False, [PUBLIC]),
        ("recycled_min", None): (False, [OWN]),
        ("portfolio_recycled_min", None): (True, []),
        ("portfolio_third_country_max", None): (False, [PUBLIC]),
        ("strategic_project", None): (True, []),
    } == told


# --- amending


def test_an_amendment_keeps_the_versions_that_stand_and_resolves_again() -> None:
    """Retired or followed by another since: what the order was posted under stays, at its version."""
    asked = named((OWN, 2), (ENDED, 1))
    taken = [
        AppliedPolicy(policy=each, version=version, position=3, terms=HALF)
        for each, version in ((OWN, 1), (ENDED, 1))
    ]
    order = requirement_order()
    order = replace(order, terms=under(order.terms, *taken))
    fields = {name: getattr(known(), name) for name in PostingState.__struct_fields__}
    before = replace(requirement_state(order), **fields)
    [draft] = requirements.amend(
        before, amend_need(named((OWN, 1), (ENDED, 1), recycled_min_ppb=PPB)), moment()
    ).drafts
    assert isinstance(draft.data, RequirementAmended)
    assert (PPB, PPB, tuple(taken)) == (
        draft.data.terms.recycled_min_ppb,
        draft.data.terms.own and draft.data.terms.own.recycled_min_ppb,
        draft.data.terms.policies,
    )
    [draft] = requirements.amend(before, amend_need(asked), moment()).drafts
    assert isinstance(draft.data, RequirementAmended)
    assert [(OWN, 2, 7), (ENDED, 1, 3)] == [
        (each.policy, each.version, each.position) for each in draft.data.terms.policies
    ]
    [draft] = requirements.amend(before, amend_need(named()), moment()).drafts
    assert isinstance(draft.data, RequirementAmended)
    assert (None, (), None) == (
        draft.data.terms.recycled_min_ppb,
        draft.data.terms.policies,
        draft.data.terms.own,
    )
    less = named((OWN, 1), (ENDED, 1), basis_g=order.terms.basis_g - 1)
    [draft] = requirements.amend(before, amend_need(less), moment()).drafts
    assert isinstance(draft.data, RequirementAmended)
    assert draft.data.keeps_rank
    gone = amend_need(named((ENDED, 2)))
    assert [("policy_retired", "/policies/0")] == blotter(lambda: requirements.amend(before, gone, moment()))


def test_what_is_held_was_bid_under_its_policies() -> None:
    order = requirement_order()
    held = replace(order, terms=under(order.terms, applied_policy("a", recycled_min_ppb=1)), held_g=1)
    reference = (ident("a"), 1)
    assert [("committed_field_fixed", "/policies")] == blotter(
        lambda: requirements.amend(requirement_state(held), amend_need(named()), moment())
    )
    more = named(reference, basis_g=order.terms.basis_g + 1)
    assert [] == blotter(lambda: requirements.amend(requirement_state(held), amend_need(more), moment()))


shares = st.none() | st.integers(0, PPB)
any_lines = st.builds(
    PolicyTerms,
    certificates_required=st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple),
    origins_excluded=st.lists(st.sampled_from(["CN", "RU"]), unique=True).map(tuple),
    recycled_min_ppb=shares,
    portfolio=st.none() | st.builds(PortfolioLimits, recycled_min_ppb=shares, third_country_max_ppb=shares),
    strategic_project_ueur_per_kg=st.integers(0, EUR),
)


@given(st.lists(any_lines, min_size=1, max_size=4))
def test_no_line_gets_looser_in_company_and_each_has_who_states_it(stated: list[PolicyTerms]) -> None:
    own, *others = stated
    taken = [
        AppliedPolicy(policy=numbered(k), version=1, position=1, terms=terms)
        for k, terms in enumerate(others)
    ]
    terms = replace(
        requirement_terms("buyer"), **{name: getattr(own, name) for name in own.__struct_fields__}
    )
    full = under(terms, *taken)
    assert obeys(full)
    assert own == resolved(own, []) == full.own
    assert terms == without_policies(full)
    for part in stated:
        assert resolved(
            resolved(own, taken), [AppliedPolicy(policy=OWN, version=1, position=1, terms=part)]
        ) == resolved(own, taken)
    assert all(each.own or each.policies for each in effective_lines(full))


# --- a round under policies


def market(*policies_: AppliedPolicy, **changes: Any) -> Lane:
    """Four sellers: a cheap Chinese lot, one without a certificate, a recycled one, a strategic project's."""
    lane = Lane(rules=rule_set(recognised_certificates=("IRMA",)))
    names = ("cheap", "bare", "recycled", "s0")
    lane.admit(*(member(name, facilities=(works(name),)) for name in names), member("buyer"))
    lane.offer("cheap", "cheap", ask=eur(50 * EUR), origin=(OriginStep(stage="processing", country="CN"),))
    lane.offer("bare", "bare", ask=eur(55 * EUR))
    lane.offer("recycled", "recycled", ask=eur(60 * EUR), recycled=RecycledContent(post_consumer_ppb=PPB))
    lane.offer("s0", "strategic", ask=eur(61 * EUR), recycled=RecycledContent(post_consumer_ppb=PPB))
    wanted = requirement_terms("buyer", limit=eur(70 * EUR), basis_g=4_000_000, **changes)
    full = under(wanted, *policies_)
    lane.require("buyer", "wanted", **{name: getattr(full, name) for name in full.__struct_fields__})
    return lane


def traded(lane: Lane, plan: Recorded | None = None) -> dict[UUID, int]:
    """Grams by supply; the round is proved without a solver first."""
    plan = plan or lane.plan()
    of, drafts = posed_round(lane.book, plan), conclude(lane.book, plan)
    facts = [draft.data for draft in drafts]
    assert facts == [draft.data for draft in expected_record(of, facts)]
    return {fact.supply: fact.quantity_basis_g for fact in facts if isinstance(fact, MatchStruck)}


def test_a_round_obeys_and_the_buyer_is_told_which_policy_kept_a_supply_away() -> None:
    assert {ident("cheap")} == set(traded(market()))
    strict = applied_policy("strict", origins_excluded=("CN",), recycled_min_ppb=PPB // 2)
    lane = market(strict, applied_policy("lax", recycled_min_ppb=1))
    found = candidates(lane.book, lane.facts(), ident("wanted"))
    assert isinstance(found, Candidates)
    own = own_candidates(found, ident("buyer"), lane.book.position, found)
    assert own is not None
    assert {
        ("origin_excluded", "CN", (ident("strict"),)),
        ("recycled_below_min", None, (ident("strict"),)),
    } == {(each.code, each.subject, tuple(of.policy for of in each.policies)) for each in own.reasons}
    told = {verdict.counter_order: [str(each) for each in verdict.reasons] for verdict in found.verdicts}
    by = f"by policy {ident('strict').hex} version 1"
    assert [f"recycled_below_min not stated < 50 % {by}"] == told[ident("bare")]
    seller = candidates(lane.book, lane.facts(), ident("bare"))
    assert seller is not None
    of_seller = own_candidates(seller, ident("bare"), lane.book.position, seller)
    assert of_seller is not None
    assert [()] == [each.policies for each in of_seller.reasons]
    assert {ident("recycled")} == set(traded(lane))


def test_certificates_of_a_policy_keep_out_whoever_has_none() -> None:
    policy_ = applied_policy("papers", certificates_required=("IRMA",))
    assert {} == traded(market(policy_))


def test_shares_of_a_policy_bind_a_round_and_name_it() -> None:
    limits = PortfolioLimits(recycled_min_ppb=25 * PERCENT, third_country_max_ppb=60 * PERCENT)
    lane = market(applied_policy("shares", portfolio=limits))
    plan = lane.plan()
    bought = traded(lane, plan)
    total = sum(bought.values())
    assert 0 < bought[ident("cheap")] <= total * 60 // 100
    assert total * 25 // 100 <= bought[ident("recycled")]
    assert isinstance(plan.data, ClearingPlanned)
    seen = order_in_round(lane.book, plan.data, [], [], ident("wanted"), [])
    assert seen is not None
    assert [("recycled_min", ident("shares")), ("third_country_max", ident("shares"))] == [
        (each.line, each.policy) for each in seen.limits_of_policies
    ]


def test_a_strategic_project_is_preferred_by_a_line_of_its_own() -> None:
    """One EUR dearer than the recycled lot: a premium of 1.50 decides, under a cap of zero."""
    recycled = applied_policy("recycled", recycled_min_ppb=PPB // 2)
    preferred = applied_policy("preferred", strategic_project_ueur_per_kg=3 * EUR // 2)
    profile = SustainabilityProfile()
    assert {ident("recycled")} == set(traded(market(recycled, profile=profile)))
    lane = market(recycled, preferred, profile=profile)
    plan = lane.plan()
    evidence = [draft.data for draft in conclude(lane.book, plan) if isinstance(draft.data, ClearingEvidence)]
    [fall] = [waterfall_of(fall, part.lines) for part in evidence for fall in part.waterfalls]
    [line] = [term for term in fall.terms if term.kind == "strategic_project"]
    assert (ident("strategic"), 3 * EUR // 2, (f"facility:{site('s0')}",), None) == (
        fall.supply,
        line.ueur_per_kg,
        line.evidence,
        line.reason,
    )
    assert {ident("strategic")} == set(traded(lane, plan))


def test_who_is_no_strategic_project_has_a_line_that_says_so() -> None:
    lane = market(applied_policy("preferred", strategic_project_ueur_per_kg=EUR))
    supply, wanted = lane.book.supplies[ident("cheap")], lane.book.requirements[ident("wanted")]
    facts = lane.facts()
    [delivery, *_] = eligible_deliveries(supply, wanted, facts)
    [line] = [
        term for term in price_terms(supply, wanted, facts, delivery) if term.kind == "strategic_project"
    ]
    assert (0, "not_strategic", ()) == (line.ueur_per_kg, line.reason, line.evidence)


@pytest.mark.parametrize(
    "changes",
    [
        {"recycled_min_ppb": PPB // 2 - 1},
        {"recycled_min_ppb": None},
        {"origins_excluded": ()},
        {"own": None},
        {"policies": ()},
    ],
)
def test_a_record_whose_terms_are_looser_than_its_policies_is_found(changes: dict[str, Any]) -> None:
    lane = Lane()
    strict = applied_policy("strict", origins_excluded=("CN",), recycled_min_ppb=PPB // 2)
    terms = replace(under(requirement_terms("buyer"), strict), **changes)
    with pytest.raises(AssertionError, match="strictest of its policies"):
        lane.require("buyer", "wanted", **{name: getattr(terms, name) for name in terms.__struct_fields__})
