"""Where nothing may be posted, whatever the address looks like."""

from ipaddress import ip_address, ip_network

import pytest

from market.rules.streams.reach import Reach, Unusable, all_allowed, allowed, literal, target_of

PUBLIC = Reach()
FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "224.0.1.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:c0a8:101::1",
    "4000::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
OPEN = [
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
    "2002:101:101::1",
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_nothing_is_posted_to(text: str) -> None:
    assert not allowed(ip_address(text), PUBLIC)


@pytest.mark.parametrize("text", OPEN)
def test_what_is_public_may_be_posted_to(text: str) -> None:
    assert allowed(ip_address(text), PUBLIC)


def test_one_forbidden_address_forbids_the_name() -> None:
    public, inside = ip_address("1.1.1.1"), ip_address("10.0.0.1")
    assert (True, False) == (all_allowed([public], PUBLIC), all_allowed([public, inside], PUBLIC))


def test_a_network_that_is_given_is_open_and_no_other() -> None:
    reach = Reach(networks=(ip_network("10.1.0.0/16"), ip_network("::1/128")))
    opened = ["10.1.2.3", "::ffff:10.1.2.3", "::1"]
    assert [True] * 3 == [allowed(ip_address(each), reach) for each in opened]
    assert [False] * 3 == [allowed(ip_address(each), reach) for each in ("10.2.0.1", "127.0.0.1", "::2")]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://partner.example/", "https"),
        ("ftp://partner.example/", "https"),
        ("//partner.example/", "https"),
        ("https:partner.example", "no host"),
        ("https:///path", "no host"),
        ("https://", "no host"),
        ("https://[fe80::1%25eth0]/", "no host"),
        ("https://user@partner.example/", "credentials"),
        ("https://user:word@partner.example/", "credentials"),
        ("https://:@partner.example/", "credentials"),
        ("https://partner.example/#part", "fragment"),
        ("https://partner.example:8443/", "port 8443 is not among 443"),
        ("https://partner.example:0/", "port 0"),
        ("https://partner.example:99999/", "no address"),
        ("https://partner.example:x/", "no address"),
        ("https://[::1/", "no address"),
        ("https://partner.example/a b", "characters"),
        ("https://partner.example\\@inside/", "characters"),
        ("https://partner.example/\r\nHost: inside", "characters"),
        ("https://pärtner.example/", "characters"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_why(url: str, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        target_of(url, PUBLIC)


def test_the_parts_of_an_address_that_can_be_used() -> None:
    assert ("partner.example", 443, True) == target_of("https://Partner.Example/hook?a=1", PUBLIC)
    assert ("::1", 443, True) == target_of("https://[::1]/", PUBLIC)
    plain = Reach(plain=True, ports=frozenset({80, 8080}))
    assert ("partner.example", 80, False) == target_of("http://partner.example", plain)
    assert ("partner.example", 8080, True) == target_of("https://partner.example:8080", plain)


def test_only_figures_are_an_address_of_their_own() -> None:
    """Other notations are names, which are looked up before anything is posted."""
    assert ip_address("127.0.0.1") == literal("127.0.0.1")
    assert [None] * 4 == [literal(host) for host in ("127.1", "2130706433", "0x7f000001", "localhost")]
