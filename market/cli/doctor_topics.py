"""`lodestone doctor` on topics: which exist, their settings, which service can see them."""

from collections.abc import AsyncIterator, Collection, Iterable
from itertools import groupby

from events.journal import Deployment
from market.cli.findings import Finding
from market.ground import Ground
from market.rules.streams.topic_rights import service_rights
from market.settings import Settings
from market.topic_access import seen_by_services
from market.topic_settings import compare_topics, mended_by
from market.topics import inspect_topics


async def topic_findings(ground: Ground, deployment: Deployment) -> AsyncIterator[Finding]:
    settings = ground.settings
    states = await inspect_topics(ground.bootstrap, deployment.lanes, prefix=settings.topic_prefix)
    seen = await seen_by_services(settings, ground.bootstrap)
    shown = {state.topic.name for state in states if state.partitions is not None}
    for topics in seen.values():
        shown |= frozenset() if isinstance(topics, str) else topics
    absent = [state.topic.name for state in states if state.topic.name not in shown]
    hidden = "" if isinstance(ground.bootstrap, str) else ", or hidden from this login"
    yield Finding(
        what="topics",
        state="wrong" if absent else "ok",
        told=f"missing{hidden}: {', '.join(absent)}" if absent else f"{len(states)} exist",
        help="lodestone topics" if absent else None,
    )
    async for finding in _topic_settings(ground, deployment, absent):
        yield finding
    for service, topics in seen.items():
        told = topics if isinstance(topics, str) else _without_right(settings, service, shown - topics)
        if told:
            what = f"Kafka as {service}"
            yield Finding(what=what, state="wrong", told=told, help="lodestone topics, as the super user")


async def _topic_settings(
    ground: Ground, deployment: Deployment, absent: Collection[str]
) -> AsyncIterator[Finding]:
    """Topics that are set otherwise than declared; wrong where one that is proof loses events."""
    seen = await compare_topics(ground.bootstrap, deployment.lanes, prefix=ground.settings.topic_prefix)
    hidden = [topic for topic in seen.hidden if topic not in absent]
    if hidden:
        yield Finding(
            what="topic settings",
            state="attention",
            told=f"not shown to this login: {', '.join(hidden)}",
            help="use a login that may describe the configuration of these topics",
        )
    elif not seen.differences:
        yield Finding(what="topic settings", state="ok", told="as deploy/kafka/topics.toml declares them")
    for topic, group in groupby(seen.differences, key=lambda each: each.topic):
        found = tuple(group)
        yield Finding(
            what=f"topic {topic}",
            state="wrong" if any(each.loses_events for each in found) else "attention",
            told="; ".join(map(str, found)),
            help=mended_by(ground.bootstrap, found),
        )


def _without_right(settings: Settings, service: str, hidden: Iterable[str]) -> str | None:
    """The topics among those hidden from a service that it works with."""
    rights = service_rights(settings.topic_prefix, service)
    lacking = [name for name in sorted(hidden) if any(right.covers(name) for right in rights)]
    return f"no right to {', '.join(lacking)}" if lacking else None
