"""What orders state: table `order_terms`, apart from the rows that every round changes."""

from collections.abc import Iterable

from events.writes import Write
from market.store.order_changes import OrderChange

INSERT = """
insert into order_terms (lane, market, order_id, organisation, facility, delivered_time, body)
select * from unnest(
    $1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::bytea[]
)
"""

UPDATE = """
update order_terms t set facility = n.facility, delivered_time = n.delivered_time, body = n.body
from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::bytea[])
    as n (lane, market, order_id, facility, delivered_time, body)
where t.lane = n.lane and t.market = n.market and t.order_id = n.order_id
"""


def writes(changes: Iterable[OrderChange]) -> list[Write]:
    """Those of new orders, then those that were amended."""
    listed = list(changes)
    new = [
        (c.lane, c.market, c.order, c.organisation, c.facility, c.delivered_time, c.body)
        for c in listed
        if c.new
    ]
    old = [
        (c.lane, c.market, c.order, c.facility, c.delivered_time, c.body)
        for c in listed
        if c.reworded and not c.new
    ]
    return [Write("order_terms", INSERT, new), Write("order_terms", UPDATE, old)]
