"""A row of a table ↔ a JSON body: each column is named by the dotted path of its member.

`composition.cells.0.analyte` is the member `analyte` of the first of the `cells`. An empty cell is an absent
member, and an array item without any filled cell is left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin

import msgspec
from msgspec import Struct, UnsetType

from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.validation import CONTROL, annotations_of, convert, may_hide_a_fault

COLUMNS_MAX: Final = 1_000
NAME_CHARACTERS_MAX: Final = 200
ITEMS_MAX: Final = 256
_ITEM: Final = re.compile(r"0|[1-9][0-9]{0,2}\Z")
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}\Z")
_BOOLEANS: Final = {"true": True, "false": False}

Leaf = Literal["text", "integer", "boolean", "date", "time"]
_LEAVES: Final[dict[Any, Leaf]] = {int: "integer", bool: "boolean", date: "date", datetime: "time"}
Cell: TypeAlias = "str | bool | date | datetime"
"""As a file holds it; a number is a text already."""


class Column(NamedTuple):
    """`path`: names of members and numbers of items."""

    name: str
    path: tuple[str | int, ...]
    leaf: Leaf


class Wrong(NamedTuple):
    """What is wrong with one row, and in which column; no column: with the row."""

    column: str
    code: str
    sentence: str


def read_head(names: Sequence[str], shape: Any) -> tuple[Column, ...]:
    """The columns of a head for bodies of `shape`. InvalidInputError with every fault: `/rows/1/<name>`."""
    if len(names) > COLUMNS_MAX:
        detail = f"{len(names)} columns are more than {COLUMNS_MAX}"
        raise InvalidInputError([Fault(code="too_many_columns", detail=detail, pointer="/rows/1")])
    faults: list[Fault] = []
    columns: list[Column] = []
    for place, name in enumerate(names):
        found = _column(name, shape)
        if name in names[:place]:
            faults.append(_head_fault("duplicate_column", "name every column once", name))
        elif isinstance(found, Column):
            columns.append(found)
        else:
            faults.append(found)
    faults += _overlaps(columns)
    if faults:
        raise InvalidInputError(faults)
    return tuple(columns)


def _overlaps(columns: Sequence[Column]) -> Iterator[Fault]:
    paths = {column.path for column in columns}
    for column in columns:
        for length in range(1, len(column.path)):
            if column.path[:length] in paths:
                whole = ".".join(map(str, column.path[:length]))
                detail = f"it names a part of {whole}, which is a column too"
                yield _head_fault("column_overlaps", detail, column.name)


def _head_fault(code: str, detail: str, name: str) -> Fault:
    shown = CONTROL.sub("\ufffd", name[:NAME_CHARACTERS_MAX])
    return Fault(code=code, detail=detail, pointer=f"/rows/1/{shown}")


def _column(name: str, shape: Any) -> Column | Fault:
    if not name:
        return _head_fault("column_unnamed", "a column between others has no name", name)
    path = tuple(
        int(part) if _ITEM.match(part) else part for part in name[: NAME_CHARACTERS_MAX + 1].split(".")
    )
    leaf = _leaf(shape, path)
    if leaf is not None:
        return Column(name, path, leaf)
    detail = "this kind has no such column; its template names all"
    return _head_fault("unknown_column", detail, name)


def _leaf(annotation: Any, path: Sequence[str | int]) -> Leaf | None:
    """What stands at the end of a path; None when it leads nowhere, or not to the end."""
    for choice in choices(annotation):
        if is_struct(choice):
            found = _member_leaf(choice, path)
        elif get_origin(choice) is tuple:
            within = bool(path) and isinstance(path[0], int) and path[0] < ITEMS_MAX
            found = _leaf(get_args(choice)[0], path[1:]) if within else None
        else:
            found = None if path else _LEAVES.get(choice, "text")
        if found is not None:
            return found
    return None


def _member_leaf(shape: type[Struct], path: Sequence[str | int]) -> Leaf | None:
    if not path:
        return None
    if path[0] == shape.__struct_config__.tag_field:
        return None if path[1:] else "text"
    found = members(shape).get(str(path[0]))
    return None if found is None else _leaf(found, path[1:])


def members(shape: type[Struct]) -> dict[str, Any]:
    """The annotations of a struct by the names on the wire."""
    annotated = annotations_of(shape)
    return {field.encode_name: annotated[field.name] for field in msgspec.structs.fields(shape)}


def choices(annotation: Any) -> Iterator[Any]:
    """What may stand there: the members of a union, without None and what is absent, each without its
    bounds."""
    if get_origin(annotation) is Annotated:
        yield from choices(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from choices(member)
    elif annotation not in (NoneType, UnsetType):
        yield annotation


def is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Struct)


class RowReader:
    """Rows of cells under one head → bodies of `shape`; `given` are members that every row has, if it does
    not say otherwise."""

    def __init__(self, columns: Sequence[Column], shape: Any, given: Mapping[str, Any]) -> None:
        self._columns = columns
        self._shape = shape
        self._given = given
        self._flat = all(len(column.path) == 1 for column in columns)

    def body(self, cells: Sequence[Cell]) -> Any:
        """The body, or the faults, by column."""
        texts = [cell for cell in cells if isinstance(cell, str)]
        filled: list[tuple[Column, Any]] = [
            (column, _value(cell, column.leaf))
            for column, cell in zip(self._columns, cells, strict=False)
            if cell != ""
        ]
        value = {**self._given, **self._nested(filled)}
        if not may_hide_a_fault("".join(texts)):
            try:
                return msgspec.convert(value, self._shape)
            except msgspec.ValidationError:
                pass
        try:
            return convert(value, self._shape)
        except InvalidInputError as error:
            return self.wrong(cells, error.faults)

    def wrong(self, cells: Sequence[Cell], faults: Sequence[Fault]) -> tuple[Wrong, ...]:
        """Faults with pointers into the body, by the columns that the row had it from."""
        filled = [column for column, cell in zip(self._columns, cells, strict=False) if cell != ""]
        return tuple(
            Wrong(self.column_of(filled, fault.pointer or ""), fault.code, fault.detail) for fault in faults
        )

    @staticmethod
    def column_of(filled: Sequence[Column], pointer: str) -> str:
        """The dotted path of a pointer. An item counts as it does in the head, not among those filled."""
        found: list[str] = []
        for part in pointer.split("/")[1:]:
            place = len(found)
            items = sorted(
                {
                    column.path[place]
                    for column in filled
                    if [str(step) for step in column.path[:place]] == found
                    and place < len(column.path)
                    and isinstance(column.path[place], int)
                },
                key=int,
            )
            known = part.isdecimal() and int(part) < len(items)
            found.append(str(items[int(part)]) if known else part.replace("~1", "/").replace("~0", "~"))
        return ".".join(found)

    def _nested(self, filled: Sequence[tuple[Column, Any]]) -> dict[str, Any]:
        if self._flat:
            return {column.name: value for column, value in filled}
        root: dict[Any, Any] = {}
        for column, value in filled:
            node = root
            for step in column.path[:-1]:
                node = node.setdefault(step, {})
            node[column.path[-1]] = value
        return {name: _listed(member) for name, member in root.items()}


def _listed(node: Any) -> Any:
    """Arrays where steps are numbers, in their order."""
    if not isinstance(node, dict):
        return node
    if all(isinstance(step, int) for step in node):
        return [_listed(node[step]) for step in sorted(node)]
    return {str(step): _listed(member) for step, member in node.items()}


def _value(cell: Cell, leaf: Leaf) -> Any:
    """The cell as JSON has it; what does not fit stays a text, and is refused as the text that it is."""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if leaf == "date" else cell.replace(tzinfo=UTC).isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, bool):
        return cell if leaf == "boolean" else str(cell).lower()
    if leaf == "integer" and _INTEGER.match(cell):
        return int(cell)
    if leaf == "boolean":
        return _BOOLEANS.get(cell.lower(), cell)
    return cell
