"""A partner of the demonstration takes its match's proof away and checks it with two public keys."""

import asyncio
from typing import Final

import msgspec

from events.key_files import read_keys
from events.witness import KEY_FILE
from market.audit.match_proof import ProofVerdict, check_proof, parse_proof
from market.checkpoint_keys import WITNESS, key_file
from market.client.faults import ConflictError
from market.demo.round import side_door
from market.demo.run import Running, Traded
from market.demo.supplies import Body

PROOF_SECONDS_MAX: Final = 60.0
POLL_SECONDS: Final = 0.2


async def prove_match(place: Running, traded: Traded, match: Body, side: str) -> ProofVerdict:
    """Once a checkpoint holds all of it and the witness has cosigned. ProofError when it does not hold."""
    settings = place.wiring.settings
    operator = read_keys(key_file(settings)).current.verifier
    door = side_door(traded, match, side)
    async with asyncio.timeout(PROOF_SECONDS_MAX):
        while True:
            try:
                body = await door.get(f"/v1/matches/{match['id']}/proof")
            except ConflictError:
                pass
            else:
                verdict = check_proof(parse_proof(msgspec.json.encode(body)), operator, [])
                if verdict.unchecked_cosigners:
                    witness = read_keys(settings.instance_dir / WITNESS / KEY_FILE).current.verifier
                    return check_proof(parse_proof(msgspec.json.encode(body)), operator, [witness])
            await asyncio.sleep(POLL_SECONDS)
