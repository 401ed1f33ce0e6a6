"""A served document with smaller request bodies, for generators that enumerate all of a body."""

from copy import deepcopy
from typing import Any, Final

REPEATING: Final = (
    "/v1/recovered-lots",
    "/v1/quotes",
    "/v1/markets/{market}/rule-sets/dry-run",
    "/v1/agreements/{agreement}/proposals",
    "/v1/passports/{passport}/corrections",
    "/v1/transformations",
)
"""Their bodies hold what the body of another route holds too."""


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Bodies of REPEATING keep their own members; objects within these only have those that they require.

    All members of those objects are generated for the route that takes them first.
    """
    found = deepcopy(document)
    for path in REPEATING:
        media = found["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        media["schema"] = _inlined(media["schema"], document["components"]["schemas"], whole=True)
    return found


def _inlined(schema: Any, components: dict[str, Any], *, whole: bool) -> Any:
    """Without references; of an object its required properties, or all of them."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(components[schema["$ref"].rpartition("/")[2]], components, whole=whole)
    found = {name: value for name, value in schema.items() if name != "discriminator"}
    if "anyOf" in found:
        found["anyOf"] = [_inlined(each, components, whole=whole) for each in found["anyOf"]]
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
