"""How a lane is written on the command line: `market/3`."""

import re
from typing import Any, Final

import rich_click as click

from events.decision import LaneKey
from market.cli.console import CommandFailed, Exit

_WRITTEN: Final = re.compile(r"(parties|market|contracts|materials)/([0-9]{1,4})")


def written_lane(text: str) -> LaneKey | None:
    found = _WRITTEN.fullmatch(text)
    return None if found is None else LaneKey(found[1], int(found[2]))


class LaneType(click.ParamType[LaneKey]):
    name = "stream/lane"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> LaneKey:
        if isinstance(value, LaneKey):
            return value
        found = written_lane(str(value))
        if found is None:
            self.fail(f"{value!r} is no lane; it is written stream/lane, as in market/3", param, ctx)
        return found


LANE: Final = LaneType()


def check_lane(key: LaneKey, lanes: int) -> None:
    """CommandFailed when a record of so many lanes per stream has no such lane."""
    if key.lane >= lanes:
        told = f"there is no lane {key.stream}/{key.lane}: this record has lanes 0 to {lanes - 1} per stream"
        raise CommandFailed(Exit.INVALID_INPUT, told)
