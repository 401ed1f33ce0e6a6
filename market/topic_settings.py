"""Compares the settings of a deployment's topics on the cluster with `deploy/kafka/topics.toml`."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from msgspec import Struct

from events.brokers import Bootstrap
from events.connections import open_admin
from market.metrics import TOPIC_LOSES_EVENTS, TOPIC_SETTINGS_DIFFERING
from market.topics import Topic, declared_topics

log = structlog.get_logger("lodestone.topics")

LOOK_SECONDS: Final = 300.0
"""A topic's settings may change at any time, and Kafka deletes old records every five minutes."""
KEPT: Final = ("record.", "audit.")
"""Prefixes of topics that serve as proof, of which nothing may be deleted."""
FOR_EVER: Final = "-1"
LEAST: Final = frozenset({"min.insync.replicas", "max.message.bytes", "replication.factor"})
"""Settings for which more than declared is fine."""
RESTORED: Final = "and what is gone comes back by: lodestone topics --republish STREAM (docs/recovery.md)"


class Difference(Struct, frozen=True, kw_only=True):
    """One setting of a topic; `loses_events`: a topic that is to keep everything deletes or compacts."""

    topic: str
    setting: str
    found: str
    declared: str
    loses_events: bool

    def __str__(self) -> str:
        means = "" if not self.loses_events else "; " + _MEANS[self.setting]
        return f"{self.setting} is {self.found}, declared {self.declared}{means}"


class SettingsSeen(Struct, frozen=True, kw_only=True):
    """`compared`: names of topics; `hidden`: whose settings this login is not shown, or that do not exist."""

    compared: tuple[str, ...]
    differences: tuple[Difference, ...]
    hidden: tuple[str, ...]


_MEANS: Final = {
    "cleanup.policy": "all but the newest event of each key goes",
    "retention.ms": "older events go",
    "retention.bytes": "the oldest events go once a partition is that large",
}


def differences(topic: Topic, found: Mapping[str, str], prefix: str = "") -> tuple[Difference, ...]:
    """Differences from the declared settings; `found` includes the cluster's defaults."""
    kept = topic.name.removeprefix(prefix).startswith(KEPT)
    declared = {**topic.config, "replication.factor": str(topic.replication_factor)}
    return tuple(
        Difference(
            topic=topic.name,
            setting=setting,
            found=found[setting],
            declared=wanted,
            loses_events=kept and _loses(setting, found[setting]),
        )
        for setting, wanted in declared.items()
        if setting in found and not _is_as_good(setting, found[setting], wanted)
    )


def _is_as_good(setting: str, found: str, wanted: str) -> bool:
    return int(found) >= int(wanted) if setting in LEAST else found == wanted


def _loses(setting: str, found: str) -> bool:
    if setting == "cleanup.policy":
        return "compact" in found.split(",")
    return setting in _MEANS and found != FOR_EVER


def mended_by(bootstrap: Bootstrap, found: Iterable[Difference]) -> str:
    """The command that sets one topic as it is declared."""
    differing = list(found)
    settings = ",".join(
        f"{each.setting}=[{each.declared}]" if "," in each.declared else f"{each.setting}={each.declared}"
        for each in differing
        if each.setting != "replication.factor"
    )
    told = []
    if settings:
        told.append(
            f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics "
            f"--entity-name {differing[0].topic} --add-config {settings}"
        )
    if any(each.setting == "replication.factor" for each in differing):
        told.append("kafka-reassign-partitions.sh gives it more replicas")
    if any(each.loses_events for each in differing):
        told.append(RESTORED)
    return "; ".join(told)


async def compare_topics(
    bootstrap: Bootstrap, lanes: int, *, prefix: str = "", beginning: str = ""
) -> SettingsSeen:
    """Of the declared topics whose names begin so after the prefix. KafkaError when none answers."""
    async with open_admin(bootstrap) as admin:
        brokers = len((await admin.describe_cluster())["brokers"])
        topics = [
            topic
            for topic in declared_topics(lanes, brokers=brokers, prefix=prefix)
            if topic.name.removeprefix(prefix).startswith(beginning)
        ]
        found = await _found(admin, [topic.name for topic in topics])
    return SettingsSeen(
        compared=tuple(topic.name for topic in topics if topic.name in found),
        differences=tuple(
            each
            for topic in topics
            if topic.name in found
            for each in differences(topic, found[topic.name], prefix)
        ),
        hidden=tuple(topic.name for topic in topics if topic.name not in found),
    )


async def _found(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(asked):
        for error, _, _, name, entries in response.resources:
            if not error:
                found[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
    described: list[dict[str, Any]] = await admin.describe_topics(list(found)) if found else []
    for topic in described:
        replicas = [len(partition["replicas"]) for partition in topic["partitions"]]
        if replicas:
            found[topic["topic"]]["replication.factor"] = str(min(replicas))
    return found


async def watch_topics(
    bootstrap: Bootstrap, lanes: int, stop: asyncio.Event, *, prefix: str, look_seconds: float = LOOK_SECONDS
) -> None:
    """Until `stop`, checks the settings of the record topics at intervals; exports gauges, and logs changes.
    It never changes settings, which is up to the cluster's owner."""
    before: SettingsSeen | None = None
    while not stop.is_set():
        try:
            seen = await compare_topics(bootstrap, lanes, prefix=prefix, beginning="record.")
        except Exception as error:  # noqa: BLE001  whatever it is, the next look comes
            log.warning("topic_settings_wait", error=repr(error))
        else:
            _show(seen, known=before)
            before = seen
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), look_seconds)


def _show(seen: SettingsSeen, *, known: SettingsSeen | None) -> None:
    for topic in seen.compared:
        of_it = [each for each in seen.differences if each.topic == topic]
        TOPIC_SETTINGS_DIFFERING.labels(topic).set(len(of_it))
        TOPIC_LOSES_EVENTS.labels(topic).set(int(any(each.loses_events for each in of_it)))
    if seen == known:
        return
    for each in seen.differences:
        told = log.error if each.loses_events else log.warning
        told("topic_settings_differ", topic=each.topic, told=str(each), loses_events=each.loses_events)
    if seen.hidden:
        log.warning("topic_settings_hidden", topics=list(seen.hidden))
