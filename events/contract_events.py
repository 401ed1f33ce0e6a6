"""Facts of the `contracts` stream: none yet; a market's confirmed matches grow into agreements here."""

from msgspec import Struct

FACTS: tuple[type[Struct], ...] = ()
