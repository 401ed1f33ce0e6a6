"""Environment → Settings, once. Every variable starts with LODESTONE_."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from market.folders import CHECKOUT

PREFIX: Final = "LODESTONE_"
SECURITY: Final = f"{PREFIX}KAFKA_SECURITY_"
DEVELOPMENT_SECRET: Final = "development-only-secret-not-for-production"  # noqa: S105  refused in production
SECRET_CHARACTERS_MIN: Final = 32
NEAR_MIN: Final = 0.7
READ_ELSEWHERE: Final = frozenset(
    {
        "LODESTONE_API_KEY",
        "LODESTONE_CRASH_AT",
        "LODESTONE_NO_APT",
        "LODESTONE_NO_NUMBA",
        "LODESTONE_URL",
    }
)

Role = Literal["owner", "writer", "reader", "relay", "auditor"]
ROLES: Final[tuple[Role, ...]] = ("owner", "writer", "reader", "relay", "auditor")
SERVICE_ROLES: Final[tuple[Role, ...]] = ("writer", "reader", "relay", "auditor")

Port = Annotated[int, Field(ge=0, le=65535)]
Secret = Annotated[SecretStr, Field(min_length=SECRET_CHARACTERS_MIN)]


_TLS: Final = frozenset({"kafka_security_ca_file", "kafka_security_services_folder"})
SECURITY_USED: Final = {
    "PLAINTEXT": frozenset[str](),
    "SSL": _TLS | {"kafka_security_certificate_file"},
    "SASL_SSL": _TLS | {"kafka_security_user", "kafka_security_password"},
}
"""The settings used with each protocol; with SSL, `lodestone topics` reads from the folder which users to
create."""


SHAPES: Final = {
    "instance": "must be up to 40 small letters, digits, - and _, the first a letter or a digit",
    "topic_prefix": "must be up to 40 small letters, digits and - with a full stop at the end, such as eu-1.",
    "http_public_url": "must be a URL such as https://lodestone.example, without a query",
}
"""What a pattern requires, in words."""


class SettingsError(Exception):
    """The environment is invalid; the text names every wrong variable and what it has to be."""


class Settings(BaseSettings):
    """How this process runs. Frozen; unknown LODESTONE_ variables are refused by `load`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    environment: Literal["development", "test", "production"] = "development"
    """`production` refuses default secrets and embedded servers."""

    # --- data and embedded servers
    data_dir: Path = CHECKOUT / ".lodestone"
    """Folder of the embedded servers and the Kafka jars; a relative path counts from the checkout."""
    instance: str = Field("main", pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    """Sub-folder of data_dir for one set of embedded servers; `main` is `lodestone up`."""
    start_seconds_max: float = Field(60, gt=0, le=600)
    """Longest wait for an embedded server to become ready, seconds."""

    # --- PostgreSQL
    database_url: SecretStr | None = None
    """Administrator's URL of a PostgreSQL ≥ 18, to prepare it with; none, nor the roles': embedded."""
    owner_url: SecretStr | None = None
    writer_url: SecretStr | None = None
    reader_url: SecretStr | None = None
    relay_url: SecretStr | None = None
    auditor_url: SecretStr | None = None
    """URLs of the five roles; absent: database_url with the user `lodestone_<role>` and no password
    (trust, peer or ~/.pgpass). Where a role's URL has a password, `lodestone migrate` sets it. Services
    need the four of SERVICE_ROLES only, and no administrator's."""
    pool_connections_max: int = Field(12, ge=1, le=200)
    """Connections per pool and process."""

    # --- Kafka
    kafka_bootstrap: str | None = None
    """host:port[,host:port…] of a Kafka ≥ 4.0; absent: the embedded one."""
    kafka_port: Port = 19092
    """Port of the embedded broker on 127.0.0.1; 0 or taken: a free one."""
    kafka_java_options: str = "-Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    """Memory and compiler options of the embedded broker."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    """SASL_SSL logs in by SCRAM-SHA-512. The embedded broker asks for it unless this is PLAINTEXT."""
    kafka_security_ca_file: Path | None = None
    """Certificates of the authorities that the brokers' are believed from; absent: the system's."""
    kafka_security_user: str | None = None
    kafka_security_password: SecretStr | None = None
    kafka_security_services_folder: Path | None = None
    """Instead of one user: a folder of `<service>.password` files, so that each service logs in as itself."""
    kafka_security_certificate_file: Path | None = None
    """With SSL: key and certificate in PEM that this process shows."""
    topic_prefix: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]{0,39}\.)?$")
    """Put before every topic name, ends in a full stop; keeps deployments on one cluster apart."""

    # --- HTTP
    http_host: str = "127.0.0.1"
    http_port: Port = 8080
    """0: a free one."""

    http_public_url: str | None = Field(None, pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$", max_length=200)
    """Where everybody reaches the API, such as https://lodestone.example: QR codes lead there."""

    http_requests_per_minute: int = Field(6_000, ge=1, le=10_000_000)
    """Requests that an organisation may send to one API process within a minute."""
    http_burst_max: int = Field(600, ge=1, le=1_000_000)
    """How many of them may come at once."""

    http_strangers_per_minute: int = Field(600, ge=1, le=1_000_000)
    """Requests that no key known to the process answers for, which an address may send it within a minute."""
    http_trusted_proxies: str = "127.0.0.1,::1"
    """Addresses and networks, separated by commas, whose X-Forwarded-For names the client."""

    # --- files of rows
    import_bytes_max: int = Field(512 * 1024 * 1024, ge=1024, le=4 * 1024 * 1024 * 1024)
    """Largest file of rows that is taken; its parts lie in the database until it is worked off."""

    # --- the feed
    feed_days: int = Field(400, ge=0, le=36_500)
    """Lines of the feed are dropped when their events are so old; 0: never."""

    # --- idempotency keys
    idempotency_days: int = Field(400, ge=0, le=36_500)
    """A key is forgotten so many days after the request that it came with; 0: never."""

    # --- clearing
    round_seconds_max: float = Field(300, gt=0, le=3_600)
    """Longest computation of a round, seconds; then its process is killed and the round is tried again."""
    round_processes_max: int = Field(2, ge=1, le=64)
    """Rounds that a matcher computes at once."""

    # --- metrics
    metrics_host: str = "127.0.0.1"
    """Where this process answers `GET /metrics`, without credentials: for those who run it only."""
    metrics_port: Port = 0
    """0: a free one, which the start tells."""

    # --- secrets
    public_id_secret: Secret = SecretStr(DEVELOPMENT_SECRET)
    """HMAC key of the ids on the public tape, ≥ 32 characters."""
    cursor_secret: Secret = SecretStr(DEVELOPMENT_SECRET)
    """Key that seals page cursors, ≥ 32 characters."""
    webhook_secret: Secret = SecretStr(DEVELOPMENT_SECRET)
    """What the secrets of webhooks are derived from, ≥ 32 characters; with another one all of them change."""

    # --- webhooks
    webhook_ports: str = "443"
    """Ports, separated by commas, that may be posted to."""
    webhook_networks: str = ""
    """Networks, separated by commas, that may be posted to although they are not public: for development."""
    webhook_plain: bool = False
    """http:// may be posted to as well: for development."""

    # --- audit
    audit_hours: int = Field(24, ge=0, le=8_760)
    """The auditor reads all topics anew and checks everything every so many hours; 0: never."""

    # --- checkpoints
    checkpoint_key_file: Path | None = None
    """File of the key that signs checkpoints, mode 0600; absent: one is made with the instance's data."""
    checkpoint_public_key: str | None = None
    """The operator's public key, for an auditor on a machine that has no key file."""
    checkpoint_seconds: float = Field(10, gt=0, le=3_600)
    """Every so often each lane that has moved is signed."""
    checkpoint_events: int = Field(1_000, ge=1, le=1_000_000)
    """A lane with so many unsigned events is signed at once."""

    # --- clocks
    clock_ahead_seconds_max: int = Field(60, ge=0, le=3_600)
    """Nothing is recorded while this process's clock is further ahead of the database's; 0: never mind."""

    # --- logs
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"

    @field_validator(
        "data_dir",
        "checkpoint_key_file",
        "kafka_security_ca_file",
        "kafka_security_services_folder",
        "kafka_security_certificate_file",
    )
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else (CHECKOUT / value.expanduser()).resolve()

    @field_validator("database_url", "owner_url", "writer_url", "reader_url", "relay_url", "auditor_url")
    @classmethod
    def _postgresql_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("postgresql", "postgres"):
            raise ValueError("must be a URL like postgresql://user@host:5432/database")
        return value

    @field_validator("kafka_bootstrap")
    @classmethod
    def _bootstrap(cls, value: str | None) -> str | None:
        for server in (value or "").split(",") if value else ():
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError("must be host:port, several separated by commas")
        return value

    @field_validator("webhook_ports")
    @classmethod
    def _ports(cls, value: str) -> str:
        if not all(port.strip().isdecimal() and 0 < int(port) < 65536 for port in value.split(",")):
            raise ValueError("must be port numbers, several separated by commas")
        return value

    @field_validator("http_trusted_proxies", "webhook_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        for network in filter(None, value.split(",")):
            try:
                ip_network(network.strip())
            except ValueError:
                told = f"{network.strip()!r} is no address or network, such as 10.0.0.0/8"
                raise ValueError(told) from None
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        problems = self._roles_missing()
        problems.extend(self._half_a_login())
        if self.environment == "production":
            problems.extend(self._unfit_for_production())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _roles_missing(self) -> list[str]:
        """Without the administrator's URL no role's can be derived."""
        if self.database_url is not None or all(self.role_url(role) is None for role in ROLES):
            return []
        return [
            f"{PREFIX}{role.upper()}_URL is missing: without {PREFIX}DATABASE_URL each role needs its own"
            for role in SERVICE_ROLES
            if self.role_url(role) is None
        ]

    def _half_a_login(self) -> list[str]:
        """Errors for Kafka security settings that are incomplete, or not used by the protocol."""
        given = {
            name for name in frozenset().union(*SECURITY_USED.values()) if getattr(self, name) is not None
        }
        protocol = self.kafka_security_protocol
        unused = given - SECURITY_USED[protocol]
        problems = [
            f"{PREFIX}{name.upper()} has no use with {SECURITY}PROTOCOL={protocol}" for name in sorted(unused)
        ]
        user, password, folder = (
            getattr(self, f"kafka_security_{name}") is not None
            for name in ("user", "password", "services_folder")
        )
        if user != password:
            problems.append(f"{SECURITY}USER and {SECURITY}PASSWORD go together")
        elif user and folder:
            problems.append(f"{SECURITY}USER and {SECURITY}SERVICES_FOLDER exclude each other")
        elif protocol == "SASL_SSL" and self.kafka_bootstrap is not None and not (user or folder):
            problems.append(
                f"{SECURITY}PROTOCOL=SASL_SSL needs {SECURITY}USER and {SECURITY}PASSWORD, "
                f"or {SECURITY}SERVICES_FOLDER"
            )
        return problems

    def _unfit_for_production(self) -> list[str]:
        problems = [
            f"{PREFIX}{name.upper()} must be set to a secret of its own in production"
            for name in ("public_id_secret", "cursor_secret", "webhook_secret")
            if getattr(self, name).get_secret_value() == DEVELOPMENT_SECRET
        ]
        problems += [
            f"{PREFIX}{name.upper()} must be set in production: the embedded server is for development"
            for name, given in (
                ("database_url", self.postgresql_url),
                ("kafka_bootstrap", self.kafka_bootstrap),
            )
            if given is None
        ]
        problems += [
            f"{PREFIX}{name.upper()} must not be set in production: webhooks lead to public addresses by TLS"
            for name in ("webhook_networks", "webhook_plain")
            if getattr(self, name)
        ]
        if not self.clock_ahead_seconds_max:
            problems.append(
                f"{PREFIX}CLOCK_AHEAD_SECONDS_MAX must not be 0 in production: lanes would follow any clock"
            )
        if "LODESTONE_CRASH_AT" in os.environ:
            problems.append("LODESTONE_CRASH_AT is for tests only")
        return problems

    def role_url(self, role: Role) -> SecretStr | None:
        """The URL given for a role, None when it is to be derived from database_url."""
        urls = {
            "owner": self.owner_url,
            "writer": self.writer_url,
            "reader": self.reader_url,
            "relay": self.relay_url,
            "auditor": self.auditor_url,
        }
        return urls[role]

    @property
    def postgresql_url(self) -> SecretStr | None:
        """The administrator's URL, else the writer's, with which nothing can be prepared; None: the embedded
        server."""
        return self.database_url or self.writer_url

    @property
    def instance_dir(self) -> Path:
        return self.data_dir / self.instance


def load(**given: Any) -> Settings:
    """Settings from the environment; `given` wins. Raises SettingsError with all that is wrong at once."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | READ_ELSEWHERE
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    problems = [f"{name}: is no setting{_nearest(name, known)}" for name in unknown]
    try:
        settings = Settings(**given)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = str(problem["loc"][0]) if problem["loc"] else ""
            place = f"{PREFIX}{name.upper()}: " if name else ""
            sentence = _sentence(name, problem["type"], problem.get("ctx", {})) or problem["msg"]
            problems.extend(place + line for line in sentence.removeprefix("Value error, ").split("\n"))
    else:
        if not problems:
            return settings
    raise SettingsError("the environment cannot be used:\n  " + "\n  ".join(problems))


def _nearest(name: str, known: Iterable[str]) -> str:
    by_rest = {each.removeprefix(PREFIX): each for each in known}
    found = get_close_matches(name.removeprefix(PREFIX), by_rest, n=1, cutoff=NEAR_MIN)
    return f"; did you mean {by_rest[found[0]]}?" if found else ""


def _sentence(name: str, kind: str, asked: Mapping[str, Any]) -> str | None:
    """A sentence about what a setting has to be; None if our own check already says it."""
    match kind:
        case "string_pattern_mismatch":
            return SHAPES[name]
        case "literal_error":
            return f"must be {str(asked['expected']).replace(chr(39), '')}"
        case "int_parsing" | "int_from_float" | "int_type":
            return "must be a whole number"
        case "float_parsing" | "float_type":
            return "must be a number"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case "greater_than_equal":
            return f"must be at least {_figure(asked['ge'])}"
        case "greater_than":
            return f"must be more than {_figure(asked['gt'])}"
        case "less_than_equal":
            return f"must be at most {_figure(asked['le'])}"
        case "too_short" | "string_too_short":
            return f"must have at least {asked['min_length']} characters"
        case "too_long" | "string_too_long":
            return f"must have at most {asked['max_length']} characters"
        case _:
            return None


def _figure(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)
