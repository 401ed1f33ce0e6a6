"""How far the matches of a time came, summed up where they came equally far."""

from datetime import datetime
from uuid import UUID

from events.connections import Connection
from market.rules.funnel import Trail

# A party reads its own reasons only; what delivered nothing is summed up apart, since sums count matches.
READ_TRAILS = """
with struck as (
    select m.lane, m.market, m.match, m.status, c.cut_time, convert_from(m.body, 'UTF8')::jsonb as body,
        coalesce(
            case when $4::uuid is null or m.seller = $4 then m.seller_reason end,
            case when $4::uuid is null or m.buyer = $4 then m.buyer_reason end
        ) as reason
    from match m
    join clearing c on c.lane = m.lane and c.market = m.market
        and c.round = (convert_from(m.body, 'UTF8')::jsonb ->> 'round')::bigint
    where ($1::uuid is null or m.market = $1) and c.cut_time >= $2 and c.cut_time < $3
        and ($4::uuid is null or $4 in (m.seller, m.buyer))
), contracted as (
    select s.*, a.agreement, a.status as agreement_status,
        convert_from(a.body, 'UTF8')::jsonb as agreement_body
    from struck s left join agreement a on a.lane = s.lane and a.match = s.match
), counted as (
    select t.*, coalesce(y.taken_g, 0) as taken_g, coalesce(y.off_spec_g, 0) as off_spec_g,
        coalesce(y.invoiced_g, 0) as invoiced_g, coalesce(y.invoiced_cents, 0) as invoiced_cents,
        (t.agreement_body #>> '{standing,terms,payment,currency}') = 'EUR' as in_eur
    from contracted t left join lateral (
        select sum((v.body ->> 'taken_g')::numeric) as taken_g,
            sum((v.body ->> 'off_spec_g')::numeric) as off_spec_g,
            sum((v.body ->> 'invoiced_g')::numeric) as invoiced_g,
            sum((v.body ->> 'invoiced_cents')::numeric) as invoiced_cents
        from (
            select convert_from(cy.body, 'UTF8')::jsonb as body from contract_year cy
            where cy.lane = t.lane and cy.market = t.market and cy.agreement = t.agreement
        ) v
    ) y on true
)
select market, date_trunc('month', cut_time at time zone 'UTC')::date as month, status, reason,
    agreement_status, agreement_body ->> 'ended_reason' as ended_reason, count(*) as matches,
    sum((body ->> 'quantity_basis_g')::numeric) as matched_g,
    sum((body ->> 'amount_cents_eur')::numeric) as matched_cents,
    sum(taken_g) as delivered_g, sum(taken_g * (body ->> 'price_ueur_per_kg')::numeric) as delivered_value,
    sum(off_spec_g) as off_spec_g, sum(case when in_eur then invoiced_g else 0 end) as settled_g,
    sum(case when in_eur then invoiced_cents else 0 end) as settled_cents
from counted
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
