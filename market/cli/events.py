"""`lodestone events tail`: the record topics as they grow."""

import asyncio
import os
import sys
from collections.abc import Sequence

import msgspec
import rich_click as click

from events.brokers import Bootstrap
from events.codec import Undecodable, decode_event
from events.decision import LaneKey
from events.topics import record_topic
from events.vocabulary import STREAMS
from market.cli.console import (
    CommandFailed,
    Exit,
    print_line,
    run_async,
    stop_event,
)
from market.cli.environment import settings_of
from market.cli.lanes import LANE, check_lane
from market.embedded_kafka import local_kafka
from market.settings import Settings
from market.topics import TopicError, TopicRecord, open_reading


@click.group("events")
def command() -> None:
    """Read the record's events on Kafka."""


@command.command("tail")
@click.option(
    "--stream", "streams", multiple=True, type=click.Choice(STREAMS), help="May be repeated; else all."
)
@click.option("--lane", type=LANE, metavar="STREAM/LANE", help="Only this lane.")
@click.option("--from-start", is_flag=True, help="From the first event instead of the newest.")
@click.option("--once", is_flag=True, help="Stop at the end instead of waiting for more.")
@click.option("--json", "as_json", is_flag=True, help="Whole events, one JSON document per line.")
def tail(
    *, streams: tuple[str, ...], lane: LaneKey | None, from_start: bool, once: bool, as_json: bool
) -> None:
    """Print events as they reach Kafka, one per line, until Ctrl-C."""
    settings = settings_of()
    chosen = (lane.stream,) if lane is not None else streams or STREAMS
    try:
        run_async(_tail(settings, chosen, lane, from_start=from_start, once=once, as_json=as_json))
    except TopicError as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error


async def _tail(
    settings: Settings,
    streams: Sequence[str],
    lane: LaneKey | None,
    *,
    from_start: bool,
    once: bool,
    as_json: bool,
) -> None:
    """What ends one stream's tail ends all of them."""
    stop = stop_event()
    async with local_kafka(settings) as bootstrap:
        try:
            async with asyncio.TaskGroup() as group:
                for stream in streams:
                    group.create_task(
                        _follow(
                            bootstrap,
                            record_topic(settings.topic_prefix, stream),
                            lane,
                            stop,
                            from_start=from_start,
                            once=once,
                            as_json=as_json,
                        )
                    )
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed


async def _follow(
    bootstrap: Bootstrap,
    topic: str,
    lane: LaneKey | None,
    stop: asyncio.Event,
    *,
    from_start: bool,
    once: bool,
    as_json: bool,
) -> None:
    async with open_reading(bootstrap, topic, from_end=not from_start) as reading:
        if lane is not None:
            check_lane(lane, reading.partitions)
        while not stop.is_set():
            async for partition, records in reading.batches():
                if lane is None or lane.lane == partition:
                    _print(records, stop, as_json=as_json)
                if stop.is_set():
                    return
            if once:
                return
            await reading.look_further()


def _print(records: Sequence[TopicRecord], stop: asyncio.Event, *, as_json: bool) -> None:
    """Ends the tail when nobody reads stdout any more."""
    try:
        for record in records:
            print_line(_line(record, as_json=as_json))
        sys.stdout.flush()
    except BrokenPipeError:
        stop.set()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _line(record: TopicRecord, *, as_json: bool) -> str:
    if as_json:
        return record.value.decode("utf-8", "backslashreplace")
    try:
        event = decode_event(record.value, b"")
    except Undecodable as error:
        return f"offset {record.offset} is not an event: {error}"
    data = msgspec.json.encode(event.data).decode()
    shown = data if len(data) <= 160 else data[:159] + "…"
    place = f"{event.stream}/{event.lane}/{event.position}"
    return f"{event.time:%Y-%m-%dT%H:%M:%S.%fZ} {place} {event.type} {shown}"
