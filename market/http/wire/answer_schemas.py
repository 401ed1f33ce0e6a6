"""Schemas of what is answered: open, so that a member or a word that is new breaks no generated client.

Requests keep theirs closed, as the decoder refuses what it does not know. What both use has two schemas.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

SCHEMAS: Final = "#/components/schemas/"
SUFFIX: Final = "Answer"
MORE_MAY_COME: Final = "More words may come."


def opened(
    components: Mapping[str, Any], asked: Iterable[Any], answered: Collection[Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The schemas of `answered` as they are told, and all components: of requests as they were.

    A component that requests lead to as well is told of answers under its name and `Answer`, where the two
    differ.
    """
    of_requests = _reached(components, asked)
    of_answers = _reached(components, answered)
    alike = {name: name for name in of_answers}
    changed = {name for name in of_answers if _open(components[name], alike) != components[name]}
    differing = {name for name in of_answers & of_requests if changed & _reached(components, _named(name))}
    names = {name: f"{name}{SUFFIX}" if name in differing else name for name in of_answers}
    assert not {names[name] for name in differing} & components.keys()
    told = {names[name]: _open(components[name], names) for name in sorted(of_answers)}
    requested = {name: components[name] for name in of_requests}
    return [_open(each, names) for each in answered], told | requested


def _named(name: str) -> list[str]:
    return [SCHEMAS + name]


def _reached(components: Mapping[str, Any], schemas: Iterable[Any]) -> set[str]:
    found: set[str] = set()
    waiting = [name for schema in schemas for name in _references(schema)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(components[name])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, str):
        if schema.startswith(SCHEMAS):
            yield schema.removeprefix(SCHEMAS)
    elif isinstance(schema, Mapping):
        for member in schema.values():
            yield from _references(member)
    elif isinstance(schema, list | tuple):
        for member in schema:
            yield from _references(member)


def _open(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, str) and schema.startswith(SCHEMAS):
        return SCHEMAS + names[schema.removeprefix(SCHEMAS)]
    if isinstance(schema, list | tuple):
        return [_open(member, names) for member in schema]
    if not isinstance(schema, Mapping):
        return schema
    told = {
        name: _open(member, names)
        for name, member in schema.items()
        if (name, member) != ("additionalProperties", False)
    }
    words = told.get("enum")
    if isinstance(words, list) and len(words) > 1 and told.get("type") == "string":
        del told["enum"]
        told["x-extensible-enum"] = words
        said = f"One of {', '.join(words)}. {MORE_MAY_COME}"
        told["description"] = f"{told['description']} {said}" if "description" in told else said
    if "title" in told and "properties" in told:
        told["title"] = names.get(told["title"], told["title"])
    return told
