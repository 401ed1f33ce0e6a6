"""The environment: all that is wrong at once, no secret shown, production refuses what is for development."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from market.broker_logins import named
from market.folders import CHECKOUT
from market.settings import SHAPES, Settings, SettingsError, load


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LODESTONE_")]:
        monkeypatch.delenv(name)


def refusal(monkeypatch: pytest.MonkeyPatch, **environ: str) -> list[str]:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load()
    first, *lines = str(refused.value).splitlines()
    assert "the environment cannot be used:" == first
    return [line.strip() for line in lines]


def test_an_empty_environment_is_the_embedded_one() -> None:
    settings = load()
    assert (None, None) == (settings.database_url, settings.kafka_bootstrap)
    assert CHECKOUT / ".lodestone" / "main" == settings.instance_dir


def test_the_environment_is_read_and_given_values_win(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LODESTONE_HTTP_PORT", "9000")
    monkeypatch.setenv("LODESTONE_DATA_DIR", str(tmp_path))
    assert (9000, tmp_path) == (load().http_port, load().data_dir)
    assert 0 == load(http_port=0).http_port


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_DATABASE_URL", "")
    assert load().database_url is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load().http_port = 1  # type: ignore[misc]


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = refusal(
        monkeypatch,
        LODESTONE_HTTP_PROT="80",
        LODESTONE_HTTP_PORT="99999",
        LODESTONE_KAFKA_BOOTSTRAP="kafka",
        LODESTONE_DATABASE_URL="mysql://root:hidden@db/x",
        LODESTONE_TOPIC_PREFIX="Not a prefix",
        LODESTONE_CURSOR_SECRET="too-short-hidden",
    )
    text = "\n".join(problems)
    assert ["LODESTONE_HTTP_PROT: is no setting; did you mean LODESTONE_HTTP_PORT?"] == problems[:1]
    named = {line.split(":")[0] for line in problems}
    assert {
        "LODESTONE_HTTP_PROT",
        "LODESTONE_HTTP_PORT",
        "LODESTONE_KAFKA_BOOTSTRAP",
        "LODESTONE_DATABASE_URL",
        "LODESTONE_TOPIC_PREFIX",
        "LODESTONE_CURSOR_SECRET",
    } == named
    assert "hidden" not in text


def test_each_is_told_what_it_has_to_be_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "BOOTSTRAP": ("x", "is no setting; did you mean LODESTONE_KAFKA_BOOTSTRAP?"),
        "COLOUR": ("x", "is no setting"),
        "CURSOR_SECRET": ("hidden", "must have at least 32 characters"),
        "ENVIRONMENT": ("prod", "must be development, test or production"),
        "FEED_DAYS": ("1.5", "must be a whole number"),
        "HTTP_PORT": ("99999", "must be at most 65535"),
        "HTTP_PUBLIC_URL": ("x", "must be a URL such as https://lodestone.example, without a query"),
        "IMPORT_BYTES_MAX": ("1", "must be at least 1024"),
        "ROUND_SECONDS_MAX": ("0", "must be more than 0"),
        "START_SECONDS_MAX": ("x", "must be a number"),
        "WEBHOOK_NETWORKS": ("127.0.0.1,x", "'x' is no address or network, such as 10.0.0.0/8"),
        "WEBHOOK_PLAIN": ("maybe", "must be true or false"),
    }
    problems = refusal(monkeypatch, **{f"LODESTONE_{name}": value for name, (value, _) in wrong.items()})
    assert [f"LODESTONE_{name}: {told}" for name, (_, told) in wrong.items()] == sorted(problems)


def test_every_pattern_is_told_in_words() -> None:
    patterned = {
        name
        for name, field in Settings.model_fields.items()
        if any(getattr(bound, "pattern", None) for bound in field.metadata)
    }
    assert set(SHAPES) == patterned


def test_without_the_administrator_the_urls_of_the_roles_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = refusal(monkeypatch, LODESTONE_WRITER_URL="postgresql://lodestone_writer@db/x")
    assert [
        f"LODESTONE_{role}_URL is missing: without LODESTONE_DATABASE_URL each role needs its own"
        for role in ("READER", "RELAY", "AUDITOR")
    ] == problems


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"USER": "a"}, "USER has no use with {}PROTOCOL=PLAINTEXT"),
        ({"PROTOCOL": "SSL", "CERTIFICATE_FILE": "/a", "USER": "a", "PASSWORD": "b"},
         "PASSWORD has no use with {}PROTOCOL=SSL"),
        ({"PROTOCOL": "SASL_SSL", "CERTIFICATE_FILE": "/a"},
         "CERTIFICATE_FILE has no use with {}PROTOCOL=SASL_SSL"),
        ({"PROTOCOL": "SASL_SSL", "USER": "a"}, "USER and {}PASSWORD go together"),
        ({"PROTOCOL": "SASL_SSL", "USER": "a", "PASSWORD": "b", "SERVICES_FOLDER": "/c"},
         "USER and {}SERVICES_FOLDER exclude each other"),
        ({"PROTOCOL": "SASL_SSL"}, "PROTOCOL=SASL_SSL needs {0}USER and {0}PASSWORD, or {0}SERVICES_FOLDER"),
    ],
)  # fmt: skip
def test_half_a_login_at_kafka_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    prefix = "LODESTONE_KAFKA_SECURITY_"
    named = {prefix + name: value for name, value in given.items()}
    problems = refusal(monkeypatch, LODESTONE_KAFKA_BOOTSTRAP="kafka:9092", **named)
    assert prefix + told.format(prefix) in problems


def test_production_refuses_default_secrets_and_embedded_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = refusal(
        monkeypatch,
        LODESTONE_ENVIRONMENT="production",
        LODESTONE_CRASH_AT="relay.sent",
        LODESTONE_CLOCK_AHEAD_SECONDS_MAX="0",
    )
    assert [
        "LODESTONE_PUBLIC_ID_SECRET must be set to a secret of its own in production",
        "LODESTONE_CURSOR_SECRET must be set to a secret of its own in production",
        "LODESTONE_WEBHOOK_SECRET must be set to a secret of its own in production",
        "LODESTONE_DATABASE_URL must be set in production: the embedded server is for development",
        "LODESTONE_KAFKA_BOOTSTRAP must be set in production: the embedded server is for development",
        "LODESTONE_CLOCK_AHEAD_SECONDS_MAX must not be 0 in production: lanes would follow any clock",
        "LODESTONE_CRASH_AT is for tests only",
    ] == problems


def test_production_with_its_own_secrets_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_ENVIRONMENT", "production")
    for role in ("WRITER", "READER", "RELAY", "AUDITOR"):
        monkeypatch.setenv(f"LODESTONE_{role}_URL", f"postgresql://lodestone_{role.lower()}@db/lodestone")
    monkeypatch.setenv("LODESTONE_KAFKA_BOOTSTRAP", "kafka-1:9092, kafka-2:9092")
    monkeypatch.setenv("LODESTONE_PUBLIC_ID_SECRET", "p" * 32)
    monkeypatch.setenv("LODESTONE_CURSOR_SECRET", "c" * 32)
    monkeypatch.setenv("LODESTONE_WEBHOOK_SECRET", "w" * 32)
    assert "production" == load().environment


def test_secrets_do_not_show() -> None:
    settings = load(
        cursor_secret="s" * 40,
        database_url="postgresql://admin:hidden@db/lodestone",
        kafka_bootstrap="kafka:9092",
        kafka_security_protocol="SASL_SSL",
        kafka_security_user="relay",
        kafka_security_password="hidden",
    )
    login = named(settings, "kafka:9092")
    assert "hidden" not in repr(login) and "kafka:9092" == str(login)
    assert "s" * 40 not in repr(settings)
    assert "hidden" not in repr(settings)
