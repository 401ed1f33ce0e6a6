"""Structs as the members that leave the deployment: what `wire_units.in_units` makes of their JSON, faster.

A line has eighty members, and to look at each name again takes longer than all else that is done with it.
So a function is written for each type of struct once, as `dataclasses` does, from the names and types of
its fields.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType, inspect, structs

from market.rules.streams.wire_units import OPAQUE, Units, decimal_text, in_units, scaled, unit_of

AS_IT_STANDS: Final = (
    inspect.StrType,
    inspect.IntType,
    inspect.BoolType,
    inspect.UUIDType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.LiteralType,
)
"""Types that the encoder writes alike inside and outside, unless the name has a unit."""

Write: TypeAlias = Callable[[Any], dict[str, Any]]
"""A struct to its members."""


def members_of(line: Struct, units: Units) -> dict[str, Any]:
    """The members of a line for the encoder, without the topic that it stands on."""
    members = writer(type(line), units)(line)
    members.pop("topic", None)
    return members


@lru_cache(maxsize=1_024)
def writer(kind: type[Struct], units: Units) -> Write:
    """One that leaves out what is as usual goes by its JSON: that is seen there only."""
    if kind.__struct_config__.omit_defaults:
        return lambda value: _by_json(value, units)
    return _compiled(kind, units)


def _by_json(value: Any, units: Units) -> Any:
    return in_units(msgspec.to_builtins(value), units)


def _compiled(kind: type[Struct], units: Units) -> Write:
    """Fields that always are there under one name make a literal; those that may not follow it."""
    told, config = inspect.type_info(kind), kind.__struct_config__
    assert isinstance(told, inspect.StructType)
    names: dict[str, Any] = {"UNSET": UNSET, "units": units, "text": decimal_text, "writer": writer}
    literal = [] if config.tag_field is None else [f"{config.tag_field!r}: {config.tag!r}"]
    later: list[str] = []
    for field, stated in zip(told.fields, structs.fields(kind), strict=True):
        name, value = field.encode_name, f"value.{field.name}"
        unit = unit_of(name, whole=units.whole)
        outside = name if unit is None else unit[0]
        types, is_nullable = _types(field.type)
        changed = None if name == OPAQUE else _changed(types, None if unit is None else unit[1], units)
        if changed is None:
            names[f"convert_{field.name}"] = _by_name(name, unit, units)
            changed = f"convert_{field.name}({{0}})"
        if UnsetType in get_args(stated.type) or (is_nullable and outside != name and not units.whole):
            null = outside if units.whole else name
            later += [
                f"    if (member := {value}) is None:",
                f"        members[{null!r}] = None",
                "    elif member is not UNSET:",
                f"        members[{outside!r}] = {changed.format('member')}",
            ]
        elif is_nullable and changed != "{0}":
            literal.append(
                f"{outside!r}: None if (member := {value}) is None else {changed.format('member')}"
            )
        else:
            literal.append(f"{outside!r}: {changed.format(value)}")
    lines = ["def write(value):", f"    members = {{{', '.join(literal)}}}", *later, "    return members"]
    exec("\n".join(lines), names)  # noqa: S102  of names of our own fields
    written: Write = names["write"]
    return written


def _changed(types: list[inspect.Type], decimals: int | None, units: Units) -> str | None:
    """What is written in place of a value `{0}` that is not null; None where only a look at it tells."""
    if decimals is not None:
        if all(isinstance(each, inspect.IntType) for each in types):
            return f"text({{0}}, {decimals})"
        return _figures(types[0], decimals) if len(types) == 1 else None
    if all(isinstance(each, AS_IT_STANDS) for each in types):
        return "{0}"
    if all(isinstance(each, inspect.StructType) for each in types):
        return "writer(type({0}), units)({0})"
    if units.whole and len(types) == 1 and isinstance(types[0], inspect.VarTupleType):
        items, is_nullable = _types(types[0].item_type)
        each = _changed(items, None, units)
        if each is not None and not is_nullable:
            return "{0}" if each == "{0}" else f"[{each.format('each')} for each in {{0}}]"
    return None


def _figures(kind: inspect.Type, decimals: int) -> str | None:
    """A band: a struct of nothing but figures."""
    if not isinstance(kind, inspect.StructType) or kind.tag is not None:
        return None
    if kind.cls.__struct_config__.omit_defaults:
        return None
    if not all(isinstance(field.type, inspect.IntType) for field in kind.fields):
        return None
    figures = [f"{field.encode_name!r}: text({{0}}.{field.name}, {decimals})" for field in kind.fields]
    return f"{{{{{', '.join(figures)}}}}}"


def _by_name(name: str, unit: tuple[str, int] | None, units: Units) -> Callable[[Any], Any]:
    """As `in_units` changes a member of this name: bands, mappings, what is opaque."""
    if unit is not None:
        return lambda value: scaled(msgspec.to_builtins(value), unit[1])
    return lambda value: in_units({name: msgspec.to_builtins(value)}, units)[name]


def _types(kind: inspect.Type) -> tuple[list[inspect.Type], bool]:
    """Those of a field but for null, and whether it may be null."""
    found = [
        each.type if isinstance(each, inspect.Metadata) else each
        for each in (kind.types if isinstance(kind, inspect.UnionType) else (kind,))
    ]
    types = [each for each in found if not isinstance(each, inspect.NoneType)]
    return types, len(types) < len(found)
