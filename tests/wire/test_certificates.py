"""Certificates of a secured Kafka: their end is told before it comes, new ones are taken while it runs."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from events.access import Access
from events.brokers import Brokers
from market import certificate_renewal
from market import watch as watching
from market.broker_files import CERTIFICATE_VALID, LOOPBACK, prepare_files
from market.broker_logins import read_running, security_folder
from market.certificate_renewal import renewing
from market.certificates import Counting, certificates
from market.cli.doctor_certificates import PAGE, certificate_findings
from market.cli.findings import Finding
from market.embedded_kafka import local_kafka
from market.folders import CHECKOUT
from market.rules.streams.topic_rights import SERVICES
from market.settings import Settings, load
from tests.process_support import eventually, wired

ASKED = 6
DAY = timedelta(days=1)
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(market_database: Any) -> Any:
    return market_database


@pytest.fixture
async def own(server_settings: Settings) -> AsyncIterator[tuple[Settings, Brokers]]:
    """A secured broker of this test's, and its super user."""
    libs = Path(mkdtemp(prefix="certificates-", dir=server_settings.instance_dir)) / "kafka"
    libs.mkdir(parents=True)
    for shared in ("libs", "java"):
        (libs / shared).symlink_to(server_settings.data_dir / "kafka" / shared)
    settings = load(data_dir=libs.parent, kafka_port=0, kafka_security_protocol="SASL_SSL")
    async with local_kafka(settings) as root:
        assert isinstance(root, Brokers)
        yield settings, root


def made_anew(settings: Settings, ends_at: datetime) -> None:
    """The broker's file alone, as the product makes it, ending then."""
    folder = security_folder(settings)
    (folder / "broker" / "broker.pem").unlink()
    assert prepare_files(folder, LOOPBACK, SERVICES, ends_at - CERTIFICATE_VALID)


async def shows(brokers: Brokers, settings: Settings, day: datetime) -> bool:
    """Asked so often that each of a broker's threads was met: they read the file one after another."""
    asked = await asyncio.gather(*(certificates(settings, brokers) for _ in range(ASKED)))
    listeners = [each.ends_at for found in asked for each in found if each.what.startswith("Kafka listener ")]
    return {day.date()} == {each and each.date() for each in listeners}


def trusted_by_clients(settings: Settings) -> None:
    host, _, port = read_running(settings).bootstrap.rpartition(":")
    trust = ssl.create_default_context(cafile=security_folder(settings) / "services" / "ca.pem")
    with (
        socket.create_connection((host, int(port)), 5) as plain,
        trust.wrap_socket(plain, server_hostname=host),
    ):
        pass


