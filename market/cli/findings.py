"""One finding of `lodestone doctor`."""

from typing import Literal

from msgspec import Struct


class Finding(Struct, frozen=True, kw_only=True):
    """`help`: what to do about it."""

    what: str
    state: Literal["ok", "attention", "wrong"]
    told: str
    help: str | None = None
