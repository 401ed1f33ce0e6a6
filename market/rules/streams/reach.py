"""The addresses to which a process may post for others: public ones, with allowed names and ports."""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

UNICAST: Final = ip_network("2000::/3")
EMBEDDING: Final[tuple[tuple[Network, int], ...]] = (
    (ip_network("64:ff9b::/96"), 0),
    (ip_network("2002::/16"), 80),
)
"""NAT64 and 6to4: networks whose addresses lead to the IPv4 address so many bits from their end."""
OF_PLATFORMS: Final[tuple[Network, ...]] = (
    ip_network("168.63.129.16/32"),
    ip_network("192.0.0.0/24"),
    ip_network("192.88.99.0/24"),
    ip_network("2001::/23"),
    ip_network("3fff::/20"),
)
"""Networks that some versions of the IANA registry call global, but that must not be reached: a cloud's wire
server, protocol assignments, 6to4 relays, Teredo, documentation."""
PORTS: Final = {"https": 443, "http": 80}


class Reach(Struct, frozen=True, kw_only=True):
    """`networks` are allowed although they are not public; without `plain`, only TLS is allowed."""

    ports: frozenset[int] = frozenset({443})
    networks: tuple[Network, ...] = ()
    plain: bool = False


class Target(NamedTuple):
    """`host` as written in the URL: a name, or an IP address."""

    host: str
    port: int
    tls: bool


class Unusable(ValueError):
    """Nothing can be posted there; says why."""


def target_of(url: str, reach: Reach) -> Target:
    """Unusable when the address has a part that is not allowed, AddressError excepted: see `allowed`."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Unusable("the address has characters that have to be percent-encoded, or its name is not ASCII")
    try:
        parts = urlsplit(url)
        host, given = parts.hostname, parts.port
    except ValueError:
        raise Unusable("this is no address") from None
    if parts.scheme not in (("https", "http") if reach.plain else ("https",)):
        raise Unusable("the scheme has to be https")
    if not host or "%" in host:
        raise Unusable("the address names no host")
    if parts.username is not None or parts.password is not None:
        raise Unusable("an address must hold no credentials: the signature tells who posts")
    if parts.fragment:
        raise Unusable("the address has a fragment")
    port = PORTS[parts.scheme] if given is None else given
    if port not in reach.ports:
        raise Unusable(f"port {port} is not among {', '.join(map(str, sorted(reach.ports)))}")
    return Target(host, port, parts.scheme == "https")


def literal(host: str) -> Address | None:
    """The address that a host states in figures; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def all_allowed(addresses: Iterable[Address], reach: Reach) -> bool:
    """One forbidden address forbids the name, since its owner could choose which of them is used."""
    return all(allowed(address, reach) for address in addresses)


def allowed(address: Address, reach: Reach) -> bool:
    """Whether the address is public, or of a network that is given. What embeds an IPv4 address is judged
    by that."""
    embedded = _embedded(address)
    if embedded is not None:
        return allowed(embedded, reach)
    if any(address in network for network in reach.networks if network.version == address.version):
        return True
    if any(address in network for network in OF_PLATFORMS if network.version == address.version):
        return False
    if isinstance(address, IPv6Address) and (address not in UNICAST or address.scope_id is not None):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, bits in EMBEDDING:
        if address in network:
            return IPv4Address((int(address) >> bits) & 0xFFFF_FFFF)
    return None
