"""Groups on PostgreSQL: whoever is named as group is nobody else's, at every commit."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from events.command import Outcome
from events.market_events import MemberChanged
from events.refusal import Refusals
from market.commands import parties
from market.folders import DEPLOY
from market.rules.parties.parties import (
    ChangeOrganisation,
    Organisation,
    OrganisationDetails,
    RegisterOrganisation,
)
from market.store import party_reads
from tests.conftest import Database
from tests.market_drafts import organisation_details
from tests.market_support import Scene, done

MIGRATION = DEPLOY / "postgres" / "migrations" / "0047_failings_are_counted_by_group.sql"
GROUPS = "select organisation, company_group from member order by organisation"


@pytest.fixture
def database(market_database: Database) -> Database:
    return market_database


async def read(scene: Scene, organisation: UUID) -> Organisation:
    async with scene.pool.acquire() as connection:
        found = await party_reads.load_organisation(connection, organisation)
    assert found is not None
    return found


async def register(scene: Scene, name: str, group: UUID | None = None) -> UUID:
    organisation = scene.desk.new_id()
    await parties.register_organisation(
        scene.desk,
        RegisterOrganisation(
            caller=scene.operator,
            organisation=organisation,
            details=replace(organisation_details(name), group=group),
        ),
    )
    return organisation


async def regroup(scene: Scene, organisation: UUID, group: UUID | None) -> Outcome:
    before = await read(scene, organisation)
    standing = {name: getattr(before, name) for name in OrganisationDetails.__struct_fields__}
    return done(
        await parties.change_organisation(
            scene.desk,
            ChangeOrganisation(
                caller=scene.operator,
                organisation=organisation,
                expected_version=before.version,
                details=OrganisationDetails(**standing | {"group": group}),
            ),
        )
    )


def codes(error: BaseException) -> list[tuple[str, str | None]]:
    assert isinstance(error, Refusals)
    return [(refusal.code, refusal.pointer) for refusal in error.refusals]


async def test_a_parent_that_is_bought_takes_its_daughters_and_their_copies_along(
    scene: Scene, database: Database
) -> None:
    parent, daughter = (firm.organisation for firm in scene.sellers[:2])
    holding = await register(scene, "holding")
    await regroup(scene, daughter, parent)
    outcome = await regroup(scene, parent, holding)
    assert [holding] * 2 == [(await read(scene, each)).group for each in (parent, daughter)]
    copied = [event.data.member for event in outcome.events if isinstance(event.data, MemberChanged)]
    assert [(parent, holding), (daughter, holding)] == [(each.organisation, each.group) for each in copied]
    with pytest.raises(Refusals) as late:
        await regroup(scene, daughter, parent)
    assert [("group_not_ultimate", "/group")] == codes(late.value)
    assert "name the ultimate parent" in str(late.value)
    await regroup(scene, parent, None)
    assert [parent, holding] == [(await read(scene, each)).group for each in (parent, daughter)]
    await assert_groups_of_before_are_read_from_the_copies(database, {parent: parent, daughter: holding})


async def assert_groups_of_before_are_read_from_the_copies(
    database: Database, expected: dict[UUID, UUID]
) -> None:
    """Of members that a database had before their group stood in a column of its own."""
    owner = await asyncpg.connect(database.dsn("owner"), server_settings={"search_path": "state"})
    try:
        before = await owner.fetch(GROUPS)
        await owner.execute("alter table member drop column company_group")
        async with owner.transaction():
            await owner.execute(MIGRATION.read_text("utf-8"))
        assert before == await owner.fetch(GROUPS)
    finally:
        await owner.close()
    assert expected.items() <= {(row["organisation"], row["company_group"]) for row in before}


async def test_no_chain_comes_of_joining_at_once_whoever_is_first(scene: Scene) -> None:
    for number in range(3):
        top, middle = await register(scene, f"top {number}"), await register(scene, f"middle {number}")
        low = [await register(scene, f"low {number} {n}") for n in range(2)]
        answers = await asyncio.gather(
            regroup(scene, low[0], middle),
            regroup(scene, middle, top),
            register(scene, f"new {number}", middle),
            regroup(scene, low[1], middle),
            return_exceptions=True,
        )
        late = [answer for answer in answers if isinstance(answer, BaseException)]
        assert [[("group_not_ultimate", "/group")]] * len(late) == [codes(error) for error in late]
        assert top == (await read(scene, middle)).group
        groups = {(await read(scene, each)).group for each in low}
        assert groups <= {top, *low}
        async with scene.pool.acquire() as connection:
            assert [] == await party_reads.followers(connection, middle, limit=9)
