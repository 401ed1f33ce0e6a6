"""What `lodestone doctor` says of markets whose newest rule set is of an earlier version of the program."""

from typing import Final

from events.connections import Connection
from events.counts import counted
from market.cli.findings import Finding
from market.cli.rule_switches import lacking
from market.http.wire.ids import to_text
from market.store.inputs import newest_rule_sets

TOLD_MAX: Final = 20


async def rule_findings(connection: Connection) -> list[Finding]:
    """One for each market that lacks rules, one for those beyond `TOLD_MAX`; one for all where none does."""
    rows = await newest_rule_sets(connection)
    found = [
        Finding(
            what=f"rules of {to_text('mkt', row.market)}",
            state="attention",
            told=f"version {row.rule_set.version} is without {', '.join(missing)}",
            help=f"lodestone rules next {to_text('mkt', row.market)} writes the one that has them",
        )
        for row in rows
        if (missing := lacking(row.rule_set))
    ]
    if rows and not found:
        told = f"the newest of {counted(len(rows), 'market')} has every rule of this version"
        return [Finding(what="rules", state="ok", told=told)]
    if (more := len(found) - TOLD_MAX) > 0:
        told = f"{counted(more, 'more market lacks', 'more markets lack')} some"
        found[TOLD_MAX:] = [Finding(what="rules", state="attention", told=told)]
    return found
