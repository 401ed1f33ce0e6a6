"""A served document with smaller request bodies, for generators that enumerate all of a body."""

from copy import deepcopy
from typing import Any, Final

REPEATING: Final = (
    ("post", "/v1/recovered-lots"),
    ("patch", "/v1/recovered-lots/{lot}"),
    ("patch", "/v1/requirements/{requirement}"),
    ("patch", "/v1/supply-offers/{offer}"),
    ("post", "/v1/markets/{market}/rule-sets/dry-run"),
    ("post", "/v1/agreements/{agreement}/proposals"),
    ("post", "/v1/passports/{passport}/corrections"),
    ("post", "/v1/transformations"),
)
"""Their bodies hold what the body of another route holds too."""

WHOLLY_REPEATING: Final = (("post", "/v1/quotes"),)
"""Their bodies are those of other routes, one or the other."""


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Bodies of REPEATING keep their own members; objects within these only have those that they require, and
    so do those bodies that are WHOLLY_REPEATING.

    All members of those objects are generated for the route that takes them first.
    """
    found = deepcopy(document)
    for method, path in (*REPEATING, *WHOLLY_REPEATING):
        (media,) = found["paths"][path][method]["requestBody"]["content"].values()
        whole = (method, path) in REPEATING
        media["schema"] = _inlined(media["schema"], document["components"]["schemas"], whole=whole)
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
