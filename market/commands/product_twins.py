"""Commands of product twins: state one or a further version."""

from collections.abc import Sequence

from events.connections import Connection
from events.decision import LaneKey, Moment
from events.desk import Desk
from events.vocabulary import lane_of
from market.commands.lane_steps import Asked, LaneStep
from market.rules.twins.product_twins import Bill, StateTwin, TwinState, bill_of, state_twin
from market.store import passports, product_twins


def lanes(desk: Desk, argument: StateTwin) -> Sequence[LaneKey]:
    """Also the passport's lane, since the bill is compared with its magnets."""
    named = argument.terms.passport
    keys = [desk.lane("materials", argument.twin)]
    return keys if named is None else [*keys, desk.lane("materials", named)]


async def load(connection: Connection, asked: Asked[StateTwin], moment: Moment) -> TwinState:
    del moment
    newest = await product_twins.load_newest(connection, asked.argument.twin)
    return TwinState(
        lanes=asked.lanes,
        twin=None if newest is None else newest.twin,
        record=await _record(connection, asked),
    )


async def _record(connection: Connection, asked: Asked[StateTwin]) -> Bill | None:
    named = asked.argument.terms.passport
    if named is None:
        return None
    known = await passports.load_passports(connection, [(lane_of(str(named), asked.lanes), named)])
    passport = known.get(named)
    if passport is None or asked.argument.caller.organisation not in passport.parties:
        return None
    record = passport.content.magnets
    return {} if record is None else bill_of(record.magnets)


state = LaneStep("product-twin.state", lanes, load, state_twin)
