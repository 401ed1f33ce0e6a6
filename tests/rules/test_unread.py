"""A draft with unread members is judged as far as it can be, and never more harshly than the whole one."""

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from events.decision import Decision
from events.refusal import Refusal
from market.rules.orders import lots, offers, requirements
from market.rules.orders.requirement_drafts import RequirementDraft
from market.rules.orders.supplies import SupplyDraft
from market.rules.refusing.defects import ValidityPast
from market.rules.refusing.unread import UNREAD, UnreadError, judged
from tests.desk_support import (
    BUYER,
    NOW,
    blotter,
    moment,
    need,
    numbered,
    post_need,
    post_supply,
    posting,
    swarf,
)

Judge = Callable[..., Decision]

REFUSED_SUPPLY = swarf(facility=numbered(99), valid_until=NOW, cn_code="2846")
REFUSED_NEED = need(facility=numbered(99), valid_until=NOW, credit_limit_cents_eur=1)


@pytest.mark.parametrize("member", SupplyDraft.__struct_fields__)
@pytest.mark.parametrize("judge", [offers.judge, lots.judge])
def test_an_unread_member_of_a_supply_hides_only_what_rests_on_it(judge: Judge, member: str) -> None:
    whole = blotter(lambda: judge(posting(), post_supply(REFUSED_SUPPLY), moment()))
    partly = replace(REFUSED_SUPPLY, **{member: UNREAD})
    found = blotter(lambda: judge(posting(), post_supply(partly), moment()))
    assert set(found) <= set(whole)
    assert {refusal for refusal in whole if refusal[1] != f"/{member}"} <= set(found)


@pytest.mark.parametrize("member", RequirementDraft.__struct_fields__)
def test_an_unread_member_of_a_requirement_hides_only_what_rests_on_it(member: str) -> None:
    state = posting(BUYER)
    whole = blotter(lambda: requirements.judge(state, post_need(REFUSED_NEED), moment()))
    assert 3 == len(whole)
    partly = replace(REFUSED_NEED, **{member: UNREAD})
    found = blotter(lambda: requirements.judge(state, post_need(partly), moment()))
    hidden = {f"/{member}", "/credit_limit_cents_eur" if member == "payment" else ""}
    assert {refusal for refusal in whole if refusal[1] not in hidden} <= set(found) <= set(whole)


def test_a_malformed_member_hides_no_other_reason() -> None:
    draft = swarf(payment_terms="a\u0000b", valid_until=NOW)
    assert {("malformed_member", "/payment_terms"), ("validity_past", "/valid_until")} == set(
        blotter(lambda: offers.post(posting(), post_supply(draft), moment()))
    )


def test_what_a_check_found_before_it_met_an_unread_member_stays() -> None:
    def check(until: object) -> Iterator[Refusal]:
        yield ValidityPast(valid_until="1 March")
        yield ValidityPast(valid_until=f"{until}")

    assert ["validity_past", "validity_past"] == [reason.code for reason in judged((check, check), UNREAD)]


def test_whoever_looks_at_an_unread_member_has_no_verdict() -> None:
    assert UNREAD is not None
    for look in (lambda: UNREAD.amount, lambda: UNREAD == 1, lambda: not UNREAD, lambda: 1 + UNREAD):
        with pytest.raises(UnreadError):
            look()
