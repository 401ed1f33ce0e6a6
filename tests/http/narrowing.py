"""A served document with smaller request bodies, for generators that enumerate all of a body."""

from copy import deepcopy
from functools import cache
from typing import Any

import hypothesis
import msgspec
from hypothesis import Phase, strategies

MOMENTS = {"date": "2026-03-02", "date-time": "2026-03-02T12:00:00Z", "binary": ""}


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Every body keeps its own members; objects within it only have those that they require.

    An object that stands in an earlier place as well is one value of it: whatever is wrong within it is
    refused by the same decoder, so it is enumerated once.
    """
    found = deepcopy(document)
    narrowing = _Narrowing(document["components"]["schemas"])
    for operations in found["paths"].values():
        for operation in operations.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                media["schema"] = narrowing.body(media["schema"])
    return found


class _Narrowing:
    def __init__(self, components: dict[str, Any]) -> None:
        self._components = components
        self._enumerated: set[bytes] = set()

    def body(self, schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._once(inlined(schema, self._components, whole=True), whole=True)
        return found

    def _once(self, schema: Any, *, whole: bool = False) -> Any:
        """With one value in the place of each object that was there before; `whole`: of its members."""
        if not isinstance(schema, dict):
            return schema
        if "properties" in schema and not whole:
            told = msgspec.json.encode(schema, order="deterministic")
            if told in self._enumerated and schema.get("required"):
                return {"type": "object", "enum": [value_of(schema)]}
            self._enumerated.add(told)
        found = dict(schema)
        for union in ("anyOf", "oneOf"):
            if union in found:
                found[union] = [self._once(each, whole=whole) for each in found[union]]
        if "items" in found:
            found["items"] = self._once(found["items"])
        if "properties" in found:
            found["properties"] = {name: self._once(each) for name, each in found["properties"].items()}
        return found


def inlined(schema: Any, components: dict[str, Any], *, whole: bool) -> Any:
    """Without references; of an object its required properties, or all of them."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(components[schema["$ref"].rpartition("/")[2]], components, whole=whole)
    found = {name: value for name, value in schema.items() if name != "discriminator"}
    for union in ("anyOf", "oneOf"):
        if union in found:
            found[union] = [inlined(each, components, whole=whole) for each in found[union]]
    if "items" in found:
        found["items"] = inlined(found["items"], components, whole=False)
    if "properties" in found:
        required = found.get("required", [])
        found["properties"] = {
            name: inlined(each, components, whole=False)
            for name, each in found["properties"].items()
            if whole or name in required
        }
    return found


def value_of(schema: dict[str, Any]) -> Any:
    """The least value of a schema without references: of an object what it requires."""
    for given in ("enum", "examples"):
        if given in schema:
            return schema[given][0]
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return value_of(schema[union][0])
    match schema["type"]:
        case "object":
            return {name: value_of(schema["properties"][name]) for name in schema.get("required", [])}
        case "array":
            return [value_of(schema["items"])] * schema.get("minItems", 0)
        case "string":
            least, most = schema.get("minLength", 0), schema.get("maxLength", 1_000)
            return MOMENTS.get(schema.get("format", "")) or matching(schema.get("pattern", ""), least, most)
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case other:
            raise LookupError(f"no value of the type {other}")


@cache
def matching(pattern: str, length_min: int, length_max: int) -> str:
    """The least text of a pattern."""
    return hypothesis.find(
        strategies.from_regex(pattern),
        lambda text: length_min <= len(text) <= length_max,
        # without the phase that explains a find, which takes most of the time and tells nothing here
        settings=hypothesis.settings(derandomize=True, database=None, phases=(Phase.generate, Phase.shrink)),
    )
