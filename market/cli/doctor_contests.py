"""`lodestone doctor` on open disputes."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

from contracts.store import contests
from events.connections import Connection
from events.counts import counted
from market.cli.findings import Finding
from market.watch import contest_subject

AGE_MAX: Final = timedelta(days=30)
"""As LodestoneContestWaits of deploy/alerts.yaml."""


async def contest_findings(connection: Connection, now: datetime) -> AsyncIterator[Finding]:
    """One for each kind of which any waits."""
    waiting = await contests.counted(connection)
    for each in await contests.oldest(connection, limit=1):
        kind, age = each.contested.kind, now - each.since
        late = age > AGE_MAX
        yield Finding(
            what=f"contests, {kind}",
            state="attention" if late else "ok",
            told=f"{waiting[kind]:,} wait to be settled, the oldest, of {contest_subject(each.contested)}, "
            f"for {counted(max(0, age.days), 'day')}",
            help="GET /v1/contests; docs/running-a-market.md, When two parties cannot go on"
            if late
            else None,
        )
