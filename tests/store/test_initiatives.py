"""Initiatives on PostgreSQL: an organisation names only those that stand at its own commit."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from events.command import Outcome
from events.desk import Answer
from events.party_events import InitiativeRevoked, OrganisationChanged, OrganisationRegistered
from events.refusal import Refusals, VersionStale
from market.commands import initiatives, parties
from market.rules.orders.initiatives import (
    ChangeInitiative,
    Initiative,
    InitiativeDetails,
    RegisterInitiative,
    RevokeInitiative,
)
from market.rules.parties.parties import ChangeOrganisation, RegisterOrganisation
from market.rules.refusing.party_refusals import InitiativeAbsent
from market.store import initiatives as store
from tests.conftest import Database
from tests.market_drafts import initiative, organisation_details
from tests.market_support import Scene, done


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


async def known(scene: Scene, code: str) -> Initiative | None:
    async with scene.pool.acquire() as connection:
        return await store.load_initiative(connection, code)


async def join(scene: Scene, name: str, *codes: str) -> Outcome:
    details = replace(organisation_details(name), initiatives=codes)
    return done(
        await parties.register_organisation(
            scene.desk,
            RegisterOrganisation(caller=scene.operator, details=details, organisation=scene.desk.new_id()),
        )
    )


async def register(scene: Scene, code: str, *, dry_run: bool = False) -> Answer:
    argument = RegisterInitiative(caller=scene.operator, details=initiative(code))
    return await initiatives.register(scene.desk, argument, dry_run=dry_run)


async def revoke(scene: Scene, code: str) -> Answer:
    argument = RevokeInitiative(caller=scene.operator, initiative=code)
    return await initiatives.revoke(scene.desk, argument)


def refused(error: BaseException) -> list[tuple[str, str | None]]:
    assert isinstance(error, Refusals)
    return [(refusal.code, refusal.pointer) for refusal in error.refusals]


async def test_it_is_registered_changed_and_revoked(scene: Scene) -> None:
    assert None is await known(scene, "permanet")
    await register(scene, "permanet")
    details = InitiativeDetails(name="Permanent magnets", coordinator="an institute")
    change = ChangeInitiative(
        caller=scene.operator, initiative="permanet", details=details, expected_version=1
    )
    await initiatives.change(scene.desk, change)
    with pytest.raises(VersionStale):
        await initiatives.change(scene.desk, change)
    await revoke(scene, "permanet")
    expected = Initiative(initiative="permanet", details=details, version=3, revoked=True)
    assert expected == await known(scene, "permanet")
    with pytest.raises(InitiativeAbsent):
        await revoke(scene, "permanet")
    with pytest.raises(Refusals) as again:
        await register(scene, "permanet")
    assert [("initiative_exists", "/code")] == refused(again.value)


async def test_a_rehearsal_stores_nothing(scene: Scene) -> None:
    drafts = await register(scene, "permanet", dry_run=True)
    assert not isinstance(drafts, Outcome)
    assert [scene.desk.lane("parties", "permanet").lane] == [draft.lane for draft in drafts]
    assert None is await known(scene, "permanet")


async def test_an_organisation_names_what_stands_all_reasons_at_once(scene: Scene) -> None:
    await register(scene, "ended")
    await revoke(scene, "ended")
    with pytest.raises(Refusals) as unknown:
        await join(scene, "newcomer", "nowhere", "remhub", "ended")
    expected = [("initiative_unknown", "/initiatives/0"), ("initiative_unknown", "/initiatives/2")]
    assert expected == refused(unknown.value)
    await join(scene, "newcomer", "remhub")


async def test_a_revoked_initiative_stays_with_those_who_name_it_until_their_next_change(
    scene: Scene,
) -> None:
    firm = scene.sellers[0]
    before = len(await scene.events("market"))
    await revoke(scene, "remhub")
    assert before == len(await scene.events("market"))
    change: dict[str, Any] = {"organisation": firm.organisation, "expected_version": 1}
    details = organisation_details("renamed")
    with pytest.raises(Refusals) as kept:
        await parties.change_organisation(
            scene.desk, ChangeOrganisation(caller=scene.operator, details=details, **change)
        )
    assert [("initiative_unknown", "/initiatives/0")] == refused(kept.value)
    outcome = done(
        await parties.change_organisation(
            scene.desk,
            ChangeOrganisation(caller=scene.operator, details=replace(details, initiatives=()), **change),
        )
    )
    assert isinstance(outcome.events[0].data, OrganisationChanged)
    assert () == outcome.events[0].data.initiatives
    assert ["market.member.changed.v1"] == [event.type for event in outcome.events[1:]]


async def test_nobody_joins_after_the_revocation_whoever_is_first(scene: Scene) -> None:
    for number in range(4):
        code = f"short-{number}"
        await register(scene, code)
        joining = [join(scene, f"{code}-{n}", code) for n in range(3)]
        ending = revoke(scene, code)
        answers = await asyncio.gather(*joining[:2], ending, joining[2], return_exceptions=True)
        late = [answer for answer in answers if isinstance(answer, BaseException)]
        assert [[("initiative_unknown", "/initiatives/0")]] * len(late) == [refused(error) for error in late]
        order = await joined_and_ended(scene, code)
        assert [OrganisationRegistered] * (3 - len(late)) + [InitiativeRevoked] == order


async def joined_and_ended(scene: Scene, code: str) -> list[type]:
    """Who joined the initiative and its end, in the order of commits."""
    found: list[type] = []
    for event in sorted(await scene.events("parties"), key=lambda event: event.id):
        match event.data:
            case OrganisationRegistered(initiatives=codes) if code in codes:
                found.append(OrganisationRegistered)
            case InitiativeRevoked(initiative=ended) if ended == code:
                found.append(InitiativeRevoked)
    return found
