"""A secured Kafka: whom it lets in, and what partners and services may do there, on the real broker."""

import asyncio
import logging
import os
import stat
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    NoError,
    TopicAuthorizationFailedError,
)
from click.testing import CliRunner
from msgspec.structs import replace

from events.access import Access, AccessError
from events.brokers import Brokers, Password
from events.connections import open_admin
from events.rights import Right
from events.vocabulary import STREAMS
from market.audit.auditor import audit
from market.broker_logins import embedded, read_running, security_folder
from market.cli.commands import commands
from market.cli.console import CommandFailed
from market.cli.streams import Handed
from market.commands import parties
from market.embedded_kafka import local_kafka
from market.ground import Ground, wire
from market.rules.parties.closings import AskClosing, CloseOrganisation
from market.rules.streams.streams import OpenStream, partner_topic
from market.services import LOCAL_SERVICES
from market.settings import Settings, load
from market.topic_access import (
    AlreadyGranted,
    Granted,
    NotGranted,
    grant,
    prepare_logins,
    revoke,
    rotate,
    seen_by_services,
)
from market.topic_settings import compare_topics
from market.topics import create_partner_topic, create_topics
from tests.market_support import LANES as DESK_LANES
from tests.market_support import scene_on
from tests.process_support import caught_up, eventually, finish, published, serving, settings_for
from tests.secure_support import LANES, Secure, consumer_as, fetch_blindly, first_value, send

EXAMPLES = Path(__file__).parents[2] / "examples"
PUBLIC = "public.trades.v1"
CHECKPOINTS = "audit.checkpoints.v1"
PUBLIC_CHECKPOINTS = "public.checkpoints.v1"
RECORD = "record.market.v1"


@pytest.fixture(scope="module")
async def secure(server_settings: Settings) -> AsyncIterator[Secure]:
    """One broker for the file, or for each part of it that a process takes: below this session's folder, so
    that it goes with it."""
    libs = Path(mkdtemp(prefix="secure-", dir=server_settings.instance_dir)) / "kafka"
    libs.mkdir(parents=True)
    for shared in ("libs", "java"):
        (libs / shared).symlink_to(server_settings.data_dir / "kafka" / shared)
    own = load(data_dir=libs.parent, kafka_port=0, kafka_security_protocol="SASL_SSL")
    async with local_kafka(own) as root:
        assert isinstance(root, Brokers)
        services = security_folder(own) / "services"
        settings = load(
            environment="test",
            data_dir=libs.parent,
            kafka_bootstrap=read_running(own).bootstrap,
            kafka_security_protocol="SASL_SSL",
            kafka_security_ca_file=services / "ca.pem",
            kafka_security_services_folder=services,
        )
        await create_topics(root, LANES)
        await prepare_logins(own, root)
        clients = Brokers(servers=read_running(own).bootstrap, ca_file=str(services / "ca.pem"))
        for topic in (PUBLIC, PUBLIC_CHECKPOINTS, CHECKPOINTS, RECORD):
            await send(root, topic, topic.encode())
        yield Secure(settings, root, clients)


@pytest.fixture
async def firm(secure: Secure) -> tuple[UUID, Granted]:
    """A partner whose topic the publisher has made."""
    organisation = uuid4()
    publisher = secure.service("publisher")
    topic = partner_topic("", organisation)
    await create_partner_topic(publisher, topic)
    await send(publisher, topic, b"own")
    return organisation, await grant(Access(secure.root), "", organisation)


async def test_a_partner_sees_its_own_and_the_public_topics_with_their_checkpoints_and_no_other(
    secure: Secure, firm: tuple[UUID, Granted]
) -> None:
    _, granted = firm
    partner = secure.partner(granted)
    assert b"own" == await first_value(partner, granted.topic)
    assert PUBLIC.encode() == await first_value(partner, PUBLIC)
    assert PUBLIC_CHECKPOINTS.encode() == await first_value(partner, PUBLIC_CHECKPOINTS)
    everything = await Access(secure.root).topics()
    public = {topic for topic in everything if topic.startswith("public.")}
    assert 9 == len(public)
    assert {granted.topic, *public} == await Access(partner).topics()


