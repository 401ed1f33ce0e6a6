"""Viewers of the record, and the bands in which figures are published."""

from bisect import bisect_right
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.vocabulary import MASS_G_MAX

BLOCK_BYTES: Final = 64
"""Of SHA-256."""
PUBLIC_ID_BYTES: Final = 16


class PublicViewer(Struct, frozen=True, kw_only=True, tag="public"):
    """Everybody. `key` is the publisher key with which public ids are computed."""

    key: bytes


class InitiativeViewer(Struct, frozen=True, kw_only=True, tag="initiative"):
    """The members of an initiative: the public view, with the orders shown to that initiative only."""

    initiative: str
    key: bytes


class OrganisationViewer(Struct, frozen=True, kw_only=True, tag="organisation"):
    """`cut` is the lane position of the market's newest completed cut, 0 before the first."""

    organisation: UUID
    cut: int = 0


class OperatorViewer(Struct, frozen=True, kw_only=True, tag="operator"):
    """`cut` is the lane position of the market's newest completed cut, 0 before the first."""

    cut: int


class AuditorViewer(Struct, frozen=True, kw_only=True, tag="auditor"):
    """An accredited auditor sees the whole record."""


Viewer = PublicViewer | InitiativeViewer | OrganisationViewer | OperatorViewer | AuditorViewer


class Band(Struct, frozen=True, kw_only=True, gc=False):
    """`low` ≤ figure < `high`, in the unit its name says."""

    low: int
    high: int


MASS_BAND_EDGES_G: tuple[int, ...] = (
    0,
    *(step * 10**power for power in range(3, 12) for step in (1, 2, 5)),
    MASS_G_MAX + 1,
)
MASS_BANDS_G = tuple(Band(low=low, high=high) for low, high in pairwise(MASS_BAND_EDGES_G))
CONTENT_BAND_PPB = 100_000_000
CONTENT_BANDS_PPB = tuple(
    Band(low=low, high=low + CONTENT_BAND_PPB) for low in range(0, 10 * CONTENT_BAND_PPB, CONTENT_BAND_PPB)
)


def mass_band_g(mass_g: int) -> Band:
    """Grams in steps of 1, 2, 5, 10, 20, 50 … kilograms."""
    return MASS_BANDS_G[bisect_right(MASS_BAND_EDGES_G, mass_g) - 1]


def content_band_ppb(basis_g: int, product_g: int) -> Band:
    """Basis over product in steps of 10 %; what is exactly all counts in the last step."""
    return CONTENT_BANDS_PPB[min(basis_g * 10 // product_g, 9)]


def price_band(price_ueur_per_kg: int, tick_ueur_per_kg: int) -> Band:
    low = price_ueur_per_kg // tick_ueur_per_kg * tick_ueur_per_kg
    return Band(low=low, high=low + tick_ueur_per_kg)


def public_id(key: bytes, kind: str, identity: UUID) -> str:
    """HMAC-SHA-256 under the publisher key, first 128 bits in hexadecimal."""
    return public_ids(key, kind).of(identity)


class PublicIds:
    """`public_id` of many of a kind: HMAC's two digests before the id, since to copy one of the library's
    takes as long as all else."""

    def __init__(self, key: bytes, kind: str) -> None:
        short = key if len(key) <= BLOCK_BYTES else sha256(key).digest()
        padded = short.ljust(BLOCK_BYTES, b"\x00")
        self._inner = sha256(bytes(each ^ 0x36 for each in padded) + kind.encode() + b"\x00")
        self._outer = sha256(bytes(each ^ 0x5C for each in padded))

    def of(self, identity: UUID) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(identity.int.to_bytes(PUBLIC_ID_BYTES))
        outer.update(inner.digest())
        return outer.digest()[:PUBLIC_ID_BYTES].hex()


public_ids = lru_cache(maxsize=64)(PublicIds)
