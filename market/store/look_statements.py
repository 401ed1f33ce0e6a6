"""The statements by which an id is looked up, one a kind: a row of one JSON object, of `looked_up.Held`."""

from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal[
    "org", "fac", "cert", "lic", "key", "mkt", "offer", "lot", "req", "plan", "match", "agr", "del", "inv",
    "pay", "nom", "run", "pass", "tra", "pol", "twin", "vol", "imp", "hook", "msg",
]  # fmt: skip

READ: Final[Mapping[Kind, str]] = {
    "org": """
select json_build_object('lane', p.lane, 'position', p.position, 'version', p.version, 'stream', 'parties',
    'standing', case when p.closed_time is not null then 'closed'
        when p.closing_asked_time is not null then 'closing' else 'standing' end,
    'parties', json_build_object('itself', p.organisation),
    'said', json_build_object('closed_at', p.closed_time, 'closing_asked_at', p.closing_asked_time,
        'open_orders', (select count(*) from supply s where s.organisation = p.organisation
                and s.status = 'open') + (select count(*) from requirement r
                where r.organisation = p.organisation and r.status = 'open'),
        'keys', (select count(*) from api_key k where k.organisation = p.organisation and not k.revoked),
        'webhooks', (select count(*) from webhook w where w.organisation = p.organisation and not w.removed),
        'suspended_in', (select count(*) from member m where m.organisation = p.organisation
            and m.suspended)),
    'related', (select coalesce(json_agg(json_build_array('mkt', m.market) order by m.market), '[]')
        from member m where m.organisation = p.organisation and m.left_time is null))
from organisation p where p.organisation = $1
""",
    "mkt": """
select json_build_object('lane', m.lane, 'position', m.position, 'version', m.version, 'stream', 'market',
    'standing', case when m.halted_time is not null then 'halted'
        when m.plan is not null then 'clearing' else 'open' end,
    'market', m.market,
    'said', json_build_object('open_orders', m.open_orders, 'last_round', m.last_round,
        'last_cut_at', m.last_cut_time, 'halted_at', m.halted_time, 'halted_reason', m.halted_reason),
    'related', case when m.plan is null then '[]' else json_build_array(json_build_array('plan', m.plan)) end)
from market m where m.market = $1
""",
    "plan": """
select json_build_object('lane', c.lane, 'position', c.position, 'version', c.version, 'stream', 'market',
    'standing', c.status, 'market', c.market,
    'said', json_build_object('round', c.round, 'cut', c.cut, 'cut_at', c.cut_time))
from clearing c where c.plan = $1
""",
    "match": """
select json_build_object('lane', m.lane, 'position', m.position, 'version', m.version, 'stream', 'market',
    'standing', m.status, 'market', m.market,
    'parties', json_build_object('seller', m.seller, 'buyer', m.buyer),
    'said', json_build_object('struck_at', m.struck_time, 'confirm_by', m.confirm_by,
        'seller_answer', m.seller_answer, 'buyer_answer', m.buyer_answer, 'decided_at', m.decided_time,
        'quantity_g', m.quantity_g),
    'related', json_build_array(
        json_build_array((select s.kind from supply s where s.supply = m.supply), m.supply),
        json_build_array('req', m.requirement),
        json_build_array('agr', (select a.agreement from agreement a
            where a.lane = m.lane and a.match = m.match))))
from match m where m.match = $1
""",
    "agr": """
select json_build_object('lane', a.lane, 'position', a.position, 'version', a.version, 'stream', 'contracts',
    'standing', a.status, 'market', a.market,
    'parties', json_build_object('seller', a.seller, 'buyer', a.buyer),
    'said', json_build_object('kind', a.kind, 'ended_reason', a.ended_reason, 'currency', a.currency,
        'due_at', a.due_time, 'deliveries', (select count(*) from delivery d where d.agreement = a.agreement),
        'open_invoices', (select count(*) from issued_invoice i where i.lane = a.lane
            and i.market = a.market and i.agreement = a.agreement and i.status in ('open', 'part_paid')),
        'contests', (select count(*) from contest c where c.lane = a.lane and c.market = a.market
            and c.agreement = a.agreement and c.contested_time is not null)),
    'related', json_build_array(json_build_array('match', a.match)))
from agreement a where a.agreement = $1
""",
    "del": """
select json_build_object('lane', d.lane, 'position', d.position, 'version', d.version, 'stream', 'contracts',
    'standing', d.status, 'market', d.market,
    'parties', json_build_object('seller', d.seller, 'buyer', d.buyer), 'subjects',
    json_build_array(d.agreement),
    'said', json_build_object('lot_number', d.lot_number, 'shipped_on', d.shipped_on,
        'contract_year', d.contract_year, 'due_at', d.due_time, 'changed_at', d.changed_time),
    'related', (select json_build_array(json_build_array('agr', d.agreement),
            json_build_array('pass', d.passport), json_build_array('del', d.replaces)))::jsonb
        || (select coalesce(jsonb_agg(jsonb_build_array('inv', i.invoice) order by i.issued_time), '[]')
            from issued_invoice i where i.lane = d.lane and i.market = d.market
            and i.agreement = d.agreement and i.delivery = d.delivery))
from delivery d where d.delivery = $1
""",
    "inv": """
select json_build_object('lane', a.lane, 'position', coalesce(i.position, d.position), 'stream', 'contracts',
    'standing', v.status, 'market', v.market,
    'parties', json_build_object('seller', v.seller, 'buyer', v.buyer), 'subjects',
    json_build_array(v.agreement),
    'said', json_build_object('settles', v.settles, 'contract_year', v.contract_year,
        'total', (v.total_cents / 100.0)::numeric(30, 2)::text, 'currency', v.currency,
        'received', (v.received_cents / 100.0)::numeric(30, 2)::text,
        'set_off', (v.set_off_cents / 100.0)::numeric(30, 2)::text,
        'issued_at', v.issued_time, 'due_on', v.due_on, 'settled_on', v.settled_on),
    'related', (select json_build_array(json_build_array('agr', v.agreement),
            json_build_array('del', v.delivery)))::jsonb
        || (select coalesce(jsonb_agg(distinct jsonb_build_array('pay', p.payment)), '[]')
            from payment_part p where p.invoice = v.invoice))
from issued_invoice v join agreement a on a.agreement = v.agreement
left join invoice i on i.lane = v.lane and i.market = v.market and i.agreement = v.agreement
    and i.invoice = v.invoice
left join delivery d on d.lane = v.lane and d.market = v.market and d.agreement = v.agreement
    and d.delivery = v.delivery
where v.invoice = $1
""",
    "pay": """
select json_build_object('lane', p.lane, 'position', p.position, 'version', p.version, 'stream', 'contracts',
    'standing', p.status, 'market', p.market,
    'parties', json_build_object('payer', p.payer, 'payee', p.payee),
    'said', json_build_object('value_on', p.value_on, 'changed_at', p.changed_time),
    'related', (select coalesce(json_agg(json_build_array('inv', part.invoice) order by part.invoice), '[]')
        from (select distinct invoice from payment_part where payment = $1) part))
from payment p where p.payment = $1
""",
    "nom": """
select json_build_object('lane', n.lane, 'position', n.position, 'stream', 'contracts',
    'standing', n.level, 'market', n.market,
    'parties', json_build_object('seller', n.seller, 'buyer', n.buyer), 'subjects',
    json_build_array(n.agreement),
    'said', json_build_object('period_start', n.period_start, 'contract_year', n.contract_year),
    'related', json_build_array(json_build_array('agr', n.agreement)))
from nomination n where n.nomination = $1
""",
    "pass": """
select json_build_object('lane', p.lane, 'position', p.position, 'version', p.version, 'stream', 'materials',
    'standing', p.status,
    'parties', json_build_object('issuer', p.organisation, 'owner', p.owner, 'holder', p.holder),
    'said', json_build_object('lot_number', p.lot_number, 'form', p.form),
    'related', (select json_build_array(json_build_array('tra', p.transformation),
            json_build_array('fac', p.facility)))::jsonb
        || (select coalesce(jsonb_agg(jsonb_build_array('del', d.delivery) order by d.delivery), '[]')
            from delivery d where d.passport = p.passport))
from passport p where p.passport = $1
""",
    "tra": """
select json_build_object('lane', t.lane, 'position', t.position, 'stream', 'materials',
    'standing', 'recorded', 'parties', json_build_object('maker', t.organisation, 'owner', t.owner),
    'related', json_build_array(json_build_array('fac', t.facility)))
from transformation t where t.transformation = $1
""",
    "pol": """
select json_build_object('lane', p.lane, 'position', p.position, 'version', p.version, 'stream', 'parties',
    'standing', case when p.retired then 'retired' else 'standing' end,
    'parties', json_build_object('owner', p.organisation))
from policy p where p.policy = $1
""",
    "twin": """
select json_build_object('lane', t.lane, 'position', t.position, 'version', t.version, 'stream', 'materials',
    'standing', 'stated', 'parties', json_build_object('owner', t.organisation),
    'said', json_build_object('stated_at', t.stated_time))
from product_twin t where t.twin = $1 order by t.version desc limit 1
""",
    "vol": """
select json_build_object('lane', v.lane, 'position', v.position, 'version', v.version, 'stream', 'materials',
    'standing', v.status, 'parties', json_build_object('owner', v.organisation),
    'said', json_build_object('quarter', v.quarter))
from declared_volume v where v.volume = $1
""",
    "hook": """
select json_build_object('lane', w.lane, 'position', w.position, 'version', w.version, 'stream', 'parties',
    'standing', case when w.removed then 'removed' when w.disabled is not null then 'disabled: ' || w.disabled
        when w.active then 'active' else 'resting' end,
    'parties', json_build_object('owner', w.organisation), 'subjects', json_build_array(w.organisation),
    'said', json_build_object('registered_at', w.registered_at,
        'host', substring(convert_from(w.body, 'UTF8')::jsonb ->> 'url' from '^[a-z]+://([^/?#]+)'),
        'types', convert_from(w.body, 'UTF8')::jsonb -> 'types',
        'failures_in_a_row', s.failures, 'failing_since', s.failing_since, 'not_before', s.not_before,
        'served', coalesce(s.leased_until between clock_timestamp()
            and clock_timestamp() + interval '2 minutes', false),
        'waiting', (select count(*) from ops.webhook_message m where m.webhook = w.webhook
            and m.state = 'waiting'),
        'last_delivered_at', (select max(m.changed_at) from ops.webhook_message m
            where m.webhook = w.webhook and m.state = 'delivered'),
        'given_up', (select count(*) from ops.webhook_message m where m.webhook = w.webhook
            and m.state = 'given_up')),
    'related', (select coalesce(json_agg(json_build_array('msg', m.message)), '[]') from (
        select message from ops.webhook_message where webhook = $1 order by message desc limit 3) m))
from webhook w left join ops.webhook_sender s on s.webhook = w.webhook where w.webhook = $1
""",
    "msg": """
select json_build_object('standing', m.state, 'parties', json_build_object('owner', m.organisation),
    'said', json_build_object('type', m.type, 'attempts', m.attempts, 'not_before', m.not_before,
        'created_at', m.created_at, 'changed_at', m.changed_at, 'tries', m.tries),
    'related', json_build_array(json_build_array('hook', m.webhook), json_build_array('evt', m.event)))
from ops.webhook_message m where m.message = $1
""",
    "run": """
select json_build_object('standing', case when r.diverged then 'diverged' else 'well' end,
    'said', json_build_object('finished_at', r.finished_at, 'recorded_by', r.recorded_by))
from record.audit_run r where r.run = $1
""",
    "offer": """
select json_build_object('lane', o.lane, 'position', o.position, 'version', o.version, 'stream', 'market',
    'standing', o.status, 'market', o.market, 'parties', json_build_object('owner', o.organisation),
    'said', json_build_object('basis_g', o.basis_g, 'held_g', o.held_g, 'filled_g', o.filled_g,
        'valid_until', o.valid_until, 'rank', o.rank),
    'related', (select coalesce(json_agg(json_build_array('match', m.match)), '[]') from (
        select match from match where seller = o.organisation and supply = $1
        order by struck_time desc limit 5) m))
from supply o where o.supply = $1 and o.kind = 'offer'
""",
    "lot": """
select json_build_object('lane', o.lane, 'position', o.position, 'version', o.version, 'stream', 'market',
    'standing', o.status, 'market', o.market, 'parties', json_build_object('owner', o.organisation),
    'said', json_build_object('basis_g', o.basis_g, 'held_g', o.held_g, 'filled_g', o.filled_g,
        'valid_until', o.valid_until, 'rank', o.rank),
    'related', (select coalesce(json_agg(json_build_array('match', m.match)), '[]') from (
        select match from match where seller = o.organisation and supply = $1
        order by struck_time desc limit 5) m))
from supply o where o.supply = $1 and o.kind = 'lot'
""",
    "req": """
select json_build_object('lane', o.lane, 'position', o.position, 'version', o.version, 'stream', 'market',
    'standing', o.status, 'market', o.market, 'parties', json_build_object('owner', o.organisation),
    'said', json_build_object('basis_g', o.basis_g, 'held_g', o.held_g, 'filled_g', o.filled_g,
        'valid_until', o.valid_until, 'rank', o.rank),
    'related', (select coalesce(json_agg(json_build_array('match', m.match)), '[]') from (
        select match from match where buyer = o.organisation and requirement = $1
        order by struck_time desc limit 5) m))
from requirement o where o.requirement = $1
""",
    "fac": """
select json_build_object('lane', p.lane, 'position', p.position, 'version', p.version, 'stream', 'parties',
    'standing', case when p.revoked then 'revoked' else 'standing' end,
    'parties', json_build_object('owner', p.organisation),
    'subjects', json_build_array(p.organisation),
    'said', json_build_object('name', convert_from(p.body, 'UTF8')::jsonb ->> 'name',
        'country', convert_from(p.body, 'UTF8')::jsonb ->> 'country'))
from facility p where p.facility = $1
""",
    "cert": """
select json_build_object('lane', p.lane, 'position', p.position, 'version', p.version, 'stream', 'parties',
    'standing', case when p.revoked then 'revoked' else 'standing' end,
    'parties', json_build_object('owner', p.organisation),
    'subjects', json_build_array(p.organisation))
from certificate p where p.certificate = $1
""",
    "lic": """
select json_build_object('lane', p.lane, 'position', p.position, 'version', p.version, 'stream', 'parties',
    'standing', case when p.revoked then 'revoked' else 'standing' end,
    'parties', json_build_object('owner', p.organisation),
    'subjects', json_build_array(p.organisation))
from licence p where p.licence = $1
""",
    "key": """
select json_build_object('lane', p.lane, 'position', p.position, 'version', p.version, 'stream', 'parties',
    'standing', case when p.revoked then 'revoked' else 'standing' end,
    'parties', json_build_object('owner', p.organisation),
    'subjects', json_build_array(p.organisation),
    'said', json_build_object('label', convert_from(p.body, 'UTF8')::jsonb ->> 'label',
        'roles', convert_from(p.body, 'UTF8')::jsonb -> 'roles',
        'expires_at', convert_from(p.body, 'UTF8')::jsonb ->> 'expires_at'))
from api_key p where p.api_key = $1
""",
    "imp": """
select json_build_object('standing', i.state, 'parties', json_build_object('owner', i.organisation),
    'said', json_build_object('kind', i.kind, 'mode', i.mode, 'rows_read', i.rows_read,
        'rows_total', i.rows_total, 'accepted', i.accepted, 'refused', i.refused, 'warned', i.warned,
        'created_at', i.created_at, 'finished_at', i.finished_at,
        'worked_on', coalesce(i.leased_until between clock_timestamp()
            and clock_timestamp() + interval '2 minutes', false)),
    'related', json_build_array(json_build_array('key', i.key)))
from ops.import i where i.import = $1
""",
}