async def test_a_partner_cannot_read_the_record_nor_every_head_nor_anothers_topic(
    secure: Secure, firm: tuple[UUID, Granted]
) -> None:
    other = partner_topic("", uuid4())
    await create_partner_topic(secure.root, other)
    await send(secure.root, other, b"secret")
    assert b"secret" == await first_value(secure.root, other)
    assert NoError is await fetch_blindly(secure.partner(firm[1]), firm[1].topic)
    for topic in (RECORD, CHECKPOINTS, "record.parties.v1", other, f"{firm[1].topic}x"):
        assert TopicAuthorizationFailedError is await fetch_blindly(secure.partner(firm[1]), topic)


async def test_a_partner_cannot_write_or_make_or_ask_for_anything(
    secure: Secure, firm: tuple[UUID, Granted]
) -> None:
    _, granted = firm
    partner = secure.partner(granted)
    for topic in (granted.topic, PUBLIC, CHECKPOINTS, RECORD):
        with pytest.raises(TopicAuthorizationFailedError):
            await send(partner, topic, b"forged")
    async with open_admin(partner) as admin:
        made = await admin.create_topics([NewTopic("partner.mine.v1", 1, 1)])
        assert [("partner.mine.v1", TopicAuthorizationFailedError.errno)] == [
            error[:2] for error in made.topic_errors
        ]
    assert "partner.mine.v1" not in await Access(secure.root).topics()
    access = Access(partner)
    anything = Right(resource="topic", name="record.", operation="read", prefixed=True)
    for asked in (
        access.allow(granted.user, [anything]),
        access.forbid(granted.user),
        access.set_password("service.relay", "mine"),
        access.has_user("service.relay"),
    ):
        with pytest.raises(AccessError, match=f"{granted.user} may not change users and rights"):
            await asked


async def test_a_partner_follows_in_groups_of_its_own_and_knows_of_no_others(
    secure: Secure, firm: tuple[UUID, Granted]
) -> None:
    _, granted = firm
    partner, mine = secure.partner(granted), f"{granted.group_prefix}books"
    place = TopicPartition(granted.topic, 0)
    async with consumer_as(partner, group_id=mine) as consumer:
        consumer.subscribe([granted.topic])
        assert b"own" == (await consumer.getone()).value
        await consumer.commit()
    async with consumer_as(partner, group_id=mine) as consumer:
        assert 1 == await consumer.committed(place)
    async with consumer_as(secure.root, group_id="partner.another.books") as consumer:
        consumer.assign([place])
        await consumer.commit({place: 1})
    for group in ("partner.another.books", "books"):
        with pytest.raises(GroupAuthorizationFailedError):
            async with consumer_as(partner, group_id=group) as consumer:
                await consumer.committed(place)
    async with open_admin(partner) as admin:
        assert [mine] == [name for name, _ in await admin.list_consumer_groups()]


async def test_who_has_no_login_is_refused_in_words(
    secure: Secure, firm: tuple[UUID, Granted], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "aiokafka")
    wrong = secure.login(firm[1].user, "wrong")
    servers = secure.clients.servers
    for login, why in (
        (wrong, f"{servers} refuses the login of {firm[1].user}: unknown user or wrong password"),
        (secure.login("nobody", firm[1].password), "refuses the login of nobody"),
        (replace(secure.partner(firm[1]), ca_file=None), "authority that is not trusted here"),
        (servers, f"nothing answers at {servers} in the protocol that is set"),
        (replace(secure.root, login=None), "nothing answers at"),
    ):
        with pytest.raises(AccessError, match=why):
            await Access(login).topics(1)
        with pytest.raises(KafkaConnectionError):
            async with open_admin(login):
                pass


async def test_a_new_password_replaces_the_old_one(secure: Secure, firm: tuple[UUID, Granted]) -> None:
    organisation, old = firm
    access = Access(secure.root)
    with pytest.raises(AlreadyGranted):
        await grant(access, "", organisation)
    async with consumer_as(secure.partner(old)) as consumer:
        consumer.assign([TopicPartition(old.topic, 0)])
        assert b"own" == (await consumer.getone()).value
        new = await rotate(access, "", organisation)
        await send(secure.root, old.topic, b"later")
        # As docs/streams.md says: until the login has to be repeated.
        assert b"later" == (await consumer.getone()).value
    assert replace(old, password="") == replace(new, password="")
    assert b"own" == await first_value(secure.partner(new), new.topic)
    with pytest.raises(AccessError, match="wrong password"):
        await Access(secure.partner(old)).topics()
    with pytest.raises(NotGranted):
        await rotate(access, "", uuid4())


