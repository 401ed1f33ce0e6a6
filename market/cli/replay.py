"""`lodestone replay`: tables rebuilt beside the live ones, compared, views swapped; a lost lane restored."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

import rich_click as click

from events.connections import Pool, acquire
from events.counts import counted
from events.decision import LaneKey
from events.envelope import Recorded
from events.key_files import KeyFileError
from events.notes import NoteError, VerifierKey
from events.replay import BrokenRecord, from_journal, restore_lane
from events.vocabulary import STREAMS
from market.checkpoint_keys import operator_key
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
    progress,
    run_async,
    say,
)
from market.cli.environment import settings_of
from market.cli.lanes import LANE, check_lane
from market.ground import Ground, stand, stand_on_database, wire
from market.lacking_heads import take_back_heads
from market.rebuild import Report, SourceIncomplete, compare_with_record
from market.republish import lanes_of
from market.settings import Settings
from market.store.applying import apply
from market.topics import TopicError
from market.view_swap import CannotSwap, swap_views

EVERY_LANE: Final = "all"


@click.command("replay")
@click.option(
    "--restore",
    "lost",
    metavar="all|STREAM/LANE",
    help="Restore events missing in the journal from Kafka, of every lane or of one.",
)
@click.option(
    "--key", metavar="KEY",
    help="With --restore: the operator's public key, for checkpoints; else that of the local key file.",
)  # fmt: skip
@click.option("--swap", is_flag=True, help="Replace the live views by the rebuilt ones; reads continue.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on stdout.")
def command(*, lost: str | None, key: str | None, swap: bool, as_json: bool) -> None:
    """Rebuild all tables from the journal in a scratch schema; compare them with the live ones, row by row.

    Changes nothing without --restore or --swap. --swap rebuilds only the views and shows the differences of
    the live ones. --restore restores missing events with their effects, and missing checkpoints,
    cosignatures and key changes. Exit code 4: tables differ that are not swapped, the journal is broken, or
    topics and database are not one history.
    """
    if swap and lost is not None:
        raise CommandFailed(Exit.USAGE, "--restore and --swap cannot be combined: run one after the other")
    settings = settings_of()
    try:
        if lost is not None:
            named = None if lost == EVERY_LANE else LANE.convert(lost, None, None)
            run_async(_restore(settings, named, operator_key(settings, key)))
            return
        report = run_async(_swap(settings) if swap else _replay(settings))
    except CannotSwap as error:
        raise CommandFailed(Exit.UNAVAILABLE, str(error)) from error
    except (NoteError, KeyFileError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    except (BrokenRecord, SourceIncomplete) as error:
        raise CommandFailed(Exit.DIVERGENCE, str(error)) from error
    if as_json:
        print_json(report)
    else:
        _print(report, "views" if swap else "tables")
    if swap:
        say("the rebuilt views are now the live ones")
    elif not report.equal:
        raise CommandFailed(Exit.DIVERGENCE, "the live tables differ from what the record produces")


async def _restore(settings: Settings, named: LaneKey | None, operator: VerifierKey | None) -> None:
    """Every lane is taken back that can be; BrokenRecord at last when one is not one history."""
    broken: list[str] = []
    async with stand(settings) as ground, wire(ground) as wiring:
        if named is not None:
            check_lane(named, wiring.deployment.lanes)
        keys = lanes_of(STREAMS, wiring.deployment.lanes) if named is None else [named]
        consumer = await ground.consumer()
        try:
            for key in keys:
                try:
                    count = await restore_lane(
                        wiring.writer, consumer, key, apply, topic_prefix=settings.topic_prefix
                    )
                except BrokenRecord as error:
                    broken.append(str(error))
                    continue
                await wiring.resume_relay(key)
                if count or named is not None:
                    print_line(f"{count} events of {key.stream}/{key.lane} were restored from Kafka")
                    for reader, _ in await wiring.resume_readers([key]):
                        say(f"{reader}/{key.stream}/{key.lane} had stopped and resumes")
        finally:
            await consumer.stop()
        if broken:
            broken.append("docs/recovery.md, two histories, says what to do")
        broken += await _restore_heads(ground, operator)
    if broken:
        raise BrokenRecord("\n".join(broken))


async def _restore_heads(ground: Ground, operator: VerifierKey | None) -> list[str]:
    """What was signed and cosigned, after the events that it is of; what of it is not one history."""
    if operator is None:
        say("checkpoints were not restored: pass the operator's public key as --key")
        return []
    try:
        async with ground.opened_pool("owner", 1) as owner:
            done = await take_back_heads(owner, ground.bootstrap, ground.settings.topic_prefix, operator)
    except TopicError as error:
        say(f"checkpoints were not restored: {error}; lodestone topics creates it")
        return []
    if done.heads or done.cosignatures or done.rotations:
        print_line(
            f"{counted(done.heads, 'signed head')}, {counted(done.cosignatures, 'cosignature')} and "
            f"{counted(done.rotations, 'change')} "
            "of key were restored from Kafka"
        )
    for lane, count in done.beyond.items():
        say(
            f"{counted(count, 'signed head')} of {lane.stream}/{lane.lane} belong to events missing in its "
            "journal"
        )
    if done.faults:
        done.faults.append("docs/recovery.md says what to do: a hole among the checkpoints, or two histories")
    return done.faults


async def _replay(settings: Settings) -> Report:
    async with stand_on_database(settings) as ground, ground.opened_pool("owner", 2) as owner:
        total = await owner.fetchval("select count(*) from record.journal")
        with progress("events replayed", total) as advance:
            seen = 0

            def told(done: int, _total: int) -> None:
                nonlocal seen
                advance(done - seen)
                seen = done

            async with acquire(owner) as connection:
                return await compare_with_record(connection, partial(_feed, owner), told)


async def _swap(settings: Settings) -> Report:
    async with stand_on_database(settings) as ground, ground.opened_pool("owner", 3) as owner:
        total = await owner.fetchval("select count(*) from record.journal where stream = 'market'")
        with progress("events replayed", total) as advance:
            return await swap_views(owner, advance)


def _feed(pool: Pool, key: LaneKey, upto: int) -> AsyncIterator[Sequence[Recorded]]:
    return from_journal(pool, key, upto=upto)


def _print(report: Report, compared: str) -> None:
    for table in report.tables:
        verdict = "equal" if table.differences == 0 else f"{table.differences} rows differ"
        print_line(f"{table.table:<28} {table.rows:>9,} rows  {verdict}")
        for example in table.examples:
            changes = "; ".join(f"{c.column}: live {c.live}, rebuilt {c.rebuilt}" for c in example.changes)
            print_line(f"    {example.kind} {example.key} {changes}")
    verdict = f"all {len(report.tables)} {compared} equal" if report.equal else f"{compared} are NOT EQUAL"
    print_line(f"{counted(report.events, 'event')} replayed; {verdict}")
