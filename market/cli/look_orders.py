"""Why an order does not trade, or no more of it: what is in its way now, and how the newest round saw it."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Final

from contracts.rules.days import instant_text
from events.connections import Connection, Pool, acquire
from events.decision import LaneKey
from market import round_books
from market.http.wire.ids import to_text
from market.http.wire.numbers import KILOGRAMS, SIGNED_EUR_PER_KG
from market.rules.refusing.reason_sentences import told
from market.rules.visibility.own_round import removed
from market.rules.visibility.standings import OrderInRound, order_in_round
from market.store import clearings
from market.store import rounds as round_store
from market.store.clearings import ClearingRow
from market.store.looked_up import Held

REASONS_MAX: Final = 5

IN_THE_WAY = """
select m.halted_time, m.halted_reason, m.plan, m.last_round,
       e.organisation is null as stranger, e.suspended_time, e.suspended_reason, e.left_time, o.closed_time,
       c.stopped_reason, coalesce(l.next_position - 1 - c.position, 0) as behind
from market m
left join member e on e.lane = m.lane and e.market = m.market and e.organisation = $2
left join organisation o on o.organisation = $2
left join record.lane l on l.stream = 'market' and l.lane = m.lane
left join record.consumer c on c.stream = 'market' and c.lane = m.lane and c.name = 'matcher'
where m.market = $1
"""


async def why_not_traded(pool: Pool, held: Held, now: datetime) -> AsyncIterator[str]:
    """Sentences, what is nearest first; none of an order that could trade in the next round as it stands."""
    assert held.market is not None
    async with acquire(pool) as connection:
        for sentence in await _in_the_way(connection, held, now):
            yield sentence
        row = await clearings.load_completed(connection, held.market)
    if row is None:
        yield "no round of its market has been completed yet"
    elif held.said["rank"] > row.cut:
        yield f"it came, or its price changed, behind the cut of round {row.round}: the next one takes it"
    else:
        for sentence in await _in_round(pool, held, row):
            yield sentence


async def _in_the_way(connection: Connection, held: Held, now: datetime) -> list[str]:
    found = []
    if held.standing != "open":
        found.append(f"it is {held.standing}")
    until = datetime.fromisoformat(held.said["valid_until"])
    if until <= now:
        found.append(f"it was valid until {instant_text(until)}")
    left_g = held.said["basis_g"] - held.said["held_g"] - held.said["filled_g"]
    if left_g <= 0:
        found.append("nothing of it is left: what open matches hold, and what was traded, is the whole")
    row = await connection.fetchrow(IN_THE_WAY, held.market, held.parties["owner"])
    assert row is not None
    if row["halted_time"] is not None:
        found.append(f"its market is halted since {instant_text(row['halted_time'])}: {row['halted_reason']}")
    if row["suspended_time"] is not None:
        since = instant_text(row["suspended_time"])
        found.append(f"its owner is suspended in this market since {since}: {row['suspended_reason']}")
    if row["stranger"] or row["left_time"] is not None:
        found.append("its owner is no member of this market")
    if row["closed_time"] is not None:
        found.append(f"its owner was closed at {instant_text(row['closed_time'])}")
    if row["plan"] is not None:
        found.append(f"a round is being computed: {to_text('plan', row['plan'])}")
    if row["stopped_reason"] is not None:
        found.append(f"the matcher has stopped this lane: {row['stopped_reason']}; lodestone doctor")
    elif row["plan"] is not None and row["behind"]:
        found.append(f"the matcher is {row['behind']:,} events behind on this lane; lodestone doctor")
    return found


async def _in_round(pool: Pool, held: Held, row: ClearingRow) -> list[str]:
    async with acquire(pool) as connection:
        evidence = round_store.decode(await round_store.read_evidence(connection, row), row.plan)
    book = await round_books.recall(pool, LaneKey("market", row.lane), row.market, row.cut)
    seen = order_in_round(
        book,
        row.planned,
        evidence.duals,
        evidence.trades(held.id),
        held.id,
        evidence.pairs,
        evidence.multipliers(held.id),
    )
    where = f"round {row.round} ({to_text('plan', row.plan)}, cut at {instant_text(row.cut_time)})"
    if seen is None:
        return [f"it was not in the book of {where}"]
    return list(_seen(seen, where))


def _seen(seen: OrderInRound, where: str) -> Iterator[str]:
    brought, filled = KILOGRAMS.text(seen.capacity_g), KILOGRAMS.text(seen.filled_g)
    yield f"{where}: {OUTCOMES[seen.outcome]}; it brought {brought} kg, of which {filled} kg traded"
    out = removed(seen)
    if out is not None:
        yield f"  {out.code}: {out.text}"
    if not seen.alternatives:
        return
    kept_away: Counter[tuple[str, str | None]] = Counter()
    for each in seen.alternatives:
        kept_away.update({(reason.code, reason.subject) for reason in each.reasons})
    fits = [each for each in seen.alternatives if not each.reasons]
    yield f"  {len(fits):,} of {len(seen.alternatives):,} counter-orders fitted it"
    for (code, subject), count in kept_away.most_common(REASONS_MAX):
        yield f"  {count:,} × {code}: {told(code, subject)}"
    short = [each for each in fits if each.short_ueur_per_kg is not None and not each.traded_g]
    if short:
        nearest = min(short, key=lambda each: each.short_ueur_per_kg or 0)
        figure = SIGNED_EUR_PER_KG.text(nearest.short_ueur_per_kg or 0)
        yield f"  the nearest that it did not trade with is {figure} EUR/kg short of what both got elsewhere"


OUTCOMES: Final = {
    "absent": "it had nothing to give at the cut, had expired, or its owner could not trade",
    "resting": "it is subject to confirmation, and rests since its owner declined too often",
    "unmatched": "it traded with nobody",
    "partly_filled": "it traded in part",
    "filled": "it traded whole",
}
