"""The files under deploy/ and requirements/ hold together, and with the settings."""

import json
import os
import re
import shutil
import string
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema_rs
import pytest
import yaml
from click.testing import CliRunner

from market import __version__
from market.cli.commands import commands
from market.provision import MIGRATIONS
from market.settings import load
from market.version import version

CHECKOUT = Path(__file__).parents[2]
DEPLOY = CHECKOUT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
MAVEN = "{http://maven.apache.org/POM/4.0.0}"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """compose.yaml as a machine without any variables set reads it."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE.read_text())
    document: dict[str, Any] = yaml.safe_load(text)
    return document


@pytest.fixture(scope="module")
def pom() -> ET.Element:
    return ET.parse(DEPLOY / "kafka" / "pom.xml").getroot()


def test_compose_file_uses_only_known_members_in_their_form(compose: dict[str, Any]) -> None:
    schema = json.loads((CHECKOUT / "tests" / "deploy" / "compose_essentials.json").read_text())
    errors = [
        f"{error.instance_path}: {error.message}" for error in jsonschema_rs.iter_errors(schema, compose)
    ]
    assert [] == errors


def test_the_log_is_set_alike_everywhere(compose: dict[str, Any]) -> None:
    conf = (DEPLOY / "postgres" / "embedded.conf").read_text()
    operations = (CHECKOUT / "docs" / "operations.md").read_text()
    embedded = dict(re.findall(r"^(\w+) = (.*)$", conf, re.MULTILINE))
    told = dict(re.findall(r"^\| `(\w+)` \| (\w+)", operations, re.MULTILINE))
    name, *options = compose["services"]["postgres"]["command"]
    given = dict(option.removeprefix("-c").split("=") for option in options)
    assert "postgres" == name
    assert given == {name: value for name, value in embedded.items() if "wal" in name or name in given}
    assert given == {name: told.get(name, given[name]) for name in given}
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & embedded.keys()


def test_compose_client_accepts_the_file_where_there_is_one() -> None:
    command = ["docker", "compose", "-f", str(COMPOSE), "config", "--quiet"]
    has_client = (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode
    )
    shown = subprocess.run(command, check=False, capture_output=True, text=True) if has_client else None
    assert shown is None or (0, "") == (shown.returncode, shown.stderr)


def test_compose_uses_official_images_that_are_new_enough(compose: dict[str, Any], pom: ET.Element) -> None:
    kafka = pom.findtext(f"{MAVEN}properties/{MAVEN}kafka.version")
    assert f"apache/kafka:{kafka}" == compose["services"]["kafka"]["image"]
    assert "postgres:18" == compose["services"]["postgres"]["image"]


def test_compose_opens_ports_on_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


def test_compose_environment_is_a_valid_one(compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LODESTONE_")]:
        monkeypatch.delenv(name)
    for service, protocol, port in (("lodestone", "SASL_SSL", 9092), ("topics", "SSL", 9091)):
        for name, value in compose["services"][service]["environment"].items():
            monkeypatch.setenv(name, value)
        settings = load()
        assert settings.role_url("writer") is not None
        assert protocol == settings.kafka_security_protocol
        mounted = {volume.split(":")[1] for volume in compose["services"][service]["volumes"]}
        for file in (settings.kafka_security_ca_file, settings.kafka_security_services_folder):
            assert file is not None
            assert mounted & {str(file), str(file.parent)}
        assert f"kafka:{port}" == settings.kafka_bootstrap


def test_only_who_prepares_kafka_is_given_the_super_users_key(compose: dict[str, Any]) -> None:
    given = {
        name: {volume.split(":")[0] for volume in service.get("volumes", [])} & {"authority", "provision"}
        for name, service in compose["services"].items()
    }
    assert {"security": {"authority", "provision"}, "topics": {"provision"}} == {
        name: secrets for name, secrets in given.items() if secrets
    }


def test_only_who_prepares_the_database_is_given_its_administrators_password(compose: dict[str, Any]) -> None:
    given = {"LODESTONE_DATABASE_URL", "LODESTONE_OWNER_URL"}
    environments = {
        name: service.get("environment", {}).keys() for name, service in compose["services"].items()
    }
    assert {"migrate": given} == {
        name: names & given for name, names in environments.items() if names & given
    }


def test_compose_and_the_embedded_broker_are_secured_alike(compose: dict[str, Any]) -> None:
    """Each client listener of compose is as the embedded one's CLIENTS."""
    embedded = _properties("secure.properties", security="/security")
    composed = {
        name.removeprefix("KAFKA_").lower().replace("___", "-").replace("_", "."): value.replace("$$", "$")
        for name, value in compose["services"]["kafka"]["environment"].items()
    }
    assert "SASL_SSL" == _protocol(embedded, "CLIENTS")
    for listener in ("INSIDE", "OUTSIDE"):
        assert "SASL_SSL" == _protocol(composed, listener)
        clients, same = "listener.name.clients", f"listener.name.{listener.lower()}"
        for name in [name for name in embedded if name.startswith(clients)]:
            assert embedded[name] == composed[name.replace(clients, same)]
    apart = ("listeners", "advertised.listeners", "listener.security.protocol.map")
    common = {
        name: value
        for name, value in embedded.items()
        if name not in apart and not name.startswith("listener.name.clients")
    }
    assert {"authorizer.class.name", "super.users", "allow.everyone.if.no.acl.found"} <= common.keys()
    assert common == {name: composed.get(name) for name in common}
    for each in (embedded, composed):
        assert ["SSL", "SSL"] == [_protocol(each, name) for name in ("INTERNAL", "CONTROLLER")]


