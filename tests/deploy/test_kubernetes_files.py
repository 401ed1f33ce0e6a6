"""The manifests for Kubernetes run every service, with settings that it takes and its own secrets only."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from market import __version__
from market.services import SERVICES
from market.settings import SERVICE_ROLES, load

CHECKOUT = Path(__file__).parents[2]
ITEMS: list[dict[str, Any]] = yaml.safe_load((CHECKOUT / "deploy/k8s/lodestone.yaml").read_text())["items"]
PAGE = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
SECRETS = {
    "lodestone-administrator": {
        "LODESTONE_DATABASE_URL": "postgresql://postgres:p@db/lodestone",
        "LODESTONE_OWNER_URL": "postgresql://lodestone_owner:p@db/lodestone",
    },
    "lodestone-roles": {
        f"LODESTONE_{role.upper()}_URL": f"postgresql://lodestone_{role}:p@db/lodestone"
        for role in SERVICE_ROLES
    },
    "lodestone-secrets": {
        f"LODESTONE_{name}_SECRET": name[0] * 32 for name in ("PUBLIC_ID", "CURSOR", "WEBHOOK")
    },
    "lodestone-kafka-authority": {"ca.pem": ""},
    "lodestone-kafka-provision": {"ca.pem": "", "provision.pem": ""},
    "lodestone-kafka-services": {f"{service}.password": "p" for service in SERVICES},
}
"""As the page on operations has them made."""

WORK = {
    item["metadata"]["name"].removeprefix("lodestone-"): item["spec"]["template"]["spec"]
    for item in ITEMS
    if item["kind"] in ("Deployment", "Job")
}
SETTINGS = {item["metadata"]["name"]: item["data"] for item in ITEMS if item["kind"] == "ConfigMap"}


def container(name: str) -> dict[str, Any]:
    (only,) = WORK[name]["containers"]
    found: dict[str, Any] = only
    return found


def environment(name: str) -> dict[str, str]:
    """As Kubernetes makes it; KeyError for what no secret and no map holds."""
    made: dict[str, str] = {}
    for source in container(name)["envFrom"]:
        made |= (
            SETTINGS[source["configMapRef"]["name"]]
            if "configMapRef" in source
            else SECRETS[source["secretRef"]["name"]]
        )
    for variable in container(name).get("env", []):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        made[variable["name"]] = (
            SECRETS[reference["name"]][reference["key"]] if reference else variable["value"]
        )
    return made


def secrets_of(name: str) -> set[str]:
    """Whole secrets: those of its environment and of its volumes."""
    variables = {
        source["secretRef"]["name"] for source in container(name)["envFrom"] if "secretRef" in source
    }
    mounted = {
        volume["secret"]["secretName"] for volume in WORK[name].get("volumes", []) if "secret" in volume
    }
    return variables | mounted


@pytest.mark.parametrize("name", WORK)
def test_every_container_has_an_environment_that_production_takes(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in [variable for variable in os.environ if variable.startswith("LODESTONE_")]:
        monkeypatch.delenv(variable)
    for variable, value in environment(name).items():
        monkeypatch.setenv(variable, value)
    settings = load()
    mounts = {mount["mountPath"] for mount in container(name)["volumeMounts"]}
    assert "production" == settings.environment
    for file in (
        settings.kafka_security_ca_file,
        settings.kafka_security_certificate_file,
        settings.kafka_security_services_folder,
        settings.checkpoint_key_file,
    ):
        assert file is None or {str(file), str(file.parent)} & mounts


def test_every_service_runs_once_and_logs_in_to_kafka_as_itself() -> None:
    services = {name: spec for name, spec in WORK.items() if name not in ("migrate", "topics")}
    assert set(SERVICES) == services.keys()
    for name in services:
        reference = container(name)["env"][1]["valueFrom"]["secretKeyRef"]
        assert ["run", name] == container(name)["args"]
        assert f"service.{name}" == environment(name)["LODESTONE_KAFKA_SECURITY_USER"]
        assert {"name": "lodestone-kafka-services", "key": f"{name}.password"} == reference


def test_only_who_prepares_database_and_kafka_is_given_their_administrators_secrets() -> None:
    powerful = {"lodestone-administrator", "lodestone-kafka-provision", "lodestone-kafka-services"}
    given = {name: secrets_of(name) & powerful for name in WORK}
    assert {
        "migrate": {"lodestone-administrator"},
        "topics": {"lodestone-kafka-provision", "lodestone-kafka-services"},
    } == {name: secrets for name, secrets in given.items() if secrets}


@pytest.mark.parametrize("name", WORK)
def test_nothing_runs_with_more_rights_than_it_needs(name: str) -> None:
    spec, alone = WORK[name], container(name)["securityContext"]
    (uid,) = re.findall(r"useradd .*--uid (\d+)", (CHECKOUT / "deploy" / "Dockerfile").read_text())
    assert (int(uid), True) == (spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsNonRoot"])
    assert (True, False, ["ALL"]) == (
        alone["readOnlyRootFilesystem"],
        alone["allowPrivilegeEscalation"],
        alone["capabilities"]["drop"],
    )
    assert (False, False) == (spec["automountServiceAccountToken"], spec["enableServiceLinks"])
    assert "OnRootMismatch" == spec["securityContext"]["fsGroupChangePolicy"]
    assert container(name)["resources"]["limits"].keys() == {"memory"}


def test_the_image_is_of_this_version() -> None:
    assert {f"lodestone:{__version__}"} == {container(name)["image"] for name in WORK}


def test_selectors_choose_the_pods_that_they_mean_and_ports_exist() -> None:
    pods = {
        item["metadata"]["name"]: item["spec"]["template"]["metadata"]["labels"]
        for item in ITEMS
        if item["kind"] == "Deployment"
    }
    for name, labels in pods.items():
        assert name == labels["app.kubernetes.io/name"]
    chosen = [
        item["spec"].get("selector") or item["spec"].get("podSelector")
        for item in ITEMS
        if item["metadata"]["name"] == "lodestone-api"
    ]
    selectors = [choice.get("matchLabels", choice) for choice in chosen]
    assert 4 == len(selectors)
    assert [{"app.kubernetes.io/name": "lodestone-api"}] * 4 == selectors
    assert {"metrics": 9464, "http": 8080} == {
        port["name"]: port["containerPort"] for port in container("api")["ports"]
    }
    ours = SETTINGS["lodestone-settings"]
    assert ("9464", "8080") == (ours["LODESTONE_METRICS_PORT"], ours["LODESTONE_HTTP_PORT"])


def test_the_page_says_how_to_make_every_secret() -> None:
    named = set().union(*(secrets_of(name) for name in WORK)) | {"lodestone-kafka-services"}
    assert SECRETS.keys() == named
    for name, members in SECRETS.items():
        assert f"`{name}`" in PAGE
        assert [] == [
            member for member in members if not member.endswith(".password") and f"`{member}`" not in PAGE
        ]
