"""The addresses of Kafka's brokers and the login for them, with which every Kafka client here is opened."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from msgspec import Struct

SCRAM: Final = "SCRAM-SHA-512"


class Password(Struct, frozen=True, tag="password"):
    """A login by SCRAM-SHA-512; the password is never shown."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Password(user={self.user!r})"


class Certificate(Struct, frozen=True, tag="certificate"):
    """A login by TLS; the file holds the private key and the certificate, in PEM."""

    file: str


class Brokers(Struct, frozen=True, kw_only=True):
    """Brokers that use TLS. `ca_file` None: the system's trusted CAs; `login` None: anonymous. An audit
    passes this to its child processes as JSON."""

    servers: str
    ca_file: str | None = None
    login: Password | Certificate | None = None

    def __str__(self) -> str:
        return self.servers


Bootstrap: TypeAlias = str | Brokers
"""`host:port`, several separated by commas; a plain string means brokers without TLS and login."""


def aiokafka_options(bootstrap: Bootstrap) -> dict[str, Any]:
    """Keyword arguments for aiokafka's clients. OSError for a file that cannot be read or contains no PEM."""
    if isinstance(bootstrap, str):
        return {"bootstrap_servers": bootstrap}
    with _naming(bootstrap.ca_file):
        trust = ssl.create_default_context(cafile=bootstrap.ca_file)
    options: dict[str, Any] = {"bootstrap_servers": bootstrap.servers, "ssl_context": trust}
    match bootstrap.login:
        case Password(user, password):
            return options | {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": SCRAM,
                "sasl_plain_username": user,
                "sasl_plain_password": password,
            }
        case Certificate(file):
            with _naming(file):
                trust.load_cert_chain(file)
    return options | {"security_protocol": "SSL"}


@contextmanager
def _naming(file: str | None) -> Iterator[None]:
    """Adds the file's name to OpenSSL's error, which otherwise reads like a server that is away."""
    try:
        yield
    except OSError as error:
        unread = "it holds no PEM of that kind" if isinstance(error, ssl.SSLError) else error.strerror
        raise OSError(error.errno, unread, file) from error


def librdkafka_options(bootstrap: Bootstrap) -> dict[str, str]:
    """Configuration for confluent-kafka's clients."""
    if isinstance(bootstrap, str):
        return {"bootstrap.servers": bootstrap}
    options = {"bootstrap.servers": bootstrap.servers, "security.protocol": "SSL"}
    if bootstrap.ca_file is not None:
        options["ssl.ca.location"] = bootstrap.ca_file
    match bootstrap.login:
        case Password(user, password):
            options |= {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": SCRAM,
                "sasl.username": user,
                "sasl.password": password,
            }
        case Certificate(file):
            options |= {"ssl.certificate.location": file, "ssl.key.location": file}
    return options
