"""Finds changes between two JSON Schemas of an event version that break its readers or its old bytes.
Pure."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
FIXED = ("type", "format", "pattern", "const", "default", "multipleOf")


def breaking_changes(old: Schema, new: Schema) -> tuple[str, ...]:
    """Removed, renamed or retyped members, newly required ones, narrowed enums and bounds, with places."""
    return tuple(dict.fromkeys(_Comparison(old, new).changes(old, new, "$")))


class _Comparison:
    def __init__(self, old_root: Schema, new_root: Schema) -> None:
        self._old_root = old_root
        self._new_root = new_root
        self._open: set[tuple[str, str]] = set()

    def changes(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        pair = (old.get("$ref", ""), new.get("$ref", ""))
        if all(pair):
            if pair in self._open:
                return
            self._open.add(pair)
        try:
            yield from self._resolved(_resolve(self._old_root, old), _resolve(self._new_root, new), place)
        finally:
            self._open.discard(pair)

    def _resolved(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        if "anyOf" in old or "anyOf" in new:
            yield from self._variants(old, new, place)
            return
        for keyword in FIXED:
            if old.get(keyword) != new.get(keyword) and not (keyword == "const" and keyword not in new):
                yield f"{place}: {keyword} {old.get(keyword)!r} became {new.get(keyword)!r}"
        yield from _narrowed(old, new, place)
        yield from self._members(old, new, place)
        for keyword in ("items", "additionalProperties"):
            if isinstance(old.get(keyword), dict) and isinstance(new.get(keyword), dict):
                yield from self.changes(old[keyword], new[keyword], f"{place}[]")
            elif old.get(keyword) != new.get(keyword):
                yield f"{place}: {keyword} changed"
        if len(old.get("prefixItems", ())) != len(new.get("prefixItems", ())):
            yield f"{place}: another number of items"
        else:
            for number, parts in enumerate(
                zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=True)
            ):
                yield from self.changes(*parts, f"{place}[{number}]")

    def _variants(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        """Every old variant needs a new one that accepts all its values; new variants may be added."""
        if old.get("default") != new.get("default"):
            yield f"{place}: default {old.get('default')!r} became {new.get('default')!r}"
        after = [_without_default(variant) for variant in new.get("anyOf", [new])]
        for variant in old.get("anyOf", [old]):
            found = [tuple(self.changes(_without_default(variant), other, place)) for other in after]
            if () not in found:
                name = variant.get("$ref", variant.get("type", "variant"))
                nearest = min(found, key=len)
                yield f"{place}: {name} is not taken any more ({'; '.join(nearest)})"

    def _members(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name not in after:
                yield f"{place}.{name}: removed"
            else:
                yield from self.changes(before[name], after[name], f"{place}.{name}")
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(needed_after - needed_before):
            yield f"{place}.{name}: newly required"
        for name in sorted((needed_before - needed_after) & set(after)):
            yield f"{place}.{name}: required before, optional now"


def _narrowed(old: Schema, new: Schema, place: str) -> Iterator[str]:
    if "enum" in new:
        lost = [value for value in old.get("enum", []) if value not in new["enum"]]
        if "enum" not in old:
            yield f"{place}: only certain values are taken now"
        elif lost:
            yield f"{place}: values {lost} are not taken any more"
    elif "enum" in old:
        yield f"{place}: any value may stand where one of {old['enum']} stood"
    for keyword in LOWER_BOUNDS:
        if keyword in new and (keyword not in old or new[keyword] > old[keyword]):
            yield f"{place}: {keyword} {old.get(keyword)!r} became {new[keyword]!r}"
    for keyword in UPPER_BOUNDS:
        if keyword in new and (keyword not in old or new[keyword] < old[keyword]):
            yield f"{place}: {keyword} {old.get(keyword)!r} became {new[keyword]!r}"


def _without_default(schema: Schema) -> Schema:
    return {keyword: value for keyword, value in schema.items() if keyword != "default"}


def _resolve(root: Schema, schema: Schema) -> Schema:
    """Follows `$ref`; keeps members beside it, such as `default`."""
    while "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found | {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
    return schema