async def test_a_revoked_partners_open_connections_read_nothing_more(
    secure: Secure, firm: tuple[UUID, Granted]
) -> None:
    organisation, granted = firm
    access, partner = Access(secure.root), secure.partner(granted)
    async with consumer_as(partner) as consumer:
        consumer.assign([TopicPartition(granted.topic, 0)])
        assert b"own" == (await consumer.getone()).value
        await revoke(access, "", organisation)
        await eventually("no right", partial(has_exactly, access, granted.user, frozenset()))
        await send(secure.root, granted.topic, b"later")
        with pytest.raises(TopicAuthorizationFailedError):
            await consumer.getone()
    with pytest.raises(AccessError, match="unknown user"):
        await Access(partner).topics()
    assert frozenset() == await access.rights_of(granted.user)
    with pytest.raises(NotGranted):
        await revoke(access, "", organisation)
    again = await grant(access, "", organisation)
    assert b"own" == await first_value(secure.partner(again), again.topic)


async def test_services_may_what_they_do_and_no_more(secure: Secure) -> None:
    record = frozenset(f"record.{stream}.v1" for stream in STREAMS)
    public = {topic for topic in await Access(secure.root).topics() if topic.startswith("public.")}
    seen = await seen_by_services(secure.settings, secure.clients)
    assert set(LOCAL_SERVICES) == seen.keys()
    assert {"api": frozenset(), "timers": frozenset()} == {name: seen[name] for name in ("api", "timers")}
    assert [frozenset({RECORD})] * 3 == [seen[name] for name in ("matcher", "follower", "projector")]
    assert record == seen["relay"]
    assert record | public <= set(seen["publisher"]) and CHECKPOINTS not in seen["publisher"]
    assert [record | {CHECKPOINTS}] * 2 == [seen["auditor"], seen["witness"]]
    assert frozenset({CHECKPOINTS, PUBLIC_CHECKPOINTS}) == seen["signer"]
    looks = {
        name: await compare_topics(secure.service(name), LANES, beginning="record.")
        for name in ("relay", "publisher")
    }
    assert [(record, ()), (frozenset(), ())] == [
        (frozenset(look.compared), look.differences) for look in looks.values()
    ]
    assert record == frozenset(looks["publisher"].hidden)
    for service in ("matcher", "signer", "api"):
        denied = await fetch_blindly(secure.service(service), "record.parties.v1")
        assert TopicAuthorizationFailedError is denied
    for service, topic in (
        ("relay", PUBLIC), ("publisher", RECORD), ("matcher", RECORD), ("auditor", CHECKPOINTS),
        ("witness", RECORD),
    ):  # fmt: skip
        with pytest.raises(TopicAuthorizationFailedError):
            await send(secure.service(service), topic, b"forged")


async def test_a_right_that_is_no_longer_due_is_taken_at_the_next_preparation(secure: Secure) -> None:
    access = Access(secure.root)
    beyond = Right(resource="topic", name="record.parties.v1", operation="read")
    before = await access.rights_of("service.matcher")
    await access.allow("service.matcher", [beyond])
    await eventually("the right", partial(has_exactly, access, "service.matcher", before | {beyond}))
    own = secure.settings.model_copy(update={"kafka_bootstrap": None, "instance": "main"})
    await prepare_logins(own, embedded(own, read_running(own)))
    await eventually("its end", partial(has_exactly, access, "service.matcher", before))


async def has_exactly(access: Access, user: str, rights: frozenset[Right]) -> bool:
    """As the broker knows it, which is told of a change a little after it was made."""
    return rights == await access.rights_of(user)


async def test_partners_of_before_lose_the_topic_of_every_head_and_keep_password_and_connections(
    secure: Secure, firm: tuple[UUID, Granted]
) -> None:
    access, granted = Access(secure.root), firm[1]
    due = await access.rights_of(granted.user)
    every_head = Right(resource="topic", name=CHECKPOINTS, operation="read")
    await access.allow(granted.user, [every_head])
    await eventually("the right", partial(has_exactly, access, granted.user, due | {every_head}))
    partner = secure.partner(granted)
    assert NoError is await fetch_blindly(partner, CHECKPOINTS)
    async with consumer_as(partner) as consumer:
        consumer.assign([TopicPartition(granted.topic, 0)])
        assert b"own" == (await consumer.getone()).value
        own = secure.settings.model_copy(update={"kafka_bootstrap": None, "instance": "main"})
        await prepare_logins(own, embedded(own, read_running(own)))
        await send(secure.root, granted.topic, b"later")
        assert b"later" == (await consumer.getone()).value
    await eventually("its end", partial(has_exactly, access, granted.user, due))
    assert TopicAuthorizationFailedError is await fetch_blindly(partner, CHECKPOINTS)


