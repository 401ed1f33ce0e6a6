"""Where two JSON values first differ, for a sentence that names the member."""

import msgspec
from msgspec import Struct

TEXT_MAX = 200


class Difference(Struct, frozen=True):
    """`recorded` and `expected` as JSON, cut to TEXT_MAX signs."""

    field: str
    recorded: str
    expected: str


def first_difference(recorded: object, expected: object, path: str = "") -> Difference | None:
    """The first member, in order of name, in which they differ; `type` and `data` before everything else."""
    if isinstance(recorded, dict) and isinstance(expected, dict):
        names = recorded.keys() | expected.keys()
        for name in sorted(names, key=lambda name: (name != "type", name != "data", name)):
            found = first_difference(recorded.get(name), expected.get(name), f"{path}/{name}")
            if found is not None:
                return found
        return None
    if isinstance(recorded, list) and isinstance(expected, list) and len(recorded) == len(expected):
        for index, (left, right) in enumerate(zip(recorded, expected, strict=True)):
            found = first_difference(left, right, f"{path}/{index}")
            if found is not None:
                return found
        return None
    if recorded == expected:
        return None
    return Difference(path.removeprefix("/data").lstrip("/") or "value", _short(recorded), _short(expected))


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