async def test_an_end_is_told_and_renewed_certificates_are_taken_while_the_broker_runs(
    own: tuple[Settings, Brokers],
    database: Any,
    kafka_bootstrap: str,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, root = own
    now = datetime.now(UTC)
    clients = Brokers(servers=read_running(settings).bootstrap, ca_file=root.ca_file)
    soon, later = now + 20 * DAY, now + CERTIFICATE_VALID
    assert await shows(root, settings, later)
    assert ["certificates"] == [
        each.what for each in certificate_findings(await certificates(settings, root), now)
    ]

    made_anew(settings, soon)
    assert (f"{root.servers}",) == await Access(root).reread_certificates()
    await eventually("the one that ends", partial(shows, root, settings, soon))
    await eventually("the same for services", partial(shows, clients, settings, soon))
    found = await certificates(settings, root)
    told = f"the certificate ends on {soon:%Y-%m-%d}, in 19 days"
    what = f"Kafka listener {root.servers}"
    first, rest = certificate_findings(found, now)
    assert Finding(what=what, state="attention", told=told, help=PAGE) == first
    assert ("certificates", "ok") == (rest.what, rest.state)
    async with wired(database, kafka_bootstrap, topic_prefix) as wiring:
        ground = replace(wiring.ground, bootstrap=root)
        await watching._show_certificates(replace(wiring, ground=ground))
    name = "lodestone_certificate_ends_timestamp_seconds"
    shown = REGISTRY.get_sample_value(name, {"certificate": what})
    assert shown is not None
    assert abs(shown - soon.timestamp()) < 1

    monkeypatch.setattr(certificate_renewal, "LOOK_SECONDS", 0.1)
    async with renewing(settings, root):
        await eventually("the renewed one", partial(shows, root, settings, later))
        await eventually("the same for services", partial(shows, clients, settings, later))
    await asyncio.to_thread(trusted_by_clients, settings)

    made_anew(settings, soon)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("LODESTONE_")}
    environment |= {
        "LODESTONE_DATA_DIR": str(settings.data_dir),
        "LODESTONE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    }
    command = [sys.executable, "-m", "market", "brokers", "--reread"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert (0, f"{root.servers} has read its certificates again\n") == (done.returncode, done.stdout)
    await eventually("what the command had read", partial(shows, root, settings, soon))


def test_each_is_told_by_how_long_it_still_counts() -> None:
    ends = {
        "far": 400 * DAY,
        "a month": 31 * DAY,
        "weeks": 30 * DAY - DAY,
        "days": 7 * DAY - DAY,
        "gone": -DAY,
    }
    found = [Counting(what=what, ends_at=NOW + left) for what, left in ends.items()]
    found.append(Counting(what="file", fault="it cannot be read: Permission denied"))
    assert [
        ("weeks", "attention", "the certificate ends on 2026-10-30, in 29 days"),
        ("days", "wrong", "the certificate ends on 2026-10-07, in 6 days"),
        ("gone", "wrong", "the certificate has ended on 2026-09-30"),
        ("file", "attention", "it cannot be read: Permission denied"),
        ("certificates", "ok", "2 are valid for over 30 days, the first expires on 2026-11-01"),
    ] == [(each.what, each.state, each.told) for each in certificate_findings(found, NOW)]


async def test_files_that_settings_name_are_read_and_what_is_no_certificate_is_told(tmp_path: Path) -> None:
    prepare_files(tmp_path, LOOPBACK, SERVICES, NOW)
    prepare_files(tmp_path / "older", LOOPBACK, SERVICES, NOW - 100 * DAY)
    login, authority = tmp_path / "provision" / "provision.pem", tmp_path / "services" / "ca.pem"
    both, empty = tmp_path / "both.pem", tmp_path / "empty.pem"
    older = (tmp_path / "older" / "services" / "ca.pem").read_bytes()
    both.write_bytes(older + authority.read_bytes())
    empty.write_text("no PEM")
    url = f"postgresql://lodestone_writer@db:5432/lodestone?sslmode=verify-full&sslcert={login}"
    settings = load(
        kafka_bootstrap="127.0.0.1:1",
        kafka_security_protocol="SSL",
        kafka_security_ca_file=both,
        database_url=f"{url}&sslrootcert={empty}",
        writer_url=f"{url}&sslrootcert={tmp_path}/absent.pem",
        reader_url=f"{url}&sslrootcert=system",
    )
    away = Brokers(servers="127.0.0.1:1", ca_file=str(both))
    found = {each.what: each.ends_at or each.fault for each in await certificates(settings, away)}
    refused = found.pop("Kafka listener 127.0.0.1:1")
    assert "it cannot be asked: [Errno 111] Connection refused" == refused
    assert {
        f"Kafka authority {both}": NOW + timedelta(days=3_650),
        f"PostgreSQL login {login}": NOW + CERTIFICATE_VALID,
        f"PostgreSQL authority {empty}": "it holds no certificate in PEM",
        f"PostgreSQL authority {tmp_path}/absent.pem": "it cannot be read: No such file or directory",
    } == found
    assert () == await certificates(load(kafka_bootstrap="127.0.0.1:1"), "127.0.0.1:1")