async def test_secrets_are_in_files_of_their_owner_alone_and_in_no_log(
    secure: Secure, firm: tuple[UUID, Granted]
) -> None:
    folder = security_folder(secure.settings)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert 7 + len(LOCAL_SERVICES) == len(files)
    open_to_others = {path.name for path in files if stat.S_IMODE(path.stat().st_mode) != 0o600}
    assert {"ca.pem"} == open_to_others
    log = (secure.settings.instance_dir / "kafka.log").read_text()
    secrets = [path.read_text() for path in files if path.suffix == ".password"] + [firm[1].password]
    assert "Kafka Server started" in log
    assert [] == [secret for secret in secrets if secret in log]
    assert firm[1].password not in repr(secure.partner(firm[1]))


async def test_the_whole_road_runs_with_every_service_under_its_own_login(
    secure: Secure, database: Any, topic_prefix: str, tmp_path: Path
) -> None:
    settings = await prepared(secure, database, topic_prefix)
    ground = Ground(settings=settings, admin_url=database.admin_dsn, bootstrap=secure.clients)
    async with scene_on(database) as scene, wire(ground) as wiring:
        seller = scene.sellers[0]
        await parties.open_stream(
            scene.desk, OpenStream(caller=seller.trader, organisation=seller.organisation)
        )
        async with serving(wiring, "relay", "matcher", "follower", "projector", "publisher", "auditor"):
            await eventually("the topics", lambda: published(scene))
            for reader in ("matcher", "follower", "projector", "publisher", "auditor"):
                await eventually(reader, partial(caught_up, scene, reader))
            live = "select count(*) from ops.outlet where live and organisation = $1"

            async def joined() -> bool:
                lanes = DESK_LANES * len(STREAMS)
                return bool(lanes == await scene.pool.fetchval(live, seller.organisation))

            await eventually("the partner's topic", joined)
        auditor = ground.acting_as("auditor").bootstrap
        report = await audit(auditor, prefix=topic_prefix, processes=2)
        assert not report.diverged and report.records > 0
    granted = await grant(Access(secure.root), topic_prefix, seller.organisation)
    told = [await follow(secure, granted, name, tmp_path) for name in ("follow_kafka", "follow_librdkafka")]
    assert "partner.stream.opened.v1" in told[0]
    assert told[0] == told[1]


