"""What the key that a client asks with may do."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from market.client.operations import read


class OwnMarket(Struct, frozen=True, kw_only=True):
    market: str
    suspended: bool
    left_at: datetime | None


class OwnKey(Struct, frozen=True, kw_only=True):
    """`name` is the organisation's, `label` the key's. `markets` admitted the organisation."""

    organisation: str
    name: str
    key: str
    label: str
    roles: tuple[str, ...]
    expires_at: datetime
    markets: tuple[OwnMarket, ...]


OWN_KEY: Final = read("/v1/whoami", OwnKey)
