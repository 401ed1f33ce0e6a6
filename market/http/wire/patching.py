"""PATCH bodies: every member optional; what is given replaces the whole member, what is absent stays."""

from typing import Any, TypeVar, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType

from events.refusal import VersionStale
from market.http.wire.material import Body

S = TypeVar("S", bound=Struct)


def patch_of(name: str, shape: type[Struct], doc: str, base: type[Body] = Body) -> Any:
    """A struct with the members of `base`, and those of `shape`, each of them possibly absent."""
    hints = get_type_hints(shape, include_extras=True)
    fields = [(field, hints[field] | UnsetType, UNSET) for field in shape.__struct_fields__]
    return msgspec.defstruct(
        name, fields, bases=(base,), namespace={"__doc__": doc}, frozen=True, kw_only=True, module=__name__
    )


def patched(current: S, patch: Struct, *, read: int, expected: int) -> S:
    """`current`, as it was read at its version `read`, with what `patch` gives of its members.

    VersionStale where `expected` is a version to come: what makes it would be undone by what was read before.
    An outdated one is refused under the lane lock, where repeats are recognised.
    """
    if expected > read:
        raise VersionStale(current=read, expected=expected)
    given = {
        field: value
        for field in current.__struct_fields__
        if (value := getattr(patch, field, UNSET)) is not UNSET
    }
    return msgspec.structs.replace(current, **given)
