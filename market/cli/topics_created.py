"""What is missing of the declared topics created, and lost lanes published again."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from events.counts import counted
from events.decision import LaneKey
from events.replay import BrokenRecord
from events.vocabulary import STREAMS
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    progress,
    run_async,
)
from market.cli.environment import settings_of
from market.cli.lanes import check_lane, written_lane
from market.ground import Ground, prepare_kafka, stand, wire
from market.republish import Republished, StillAtWork, lanes_of, republish
from market.settings import Settings
from market.topic_settings import SettingsSeen, compare_topics, mended_by
from market.topics import TopicError, TopicState, inspect_topics

ALL: Final = "all"
PUBLIC: Final = "public"


class Row(Struct, frozen=True, kw_only=True):
    """A declared topic: `created`, `missing` or `exists`; `differs`: where it is set otherwise than declared.

    `loses_events`: it is proof, and is set to delete or compact.
    """

    topic: str
    partitions: int
    state: str
    differs: tuple[str, ...] = ()
    loses_events: bool = False
    help: str | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    topics: list[Row]
    republished: Republished | None


def create(lost: str | None, *, dry_run: bool, as_json: bool) -> None:
    """CommandFailed as the verb's help says."""
    settings = settings_of()
    try:
        outcome = run_async(_topics(settings, lost, dry_run=dry_run))
    except (TopicError, StillAtWork) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    except BrokenRecord as error:
        raise CommandFailed(Exit.DIVERGENCE, str(error)) from error
    if as_json:
        print_json(outcome.topics if lost is None else outcome)
    else:
        _print(outcome, lost)
    losing = [row.topic for row in outcome.topics if row.loses_events]
    if losing:
        raise CommandFailed(Exit.INVALID_INPUT, f"set to lose events of the record: {', '.join(losing)}")


def _print(outcome: Outcome, lost: str | None) -> None:
    for row in outcome.topics:
        print_line(f"{row.state:<10} {row.partitions:>4}  {row.topic}")
        for told in row.differs:
            print_line(f"{'':<16} {told}")
        if row.help:
            print_line(f"{'':<16} → {row.help}")
    if outcome.republished is not None:
        _print_republished(outcome.republished)
    elif lost is not None:
        print_line(f"would be published again: {lost}")


def _print_republished(done: Republished) -> None:
    if done.lanes:
        before = ", ".join(done.old_clusters) or "no cluster"
        print_line(
            f"{counted(done.lanes, 'lane is', 'lanes are')} published again: "
            f"{counted(done.events, 'event')}, {done.sealed:,} of them "
            "under checkpoints, chain and roots as they were signed"
        )
        print_line(
            f"cluster before {before}, now {done.new_cluster}; "
            f"{counted(done.readers, 'place of readers begins', 'places of readers begin')} anew"
        )
    if done.tape:
        print_line("the public topics are made again, with the ids that they had")
    print_line("start the services: the relay sends, readers skip what they have applied")


async def _topics(settings: Settings, lost: str | None, *, dry_run: bool) -> Outcome:
    async with stand(settings) as ground, wire(ground) as wiring:
        lanes = wiring.deployment.lanes
        keys = _lanes(lost, lanes)
        before = await inspect_topics(ground.bootstrap, lanes, prefix=settings.topic_prefix)
        republished: Republished | None = None
        created: Sequence[str] = ()
        if lost is not None and not dry_run:
            republished = await republish(wiring, keys, tape=lost == PUBLIC, told=progress)
            created = republished.created
        elif not dry_run:
            created = await prepare_kafka(ground, lanes)
        seen = await compare_topics(ground.bootstrap, lanes, prefix=settings.topic_prefix)
        rows = [_row(ground, state, created, seen) for state in before]
    return Outcome(topics=rows, republished=republished)


def _row(ground: Ground, state: TopicState, created: Sequence[str], seen: SettingsSeen) -> Row:
    name = state.topic.name
    existed = "missing" if state.partitions is None else "exists"
    differing = tuple(each for each in seen.differences if each.topic == name)
    return Row(
        topic=name,
        partitions=state.partitions or state.topic.partitions,
        state="created" if name in created else existed,
        differs=tuple(map(str, differing)),
        loses_events=any(each.loses_events for each in differing),
        help=mended_by(ground.bootstrap, differing) if differing else None,
    )


def _lanes(lost: str | None, lanes: int) -> list[LaneKey]:
    """CommandFailed when there is no such lane."""
    if lost is None or lost == PUBLIC:
        return []
    if lost == ALL or lost in STREAMS:
        return lanes_of(STREAMS if lost == ALL else [lost], lanes)
    key = written_lane(lost)
    if key is None:
        told = f"{lost!r} is neither all nor public, no stream and no lane; a lane is written as in market/3"
        raise CommandFailed(Exit.USAGE, told)
    check_lane(key, lanes)
    return [key]
