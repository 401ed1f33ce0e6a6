"""Whose receipts are proved, and of which events the bytes are shown: what names another is not."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from events.envelope import Fact, Recorded
from events.market_events import (
    ClearingAbandoned,
    MatchAnswered,
    MatchConfirmed,
    MatchDeclined,
    MatchLapsed,
    MemberLeft,
    MemberSuspended,
    RequirementWithdrawn,
)
from market.rules.visibility.proof_visibility import has_receipt, shown_to_actor

ME, OTHER, MARKET, MATCH, SUPPLY, NEED, PLAN = (UUID(int=number) for number in range(1, 8))
ASKED = f"POST /v1/requirements {'a' * 64} {'b' * 64}"
PAIR: dict[str, Any] = {
    "market": MARKET,
    "match": MATCH,
    "supply": SUPPLY,
    "requirement": NEED,
    "quantity_basis_g": 1,
}


def recorded(cause: str, actor: UUID = ME) -> Recorded:
    fact = RequirementWithdrawn(market=MARKET, requirement=NEED, organisation=ME)
    return Recorded(
        id=UUID(int=9),
        type=fact.TYPE,
        subject="x",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        stream="market",
        lane=0,
        position=1,
        cause=cause,
        actor=actor,
        salt="0" * 32,
        data=fact,
        body=b"",
        chain=b"",
    )


def test_only_ones_own_requests_have_receipts() -> None:
    assert has_receipt(recorded(ASKED), ME)
    assert not has_receipt(recorded(ASKED, OTHER), ME)
    for cause in ("expire", str(PLAN), ASKED[:-1], f"{'a' * 64} {'b' * 64}"):
        assert not has_receipt(recorded(cause), ME)


@pytest.mark.parametrize(
    ("shown", "fact"),
    [
        (True, RequirementWithdrawn(market=MARKET, requirement=NEED, organisation=ME)),
        (False, RequirementWithdrawn(market=MARKET, requirement=NEED, organisation=OTHER)),
        (True, MatchAnswered(market=MARKET, match=MATCH, side="buyer", organisation=ME, answer="confirmed")),
        (False, MemberSuspended(market=MARKET, organisation=OTHER, reason="x")),
        (False, MemberLeft(market=MARKET, organisation=OTHER)),
        (True, MatchConfirmed(**PAIR, seller=OTHER, buyer=ME)),
        (False, MatchConfirmed(**PAIR, seller=OTHER, buyer=PLAN)),
        (False, MatchDeclined(**PAIR, declined_by=("buyer",), reasons=("quality",))),
        (False, MatchLapsed(**PAIR, silent=("buyer",))),
        (False, ClearingAbandoned(market=MARKET, plan=PLAN, round=1, code="x", reason="x")),
    ],
)
def test_bytes_that_tell_of_another_are_not_shown(shown: bool, fact: Fact) -> None:
    assert shown is shown_to_actor(fact, ME)
