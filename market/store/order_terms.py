"""What orders state: table `order_terms`, apart from the rows that every round changes."""

from collections.abc import Sequence

from events.connections import Connection
from events.row_counts import expect_rows
from market.store.order_changes import OrderChange

INSERT = """
insert into order_terms (lane, market, order_id, organisation, body)
select * from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[])
"""

UPDATE = """
update order_terms t set body = n.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bytea[]) as n (lane, market, order_id, body)
where t.lane = n.lane and t.market = n.market and t.order_id = n.order_id
"""


async def write(connection: Connection, changes: Sequence[OrderChange]) -> None:
    """Insert those of new orders, update those that were amended."""
    new = [
        (change.lane, change.market, change.order, change.organisation, change.body)
        for change in changes
        if change.new
    ]
    old = [
        (change.lane, change.market, change.order, change.body)
        for change in changes
        if change.restated and change.body is not None and not change.new
    ]
    for what, statement, rows in (("insert", INSERT, new), ("update", UPDATE, old)):
        if rows:
            status = await connection.execute(statement, *zip(*rows, strict=True))
            expect_rows(status, len(rows), f"order_terms {what}")
