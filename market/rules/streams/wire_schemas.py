"""JSON Schemas of published data, converted from those of the internal structs: `wire_units` for schemas."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from market.rules.streams.wire_units import OPAQUE, Units, unit_of

Schema: TypeAlias = dict[str, Any]
Components: TypeAlias = Mapping[str, Schema]
NULL: Final[Schema] = {"type": "null"}


def outside(schema: Schema, components: Components, units: Units) -> Schema:
    """The schema of what `in_units` makes of a value with this schema; references stay as they are."""
    changed = dict(schema)
    if "items" in schema:
        items = schema["items"]
        changed["items"] = outside(items, components, units) if units.whole else _inside(items, components)
    if "anyOf" in schema:
        changed["anyOf"] = [outside(each, components, units) for each in schema["anyOf"]]
    if "properties" not in schema:
        return changed
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for name, member in schema["properties"].items():
        unit = unit_of(name, whole=units.whole)
        needed = name in schema.get("required", ())
        if unit is None:
            texts = name == OPAQUE and member.get("type") == "object"
            properties[name] = member if texts else outside(member, components, units)
            required += [name] if needed else []
            continue
        outer, decimals = unit
        figures = _figures(member, components, decimals)
        if not units.whole and NULL in member.get("anyOf", ()):
            properties[name] = NULL
            figures, needed = _without_null(figures), False
        properties[outer] = figures
        required += [outer] if needed else []
    return {**changed, "properties": properties, "required": required}


def _figures(schema: Schema, components: Components, decimals: int) -> Schema:
    """Every integer in it is a decimal text, in what it refers to as well."""
    if "$ref" in schema:
        found = components[schema["$ref"].rpartition("/")[2]]
        return _figures(found, components, decimals)
    if schema.get("type") == "integer":
        described = {"description": schema["description"]} if "description" in schema else {}
        pattern = rf"^-?(0|[1-9][0-9]*)(\.[0-9]{{1,{decimals}}})?$"
        return {"type": "string", "pattern": pattern, **described}
    changed = {name: member for name, member in schema.items() if name != "default"}
    if "anyOf" in schema:
        changed["anyOf"] = [_figures(each, components, decimals) for each in schema["anyOf"]]
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            changed[inner] = _figures(schema[inner], components, decimals)
    if "prefixItems" in schema:
        changed["prefixItems"] = [_figures(each, components, decimals) for each in schema["prefixItems"]]
    if "properties" in schema:
        changed["properties"] = {
            name: _figures(member, components, decimals) for name, member in schema["properties"].items()
        }
    return changed


def _inside(schema: Schema, components: Components) -> Schema:
    """As it is inside, whole: what it refers to has the names and figures of outside."""
    if "$ref" in schema:
        return _inside(components[schema["$ref"].rpartition("/")[2]], components)
    changed = dict(schema)
    if "items" in schema:
        changed["items"] = _inside(schema["items"], components)
    if "anyOf" in schema:
        changed["anyOf"] = [_inside(each, components) for each in schema["anyOf"]]
    if "properties" in schema:
        changed["properties"] = {
            name: _inside(member, components) for name, member in schema["properties"].items()
        }
    return changed


def _without_null(schema: Schema) -> Schema:
    left = [each for each in schema["anyOf"] if each != NULL]
    return left[0] if len(left) == 1 else {**schema, "anyOf": left}
