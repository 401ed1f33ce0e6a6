"""Where the data carrier of a lot leads: the GS1 Digital Link that is stated of it, else the service itself.

Nobody is given a GS1 key here: a GTIN needs the company prefix of who states it.
"""

from typing import Literal

from biip import ParseError
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from msgspec import Struct

from events.passport_terms import MagnetRecord

LinkKind = Literal["gs1_digital_link", "service_link"]
GTIN_AI = "01"


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
    if not address.startswith(("http://", "https://")):
        return None
    try:
        elements = GS1DigitalLinkURI.parse(address).element_strings
    except ParseError:
        return None
    if any(error for each in elements for error in (each.gtin_error, each.gln_error, each.sscc_error)):
        return None
    gtin = next((each.value for each in elements if each.ai.ai == GTIN_AI), None)
    return CarrierLink(uri=address, kind="gs1_digital_link", gtin=gtin)


def carrier_link(magnets: MagnetRecord | None, public_url: str | None, path: str) -> CarrierLink | None:
    """`path` below `public_url` where no link is stated; None where the service has no address either."""
    stated = stated_link(magnets)
    if stated is not None or public_url is None:
        return stated
    return CarrierLink(uri=f"{public_url.rstrip('/')}{path}", kind="service_link")