def _protocol(properties: dict[str, str], listener: str) -> str:
    return dict(pair.split(":") for pair in properties["listener.security.protocol.map"].split(","))[listener]


def _properties(name: str, **given: str) -> dict[str, str]:
    """A template of the broker's as it is filled in."""
    ports = {"broker_port": "1", "controller_port": "2", "internal_port": "3", "login_ms": "3600000"}
    text = (DEPLOY / "kafka" / name).read_text()
    filled = string.Template(text).substitute(ports | {"log_dir": "/data"} | given)
    lines = [line for line in filled.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_compose_keeps_the_key_of_the_public_ids_where_the_service_may_write(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = compose["services"]["lodestone"]
    monkeypatch.setenv(
        "LODESTONE_DATA_DIR", service["environment"].get("LODESTONE_DATA_DIR", "/app/.lodestone")
    )
    folder = load().data_dir
    volumes = dict(volume.removesuffix(":ro").split(":") for volume in service.get("volumes", []))
    assert str(folder) in volumes.values()
    assert volumes.keys() <= compose["volumes"].keys()
    assert re.search(
        rf"install .*--owner=lodestone .*{folder}$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE
    )


def test_every_service_that_is_depended_on_exists(compose: dict[str, Any]) -> None:
    services = compose["services"]
    wanted = {name for service in services.values() for name in service.get("depends_on", {})}
    assert {"postgres", "security", "kafka", "migrate", "topics"} == wanted
    assert wanted <= services.keys()


def test_image_copies_only_what_the_build_context_lets_through() -> None:
    allowed = {
        line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    assert copied == allowed
    assert [] == [path for path in copied if not (CHECKOUT / path).exists()]


def test_the_version_is_told_where_the_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the image, which holds the folders only."""

    def not_installed(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", not_installed)
    told = CliRunner().invoke(commands, ["--version"])
    newest = max(path.name for path in MIGRATIONS.glob("*.sql"))[:4]
    assert 0 == told.exit_code
    assert re.fullmatch(
        rf"lodestone, version {re.escape(__version__)}, migrations to {newest}(, commit [0-9a-f]{{12}})?\n",
        told.output,
    )


def test_outside_a_checkout_no_commit_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("market.version.CHECKOUT", tmp_path)
    assert "commit" not in version()
    (tmp_path / ".git").mkdir()
    assert "commit" not in version()


def test_every_requirement_is_pinned_with_hashes_and_names_no_host() -> None:
    for name in ("runtime.txt", "development.txt"):
        text = (CHECKOUT / "requirements" / name).read_text()
        entries = re.split(r"\n(?=[a-z0-9])", text.strip())
        assert len(entries) > 20
        assert [] == [
            entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry
        ]
        assert "://" not in text
        assert "--index" not in text


def test_runtime_and_development_pin_the_same_versions() -> None:
    def pins(name: str) -> set[str]:
        text = (CHECKOUT / "requirements" / name).read_text()
        return set(re.findall(r"^([a-z0-9][^ ]*==[^ ]+)", text, re.MULTILINE))

    assert set() == pins("runtime.txt") - pins("development.txt")


def test_every_dependency_is_in_the_compiled_requirements() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    compiled = (CHECKOUT / "requirements" / "development.txt").read_text()
    wanted = [
        *project["dependencies"],
        *(d for group in project["optional-dependencies"].values() for d in group),
    ]
    names = [re.split(r"[<>=!;\[ ]", dependency)[0].lower() for dependency in wanted]
    assert [] == [name for name in names if not re.search(rf"^{re.escape(name)}==", compiled, re.MULTILINE)]


def test_jars_have_checksums_and_are_the_versions_of_the_pom(pom: ET.Element) -> None:
    lines = [line.split() for line in (DEPLOY / "kafka" / "jars.sha256").read_text().splitlines()]
    names = {name for _, name in lines}
    assert [] == [digest for digest, _ in lines if not re.fullmatch(r"[0-9a-f]{64}", digest)]
    kafka = pom.findtext(f"{MAVEN}properties/{MAVEN}kafka.version")
    log4j = pom.findtext(f"{MAVEN}properties/{MAVEN}log4j.version")
    expected = {
        f"kafka_2.13-{kafka}.jar",
        f"log4j-slf4j-impl-{log4j}.jar",
        f"log4j-core-{log4j}.jar",
        f"log4j-api-{log4j}.jar",
    }
    assert set() == expected - names
    assert [] == [name for name in names if "slf4j2" in name]


def test_pom_says_nothing_about_where_artifacts_come_from(pom: ET.Element) -> None:
    assert [] == [
        element.tag for element in pom.iter() if element.tag.endswith(("repository", "repositories"))
    ]
    assert {} == pom.attrib


def test_kafka_templates_have_no_open_placeholders() -> None:
    plain = _properties("server.properties")
    assert "PLAINTEXT://127.0.0.1:1" == plain["advertised.listeners"]
    assert "-1" == plain["log.retention.ms"]
    secure = _properties("secure.properties", security="/files")
    assert "CLIENTS://127.0.0.1:1,INTERNAL://127.0.0.1:3" == secure["advertised.listeners"]
    assert "RULE:^CN=(broker|provision)$/$1/" == secure["ssl.principal.mapping.rules"]
    assert [] == [name for name, value in secure.items() if "PLAINTEXT" in value]


def test_topics_are_those_of_the_design() -> None:
    topics = tomllib.loads((DEPLOY / "kafka" / "topics.toml").read_text())
    lanes = [name for name, topic in topics["topics"].items() if topic["partitions"] == "lanes"]
    assert [f"record.{stream}.v1" for stream in ("parties", "market", "contracts", "materials")] == lanes
    assert 14 == len(topics["topics"])
    assert "-1" == topics["every-topic"]["config"]["retention.ms"]
    assert "delete" == topics["every-topic"]["config"]["cleanup.policy"]
    assert (3, "2") == (
        topics["replicated"]["replication_factor"],
        topics["replicated"]["config"]["min.insync.replicas"],
    )


def test_ci_calls_the_names_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    lines = re.findall(r'^(?:\w+="[^"]*" )?make (.+)$', (CHECKOUT / ".ci" / "run").read_text(), re.MULTILINE)
    called = [word for line in lines for word in line.split() if not word.startswith("-")]
    assert ["setup", "check", "demo", "test"] == called
    assert set(called) <= targets
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)
