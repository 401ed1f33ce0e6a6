"""Faults of a request, in readable words: one per place."""

import re
from collections.abc import Iterator
from datetime import datetime
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct

from events.vocabulary import COUNTRY_PATTERN
from market.http.wire.countries import COUNTRY
from market.http.wire.numbers import DecimalKind
from market.rules.refusing.policy_defects import CountryUnknown

_PATH: Final = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`\Z")
FINER_THAN_MICROSECONDS: Final = re.compile(r":[0-9]{2}\.[0-9]{6}[0-9]*[1-9]")
_TWO_CAPITALS: Final = re.compile(COUNTRY_PATTERN)
_KINDS: Final = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer"}


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong: `pointer` into the body, or the name of a query parameter or header."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None


class InvalidInputError(Exception):
    """The request does not have the declared form; nothing was done. `refused`: what the rules say beside."""

    def __init__(self, faults: list[Fault], refused: list[Fault] | None = None) -> None:
        super().__init__(
            "; ".join(
                f"{fault.pointer or fault.parameter or fault.header}: {fault.detail}" for fault in faults
            )
        )
        self.faults = faults
        self.refused = refused or []


def finer_time(value: Any, annotation: Any, pointer: str) -> Fault | None:
    """The fault of a time that would be rounded; zeros behind the sixth decimal change nothing."""
    if annotation is not datetime or not isinstance(value, str):
        return None
    if FINER_THAN_MICROSECONDS.search(value) is None:
        return None
    return Fault(
        code="over_precise",
        detail="write a time with at most 6 decimals of a second: nothing is rounded",
        pointer=pointer,
    )


def explain(value: Any, annotation: Any, metas: tuple[Meta, ...], error: Exception, pointer: str) -> Fault:
    """The fault of a leaf, in words of its type where it has any."""
    choices = [str(choice) for choice in _choices(annotation)]
    if choices and isinstance(value, str):
        return Fault(
            code="not_allowed", detail=f"must be one of: {', '.join(sorted(choices))}", pointer=pointer
        )
    extra: dict[str, Any] = {}
    for meta in metas:
        extra |= meta.extra or {}
    kind = extra.get("decimal")
    if isinstance(kind, DecimalKind):
        if isinstance(value, str):
            code, detail = kind.fault(value)
            return Fault(code=code, detail=detail, pointer=pointer)
        return Fault(
            code="wrong_type",
            detail=f"write it as a decimal string in {kind.unit}, such as {kind.example!r}",
            pointer=pointer,
        )
    if "id" in extra and isinstance(value, str):
        return Fault(
            code="malformed_id",
            detail=f"expected an id like {extra['id']}_<32 hexadecimal digits>",
            pointer=pointer,
        )
    if COUNTRY in extra and isinstance(value, str) and _TWO_CAPITALS.fullmatch(value) is not None:
        unknown = CountryUnknown(country=value)
        return Fault(code=unknown.code, detail=unknown.detail(), pointer=pointer)
    fault = fault_of_msgspec(error, pointer)
    for meta in metas:
        of_one_length = meta.min_length is not None and meta.min_length == meta.max_length
        if meta.description and (
            fault.code == "malformed" or (of_one_length and fault.code == "wrong_length")
        ):
            return Fault(code=fault.code, detail=f"expected: {meta.description}", pointer=pointer)
    return fault


def _choices(annotation: Any) -> Iterator[Any]:
    """The values that a Literal, or a union with one, lists."""
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _choices(member)


def fault_of_msgspec(error: Exception, pointer: str) -> Fault:
    """The fault of msgspec's own sentence, which may name a place below `pointer`."""
    text = str(error)
    place = _PATH.search(text)
    if place is not None:
        text = text[: place.start()]
        pointer += "".join("/" + part for part in re.findall(r"[^.\[\]]+", place["path"]))
    for form, code, words in _SENTENCES:
        found = form.match(text)
        if found is not None:
            return Fault(code=code, detail=_told(words, found), pointer=pointer)
    return Fault(code="invalid", detail=text, pointer=pointer)


def _told(words: str, found: re.Match[str]) -> str:
    named = {name: _TYPES.get(text, text) for name, text in found.groupdict().items()}
    return words.format(found[0], **named)


_SENTENCES: Final = tuple(
    (re.compile(form), code, words)
    for form, code, words in (
        (r".*timezone", "naive_time", "a time needs its zone: end it with Z or an offset"),
        (r"Expected `str` matching regex", "malformed", "this text does not have the required form"),
        (r"Expected `str` of length <= (?P<most>\d+)", "wrong_length", "at most {most} characters"),
        (r"Expected `str` of length >= 1\Z", "wrong_length", "this text cannot be empty"),
        (r"Expected `str` of length >= (?P<least>\d+)", "wrong_length", "at least {least} characters"),
        (r".*of length", "wrong_length", "{0}"),
        (r"Invalid enum value", "not_allowed", "{0}"),
        (r"Invalid RFC3339 encoded date\Z", "malformed_time", "write a date such as 2027-04-01"),
        (r"Invalid RFC3339", "malformed_time", "write date, time and zone, such as 2027-04-01T00:00:00Z"),
        (r"Expected `(?P<wanted>.+)`, got `(?P<got>.+)`", "wrong_type", "expected {wanted}, got {got}"),
        (r"Expected `int` >= (?P<least>-?\d+)", "out_of_range", "at least {least}"),
        (r"Expected `int` <= (?P<most>-?\d+)", "out_of_range", "at most {most}"),
        (r"Expected `int`", "out_of_range", "{0}"),
    )
)
_TYPES: Final = {
    "str": "a string",
    "int": "an integer",
    "bool": "true or false",
    "float": "a number",
    "null": "null",
    "object": "an object",
    "array": "an array",
    "datetime": "a time",
    "date": "a date",
}


def wrong_type(value: Any, expected: str, pointer: str) -> Fault:
    got = "null" if value is None else _KINDS.get(type(value), "a number")
    return Fault(code="wrong_type", detail=f"expected {expected}, got {got}", pointer=pointer)
