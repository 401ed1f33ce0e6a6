"""JSON and query strings → frozen structs, with every fault at once.

The fast path is msgspec's typed decoder, which stops at the first fault. Only when it fails, or when the
bytes could hold a control character or a time finer than microseconds, the slow path walks the same
annotations member by member and lists every fault with its JSON Pointer (RFC 6901).
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from market.http.wire.faults import (
    FINER_THAN_MICROSECONDS,
    Fault,
    InvalidInputError,
    explain,
    fault_of_msgspec,
    finer_time,
    wrong_type,
)

T = TypeVar("T")

FAULTS_MAX: Final = 100
INTEGER_DIGITS_MAX: Final = 20
QUERY_PARAMETERS_MAX: Final = 32
_SUSPECT: Final = re.compile(rb"\\[bfnrtu]|\x7f|\xc2[\x80-\x9f]")
_FINER: Final = re.compile(FINER_THAN_MICROSECONDS.pattern.removeprefix(":[0-9]{2}").encode())
"""Begins with the one byte that a search runs to."""
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class _Unrepresentable(str):
    """A JSON number that no field of ours takes: NaN, a fraction, or an integer of very many digits."""

    __slots__ = ()


def decode(raw: bytes, shape: type[T]) -> T:
    """The struct that `raw` holds. InvalidInputError with every fault."""
    hashable: Any = shape
    try:
        value: T = _decoder(hashable).decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        slowly: T = _slowly(raw, shape, error)
        return slowly
    if _is_suspect(raw):
        faults = _faults(json.loads(raw), shape)
        if faults:
            raise InvalidInputError(faults)
    return value


def _is_suspect(raw: bytes) -> bool:
    """Whether a text of the body may hold a control character, a lone surrogate or too fine a time."""
    plain = raw.isascii() and b"\\" not in raw and b"\x7f" not in raw
    return (not plain and _SUSPECT.search(raw) is not None) or _FINER.search(raw) is not None


def may_hide_a_fault(text: str) -> bool:
    """Whether msgspec may take what is refused here: a control character, or a time that it would round."""
    return CONTROL.search(text) is not None or FINER_THAN_MICROSECONDS.search(text) is not None


def convert(value: Any, shape: type[T]) -> T:
    """The struct that JSON-like `value` holds. InvalidInputError with every fault."""
    faults = _faults(value, shape)
    if faults:
        raise InvalidInputError(faults)
    return msgspec.convert(value, shape)


def _faults(value: Any, shape: Any) -> list[Fault]:
    """The first of them: nothing is looked at any more once they are as many as are told."""
    return list(islice(_walk(value, shape, ""), FAULTS_MAX))


@lru_cache(maxsize=512)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def _slowly(raw: bytes, shape: Any, error: Exception) -> Any:
    """What the fast path refused, member by member: every fault, or the struct where 5.0 stands for 5."""
    try:
        value = parse_json(raw)
        faults = _faults(value, shape)
        if not faults:
            return msgspec.convert(value, shape)
    except RecursionError:
        faults = [Fault(code="malformed_json", detail="the body is nested too deeply", pointer="")]
    except msgspec.ValidationError:
        faults = [fault_of_msgspec(error, "")]
    except ValueError as reason:
        told = f"the body is not valid JSON: {reason}" if raw.strip() else "the body is empty: send JSON"
        faults = [Fault(code="malformed_json", detail=told, pointer="")]
    raise InvalidInputError(faults)


def parse_json(raw: bytes) -> Any:
    """Parsed JSON, whole numbers as int. RecursionError or ValueError for invalid JSON."""
    return json.loads(
        raw.decode(), parse_int=_integer, parse_float=_whole_number, parse_constant=_Unrepresentable
    )


def _whole_number(text: str) -> int | _Unrepresentable:
    """JSON Schema counts 5.0 and 5e0 as integers; the value is exact, so nothing is rounded."""
    try:
        number = Decimal(text)
    except InvalidOperation:  # its exponent has more digits than decimals can
        return _Unrepresentable(text)
    if number.adjusted() < INTEGER_DIGITS_MAX and number == number.to_integral_value():
        return int(number)
    return _Unrepresentable(text)


def _integer(text: str) -> int | _Unrepresentable:
    return int(text) if len(text) <= INTEGER_DIGITS_MAX else _Unrepresentable(text)


def _walk(value: Any, annotation: Any, pointer: str) -> Iterator[Fault]:
    annotation, metas = _peel(annotation)
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        yield from _walk_union(value, annotation, pointer)
    elif isinstance(annotation, type) and issubclass(annotation, Struct):
        yield from _walk_struct(value, annotation, pointer)
    elif origin in (tuple, list):
        yield from _walk_array(value, annotation, metas, pointer)
    elif origin is dict:
        yield from _walk_map(value, annotation, pointer)
    else:
        yield from _check_leaf(value, annotation, metas, pointer)


def _peel(annotation: Any) -> tuple[Any, tuple[Meta, ...]]:
    if get_origin(annotation) is Annotated:
        inner, *metas = get_args(annotation)
        return inner, tuple(meta for meta in metas if isinstance(meta, Meta))
    return annotation, ()


@cache
def annotations_of(shape: type[Struct]) -> dict[str, Any]:
    return get_type_hints(shape, include_extras=True)


def _walk_struct(value: Any, shape: type[Struct], pointer: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield wrong_type(value, "an object", pointer)
        return
    config = shape.__struct_config__
    hints = annotations_of(shape)
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    faulty = False
    for name, member in value.items():
        if name not in fields:
            if config.tag_field != name and config.forbid_unknown_fields:
                faulty = True
                yield Fault(
                    code="unknown_field", detail="there is no such field", pointer=_child(pointer, name)
                )
            continue
        for fault in _walk(member, hints[fields[name].name], _child(pointer, name)):
            faulty = True
            yield fault
    for name, field in fields.items():
        if field.required and name not in value:
            faulty = True
            yield Fault(code="missing", detail="this field is required", pointer=_child(pointer, name))
    if not faulty:
        yield from _check_whole(value, shape, pointer)


def _check_whole(value: Any, shape: Any, pointer: str) -> Iterator[Fault]:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        yield fault_of_msgspec(error, pointer)


def _walk_union(value: Any, annotation: Any, pointer: str) -> Iterator[Fault]:
    members = [member for member in get_args(annotation) if member not in (NoneType, msgspec.UnsetType)]
    if value is None and NoneType in get_args(annotation):
        return
    structs = [member for member in members if isinstance(member, _StructMeta)]
    tagged = {member.__struct_config__.tag: member for member in members if _tag_field(member)}
    if len(members) == 1:
        yield from _walk(value, members[0], pointer)
    elif isinstance(value, dict) and len(structs) == 1:
        yield from _walk_struct(value, structs[0], pointer)
    elif tagged:
        tag_field = _tag_field(members[0]) or ""
        tag = value.get(tag_field) if isinstance(value, dict) else None
        if not isinstance(value, dict):
            yield wrong_type(value, "an object", pointer)
        elif isinstance(tag, str) and tag in tagged:
            yield from _walk_struct(value, tagged[tag], pointer)
        else:
            choices = ", ".join(sorted(str(known) for known in tagged))
            yield Fault(
                code="not_allowed", detail=f"must be one of: {choices}", pointer=_child(pointer, tag_field)
            )
    else:
        yield from _check_leaf(value, annotation, (), pointer)


def _tag_field(shape: Any) -> str | None:
    return shape.__struct_config__.tag_field if isinstance(shape, _StructMeta) else None


_StructMeta: Final = type(Struct)


def _walk_array(value: Any, annotation: Any, metas: tuple[Meta, ...], pointer: str) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield wrong_type(value, "an array", pointer)
        return
    for meta in metas:
        if meta.min_length is not None and len(value) < meta.min_length:
            yield Fault(code="too_short", detail=f"at least {meta.min_length} items", pointer=pointer)
        if meta.max_length is not None and len(value) > meta.max_length:
            yield Fault(code="too_long", detail=f"at most {meta.max_length} items", pointer=pointer)
    item = get_args(annotation)[0]
    most = min((meta.max_length for meta in metas if meta.max_length is not None), default=None)
    for index, member in enumerate(value[:most]):  # what is too long is refused whatever the rest is
        yield from _walk(member, item, f"{pointer}/{index}")


def _walk_map(value: Any, annotation: Any, pointer: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield wrong_type(value, "an object", pointer)
        return
    key_type, value_type = get_args(annotation)
    for name, member in value.items():
        yield from _walk(name, key_type, _child(pointer, name))
        yield from _walk(member, value_type, _child(pointer, name))


def _check_leaf(value: Any, annotation: Any, metas: tuple[Meta, ...], pointer: str) -> Iterator[Fault]:
    if isinstance(value, _Unrepresentable):
        yield _unrepresentable(value, annotation, metas, pointer)
        return
    if isinstance(value, str) and CONTROL.search(value) is not None:
        detail = "control characters and lone surrogates are not accepted"
        yield Fault(code="control_character", detail=detail, pointer=pointer)
        return
    finer = finer_time(value, annotation, pointer)
    if finer is not None:
        yield finer
        return
    checked = Annotated[(annotation, *metas)] if metas else annotation
    try:
        msgspec.convert(value, checked)
    except msgspec.ValidationError as error:
        yield explain(value, annotation, metas, error, pointer)


def _unrepresentable(value: str, annotation: Any, metas: tuple[Meta, ...], pointer: str) -> Fault:
    if value.lstrip("-") in ("NaN", "Infinity"):
        return Fault(code="not_finite", detail=f"{value} is not a finite number", pointer=pointer)
    if annotation is str:
        return explain(0, annotation, metas, msgspec.ValidationError("Expected `str`"), pointer)
    return Fault(code="out_of_range", detail="this number is not an integer in range", pointer=pointer)


def _child(pointer: str, name: str) -> str:
    safe = CONTROL.sub("\ufffd", name[:100])
    return f"{pointer}/{safe.replace('~', '~0').replace('/', '~1')}"


def parse_query(raw: bytes, shape: type[T]) -> T:
    """The struct of a query string: every parameter declared, and given once. InvalidInputError with every
    fault."""
    required = _required(shape)  # type: ignore[arg-type]  # mypy takes no type[T] as hashable
    if not raw and not required:
        return _whole_query({}, shape)
    faults: list[Fault] = []
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=QUERY_PARAMETERS_MAX
        )
    except ValueError as error:
        raise InvalidInputError([Fault(code="malformed_query", detail=str(error), parameter="")]) from None
    hints = annotations_of(shape)  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for name, text in pairs:
        if name not in hints:
            faults.append(
                Fault(
                    code="unknown_parameter",
                    detail="there is no such parameter",
                    parameter=_child("", name)[1:],
                )
            )
        elif name in given:
            faults.append(Fault(code="duplicate_parameter", detail="give it once", parameter=name))
        else:
            given[name] = _query_value(name, text, hints[name], faults)
    faults += [
        Fault(code="missing", detail="this parameter is required", parameter=name)
        for name in required
        if name not in given
    ]
    if faults:
        raise InvalidInputError(faults)
    return _whole_query(given, shape)


@lru_cache(maxsize=512)
def _required(shape: type) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(shape) if field.required)


def _query_value(name: str, text: str, annotation: Any, faults: list[Fault]) -> Any:
    """A number is read from its text, but no time from that of a number of seconds."""
    if CONTROL.search(text) is not None:
        faults.append(
            Fault(code="control_character", detail="control characters are not accepted", parameter=name)
        )
        return None
    inner, metas = _peel(_without_none(annotation))
    try:
        return msgspec.convert(text, _without_none(annotation), strict=inner is datetime)
    except msgspec.ValidationError as error:
        fault = explain(text, inner, metas, error, "")
        faults.append(Fault(code=fault.code, detail=fault.detail, parameter=name))
        return None


@lru_cache(maxsize=512)
def _without_none(annotation: Any) -> Any:
    """msgspec takes the text `null` for None; a parameter is absent instead."""
    if get_origin(annotation) is Annotated:
        inner, *metas = get_args(annotation)
        return Annotated[(_without_none(inner), *metas)]
    members = tuple(member for member in get_args(annotation) if member is not NoneType)
    return Union[members] if get_origin(annotation) in (Union, UnionType) else annotation  # noqa: UP007


def _whole_query(given: Mapping[str, Any], shape: type[T]) -> T:
    try:
        return shape(**given)
    except (TypeError, ValueError) as error:
        raise InvalidInputError([Fault(code="invalid", detail=str(error), parameter="")]) from None
