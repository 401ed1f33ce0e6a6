"""Files for a broker with TLS and its clients: created once, certificates renewed before they expire.

    <folder>/authority    ca.key, ca.pem          signs, and is needed for nothing else
    <folder>/broker       broker.pem, ca.pem      what the broker shows, and whom it believes
    <folder>/provision    provision.pem, ca.pem   the super user that makes topics, users and rights
    <folder>/services     <service>.password, ca.pem

Every file is mode 0600 but ca.pem, which partners get too. Whoever holds ca.key can be the super user.
"""

import os
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from events.durable_files import write_durably

AUTHORITY: Final = "authority"
BROKER: Final = "broker"
PROVISION: Final = "provision"
SERVICES: Final = "services"
CA_FILE: Final = "ca.pem"

AUTHORITY_VALID: Final = timedelta(days=3_650)
AUTHORITY_RENEWED_BEFORE: Final = timedelta(days=730)
"""During this time both the old and the new certificate are trusted, so that clients can take the new one."""
CERTIFICATE_VALID: Final = timedelta(days=397)
RENEWED_BEFORE: Final = timedelta(days=60)
CLOCKS_APART_MAX: Final = timedelta(hours=1)
PASSWORD_BYTES: Final = 32
READABLE: Final = 0o644
FOLDER_MODE: Final = 0o700
LOOPBACK: Final = ("127.0.0.1", "localhost")


def new_password() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)


def prepare_files(folder: Path, hosts: Sequence[str], services: Iterable[str], now: datetime) -> bool:
    """Creates missing files and renews certificates that expire soon; returns whether a running broker has to
    reload any.

    `hosts` are the names and addresses at which clients reach the broker.
    """
    for part in (AUTHORITY, BROKER, PROVISION, SERVICES):
        (folder / part).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    before = _broker_files(folder)
    authority, key = _authority(folder / AUTHORITY, now)
    for part in (BROKER, PROVISION):
        _certificate(folder / part / f"{part}.pem", part, hosts, (authority, key), now)
    for part in (BROKER, PROVISION, SERVICES):
        _write(folder / part / CA_FILE, _pem(authority), mode=READABLE)
    for service in services:
        file = password_file(folder / SERVICES, service)
        if not file.exists():
            _write(file, new_password().encode())
    return before != _broker_files(folder)


def _broker_files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / BROKER).iterdir())]


def hand_over(folder: Path, part: str, owner: int) -> None:
    """Changes the owner of a part's files to its user. OSError if this process may not."""
    for path in (folder / part, *(folder / part).iterdir()):
        os.chown(path, owner, owner)


def password_file(services: Path, service: str) -> Path:
    return services / f"{service}.password"


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """The authority keeps its key and name for ever: whoever has an old certificate of it still trusts what
    it signs, until that one expires."""
    key_file, file = folder / "ca.key", folder / CA_FILE
    is_kept = key_file.exists() and file.exists()
    if is_kept:
        kept = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(kept, ec.EllipticCurvePrivateKey)
        key, found = kept, x509.load_pem_x509_certificate(file.read_bytes())
        if now < found.not_valid_after_utc - AUTHORITY_RENEWED_BEFORE:
            return found, key
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Lodestone Kafka authority")
    made = (
        _builder(name, name, key, now, AUTHORITY_VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    if not is_kept:
        _write(key_file, _private(key))
    _write(file, _pem(made), mode=READABLE)
    return made, key


def _certificate(
    file: Path,
    name: str,
    hosts: Sequence[str],
    authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey],
    now: datetime,
) -> None:
    """Key and certificate in one file; unchanged while it is valid for these hosts and some time longer."""
    alternatives = x509.SubjectAlternativeName([_host(host) for host in hosts])
    if file.exists() and _good(file.read_bytes(), alternatives, now):
        return
    issuer, issuer_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        _builder(_name(name), issuer.subject, key, now, CERTIFICATE_VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    _write(file, _private(key) + _pem(made))


def _good(pem: bytes, alternatives: x509.SubjectAlternativeName, now: datetime) -> bool:
    found = x509.load_pem_x509_certificate(pem)
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return named == alternatives and now < found.not_valid_after_utc - RENEWED_BEFORE


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    valid: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART_MAX)
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(host: str) -> x509.GeneralName:
    address: IPv4Address | IPv6Address
    try:
        address = ip_address(host)
    except ValueError:
        return x509.DNSName(host)
    return x509.IPAddress(address)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(file: Path, data: bytes, *, mode: int = 0o600) -> None:
    write_durably(file, data, mode=mode)
