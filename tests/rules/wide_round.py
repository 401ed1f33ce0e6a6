"""`python -m tests.rules.wide_round`: the SHA-256 of the record of a round that is solved compiled."""

import sys
from hashlib import sha256

import msgspec

from market.rules.clearing.clearing import conclude
from tests.blotter import EUR, Lane, T, eur, member

ORDERS_A_SIDE = 58
"""Their pairs are more than `compiled.COMPILE_FROM_ARCS`."""


def wide_lane() -> Lane:
    lane = Lane()
    lane.admit(*(member(f"s{k}") for k in range(6)), *(member(f"b{k}") for k in range(6)))
    for k in range(ORDERS_A_SIDE):
        lane.offer(f"s{k % 6}", f"offer {k}", ask=eur((55 + k % 5) * EUR), net_wet_g=(5 + k % 3) * T)
        lane.require(f"b{k % 6}", f"wanted {k}", limit=eur((60 + k % 7) * EUR), basis_g=1_120_000 + k)
    return lane


def record_sha256() -> str:
    lane = wide_lane()
    state = sha256()
    for draft in conclude(lane.book, lane.plan()):
        state.update(msgspec.json.encode(draft, order="deterministic"))
    return state.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(record_sha256())
