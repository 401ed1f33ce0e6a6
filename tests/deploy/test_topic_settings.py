"""Which settings of a topic are told as differing, and which of them as losing events."""

from market.topic_settings import differences, mended_by
from market.topics import declared_topics

TOPICS = {topic.name: topic for topic in declared_topics(12, brokers=3, prefix="x.")}
RECORD = TOPICS["x.record.market.v1"]
AS_DECLARED = {**RECORD.config, "replication.factor": "3", "segment.bytes": "1"}


def told(name: str, **found: str) -> list[tuple[str, bool]]:
    changed = AS_DECLARED | {key.replace("_", "."): value for key, value in found.items()}
    return [(each.setting, each.loses_events) for each in differences(TOPICS[name], changed, "x.")]


def test_a_record_topic_that_deletes_or_compacts_loses_events() -> None:
    record = RECORD.name
    assert [] == told(record)
    assert [("cleanup.policy", True)] == told(record, cleanup_policy="compact")
    assert [("cleanup.policy", True)] == told(record, cleanup_policy="compact,delete")
    assert [("retention.ms", True)] == told(record, retention_ms="604800000")
    assert [("retention.bytes", True)] == told("x.audit.checkpoints.v1", retention_bytes="1")
    assert [("retention.ms", False)] == told("x.public.trades.v1", retention_ms="604800000")


def test_what_weakens_acknowledgements_is_told_and_more_than_declared_is_not() -> None:
    record = RECORD.name
    weak = {"unclean_leader_election_enable": "true", "min_insync_replicas": "1", "replication_factor": "1"}
    expected = {("min.insync.replicas", False), ("unclean.leader.election.enable", False)}
    assert expected | {("replication.factor", False)} == set(told(record, **weak))
    assert [("max.message.bytes", False)] == told(record, max_message_bytes="1000")
    assert [] == told(record, max_message_bytes="2000000", min_insync_replicas="3", replication_factor="5")


def test_the_command_that_mends_sets_what_differs_and_no_more() -> None:
    found = differences(RECORD, AS_DECLARED | {"retention.ms": "1", "replication.factor": "1"}, "x.")
    told = mended_by("broker:9092", found)
    assert told.startswith("kafka-configs.sh --bootstrap-server broker:9092 --alter --entity-type topics ")
    assert f"--entity-name {RECORD.name} --add-config retention.ms=-1;" in told
    assert "kafka-reassign-partitions.sh" in told
    assert "lodestone topics --republish" in told
