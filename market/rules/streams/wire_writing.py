"""Writes structs as published JSON: the same result as `wire_units.in_units`, but faster.

A line has eighty members, and looking up each name again would take most of the time. So for each type of
struct a second one is created once, with the published names in order, and a function that fills it is
generated from names and types of the fields, as `dataclasses` does.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType, inspect, structs

from market.rules.streams.wire_units import OPAQUE, Units, decimal_texts, in_units, scaled, unit_of

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

TOPIC: Final = "topic"
SEQUENCE: Final = "sequence"
EACH: Final = "each_"
"""How the variables of comprehensions begin in what is written."""
Write: TypeAlias = Callable[..., Any]
"""A struct to what the encoder makes its JSON of."""
Encode: TypeAlias = Callable[..., bytes]
Member: TypeAlias = tuple[str, str]
"""The name outside, and the expression of what stands under it: UNSET leaves the member out."""
_encoder: Final = msgspec.json.Encoder(order="deterministic")


def encoded(line: Struct, units: Units) -> bytes:
    """The JSON of a line, its members sorted, without the topic that it stands on."""
    return line_encoder(type(line), units)(line)


def encoded_at(sequence: int, line: Struct, units: Units) -> bytes:
    """As `encoded`, with the place of the line on its topic."""
    return line_encoder(type(line), units, (SEQUENCE,))(line, sequence)


@lru_cache(maxsize=1_024)
def line_encoder(kind: type[Struct], units: Units, given: tuple[str, ...] = ()) -> Encode:
    """As `encoded`, of lines of one type. `given`: members that are no field, but an argument each."""
    if not kind.__struct_config__.omit_defaults:
        return _compiled(kind, units, given, passed=TOPIC, encode=_encoder.encode)

    def encode(line: Struct, *values: Any) -> bytes:
        members = _by_json(line, units)
        members.pop(TOPIC, None)
        return _encoder.encode(members | dict(zip(given, values, strict=True)))

    return encode


@lru_cache(maxsize=1_024)
def writer(kind: type[Struct], units: Units) -> Write:
    """One that leaves out what is as usual goes by its JSON: that is seen there only."""
    if kind.__struct_config__.omit_defaults:
        return lambda value: _by_json(value, units)
    return _compiled(kind, units)


def _by_json(value: Any, units: Units) -> Any:
    return in_units(msgspec.to_builtins(value), units)


def _compiled(
    kind: type[Struct],
    units: Units,
    given: tuple[str, ...] = (),
    *,
    passed: str | None = None,
    encode: Callable[[Any], bytes] | None = None,
) -> Write:
    """All but the field that is `passed` over."""
    names: dict[str, Any] = {"UNSET": UNSET, "units": units, "writer": writer, "encode": encode}
    filled = _filled(kind, "value", units, names, [(name, name) for name in given], passed)
    parameters = ", ".join(("value", *given))
    told = filled if encode is None else f"encode({filled})"
    exec(f"def write({parameters}): return {told}", names)  # noqa: S102  of names of our own fields
    written: Write = names["write"]
    return written


def _filled(
    kind: type[Struct],
    value: str,
    units: Units,
    names: dict[str, Any],
    given: Sequence[Member] = (),
    passed: str | None = None,
) -> str:
    """The expression of the struct outside that tells of the one that the expression `value` stands for."""
    told, config = inspect.type_info(kind), kind.__struct_config__
    assert isinstance(told, inspect.StructType)
    members = list(given)
    if config.tag_field is not None:
        members.append((config.tag_field, repr(config.tag)))
    for field, stated in zip(told.fields, structs.fields(kind), strict=True):
        if field.encode_name != passed:
            members += _members(field, value, units, names, may_miss=UnsetType in get_args(stated.type))
    outside = _named(names, _outside(kind.__name__, tuple(sorted(name for name, _ in members))))
    return f"{outside}({', '.join(expression for _, expression in sorted(members))})"


@lru_cache(maxsize=1_024)
def _outside(name: str, members: tuple[str, ...]) -> type[Struct]:
    """Filled by place: the encoder asks of a struct neither names nor order, as it does of a mapping."""
    fields = [(f"at_{place}", Any, msgspec.field(name=each)) for place, each in enumerate(members)]
    return msgspec.defstruct(name, fields, frozen=True, gc=False)


def _members(
    field: inspect.Field, of: str, units: Units, names: dict[str, Any], *, may_miss: bool
) -> list[Member]:
    """Two where null stands under another name. `names` gets what the expressions call."""
    name, value = field.encode_name, f"{of}.{field.name}"
    unit = unit_of(name, whole=units.whole)
    outside = name if unit is None else unit[0]
    types, is_nullable = _types(field.type)
    changed = (
        None if name == OPAQUE else _changed(types, value, None if unit is None else unit[1], units, names)
    )
    if changed is None:
        changed = f"{_named(names, _by_name(name, unit, units))}({value})"
    is_text = changed.endswith(f"[{value}]")
    if changed == value or not (may_miss or is_nullable) or (is_text and (units.whole or outside == name)):
        # Texts of figures leave what is null or missing as it is.
        return [(outside, changed)]
    blank = f"{value} is None" if is_nullable else f"{value} is UNSET"
    if is_nullable and may_miss:
        blank += f" or {value} is UNSET"
    if is_nullable and outside != name and not units.whole:
        return [
            (outside, f"UNSET if {blank} else {changed}"),
            (name, f"None if {value} is None else UNSET"),
        ]
    return [(outside, f"{value} if {blank} else {changed}")]


def _changed(
    types: list[inspect.Type], value: str, decimals: int | None, units: Units, names: dict[str, Any]
) -> str | None:
    """What is written in place of a `value` that is there; None where only a look at it tells."""
    if decimals is not None:
        if all(isinstance(each, inspect.IntType) for each in types):
            return f"{_named(names, decimal_texts(decimals))}[{value}]"
        return _figures(types[0], value, decimals, names) if len(types) == 1 else None
    if all(isinstance(each, AS_IT_STANDS) for each in types):
        return value
    if all(isinstance(each, inspect.StructType) for each in types):
        if len(types) == 1 and isinstance(types[0], inspect.StructType):
            return _within(types[0].cls, value, units, names)
        return f"writer(type({value}), units)({value})"
    if len(types) == 1 and isinstance(types[0], inspect.VarTupleType):
        items, is_nullable = _types(types[0].item_type)
        if all(isinstance(each, AS_IT_STANDS) for each in items):
            return value
        each = f"{EACH}{len(names)}"
        names[each] = None
        changed = _changed(items, each, None, units, names) if units.whole and not is_nullable else None
        if changed is not None:
            return f"[{changed} for {each} in {value}]"
    return None


def _within(kind: type[Struct], value: str, units: Units, names: dict[str, Any]) -> str:
    """In place, without a call: most of a line is structs within structs."""
    if kind.__struct_config__.omit_defaults:
        return f"{_named(names, writer(kind, units))}({value})"
    if value.startswith(EACH):
        return _filled(kind, value, units, names)
    # Reached once, not anew for each of its members. In a comprehension that would take a cell.
    of = f"of_{len(names)}"
    names[of] = None
    return f"(({of} := {value}) and {_filled(kind, of, units, names)})"


def _named(names: dict[str, Any], what: Any) -> str:
    name = f"name_{len(names)}"
    names[name] = what
    return name


def _figures(kind: inspect.Type, value: str, decimals: int, names: dict[str, Any]) -> str | None:
    """A band: a struct of nothing but figures."""
    if not isinstance(kind, inspect.StructType) or kind.tag is not None:
        return None
    if kind.cls.__struct_config__.omit_defaults:
        return None
    if not all(isinstance(field.type, inspect.IntType) for field in kind.fields):
        return None
    texts = _named(names, decimal_texts(decimals))
    figures = sorted((field.encode_name, field.name) for field in kind.fields)
    outside = _named(names, _outside(kind.cls.__name__, tuple(name for name, _ in figures)))
    return f"{outside}({', '.join(f'{texts}[{value}.{inside}]' for _, inside in figures)})"


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
