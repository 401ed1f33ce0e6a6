"""A served document with smaller request bodies, for generators that enumerate all of a body."""

from copy import deepcopy
from typing import Any


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Every body keeps its own members; objects within it only have those that they require."""
    found = deepcopy(document)
    schemas = document["components"]["schemas"]
    for operations in found["paths"].values():
        for operation in operations.values():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                media["schema"] = _inlined(media["schema"], schemas, whole=True)
    return found


def _inlined(schema: Any, components: dict[str, Any], *, whole: bool) -> Any:
    """Without references; of an object its required properties, or all of them."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(components[schema["$ref"].rpartition("/")[2]], components, whole=whole)
    found = {name: value for name, value in schema.items() if name != "discriminator"}
    for union in ("anyOf", "oneOf"):
        if union in found:
            found[union] = [_inlined(each, components, whole=whole) for each in found[union]]
    if "items" in found:
        found["items"] = _inlined(found["items"], components, whole=False)
    if "properties" in found:
        required = found.get("required", [])
        found["properties"] = {
            name: _inlined(each, components, whole=False)
            for name, each in found["properties"].items()
            if whole or name in required
        }
    return found
