"""The login of this process to Kafka: from the settings, or from the embedded broker's files.

One user for the whole process, or one per service. A plain-text broker needs no login.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from events.brokers import Bootstrap, Brokers, Certificate, Password
from market.broker_files import CA_FILE, PROVISION, SERVICES, password_file
from market.children import LocalServerError
from market.rules.streams.topic_rights import service_user
from market.settings import SECURITY, Settings

READER: Final = "auditor"
"""The service whose login the command line uses if each service has its own."""


class Running(Struct, frozen=True, kw_only=True):
    """A running embedded broker; the super user's login is in `provision`; None: it accepts plain text."""

    pid: int
    bootstrap: str
    provision: str | None = None


def running_file(settings: Settings) -> Path:
    return settings.instance_dir / "kafka.running.json"


def security_folder(settings: Settings) -> Path:
    """Of the embedded broker."""
    return settings.instance_dir / "kafka" / "security"


def read_running(settings: Settings) -> Running:
    """The running broker's file. LocalServerError if none is running."""
    try:
        return msgspec.json.decode(running_file(settings).read_bytes(), type=Running)
    except FileNotFoundError:
        folder = settings.instance_dir / "kafka"
        raise LocalServerError(
            f"no Kafka is running in {folder}, and LODESTONE_KAFKA_BOOTSTRAP is not set"
        ) from None


def embedded(settings: Settings, running: Running) -> Bootstrap:
    """The embedded brokers with the super user's login, available to everybody who can read the instance's
    folder."""
    if running.provision is None:
        return running.bootstrap
    files = security_folder(settings) / PROVISION
    login = Certificate(str(files / f"{PROVISION}.pem"))
    return Brokers(servers=running.provision, ca_file=str(files / CA_FILE), login=login)


def named(settings: Settings, servers: str) -> Bootstrap:
    """A cluster named by the settings or an option. LocalServerError for a file that cannot be read."""
    if settings.kafka_security_protocol == "PLAINTEXT":
        return servers
    brokers = Brokers(servers=servers, ca_file=_readable(settings.kafka_security_ca_file))
    if settings.kafka_security_protocol == "SSL":
        file = _readable(settings.kafka_security_certificate_file)
        return msgspec.structs.replace(brokers, login=None if file is None else Certificate(file))
    password, folder = settings.kafka_security_password, settings.kafka_security_services_folder
    if settings.kafka_security_user is not None and password is not None:
        login = Password(settings.kafka_security_user, password.get_secret_value())
        return msgspec.structs.replace(brokers, login=login)
    if folder is None:
        raise LocalServerError(f"{servers} requires a login: set {SECURITY}USER and {SECURITY}PASSWORD")
    return _as_service(settings, brokers, folder, READER)


def acting_as(settings: Settings, bootstrap: Bootstrap, service: str) -> Bootstrap:
    """The same brokers with the login of a service, if each has its own; else unchanged."""
    folder = services_folder(settings, bootstrap)
    certificate = settings.kafka_bootstrap is not None and settings.kafka_security_protocol == "SSL"
    if isinstance(bootstrap, str) or folder is None or certificate:
        return bootstrap
    if settings.kafka_bootstrap is None:
        bootstrap = msgspec.structs.replace(bootstrap, servers=read_running(settings).bootstrap)
    return _as_service(settings, bootstrap, folder, service)


def partner_servers(settings: Settings, brokers: Brokers) -> str | None:
    """The addresses where partners log in; None if the settings name a listener for certificate logins."""
    if settings.kafka_bootstrap is None:
        return read_running(settings).bootstrap
    return None if settings.kafka_security_protocol == "SSL" else brokers.servers


def services_folder(settings: Settings, bootstrap: Bootstrap) -> Path | None:
    """The folder of the services' passwords; None if they have no logins of their own."""
    if isinstance(bootstrap, str):
        return None
    if settings.kafka_bootstrap is None:
        return security_folder(settings) / SERVICES
    return settings.kafka_security_services_folder


def service_password(folder: Path, service: str) -> str:
    """LocalServerError where it cannot be read."""
    file = password_file(folder, service)
    try:
        return file.read_text().strip()
    except OSError as error:
        raise LocalServerError(f"{service}'s password {file} cannot be read: {error.strerror}") from error


def _as_service(settings: Settings, brokers: Brokers, folder: Path, service: str) -> Brokers:
    login = Password(service_user(settings.topic_prefix, service), service_password(folder, service))
    return msgspec.structs.replace(brokers, login=login)


def _readable(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        file.open("rb").close()
    except OSError as error:
        raise LocalServerError(f"{file} cannot be read: {error.strerror}") from error
    return str(file)
