"""`lodestone topics`: create what is missing of the declared topics; publish a lost lane again."""

import rich_click as click

from events.connections import acquire
from events.decision import LaneKey
from events.watermarks import republish
from market.cli.console import CommandFailed, Exit, print_json, print_line, run_async, settings_of
from market.cli.lanes import LANE, check_lane
from market.ground import Ground, stand, wire
from market.settings import Settings
from market.topics import TopicError, create_topics, inspect_topics


@click.command("topics")
@click.option(
    "--republish", "lost", type=LANE, metavar="STREAM/LANE", help="Send a lane again from its first event."
)
@click.option("--dry-run", is_flag=True, help="Change nothing.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
def command(*, lost: LaneKey | None, dry_run: bool, as_json: bool) -> None:
    """Create the topics of deploy/kafka/topics.toml that are missing; what exists is left as it is."""
    settings = settings_of()
    try:
        rows = run_async(_topics(settings, lost, dry_run=dry_run))
    except TopicError as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print_line(f"{row['state']:<10} {row['partitions']:>4}  {row['topic']}")
    if lost is not None:
        print_line(f"{'would be' if dry_run else 'is'} published again: {lost.stream}/{lost.lane}")


async def _topics(settings: Settings, lost: LaneKey | None, *, dry_run: bool) -> list[dict[str, object]]:
    async with stand(settings) as ground, wire(ground) as wiring:
        lanes = wiring.deployment.lanes
        if lost is not None:
            check_lane(lost, lanes)
        before = await inspect_topics(ground.bootstrap, lanes, prefix=settings.topic_prefix)
        created = set() if dry_run else await _create(ground, lanes)
        if lost is not None and not dry_run:
            async with acquire(wiring.relay) as connection:
                await republish(connection, lost)
    return [
        {
            "topic": state.topic.name,
            "partitions": state.partitions or state.topic.partitions,
            "state": "created"
            if state.topic.name in created
            else "missing"
            if state.partitions is None
            else "exists",
        }
        for state in before
    ]


async def _create(ground: Ground, lanes: int) -> set[str]:
    return set(await create_topics(ground.bootstrap, lanes, prefix=ground.settings.topic_prefix))
