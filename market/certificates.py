"""Expiry of the certificates that this process presents, trusts and receives: files named in the settings,
those of an embedded broker, and those of Kafka's listeners."""

import asyncio
import socket
import ssl
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from msgspec import Struct

from events.brokers import Bootstrap, Brokers, Certificate
from events.connections import broker_places
from market.broker_files import AUTHORITY, CA_FILE
from market.broker_logins import security_folder
from market.settings import Settings

TOLD_BEFORE: Final = timedelta(days=30)
URGENT_BEFORE: Final = timedelta(days=7)
SHAKING_SECONDS_MAX: Final = 5.0
PEM_BEGINS: Final = b"-----BEGIN CERTIFICATE-----"
POSTGRESQL_FILES: Final = {"sslcert": "PostgreSQL login", "sslrootcert": "PostgreSQL authority"}
"""Members of a URL that name files, and what these are."""


class Counting(Struct, frozen=True, kw_only=True):
    """One certificate: what it is and its file or listener; without `ends_at`, `fault` says why."""

    what: str
    ends_at: datetime | None = None
    fault: str | None = None


async def certificates(settings: Settings, bootstrap: Bootstrap | None) -> tuple[Counting, ...]:
    """All known certificates, listeners first. Without `bootstrap`, or while the broker is away, only
    files."""
    shown = await _shown(bootstrap) if isinstance(bootstrap, Brokers) else {}
    issuers = [found.issuer for found in shown.values() if isinstance(found, x509.Certificate)]
    listeners = [
        Counting(what=f"Kafka listener {place}", ends_at=found.not_valid_after_utc)
        if isinstance(found, x509.Certificate)
        else Counting(what=f"Kafka listener {place}", fault=found)
        for place, found in sorted(shown.items())
    ]
    return (*listeners, *await asyncio.to_thread(lambda: [*_files(settings, bootstrap, issuers)]))


async def _shown(brokers: Brokers) -> dict[str, x509.Certificate | str]:
    """By listener address, its certificate, or why it is unknown."""
    places = {server.strip() for server in brokers.servers.split(",")}
    with suppress(TimeoutError):
        async with asyncio.timeout(SHAKING_SECONDS_MAX):
            places |= set(await broker_places(brokers))
    found = await asyncio.gather(*(asyncio.to_thread(_listened, brokers, place) for place in places))
    return dict(zip(places, found, strict=True))


def _listened(brokers: Brokers, place: str) -> x509.Certificate | str:
    """Does not verify the certificate, since only its expiry is needed, also of an expired one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = place.rpartition(":")
    host = host.strip("[]")
    try:
        if isinstance(brokers.login, Certificate):
            context.load_cert_chain(brokers.login.file)
        with (
            socket.create_connection((host, int(port)), SHAKING_SECONDS_MAX) as plain,
            context.wrap_socket(plain, server_hostname=host) as listener,
        ):
            bare = listener.getpeercert(binary_form=True)
        assert bare is not None
        return x509.load_der_x509_certificate(bare)
    except (OSError, ValueError) as error:
        return f"it cannot be asked: {error}"


def _files(
    settings: Settings, bootstrap: Bootstrap | None, issuers: Collection[x509.Name]
) -> Iterator[Counting]:
    if settings.kafka_bootstrap is None and isinstance(bootstrap, Brokers):
        yield _authority("Kafka authority", security_folder(settings) / AUTHORITY / CA_FILE, issuers)
    elif settings.kafka_security_ca_file is not None:
        yield _authority("Kafka authority", settings.kafka_security_ca_file, issuers)
    if isinstance(bootstrap, Brokers) and isinstance(bootstrap.login, Certificate):
        yield _first("Kafka login", Path(bootstrap.login.file))
    for what, file in sorted(_postgresql_files(settings)):
        yield _authority(what, file, ()) if what.endswith("authority") else _first(what, file)


def _postgresql_files(settings: Settings) -> set[tuple[str, Path]]:
    urls = (
        settings.database_url,
        settings.owner_url,
        settings.writer_url,
        settings.reader_url,
        settings.relay_url,
        settings.auditor_url,
    )
    return {
        (POSTGRESQL_FILES[name], Path(file))
        for url in urls
        if url is not None
        for name, files in parse_qs(urlsplit(url.get_secret_value()).query).items()
        if name in POSTGRESQL_FILES
        for file in files
        if file != "system"
    }


def _first(what: str, file: Path) -> Counting:
    """An own certificate chain: it expires with the first of its certificates."""
    return _of_file(what, file, ())


def _authority(what: str, file: Path, issuers: Collection[x509.Name]) -> Counting:
    """A trusted authority: of several, the issuer of the listeners' certificates, else the one that expires
    last."""
    return _of_file(what, file, issuers, last=True)


def _of_file(what: str, file: Path, issuers: Collection[x509.Name], *, last: bool = False) -> Counting:
    told = f"{what} {file}"
    try:
        pem = file.read_bytes()
        found = x509.load_pem_x509_certificates(pem) if PEM_BEGINS in pem else []
    except OSError as error:
        return Counting(what=told, fault=f"it cannot be read: {error.strerror}")
    except ValueError:
        found = []
    if not found:
        return Counting(what=told, fault="it holds no certificate in PEM")
    asked = [each for each in found if each.subject in issuers] or found
    ends = [each.not_valid_after_utc for each in asked]
    return Counting(what=told, ends_at=max(ends) if last else min(ends))
