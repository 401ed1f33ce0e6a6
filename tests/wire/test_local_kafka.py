"""The embedded Kafka: guests, restarts with data, killed owners, and a broker that dies."""

import asyncio
import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from structlog.testing import capture_logs

from events.brokers import Bootstrap, aiokafka_options
from market.children import LocalServerError
from market.embedded_kafka import _read_classes, classes_digest, kafka_classes, local_kafka
from market.embedded_postgres import local_postgres
from market.settings import Settings, load

OWNER = """
import asyncio, sys
from market.embedded_kafka import local_kafka
from market.embedded_postgres import local_postgres
from market.settings import load

async def main():
    settings = load(data_dir=sys.argv[1], instance=sys.argv[2], kafka_port=0)
    async with local_postgres(settings), local_kafka(settings):
        print("ready", flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.fixture
def own_settings(server_settings: Settings, topic_prefix: str) -> Settings:
    """An instance below this session's, so that it goes with it."""
    name = topic_prefix.rstrip(".")
    libs = server_settings.instance_dir / "kafka-tests" / "kafka"
    libs.mkdir(parents=True, exist_ok=True)
    for shared in ("libs", "java"):
        if not (libs / shared).exists():
            (libs / shared).symlink_to(server_settings.data_dir / "kafka" / shared)
    return load(data_dir=libs.parent, instance=name, kafka_port=0)


async def send(bootstrap: Bootstrap, topic: str, value: bytes) -> int:
    async with AIOKafkaProducer(**aiokafka_options(bootstrap)) as producer:
        return int((await producer.send_and_wait(topic, value, partition=0)).offset)


