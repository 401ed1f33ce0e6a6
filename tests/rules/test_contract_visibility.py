"""Who sees what of agreements: parties their own, operators nothing, the public bands among five or more."""

from datetime import date
from typing import Any, get_args

import pytest
from msgspec import UNSET, inspect
from msgspec.structs import replace

from events.contract_events import AgreementDrafted, AgreementSigned, AgreementTerminated, IndexPublished
from events.contract_terms import FixedVolume
from events.delivery_events import AssayLodged
from events.envelope import Recorded
from events.facts import ContractFact, LifecycleFact
from market.rules.viewers import (
    AuditorViewer,
    InitiativeViewer,
    OperatorViewer,
    OrganisationViewer,
    PublicViewer,
    public_id,
)
from market.rules.visibility.contract_visibility import see_contract, shown_to_party
from market.rules.visibility.deal_tape import GROUPS_MIN, TapeAgreement
from market.rules.visibility.deals import Deal, Deals, DealTerms, fold_deal, follow_standing, standing_of
from tests.contract_support import Paper, agreement_terms
from tests.desk_support import BUYER, MARKET, NOW, SELLER, STRANGER, numbered
from tests.golden.samples import Sampler

PUBLIC = PublicViewer(key=b"k" * 32)
TONNE_G = 1_000_000


def event_of(fact: Any) -> Recorded:
    return Recorded(
        id=numbered(1),
        type=fact.TYPE,
        subject="x",
        time=NOW,
        stream="contracts",
        lane=3,
        position=1,
        cause="test",
        actor=SELLER,
        salt="0" * 32,
        data=fact,
        body=b"",
        chain=b"",
    )


def sample(kind: type) -> Any:
    """A fact of the kind, of the agreement on paper where it names one."""
    fact = Sampler(0).value(inspect.type_info(kind))
    if hasattr(fact, "agreement"):
        fact = replace(fact, agreement=numbered(7), market=MARKET)
    return replace(fact, seller=SELLER, buyer=BUYER) if isinstance(fact, AgreementDrafted) else fact


def deal(number: int, *, seller: Any = None, buyer: Any = None, yearly_g: int = 600 * TONNE_G) -> Deal:
    terms = DealTerms(form="separated_oxide", yearly_g=yearly_g, years=3, start_year=2027, price="indexed")
    return Deal(
        market=MARKET,
        kind="offtake",
        seller=seller or numbered(100 + number),
        buyer=buyer or numbered(200 + number),
        status="effective",
        table=terms,
        terms=terms,
    )


def crowd(count: int, **changes: Any) -> Deals:
    return {numbered(300 + number): deal(number, **changes) for number in range(count)}


def seen(deals: Deals, paper: Paper, viewer: Any = PUBLIC) -> list[Any]:
    """What the viewer sees of each fact of an agreement, beside the deals that stand: the same whether those
    are looked for among all or were followed."""
    deals, found = dict(deals), []
    standing = standing_of(deals)
    for fact in paper.facts:
        found.append(see_contract(event_of(fact), viewer, deals, standing))
        assert found[-1] == see_contract(event_of(fact), viewer, deals)
        fold_deal(deals, fact)  # type: ignore[arg-type]
        if isinstance(fact, LifecycleFact):
            follow_standing(standing, deals, fact.agreement)
        assert standing_of(deals) == standing
    return found


@pytest.mark.parametrize("kind", get_args(ContractFact))
def test_strangers_operators_and_the_public_see_no_fact_itself(kind: type) -> None:
    fact = sample(kind)
    deals = {numbered(7): deal(0, seller=SELLER, buyer=BUYER)}
    for viewer in (
        OrganisationViewer(organisation=STRANGER),
        OperatorViewer(cut=10**9),
        PUBLIC,
        InitiativeViewer(initiative="remhub", key=b"k" * 32),
    ):
        found = see_contract(event_of(fact), viewer, deals)
        everyones = kind is IndexPublished and isinstance(viewer, OrganisationViewer | OperatorViewer)
        assert (fact if everyones else None) == found
    assert fact == see_contract(event_of(fact), AuditorViewer(), deals)