async def follow(secure: Secure, granted: Granted, name: str, folder: Path) -> list[str]:
    """The types of what a partner's program tells."""
    login = {
        "KAFKA_USER": granted.user,
        "KAFKA_PASSWORD": granted.password,
        "KAFKA_CA_FILE": secure.clients.ca_file or "",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLES / f"{name}.py",
        secure.clients.servers, granted.topic, folder / name, "--once",
        env=os.environ | login, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    code_, out, err = await finish(child)
    assert 0 == code_, err
    return [line.partition(" ")[0] for line in out.splitlines()]


async def prepared(secure: Secure, database: Any, prefix: str) -> Settings:
    """Of a deployment on the broker, whose services have users and rights."""
    own = {
        name: getattr(secure.settings, name)
        for name in type(secure.settings).model_fields
        if name.startswith("kafka_security_")
    }
    settings = settings_for(database, secure.clients.servers, prefix, **own)
    await create_topics(secure.root, DESK_LANES, prefix=prefix)
    await prepare_logins(settings, secure.root)
    return settings


async def test_the_command_line_gives_and_takes_logins_and_says_what_fails(
    secure: Secure, database: Any, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = security_folder(secure.settings)
    settings = await prepared(secure, database, topic_prefix)
    access = Access(secure.root)
    settings.instance_dir.mkdir(parents=True, exist_ok=True)
    for shared in ("kafka", "kafka.lock", "kafka.running.json"):
        (settings.instance_dir / shared).symlink_to(secure.settings.instance_dir / shared)
    for name in ("database_url", "data_dir", "instance", "topic_prefix"):
        value = getattr(settings, name)
        text = value.get_secret_value() if name == "database_url" else str(value)
        monkeypatch.setenv(f"LODESTONE_{name.upper()}", text)

    async def run(servers: str | None, security: dict[str, str], *arguments: str) -> tuple[int, str]:
        """`servers` None: the embedded ones."""
        ca_file = {} if servers is None else {"CA_FILE": str(folder / "services" / "ca.pem")}
        with monkeypatch.context() as patch:
            if servers is not None:
                patch.setenv("LODESTONE_KAFKA_BOOTSTRAP", servers)
            for name, value in (ca_file | security).items():
                patch.setenv(f"LODESTONE_KAFKA_SECURITY_{name}", value)
            done = await asyncio.to_thread(CliRunner().invoke, commands, list(arguments))
        failure = done.exception
        told = failure.sentence if isinstance(failure, CommandFailed) else ""
        return int(failure.code) if isinstance(failure, CommandFailed) else done.exit_code, done.stdout + told

    root = {"PROTOCOL": "SSL", "CERTIFICATE_FILE": str(folder / "provision" / "provision.pem")}
    own = {"PROTOCOL": "SASL_SSL", "SERVICES_FOLDER": str(folder / "services")}
    wrong = {"PROTOCOL": "SASL_SSL", "USER": f"{topic_prefix}service.relay", "PASSWORD": "wrong"}
    async with scene_on(database) as scene:
        firm = str(scene.sellers[0].organisation)
        code, told = await run(secure.root.servers, root, "streams", "grant", firm, "--json")
        granted = msgspec.json.decode(told, type=Handed)
        assert (None, str(folder / "services" / "ca.pem")) == (granted.servers, granted.ca_file)
        assert (0, f"{topic_prefix}partner.{firm}") == (code, granted.user)
        shown = await Access(secure.partner(granted)).topics()
        assert f"{topic_prefix}{PUBLIC_CHECKPOINTS}" in shown and f"{topic_prefix}{CHECKPOINTS}" not in shown
        assert (3, str(AlreadyGranted.__doc__)) == await run(
            secure.root.servers, root, "streams", "grant", firm
        )
        assert (3, f"there is no organisation org_{'0' * 32}") == await run(
            secure.root.servers, root, "streams", "grant", f"org_{'0' * 32}"
        )
        _, refused = await run(secure.clients.servers, own, "streams", "rotate", firm)
        assert f"{topic_prefix}service.auditor may not change users and rights" in refused
        _, told = await run(None, {"PROTOCOL": "SASL_SSL"}, "streams", "rotate", firm)
        handed = dict(line.split(maxsplit=1) for line in told.replace("ca file", "ca_file").splitlines())
        partner = Brokers(
            servers=handed["servers"],
            ca_file=handed["ca_file"],
            login=Password(handed["user"], handed["password"]),
        )
        assert f"{topic_prefix}{PUBLIC_CHECKPOINTS}" in await Access(partner).topics()
        leaver = await scene.register("leaver")
        gone = str(leaver.organisation)
        code, told = await run(secure.root.servers, root, "streams", "grant", gone, "--json")
        assert 0 == code, told
        await parties.ask_closing(
            scene.desk, AskClosing(caller=leaver.trader, organisation=leaver.organisation)
        )
        await parties.close_organisation(
            scene.desk, CloseOrganisation(caller=scene.operator, organisation=leaver.organisation)
        )
        for asked in ("rotate", "grant"):
            code, told = await run(secure.root.servers, root, "streams", asked, gone)
            assert (3, True) == (code, f"lodestone streams revoke org_{leaver.organisation.hex}" in told)
        assert (0, "") == await run(secure.root.servers, root, "streams", "revoke", gone)
        assert 3 == (await run(secure.root.servers, root, "streams", "grant", gone))[0]
        assert not await access.has_user(f"{topic_prefix}partner.{gone}")
        _, told = await run(None, {"PROTOCOL": "SASL_SSL"}, "doctor")
        assert f"TLS; services and partners log in at {secure.clients.servers}\n" in told
        assert (0, "") == await run(secure.root.servers, root, "streams", "revoke", firm)
        assert not await access.has_user(granted.user)
        assert "Kafka as" not in (await run(secure.clients.servers, own, "doctor"))[1]
        await access.forbid(f"{topic_prefix}service.matcher")
        lacking = f"Kafka as matcher: no right to {topic_prefix}{RECORD}"
        assert lacking in (await run(secure.clients.servers, own, "doctor"))[1]
        refused = f"refuses the login of {topic_prefix}service.relay: unknown user or wrong password"
        assert refused in (await run(secure.clients.servers, wrong, "doctor"))[1]
