"""JSON Schemas said in the words that most readers of documents know; what is valid stays the same."""

from collections.abc import Mapping
from typing import Any, Final

from market.http.wire.numbers import END

_END: Final = "$"
"""In a JSON Schema the end of the text and nothing before it, as `END` is for those who read it otherwise."""


def portable(schema: Any) -> Any:
    """The schemas within `schema`, however deep.

    Words to choose from have their type, of alternatives that a member tells apart just one holds, a whole
    number has the largest value that it takes, and no pattern looks ahead: RE2 refuses all of it that does.
    """
    if isinstance(schema, list | tuple):
        return [portable(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    told = {keyword: portable(part) for keyword, part in schema.items()}
    words = told.get("enum")
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        told.setdefault("type", "string")
    if "discriminator" in told and "anyOf" in told:
        told = {"oneOf" if keyword == "anyOf" else keyword: part for keyword, part in told.items()}
    if told.get("type") == "integer" and "exclusiveMaximum" in told:
        told["maximum"] = told.pop("exclusiveMaximum") - 1
    if isinstance(told.get("pattern"), str):
        told["pattern"] = told["pattern"].replace(END, _END)
    return told
