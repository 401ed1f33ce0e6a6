"""The proof of a match for one of its parties: one file, to be checked without any connection."""

from typing import Final

from msgspec import UNSET
from msgspec.structs import asdict

from events import seals
from events.connections import Connection
from events.decision import LaneKey
from events.envelope import Recorded
from events.journal import read_events, read_one
from events.market_events import MatchStruck
from events.vocabulary import Side
from market.audit.match_proof import FORMAT, NAMED, WITH_ANSWERS, MatchProof, PriceLine, ProvenEvent
from market.http.proofs.checkpoints import views
from market.http.proofs.party_names import named_parties
from market.http.proofs.receipt_proofs import covering, sealed_event
from market.http.rounds.matches import explain, side_of
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.reads import as_caller, as_desk
from market.rules.visibility.own_side import own_explanation
from market.rules.visibility.proof_visibility import ANSWERS, named_sides, proof_parts, struck_event_id
from market.store import clearings, evidence, requirements, supplies
from market.store import matches as store
from market.store.clearings import ClearingRow
from market.store.matches import MatchRow

TAG: Final = "Matches"


@endpoint(
    "GET",
    "/v1/matches/{match}/proof",
    roles=READERS,
    summary="Take the proof of a match away",
    tag=TAG,
    answer=MatchProof,
    problems=(409,),
    description=(
        "For its parties. One's own order, the match, its confirmation with the answers of both sides where "
        "they had to confirm (one's own alone if it was declined), and the end of its round, each with its "
        "path to a signed checkpoint; bytes of what one may know whole, hashes of the rest. `price_lines` "
        "are in no signed event. `parties` says who stands behind it by the register of then: one's own "
        "event whole, of the other side of a deal name, country, register number and the hash. "
        "`lodestone audit proof` checks the file offline and says whether it shows a "
        "confirmed deal. 409 `not_sealed` until a checkpoint holds all of it."
    ),
)
async def proof(call: Call[Nothing, Nothing]) -> Answer:
    organisation = call.caller.organisation
    async with as_caller(call) as connection:
        row = await store.load_match(connection, organisation, call.ids["match"])
    side = None if row is None else side_of(row, organisation)
    if row is None or side is None:
        raise not_found()
    async with as_desk(call) as connection:
        cleared = await clearings.load_clearing(connection, row.match.struck.market, row.match.struck.plan)
        positions = await _positions(connection, row, side, cleared)
        explained = await explain(connection, row)
    key = LaneKey("market", row.lane)
    async with call.door.desk.looking() as connection:
        events = await _events(connection, key, row.match.struck, cleared, positions)
        if (
            row.status in ("confirmed", "declined")
            and cleared is not None
            and row.position > cleared.position
        ):
            match, ended = row.match.struck.match, cleared.position
            events += await evidence.load_answers(connection, row.lane, match, ended, row.position)
    parts = proof_parts(events, row.match.struck, organisation, row.status)
    own = None if explained is None else own_explanation(explained, organisation)
    lines = () if own is None else own.lines
    known = row.status == "confirmed"
    named = named_sides(row.match.seller, row.match.buyer, organisation, known=known)
    decided = next((part.event for part in parts if part.part == "decision"), None)
    made_at = max(part.event.time for part in parts) if decided is None else decided.time
    parties = await named_parties(call, named, made_at)
    async with as_desk(call) as connection:
        seal = await covering(connection, key, max(part.event.position for part in parts))
        held = [
            (part.part, await sealed_event(connection, part.event, seal, whole=part.whole)) for part in parts
        ]
        (checkpoint,) = await views(connection, [seal])
        body = MatchProof(
            format=NAMED if parties else WITH_ANSWERS if ANSWERS & {part.part for part in parts} else FORMAT,
            match=row.match.struck.match,
            organisation=organisation,
            side=side,
            checkpoint=checkpoint.note,
            rotations=tuple(each.note for each in await seals.read_rotations(connection)),
            events=tuple(ProvenEvent(part=part, **asdict(event)) for part, event in held),
            price_lines=tuple(PriceLine(label=each.label, ueur_per_kg=each.ueur_per_kg) for each in lines),
            parties=parties or UNSET,
        )
    return Answer(body=body)


async def _positions(
    connection: Connection, row: MatchRow, side: Side, cleared: ClearingRow | None
) -> list[int]:
    """Positions of the round, the decision and the party's order, if the state has them."""
    struck = row.match.struck
    if side == "seller":
        supply = await supplies.load_supply(connection, None, struck.supply)
        rank = None if supply is None else supply.order.rank
    else:
        requirement = await requirements.load_requirement(connection, None, struck.requirement)
        rank = None if requirement is None else requirement.order.rank
    found = [row.position]
    if cleared is not None:
        found += [cleared.cut, cleared.position]
        # An order that was changed since the round is at another position; its owner has the receipts.
        found += [rank] if rank is not None and rank < cleared.cut else []
    return found


async def _events(
    connection: Connection,
    key: LaneKey,
    struck: MatchStruck,
    cleared: ClearingRow | None,
    positions: list[int],
) -> list[Recorded]:
    """The strike lies between the plan and the end of its round, so the whole of it is looked through."""
    found: list[Recorded] = []
    if cleared is not None:
        strike = struck_event_id(struck)
        found.append(await read_one(connection, key, cleared.cut, cleared.position, strike))
    for position in sorted(set(positions) - {event.position for event in found}):
        found += await read_events(connection, key, position - 1, position, 1)
    return found


HANDLERS: Final = (proof,)
