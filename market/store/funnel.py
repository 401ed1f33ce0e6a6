"""How far the matches of a period got, summed by the stage that they reached."""

from datetime import datetime
from uuid import UUID

from events.connections import Connection
from market.rules.funnel import Trail

# One branch for everybody, and one with its own index for each side of a party, which reads its own reasons.
# What delivered or settled nothing is summed up apart: sums count matches. The limit keeps the agreement
# of a match at one probe of its index, whatever the planner knows.
READ_TRAILS = """
with struck as (
    select lane, market, match, status, struck_time, quantity_g, price_ueur_per_kg, amount_cents,
        coalesce(seller_reason, buyer_reason) as reason
    from match
    where $4::uuid is null and struck_time >= $2 and struck_time < $3 and ($1::uuid is null or market = $1)
    union all
    select lane, market, match, status, struck_time, quantity_g, price_ueur_per_kg, amount_cents,
        seller_reason
    from match
    where seller = $4 and struck_time >= $2 and struck_time < $3 and ($1::uuid is null or market = $1)
    union all
    select lane, market, match, status, struck_time, quantity_g, price_ueur_per_kg, amount_cents,
        buyer_reason
    from match
    where buyer = $4 and struck_time >= $2 and struck_time < $3 and ($1::uuid is null or market = $1)
), followed as (
    select s.*, a.status as agreement_status, a.ended_reason, coalesce(a.currency = 'EUR', false) as in_eur,
        coalesce(y.taken_g, 0) as taken_g, coalesce(y.off_spec_g, 0) as off_spec_g,
        coalesce(y.invoiced_g, 0) as invoiced_g, coalesce(y.invoiced_cents, 0) as invoiced_cents
    from struck s
    left join lateral (
        select o.lane, o.market, o.agreement, o.status, o.ended_reason, o.currency
        from agreement o where o.lane = s.lane and o.match = s.match limit 1
    ) a on true
    left join lateral (
        select sum(taken_g) as taken_g, sum(off_spec_g) as off_spec_g, sum(invoiced_g) as invoiced_g,
            sum(invoiced_cents) as invoiced_cents
        from contract_year cy
        where cy.lane = a.lane and cy.market = a.market and cy.agreement = a.agreement
    ) y on true
)
select market, date_trunc('month', struck_time at time zone 'UTC')::date as month, status, reason,
    agreement_status, ended_reason, count(*) as matches, sum(quantity_g) as matched_g,
    sum(amount_cents) as matched_cents, sum(taken_g) as delivered_g,
    sum(taken_g * price_ueur_per_kg) as delivered_value, sum(off_spec_g) as off_spec_g,
    sum(case when in_eur then invoiced_g else 0 end) as settled_g,
    sum(case when in_eur then invoiced_cents else 0 end) as settled_cents
from followed
group by market, month, status, reason, agreement_status, ended_reason, taken_g > 0, in_eur and invoiced_g > 0
"""


async def load_trails(
    connection: Connection, market: UUID | None, since: datetime, until: datetime, organisation: UUID | None
) -> list[Trail]:
    """Of rounds cut from `since` to before `until`; all organisations for None."""
    rows = await connection.fetch(READ_TRAILS, market, since, until, organisation)
    return [
        Trail(
            market=row["market"],
            month=row["month"],
            status=row["status"],
            reason=row["reason"],
            agreement_status=row["agreement_status"],
            ended_reason=row["ended_reason"],
            matches=row["matches"],
            matched_g=int(row["matched_g"]),
            matched_cents=int(row["matched_cents"]),
            delivered_g=int(row["delivered_g"]),
            delivered_value=int(row["delivered_value"]),
            off_spec_g=int(row["off_spec_g"]),
            settled_g=int(row["settled_g"]),
            settled_cents=int(row["settled_cents"]),
        )
        for row in rows
    ]
