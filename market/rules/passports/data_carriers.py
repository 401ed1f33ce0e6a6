"""The link in the data carrier of a lot: the stated GS1 Digital Link, else the service's own address.

No GS1 keys are issued here: a GTIN needs the issuer's company prefix.
"""

import re
from collections.abc import Sequence
from typing import Literal

from biip import ParseError
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementString
from msgspec import Struct

from events.passport_terms import MagnetRecord

LinkKind = Literal["gs1_digital_link", "service_link"]
CarrierFault = Literal["no_link", "wrong_keys"]
GTIN_AI = "01"
SCHEMES = ("http://", "https://")
LINK = re.compile(
    r"(https?)://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?(?:[/?#][!-~]*)?", re.IGNORECASE | re.ASCII
)
"""Of a machine by its name or number, without a login before it."""


class CarrierLink(Struct, frozen=True, kw_only=True):
    """`gtin` has 14 digits, None where the link names no trade item."""

    uri: str
    kind: LinkKind
    gtin: str | None = None


def stated_link(magnets: MagnetRecord | None) -> CarrierLink | None:
    """The address of the data carrier where it is a GS1 Digital Link whose keys are in order.

    None of an address of another kind, and of keys with a wrong check digit or form.
    """
    address = "" if magnets is None else magnets.data_carrier.address
    elements = _elements(address)
    if not elements or any(map(_is_wrong, elements)):
        return None
    gtin = next((each.value for each in elements if each.ai.ai == GTIN_AI), None)
    return CarrierLink(uri=address, kind="gs1_digital_link", gtin=gtin)


def carrier_fault(magnets: MagnetRecord) -> CarrierFault | None:
    """None of a link over https, and of a GS1 Digital Link with its keys in order over http too."""
    address = magnets.data_carrier.address
    link, elements = LINK.fullmatch(address), _elements(address)
    if link is None or (link[1].lower() == "http" and not elements):
        return "no_link"
    return "wrong_keys" if any(map(_is_wrong, elements)) else None


def _elements(address: str) -> Sequence[GS1ElementString]:
    """Of a GS1 Digital Link; none of another address."""
    # a QR code holds capitals in less room
    if not address.lower().startswith(SCHEMES):
        return ()
    try:
        return GS1DigitalLinkURI.parse(address).element_strings
    except ParseError:
        return ()


def _is_wrong(element: GS1ElementString) -> bool:
    return any((element.gtin_error, element.gln_error, element.sscc_error))


def carrier_link(magnets: MagnetRecord | None, public_url: str | None, path: str) -> CarrierLink | None:
    """`path` below `public_url` where no link is stated; None where the service has no address either."""
    stated = stated_link(magnets)
    if stated is not None or public_url is None:
        return stated
    return CarrierLink(uri=f"{public_url.rstrip('/')}{path}", kind="service_link")
