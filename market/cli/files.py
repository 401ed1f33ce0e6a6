"""Files that a command reads: reports all faults at once, including unknown members, with exit code 3."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from market.cli.console import CommandFailed, Exit
from market.http.wire.faults import InvalidInputError
from market.http.wire.validation import convert, decode

FILE_BYTES_MAX = 1024**3
FAULTS_SHOWN_MAX = 50

T = TypeVar("T")


def read(path: Path, shape: type[T]) -> T:
    """The struct that a JSON file holds. CommandFailed with every fault, by JSON Pointer."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise CommandFailed(Exit.INVALID_INPUT, f"{path}: larger than {FILE_BYTES_MAX:,} bytes")
        raw = path.read_bytes()
    except OSError as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{path}: {error.strerror or error}") from error
    faults = [*_unknown(raw, shape), *_repeated(raw)]
    try:
        value = decode(raw, shape)
    except InvalidInputError as error:
        faults += [f"{fault.pointer or '/'}: {fault.detail}" for fault in error.faults]
    else:
        if not faults:
            return value
    raise failed(str(path), faults)


def check_folder(file: Path) -> None:
    """CommandFailed for a file to be made that has no folder: told before the work is done."""
    folder = file.absolute().parent
    if not folder.is_dir():
        raise CommandFailed(Exit.INVALID_INPUT, f"{file}: there is no folder {file.parent}")
    if not os.access(folder, os.W_OK):
        raise CommandFailed(Exit.INVALID_INPUT, f"{file}: nothing may be written in {file.parent}")


def check_writable(file: Path) -> None:
    """As `check_folder`, of a file that is written where it stands: /dev/stdout has a folder of others."""
    if not file.exists():
        check_folder(file)
    elif not os.access(file, os.W_OK):
        raise CommandFailed(Exit.INVALID_INPUT, f"{file}: it may not be written")


def typed(path: Path, pointer: str, value: Any, shape: type[T]) -> T:
    """The struct of a part of a file that names its own type."""
    faults = [f"{pointer}{place}: there is no such member" for place in unknown_members(value, shape)]
    try:
        found = convert(value, shape)
    except InvalidInputError as error:
        faults += [f"{pointer}{fault.pointer}: {fault.detail}" for fault in error.faults]
    else:
        if not faults:
            return found
    raise failed(str(path), faults)


def failed(name: str, faults: list[str]) -> CommandFailed:
    """What ends a verb whose file has these faults."""
    shown = list(dict.fromkeys(faults))
    more = len(shown) - FAULTS_SHOWN_MAX
    lines = [f"{name}: {len(shown)} fault{'s' if len(shown) > 1 else ''}", *shown[:FAULTS_SHOWN_MAX]]
    if more > 0:
        lines.append(f"and {more} more")
    return CommandFailed(Exit.INVALID_INPUT, "\n  ".join(lines))


def _unknown(raw: bytes, shape: type[T]) -> Iterator[str]:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return
    for pointer in unknown_members(value, shape):
        yield f"{pointer}: there is no such member"


def _repeated(raw: bytes) -> Iterator[str]:
    """Members that an object has twice, of which a decoder would take the last."""
    found: list[str] = []

    def once(members: list[tuple[str, Any]]) -> None:
        counted = Counter(name for name, _ in members)
        found.extend(name for name, count in counted.items() if count > 1)

    try:
        json.loads(raw, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return
    for name in found:
        yield f"{name[:100]}: the same member twice"


def unknown_members(value: Any, shape: Any) -> Iterator[str]:
    """JSON Pointers to the members of JSON-like `value` that no struct of `shape` has."""
    yield from _walk(value, inspect.type_info(shape), "")


def _walk(value: Any, kind: inspect.Type, pointer: str) -> Iterator[str]:
    match kind:
        case inspect.Metadata():
            yield from _walk(value, kind.type, pointer)
        case inspect.UnionType():
            structs = [part for part in kind.types if not isinstance(part, inspect.NoneType)]
            chosen = [part for part in structs if _tag(part, value)] or structs[:1]
            yield from _walk(value, chosen[0], pointer)
        case inspect.StructType() if isinstance(value, dict):
            fields = {field.encode_name: field.type for field in kind.fields}
            for name, member in value.items():
                if name in fields:
                    yield from _walk(member, fields[name], f"{pointer}/{name}")
                elif name != kind.tag_field:
                    yield f"{pointer}/{name[:100]}"
        case inspect.DictType() if isinstance(value, dict):
            for name, member in value.items():
                yield from _walk(member, kind.value_type, f"{pointer}/{name[:100]}")
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() if isinstance(value, list):
            for index, member in enumerate(value):
                yield from _walk(member, kind.item_type, f"{pointer}/{index}")


def _tag(kind: inspect.Type, value: Any) -> bool:
    if not isinstance(kind, inspect.StructType) or kind.tag_field is None or not isinstance(value, dict):
        return False
    return bool(value.get(kind.tag_field) == kind.tag)