@pytest.mark.parametrize("kind", get_args(ContractFact))
def test_a_party_sees_the_facts_of_its_agreement_but_what_the_other_keeps_to_itself(kind: type) -> None:
    fact = sample(kind)
    deals = {numbered(7): deal(0, seller=SELLER, buyer=BUYER)}
    for side, organisation in (("seller", SELLER), ("buyer", BUYER)):
        found = see_contract(event_of(fact), OrganisationViewer(organisation=organisation), deals)
        sealed = isinstance(fact, AssayLodged) and fact.side != side
        if isinstance(fact, AgreementSigned) and side == "buyer":
            assert fact.capacity is not UNSET
            fact = replace(fact, capacity=UNSET)
        assert (None if sealed else fact) == found
        known = sample(kind)
        proven = shown_to_party(known, organisation, deals)
        assert (found == known) == (proven is known)


def test_fewer_than_five_on_a_side_leave_no_line() -> None:
    paper = Paper().effective()
    assert {None} == set(seen(crowd(GROUPS_MIN - 2), paper))
    one_buyer = crowd(GROUPS_MIN, buyer=numbered(99))
    assert {None} == set(seen(one_buyer, paper))


def test_firms_of_one_group_count_once() -> None:
    """Five sellers, with the one on paper six; then the last two sign as firms of the first one's group."""
    deals, paper = crowd(GROUPS_MIN), Paper().effective()
    assert any(seen(deals, paper))
    signed = next(fact for fact in paper.facts if isinstance(fact, AgreementSigned))
    for number in (GROUPS_MIN - 2, GROUPS_MIN - 1):
        group = deals[numbered(300)].seller
        fold_deal(deals, replace(signed, agreement=numbered(300 + number), side="seller", group=group))
    assert {None} == set(seen(deals, paper))


def test_who_holds_more_than_half_leaves_no_line() -> None:
    deals = crowd(GROUPS_MIN)
    deals[numbered(999)] = deal(0, yearly_g=6_000 * TONNE_G)
    assert {None} == set(seen(deals, Paper().effective()))


def test_another_form_does_not_hide_this_one() -> None:
    deals = {
        place: replace(each, terms=replace(each.table, form="metal"))
        for place, each in crowd(GROUPS_MIN).items()
    }
    assert {None} == set(seen(deals, Paper().effective()))


def test_among_enough_each_step_has_a_line_in_bands() -> None:
    paper = Paper().draft().sign_both(binding=False).sign_both()
    paper.settle("seller", "permit").settle("buyer", "financing").extend("buyer")
    longer = agreement_terms(volume=FixedVolume(acq_g=(600 * TONNE_G, 900 * TONNE_G, 2_500 * TONNE_G, 1)))
    paper.propose("seller", longer).sign_both().on(date(2027, 3, 1)).suspend("seller")
    paper.facts.append(AgreementTerminated(market=MARKET, agreement=paper.stands.agreement, reason="breach"))
    lines = [line for line in seen(crowd(GROUPS_MIN), paper) if line is not None]
    assert ["signed", "conditional", "effective", "extended", "amended", "suspended", "terminated"] == [
        line.action for line in lines
    ]
    (first, *_) = lines
    assert isinstance(first, TapeAgreement)
    assert public_id(PUBLIC.key, first.topic, paper.stands.agreement) == first.id
    assert (1_000 * TONNE_G, 2_000 * TONNE_G) == (first.yearly_basis_g.low, first.yearly_basis_g.high)
    assert (2_000 * TONNE_G, 5_000 * TONNE_G) == (
        lines[-1].yearly_basis_g.low,
        lines[-1].yearly_basis_g.high,
    )
    assert ("indexed", 2027, 3) == (first.price, first.start_year, first.years)
    for line in lines:
        told = repr(line)
        for secret in (SELLER, BUYER, paper.stands.agreement):
            assert str(secret) not in told


def test_negotiations_and_spot_contracts_have_no_line() -> None:
    deals = crowd(GROUPS_MIN)
    assert {None} == set(seen(deals, Paper().draft().propose("buyer", agreement_terms(conditions=()))))
    spot = Paper().draft()
    spot.facts = [
        replace(fact, kind="spot") if isinstance(fact, AgreementDrafted) else fact
        for fact in spot.sign_both().facts
    ]
    assert {None} == set(seen(deals, spot))
    withdrawn = Paper().draft()
    withdrawn.terminate("buyer", "negotiation_failed")
    assert {None} == set(seen(deals, withdrawn))
