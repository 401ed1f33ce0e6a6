"""Initiatives are registered, changed and revoked by operators, each under a code that is given once."""

import pytest
from msgspec.structs import replace

from events.party_events import InitiativeChanged, InitiativeRegistered, InitiativeRevoked
from market.rules.orders import initiatives
from market.rules.orders.initiatives import (
    ChangeInitiative,
    Initiative,
    InitiativeDetails,
    InitiativeState,
    NewInitiative,
    RegisterInitiative,
    RevokeInitiative,
)
from tests.desk_support import OPERATOR_CALLER, SELLER_TRADER, blotter, facts, moment

DETAILS = InitiativeDetails(name="Rare-earth hub", coordinator="an institute")
NEW = NewInitiative(code="remhub", name=DETAILS.name, coordinator=DETAILS.coordinator)
NONE = InitiativeState(lane=4, initiative=None)
KNOWN = InitiativeState(lane=4, initiative=Initiative(initiative="remhub", details=DETAILS, version=3))
REVOKED = InitiativeState(
    lane=4, initiative=Initiative(initiative="remhub", details=DETAILS, version=4, revoked=True)
)
REGISTER = RegisterInitiative(caller=OPERATOR_CALLER, details=NEW)
CHANGE = ChangeInitiative(
    caller=OPERATOR_CALLER,
    initiative="remhub",
    expected_version=3,
    details=replace(DETAILS, coordinator=None),
)
REVOKE = RevokeInitiative(caller=OPERATOR_CALLER, initiative="remhub")


def test_it_is_registered_changed_and_revoked_on_the_lane_of_its_code() -> None:
    registered = initiatives.register(NONE, REGISTER, moment())
    changed = initiatives.change(KNOWN, CHANGE, moment())
    revoked = initiatives.revoke(KNOWN, REVOKE, moment())
    assert [
        InitiativeRegistered(initiative="remhub", name="Rare-earth hub", coordinator="an institute"),
        InitiativeChanged(initiative="remhub", name="Rare-earth hub"),
        InitiativeRevoked(initiative="remhub"),
    ] == [*facts(registered), *facts(changed), *facts(revoked)]
    for decision in (registered, changed, revoked):
        assert [("parties", 4, "remhub")] == [(d.stream, d.lane, d.subject) for d in decision.drafts]


def test_only_an_operator_may() -> None:
    for decide, state, argument in (
        (initiatives.register, NONE, REGISTER),
        (initiatives.change, KNOWN, CHANGE),
        (initiatives.revoke, KNOWN, REVOKE),
    ):
        asked = replace(argument, caller=SELLER_TRADER)
        assert [("role_missing", None)] == blotter(
            lambda decide=decide, state=state, asked=asked: decide(state, asked, moment())  # type: ignore[misc]
        )


def test_a_code_is_given_once() -> None:
    for state in (KNOWN, REVOKED):
        assert [("initiative_exists", "/code")] == blotter(
            lambda state=state: initiatives.register(state, REGISTER, moment())  # type: ignore[misc]
        )


@pytest.mark.parametrize(
    "code", ["", "REMHub", "rem hub", "rem/hub", ".remhub", "remhub\n", "x" * 65, "rem\x00hub"]
)
def test_codes_are_short_lower_case_and_fit_a_path(code: str) -> None:
    wrong = replace(REGISTER, details=replace(NEW, code=code, name=""))
    assert [("malformed_member", "/name"), ("malformed_member", "/code")] == blotter(
        lambda: initiatives.register(NONE, wrong, moment())
    )


def test_defects_of_a_change() -> None:
    assert [("initiative_absent", None)] == blotter(lambda: initiatives.change(NONE, CHANGE, moment()))
    assert [("version_stale", None)] == blotter(
        lambda: initiatives.change(KNOWN, replace(CHANGE, expected_version=2), moment())
    )
    assert [("no_change", None)] == blotter(
        lambda: initiatives.change(KNOWN, replace(CHANGE, details=DETAILS), moment())
    )
    odd = replace(CHANGE, details=InitiativeDetails(name="x" * 201, coordinator=""))
    assert [("malformed_member", "/name"), ("malformed_member", "/coordinator")] == blotter(
        lambda: initiatives.change(KNOWN, odd, moment())
    )


def test_what_was_revoked_is_neither_changed_nor_revoked() -> None:
    assert [("initiative_absent", None)] == blotter(
        lambda: initiatives.change(REVOKED, replace(CHANGE, expected_version=4), moment())
    )
    for state in (REVOKED, NONE):
        assert [("initiative_absent", None)] == blotter(
            lambda state=state: initiatives.revoke(state, REVOKE, moment())  # type: ignore[misc]
        )
