"""Lanes of a small market, all alike but for their number and salts, and seeded ways to tamper with one."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from events.chain import genesis, next_head
from events.codec import encode_event
from events.decision import LaneKey
from events.envelope import Recorded, source_of
from events.market_events import ClearingCompleted, ClearingPlanned, RuleSetPublished
from market.rules.clearing.clearings import rule_set_sha256
from tests.blotter import DEPLOYMENT, EUR, Lane, eur, member

ALTERNATIVES = 24
ORDERS = 3


class Row(NamedTuple):
    body: bytes
    chain: bytes


Rows = list[Row]


class Tampered(NamedTuple):
    """`rows` as they lie on the topic; `signed`: those whose root the operator signs."""

    rows: Rows
    signed: Rows


@cache
def template(dearer_by: int = 0) -> tuple[Recorded, ...]:
    """Two rounds of some orders; in the second an offer is dearer by so many euros per kg."""
    lane = Lane()
    lane.admit(member("seller"), member("buyer"), member("other"))
    for number in range(ORDERS):
        lane.offer("seller", f"offer {number}", ask=eur((60 + number) * EUR))
        lane.require("buyer", f"wanted {number}")
    lane.round()
    lane.offer("other", "late", ask=eur((55 + dearer_by) * EUR))
    lane.require("buyer", "wanted late", limit=eur((90 + dearer_by) * EUR))
    lane.round()
    return tuple(lane.events)


def plan_place(events: tuple[Recorded, ...], which: int = -1) -> int:
    return [place for place, event in enumerate(events) if isinstance(event.data, ClearingPlanned)][which]


def lane_rows(lane: int, rng: Random, events: tuple[Recorded, ...]) -> Rows:
    """The events on a lane, with salts of its own where none derives from a plan.

    A round names the end of the one before it by its hash, which the number of the lane is part of.
    """
    bodies, first_plan, last_round = list[bytes](), plan_place(events, 0), b""
    for position, event in enumerate(events, 1):
        fact: Any = event.data
        if isinstance(fact, ClearingCompleted) and fact.previous_sha256 is not None:
            fact = replace(fact, previous_sha256=sha256(last_round).hexdigest())
        salt = f"{rng.getrandbits(128):032x}" if position <= first_plan else event.salt
        bodies.append(
            encode_event(
                event_id=event.id,
                source=source_of(DEPLOYMENT),
                subject=event.subject,
                time=event.time,
                lane=lane,
                position=position,
                cause=event.cause,
                actor=event.actor,
                salt=salt,
                data=fact,
            )
        )
        if isinstance(fact, ClearingCompleted):
            last_round = bodies[-1]
    return chained(lane, bodies)


def chained(lane: int, bodies: list[bytes]) -> Rows:
    """Every chain value computed anew, as whoever holds the cluster can."""
    head, rows = genesis(DEPLOYMENT, "market", lane), Rows()
    for body in bodies:
        head = next_head(head, body)
        rows.append(Row(body, head))
    return rows


def clean(lane: int, rng: Random) -> Tampered:
    """As recorded; every other one with what a relay sends again after a lost answer."""
    rows = lane_rows(lane, rng, template())
    if lane % 2:
        return Tampered(rows, rows)
    again = rng.randrange(1, len(rows))
    return Tampered(rows[:again] + rows[rng.randrange(again) :], rows)


# --- one way each


def flip_byte(lane: int, rng: Random) -> Tampered:
    rows = lane_rows(lane, rng, template())
    place = rng.randrange(len(rows))
    body = bytearray(rows[place].body)
    body[rng.randrange(len(body))] ^= rng.randrange(1, 256)
    return Tampered([*rows[:place], Row(bytes(body), rows[place].chain), *rows[place + 1 :]], rows)


def drop(lane: int, rng: Random) -> Tampered:
    rows = lane_rows(lane, rng, template())
    place = rng.randrange(len(rows))
    return Tampered(rows[:place] + rows[place + 1 :], rows)


def swap(lane: int, rng: Random) -> Tampered:
    rows = lane_rows(lane, rng, template())
    one, other = rng.sample(range(len(rows)), 2)
    changed = rows[:]
    changed[one], changed[other] = rows[other], rows[one]
    return Tampered(changed, rows)


def reorder(lane: int, rng: Random) -> Tampered:
    rows = lane_rows(lane, rng, template())
    first = rng.randrange(len(rows) - 2)
    after = rng.randrange(first + 3, len(rows) + 1)
    part = rows[first:after]
    turned = rng.randrange(1, len(part))
    return Tampered(rows[:first] + part[turned:] + part[:turned] + rows[after:], rows)


def insert(lane: int, rng: Random) -> Tampered:
    """One event more, its place and its link in the chain made to fit."""
    rows = lane_rows(lane, rng, template())
    place = rng.randrange(len(rows))
    value = msgspec.json.decode(rng.choice(rows).body)
    value |= {"position": place + 1, "salt": f"{rng.getrandbits(128):032x}"}
    body = msgspec.json.encode(value)
    before = rows[place - 1].chain if place else genesis(DEPLOYMENT, "market", lane)
    return Tampered([*rows[:place], Row(body, next_head(before, body)), *rows[place:]], rows)


def truncate(lane: int, rng: Random) -> Tampered:
    rows = lane_rows(lane, rng, template())
    return Tampered(rows[: rng.randrange(len(rows))], rows)


def rewrite_tail(lane: int, rng: Random) -> Tampered:
    """One event other than it was, and all hashes after it fitting."""
    rows = lane_rows(lane, rng, template())
    place = rng.randrange(len(rows))
    return Tampered(chained(lane, edited(rows, place, salt=f"{rng.getrandbits(128):032x}")), rows)


def replace_clearing(lane: int, rng: Random) -> Tampered:
    """A round that is right for other orders, and the operator signs it."""
    events, other = template(), template(rng.randrange(1, ALTERNATIVES + 1))
    after = plan_place(events) + 1
    rows = lane_rows(lane, rng, (*events[:after], *other[after:]))
    return Tampered(rows, rows)


def change_rule_set(lane: int, rng: Random) -> Tampered:
    """What was published or what a round was planned by, and the operator signs it."""
    events = list(template())
    kind = rng.choice((RuleSetPublished, ClearingPlanned))
    place = next(number for number, event in enumerate(events) if isinstance(event.data, kind))
    fact: Any = events[place].data
    rules = replace(fact.rule_set, thin_component_groups=fact.rule_set.thin_component_groups + 1 + lane % 7)
    changes: dict[str, Any] = {"rule_set": rules}
    if kind is ClearingPlanned:
        changes["rule_set_sha256"] = rule_set_sha256(rules)
    events[place] = replace(events[place], data=replace(fact, **changes))
    rows = lane_rows(lane, rng, tuple(events))
    return Tampered(rows, rows)


def edited(rows: Rows, place: int, **changes: Any) -> list[bytes]:
    """The bodies, members of one of them changed."""
    bodies = [row.body for row in rows]
    bodies[place] = msgspec.json.encode(msgspec.json.decode(bodies[place]) | changes)
    return bodies


Way = Callable[[int, Random], Tampered]
OUT_OF_PLACE = frozenset({"gap", "repeat", "chain", "undecodable", "placement", "source"})
OF_THE_MARKET = frozenset({"fold", "plan", "unplanned", "certificate", "clearing", "left_out", "command"})

WAYS: dict[str, tuple[Way, frozenset[str]]] = {
    "flip a byte": (flip_byte, OUT_OF_PLACE),
    "drop": (drop, frozenset({"gap", "truncated"})),
    "swap": (swap, frozenset({"gap"})),
    "reorder": (reorder, frozenset({"gap"})),
    "insert": (insert, frozenset({"repeat", "checkpoint"}) | OF_THE_MARKET),
    "truncate": (truncate, frozenset({"truncated"})),
    "rewrite a tail": (rewrite_tail, frozenset({"checkpoint"}) | OF_THE_MARKET),
    "replace a clearing": (replace_clearing, OF_THE_MARKET),
    "change a rule set": (change_rule_set, OF_THE_MARKET),
}
"""How to tamper, and as what it has to be named."""
MARKET_ALONE = frozenset({"replace a clearing", "change a rule set"})
"""What hashes and signatures do not show, since the operator makes them."""


def key_of(lane: int) -> LaneKey:
    return LaneKey("market", lane)
