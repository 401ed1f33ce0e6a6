"""`lodestone doctor` on markets whose newest rule set comes from an earlier version of the program."""

from collections.abc import Sequence
from typing import Final

from events.connections import Connection
from events.counts import counted
from market.cli.findings import Finding
from market.cli.rule_switches import lacking, switched_off
from market.http.wire.ids import to_text
from market.store.inputs import RuleSetRow, newest_rule_sets

TOLD_MAX: Final = 20


async def rule_findings(connection: Connection) -> list[Finding]:
    return findings_of(await newest_rule_sets(connection))


def findings_of(rows: Sequence[RuleSetRow]) -> list[Finding]:
    """One for each market that lacks rules, one for those beyond `TOLD_MAX`, one for all where none does.
    Then those that switch rules off, alike."""
    found = [
        Finding(
            what=f"rules of {to_text('mkt', row.market)}",
            state="attention",
            told=f"version {row.rule_set.version} is without {', '.join(missing)}",
            help=f"lodestone rules next {to_text('mkt', row.market)} writes a rule set that has them",
        )
        for row in rows
        if (missing := lacking(row.rule_set))
    ]
    off = _switched_off(rows)
    if rows and not found:
        told = f"the newest of {counted(len(rows), 'market')} has every rule of this version"
        return [
            Finding(what="rules", state="ok", told=told + (" but those switched off" if off else "")),
            *off,
        ]
    if (more := len(found) - TOLD_MAX) > 0:
        told = f"{counted(more, 'more market lacks', 'more markets lack')} some"
        found[TOLD_MAX:] = [Finding(what="rules", state="attention", told=told)]
    return [*found, *off]


def _switched_off(rows: Sequence[RuleSetRow]) -> list[Finding]:
    """Nothing to do about it: two operators have signed that the market shall be without."""
    found = [
        Finding(
            what=f"rules of {to_text('mkt', row.market)}",
            state="ok",
            told=f"version {row.rule_set.version} switches off {', '.join(off)}",
        )
        for row in rows
        if (off := switched_off(row.rule_set))
    ]
    if (more := len(found) - TOLD_MAX) > 0:
        told = f"{counted(more, 'more market switches', 'more markets switch')} some off"
        found[TOLD_MAX:] = [Finding(what="rules", state="ok", told=told)]
    return found
