"""The API's log lines about one request, since the record does not contain refused commands."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

LINE_BYTES_MAX: Final = 1_000_000
LINES_MAX: Final = 20

_lines: Final = msgspec.json.Decoder(dict[str, Any])


class LogLine(Struct, frozen=True, kw_only=True):
    """One line of a log that names the request."""

    at: str
    event: str
    said: dict[str, Any]


def lines_of(log: Iterable[bytes], request: UUID) -> tuple[LogLine, ...]:
    """Those that name it, in their order; lines that are no JSON are passed over."""
    mark = str(request).encode()
    found: list[LogLine] = []
    for line in log:
        if mark not in line or len(line) > LINE_BYTES_MAX:
            continue
        try:
            said = _lines.decode(line)
        except msgspec.DecodeError:
            continue
        if said.pop("request_id", None) == str(request):
            at, event = str(said.pop("time", "")), str(said.pop("event", ""))
            said.pop("level", None)
            found.append(LogLine(at=at, event=event, said=said))
        if len(found) == LINES_MAX:
            break
    return tuple(found)