async def read(bootstrap: Bootstrap, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        **aiokafka_options(bootstrap), auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        return [(await consumer.getone()).value for _ in range(end)]
    finally:
        await consumer.stop()


async def create(bootstrap: Bootstrap, topic: str) -> None:
    admin = AIOKafkaAdminClient(**aiokafka_options(bootstrap))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def test_data_survives_a_restart(own_settings: Settings) -> None:
    async with local_kafka(own_settings) as bootstrap:
        await create(bootstrap, "kept")
        await send(bootstrap, "kept", b"before")
    assert not (own_settings.instance_dir / "kafka.running.json").exists()
    async with local_kafka(own_settings) as bootstrap:
        assert 1 == await send(bootstrap, "kept", b"after")
        assert [b"before", b"after"] == await read(bootstrap, "kept")


async def test_classes_that_were_kept_are_what_java_starts_with(server_settings: Settings) -> None:
    archive, folder = kafka_classes(server_settings.data_dir), server_settings.data_dir / "kafka"
    command = [(folder / "java").read_text(), "-XX:+UseSerialGC", f"-XX:SharedArchiveFile={archive}"]
    command += [
        "-Xshare:on",
        "-Xlog:class+load",
        "-cp",
        f"{(folder / 'libs').resolve()}/*",
        "kafka.tools.StorageTool",
    ]
    child = await asyncio.create_subprocess_exec(*command, "--help", stdout=asyncio.subprocess.PIPE)
    told, _ = await child.communicate()
    assert 0 == child.returncode
    assert b"org.apache.kafka.common.utils.Utils source: shared objects file (top)" in told


async def test_classes_that_were_cut_off_are_left_aside(
    own_settings: Settings, server_settings: Settings, tmp_path: Path
) -> None:
    """Java died of them at every start."""
    given, own = server_settings.data_dir / "kafka", tmp_path / "kafka"
    (own / "libs").mkdir(parents=True)
    for file in (given / "java", *given.glob("libs/*.jar")):
        (own / file.relative_to(given)).symlink_to(file.resolve())
    whole, cut = kafka_classes(server_settings.data_dir), kafka_classes(tmp_path)
    classes_digest(cut).write_text(classes_digest(whole).read_text())
    cut.write_bytes(whole.read_bytes()[:-5_000])
    settings = own_settings.model_copy(update={"data_dir": tmp_path})
    with capture_logs() as logged:
        async with local_kafka(settings) as bootstrap:
            await create(bootstrap, "kept")
            assert 0 == await send(bootstrap, "kept", b"all the same")
    assert {"kafka.classes_damaged"} == {each["event"] for each in logged if each["log_level"] == "warning"}


def test_classes_whose_digest_cannot_be_read_are_left_aside(tmp_path: Path) -> None:
    archive = kafka_classes(tmp_path)
    archive.parent.mkdir()
    archive.touch()
    libs = archive.with_name("libs")
    for digest, options in (
        (b"\xff", []),
        (hashlib.sha256(b"").hexdigest().encode(), [f"-XX:SharedArchiveFile={archive}"]),
    ):
        classes_digest(archive).write_bytes(digest)
        assert options == _read_classes(libs)


async def test_a_guest_uses_what_runs(server_settings: Settings, kafka_bootstrap: str) -> None:
    async with local_kafka(server_settings) as bootstrap:
        assert kafka_bootstrap == bootstrap
    assert (server_settings.instance_dir / "kafka.running.json").exists()


async def test_servers_of_a_killed_owner_are_taken_over(own_settings: Settings) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        OWNER,
        str(own_settings.data_dir),
        own_settings.instance,
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    assert b"ready\n" == await owner.stdout.readline()
    left = json.loads((own_settings.instance_dir / "kafka.running.json").read_text())["pid"]
    owner.kill()
    await owner.communicate()
    async with local_postgres(own_settings), local_kafka(own_settings) as bootstrap:
        await create(bootstrap, "works")
        assert 0 == await send(bootstrap, "works", b"again")
        assert left != json.loads((own_settings.instance_dir / "kafka.running.json").read_text())["pid"]
        assert not _is_kafka(left)


async def test_a_broker_that_dies_is_an_error_that_names_its_log(own_settings: Settings) -> None:
    log = own_settings.instance_dir / "kafka.log"
    with pytest.raises(LocalServerError) as died:
        async with local_kafka(own_settings):
            os.kill(int((own_settings.instance_dir / "kafka" / "pid").read_text()), signal.SIGKILL)
            await asyncio.sleep(60)
    assert f"Kafka ended by itself (killed by SIGKILL); its log is {log}" == str(died.value)


async def test_a_broker_that_cannot_start_is_an_error_that_names_its_log(own_settings: Settings) -> None:
    unfit = own_settings.model_copy(update={"kafka_java_options": "-Xmx1x"})
    with pytest.raises(LocalServerError, match=r"kafka\.log"):
        async with local_kafka(unfit):
            pass


async def test_a_broker_whose_pid_cannot_be_kept_does_not_stay(own_settings: Settings) -> None:
    folder = own_settings.instance_dir / "kafka"
    (folder / "pid.new").mkdir(parents=True)
    with pytest.raises(LocalServerError, match=r"kafka/pid cannot be written \(Is a directory\)"):
        async with local_kafka(own_settings):
            pass
    properties = str(folder / "server.properties").encode()
    assert [] == [pid for pid in Path("/proc").glob("[0-9]*/cmdline") if properties in _command(pid)]
    (folder / "pid.new").rmdir()
    async with local_kafka(own_settings) as bootstrap:
        await create(bootstrap, "kept")


def _command(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


async def test_missing_jars_name_the_set_up(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path, instance="empty", kafka_port=0)
    with pytest.raises(
        LocalServerError, match=rf"are missing; run `LODESTONE_DATA_DIR={tmp_path} make setup`"
    ):
        async with local_kafka(settings):
            pass


async def test_a_given_cluster_is_used_as_it_is(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path, kafka_bootstrap="kafka-1:9092,kafka-2:9092")
    async with local_kafka(settings) as bootstrap:
        assert "kafka-1:9092,kafka-2:9092" == bootstrap
    assert [] == list(tmp_path.iterdir())


def _is_kafka(pid: int) -> bool:
    try:
        return b"kafka.Kafka" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
