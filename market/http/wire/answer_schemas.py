"""Schemas of answers: open, so that a new member or enum value breaks no generated client, and with every
member that is always written among the required ones.

Schemas of requests stay closed, since the decoder refuses unknown members. Types used in both have two
schemas.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, get_origin

from msgspec.inspect import Field, StructType, Type, multi_type_info

SCHEMAS: Final = "#/components/schemas/"
SUFFIX: Final = "Answer"
MORE_MAY_COME: Final = "More words may come."


def opened(
    components: Mapping[str, Any],
    asked: Iterable[Any],
    answered: Collection[Any],
    sparse: Collection[str],
) -> tuple[list[Any], dict[str, Any]]:
    """The schemas of `answered` as they are told, and all components: of requests as they were.

    `sparse`: components which are written without members that have their default.
    A component that requests lead to as well is told of answers under its name and `Answer`, where the two
    differ.
    """
    of_requests = _reached(components, asked)
    of_answers = _reached(components, answered)
    alike = {name: name for name in of_answers}
    whole = {**components, **{name: _whole(components[name]) for name in of_answers.difference(sparse)}}
    changed = {name for name in of_answers if _open(whole[name], alike) != components[name]}
    differing = {name for name in of_answers & of_requests if changed & _reached(components, _named(name))}
    names = {name: f"{name}{SUFFIX}" if name in differing else name for name in of_answers}
    assert not {names[name] for name in differing} & components.keys()
    told = {names[name]: _open(whole[name], names) for name in sorted(of_answers)}
    requested = {name: components[name] for name in of_requests}
    return [_open(each, names) for each in answered], told | requested


def sparse_names(kinds: Sequence[Any]) -> frozenset[str]:
    """Of the structs within `kinds` that are written without members that have their default."""
    waiting: list[Any] = list(multi_type_info(kinds))
    found: set[str] = set()
    met: set[int] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, list | tuple):
            waiting += node
        elif isinstance(node, Type | Field) and id(node) not in met:
            met.add(id(node))
            waiting += [getattr(node, name) for name in node.__struct_fields__]
            kind: Any = (get_origin(node.cls) or node.cls) if isinstance(node, StructType) else None
            if kind is not None and kind.__struct_config__.omit_defaults:
                found.add(kind.__name__)
    return frozenset(found)


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


def _whole(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A default says what an absent member means; those of answers are there."""
    members: Mapping[str, Any] = schema.get("properties", {})
    required = [*schema.get("required", ())]
    required += [name for name, member in members.items() if "default" in member and name not in required]
    if not required:
        return dict(schema)
    return {
        **schema,
        "properties": {name: _without_default(member) for name, member in members.items()},
        "required": required,
    }


def _without_default(member: Mapping[str, Any]) -> dict[str, Any]:
    return {keyword: told for keyword, told in member.items() if keyword != "default"}


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
