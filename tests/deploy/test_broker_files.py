"""The files of a secured broker: made once, renewed in time, readable by their owner alone."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from market.broker_files import (
    AUTHORITY_RENEWED_BEFORE,
    AUTHORITY_VALID,
    CERTIFICATE_VALID,
    RENEWED_BEFORE,
    prepare_files,
)
from market.cli.commands import commands
from market.cli.console import CommandFailed, Exit

NOW = datetime(2026, 10, 1, tzinfo=UTC)
HOSTS = ("kafka", "127.0.0.1")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def certificate(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "broker" / "broker.pem").read_bytes())


def test_a_second_preparation_changes_nothing(tmp_path: Path) -> None:
    prepare_files(tmp_path, HOSTS, ["relay"], NOW)
    before = contents(tmp_path)
    prepare_files(tmp_path, HOSTS, ["relay"], NOW + CERTIFICATE_VALID - RENEWED_BEFORE - timedelta(days=1))
    assert before == contents(tmp_path)
    assert {
        "authority/ca.key", "authority/ca.pem", "broker/broker.pem", "broker/ca.pem",
        "provision/provision.pem", "provision/ca.pem", "services/relay.password", "services/ca.pem",
    } == before.keys()  # fmt: skip


@pytest.mark.parametrize(
    ("hosts", "later"), [((*HOSTS, "kafka-2"), timedelta()), (HOSTS, CERTIFICATE_VALID - RENEWED_BEFORE)]
)
def test_certificates_are_renewed_and_authority_and_passwords_kept(
    tmp_path: Path, hosts: tuple[str, ...], later: timedelta
) -> None:
    prepare_files(tmp_path, HOSTS, ["relay"], NOW)
    before = contents(tmp_path)
    prepare_files(tmp_path, hosts, ["relay", "matcher"], NOW + later)
    after = contents(tmp_path)
    assert {"broker/broker.pem", "provision/provision.pem"} == {
        name for name in before if before[name] != after[name]
    }
    assert {"services/matcher.password"} == after.keys() - before.keys()
    assert NOW + later + CERTIFICATE_VALID == certificate(tmp_path).not_valid_after_utc
    certificate(tmp_path).verify_directly_issued_by(
        x509.load_pem_x509_certificate((tmp_path / "broker" / "ca.pem").read_bytes())
    )


def test_an_authority_that_ends_is_renewed_and_whoever_knows_either_believes_all(tmp_path: Path) -> None:
    prepare_files(tmp_path, HOSTS, ["relay"], NOW)
    key, former = (tmp_path / "authority" / "ca.key").read_bytes(), certificate(tmp_path)
    ends = AUTHORITY_VALID - AUTHORITY_RENEWED_BEFORE
    authorities = [x509.load_pem_x509_certificate((tmp_path / "services" / "ca.pem").read_bytes())]
    assert prepare_files(tmp_path, HOSTS, ["relay"], NOW + ends - timedelta(days=1))
    assert authorities[0] == x509.load_pem_x509_certificate((tmp_path / "broker" / "ca.pem").read_bytes())
    assert prepare_files(tmp_path, HOSTS, ["relay"], NOW + ends)
    authorities.append(x509.load_pem_x509_certificate((tmp_path / "services" / "ca.pem").read_bytes()))
    assert NOW + ends + AUTHORITY_VALID == authorities[1].not_valid_after_utc
    assert key == (tmp_path / "authority" / "ca.key").read_bytes()
    for authority in authorities:
        former.verify_directly_issued_by(authority)
        certificate(tmp_path).verify_directly_issued_by(authority)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--reread", "folder"], "--reread takes neither FOLDER nor --host"),
        (["--reread", "--host", "kafka"], "--reread takes neither FOLDER nor --host"),
        (["folder"], "FOLDER and at least one --host are needed, or --reread"),
        ([], "FOLDER and at least one --host are needed, or --reread"),
    ],
)
def test_files_are_made_or_read_again_and_not_both(arguments: list[str], told: str) -> None:
    found = CliRunner().invoke(commands, ["brokers", *arguments])
    assert (2, True) == (found.exit_code, told in found.stderr), found.stderr


def test_a_broker_in_plain_text_has_no_certificates_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LODESTONE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    with pytest.raises(CommandFailed, match="is reached in plain text") as failed:
        CliRunner().invoke(commands, ["brokers", "--reread"], catch_exceptions=False)
    assert Exit.INVALID_INPUT == failed.value.code


def test_the_command_makes_files_for_their_owner_alone(tmp_path: Path) -> None:
    told = CliRunner().invoke(commands, ["brokers", str(tmp_path), "--host", "kafka", "--host", "::1"])
    assert 0 == told.exit_code, told.output
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert {0o700} == {mode for path, mode in modes.items() if path.is_dir()}
    assert {"ca.pem"} == {path.name for path, mode in modes.items() if path.is_file() and mode != 0o600}
    (named,) = [
        extension.value
        for extension in certificate(tmp_path).extensions
        if isinstance(extension.value, x509.SubjectAlternativeName)
    ]
    assert ["kafka"] == named.get_values_for_type(x509.DNSName)
    assert ["::1"] == [str(address) for address in named.get_values_for_type(x509.IPAddress)]
