"""Passports of lots, their content, and what becomes of the lots."""

from collections.abc import AsyncIterator
from typing import Any, Final

from market.client.calls import Body, Calls
from market.client.materials import (
    DataCarrier,
    Label,
    Lineage,
    Passport,
    PassportAccepted,
    PassportStep,
    Transformation,
    TransformationAccepted,
)
from market.client.operations import Operation, keyed, pages, read

_PASSPORT: Final = "/v1/passports/{passport}"
PASSPORTS: Final = pages("/v1/passports", Passport)
PASSPORT: Final = read(_PASSPORT, Passport)
HISTORY: Final = pages(f"{_PASSPORT}/history", PassportStep)
LABEL: Final = read(f"{_PASSPORT}/label", Label)
LINEAGE: Final = read(f"{_PASSPORT}/lineage", Lineage)
CARRIER: Final = read(f"{_PASSPORT}/qr", DataCarrier)
EPCIS: Final[Operation[dict[str, Any]]] = read(f"{_PASSPORT}/epcis", dict)
PRODUCT_PASSPORT: Final[Operation[dict[str, Any]]] = read(f"{_PASSPORT}/digital-product-passport", dict)
ISSUE: Final = keyed("/v1/passports", PassportAccepted)
TRANSFER: Final = keyed(f"{_PASSPORT}/transfers", PassportAccepted, versioned=True)
ACKNOWLEDGE: Final = keyed(f"{_PASSPORT}/acknowledgements", PassportAccepted, versioned=True)
CORRECT: Final = keyed(f"{_PASSPORT}/corrections", PassportAccepted, versioned=True)
ACKNOWLEDGE_CORRECTION: Final = keyed(
    f"{_PASSPORT}/corrections/acknowledgement", PassportAccepted, versioned=True
)
NOTE: Final = keyed(f"{_PASSPORT}/notes", PassportAccepted, versioned=True)
RETIRE: Final = keyed(f"{_PASSPORT}/retirements", PassportAccepted, versioned=True)

_TRANSFORMATION: Final = "/v1/transformations/{transformation}"
TRANSFORM: Final = keyed("/v1/transformations", TransformationAccepted)
TRANSFORMATION: Final = read(_TRANSFORMATION, Transformation)
WORK_EPCIS: Final[Operation[dict[str, Any]]] = read(f"{_TRANSFORMATION}/epcis", dict)


class Passports:
    """Passports of lots that the organisation has issued, owns or holds."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(self, *, status: str | None = None) -> AsyncIterator[Passport]:
        return self._calls.pages(PASSPORTS, query={"status": status})

    async def read(self, passport: str) -> Passport:
        return (await self._calls.ask(PASSPORT, passport)).body

    def history(self, passport: str) -> AsyncIterator[PassportStep]:
        """Every fact in its order."""
        return self._calls.pages(HISTORY, passport, query={})

    async def label(self, passport: str) -> Label:
        """What everybody may see of magnets."""
        return (await self._calls.ask(LABEL, passport)).body

    async def lineage(self, passport: str, *, direction: str = "up", depth: int | None = None) -> Lineage:
        """`up`: where it comes from; `down`: what became of it."""
        return (await self._calls.ask(LINEAGE, passport, query={"direction": direction, "depth": depth})).body

    async def data_carrier(self, passport: str) -> DataCarrier:
        """Where its QR code leads; `client.read` with `format="svg"` draws it."""
        return (await self._calls.ask(CARRIER, passport)).body

    async def issue(
        self, body: Body, *, key: str | None = None, validate_only: bool = False
    ) -> PassportAccepted:
        return (await self._calls.ask(ISSUE, body=body, key=key, query={"validate_only": validate_only})).body

    async def transfer(
        self, passport: str, body: Body, *, version: int, key: str | None = None
    ) -> PassportAccepted:
        return (await self._calls.ask(TRANSFER, passport, body=body, version=version, key=key)).body

    async def acknowledge(self, passport: str, *, version: int, key: str | None = None) -> PassportAccepted:
        """Acknowledge title or goods from a transfer outside a delivery."""
        return (await self._calls.ask(ACKNOWLEDGE, passport, version=version, key=key)).body

    async def correct(
        self, passport: str, body: Body, *, version: int, key: str | None = None
    ) -> PassportAccepted:
        return (await self._calls.ask(CORRECT, passport, body=body, version=version, key=key)).body

    async def acknowledge_correction(
        self, passport: str, *, version: int, key: str | None = None
    ) -> PassportAccepted:
        """Acknowledge, as the owner, a waiting correction."""
        return (await self._calls.ask(ACKNOWLEDGE_CORRECTION, passport, version=version, key=key)).body

    async def note(
        self, passport: str, body: Body, *, version: int, key: str | None = None
    ) -> PassportAccepted:
        """Add a note that everybody reads with the figures."""
        return (await self._calls.ask(NOTE, passport, body=body, version=version, key=key)).body

    async def retire(
        self, passport: str, body: Body, *, version: int, key: str | None = None
    ) -> PassportAccepted:
        return (await self._calls.ask(RETIRE, passport, body=body, version=version, key=key)).body

    async def transform(
        self, body: Body, *, key: str | None = None, validate_only: bool = False
    ) -> TransformationAccepted:
        """What is made of lots with passports."""
        return (
            await self._calls.ask(TRANSFORM, body=body, key=key, query={"validate_only": validate_only})
        ).body

    async def transformation(self, transformation: str) -> Transformation:
        return (await self._calls.ask(TRANSFORMATION, transformation)).body

    async def epcis(self, passport: str) -> dict[str, Any]:
        """What became of the lot as an EPCIS 2.0 document in JSON-LD."""
        return (await self._calls.ask(EPCIS, passport)).body

    async def transformation_epcis(self, transformation: str) -> dict[str, Any]:
        """A transformation whole, for who recorded it and who had title to its inputs."""
        return (await self._calls.ask(WORK_EPCIS, transformation)).body

    async def product_passport(self, passport: str) -> dict[str, Any]:
        """In the shape of Catena-X's digital product passport; what nobody stated is marked as such."""
        return (await self._calls.ask(PRODUCT_PASSPORT, passport)).body
