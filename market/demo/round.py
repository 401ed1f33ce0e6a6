"""One round of the demonstration: planned over HTTP, computed by the matcher, read back by all concerned."""

import asyncio
from typing import Any

from msgspec import Struct

from market.client import Client
from market.client.faults import UnavailableError
from market.demo.door import DemoError
from market.demo.run import Running, Traded
from market.demo.supplies import Body

ROUND_SECONDS_MAX = 120.0
POLL_SECONDS = 0.1


class Round(Struct, frozen=True, kw_only=True):
    """A completed round as the operator reads it: its totals, and every match with both sides' figures."""

    clearing: Body
    matches: list[Body]


async def hold_round(place: Running, traded: Traded) -> Round:
    """Plan a round and wait for it, its matches and their explanations. DemoError when it does not come."""
    market = traded.stage.market
    planned = await place.operator.post(f"/v1/markets/{market}/clearings", {})
    clearing = await _until_completed(place, f"/v1/markets/{market}/clearings/{planned['id']}")
    expected = clearing["totals"]["matches"]
    async with asyncio.timeout(ROUND_SECONDS_MAX):
        while True:
            listed = await place.operator.get("/v1/matches", market=market, limit="100")
            matches = [await place.operator.get(f"/v1/matches/{found['id']}") for found in listed["items"]]
            if len(matches) == expected and all(match["whole"] is not None for match in matches):
                return Round(clearing=clearing, matches=matches)
            await asyncio.sleep(POLL_SECONDS)


async def _until_completed(place: Running, path: str) -> Body:
    async with asyncio.timeout(ROUND_SECONDS_MAX):
        while True:
            clearing = await place.operator.get(path)
            if clearing["status"] == "completed":
                return clearing
            if clearing["status"] == "abandoned":
                raise DemoError(f"the round was abandoned: {clearing['abandoned_code']}")
            await asyncio.sleep(POLL_SECONDS)


async def confirm_all(traded: Traded, matches: list[Body]) -> int:
    """Every side that still has to say yes does; the number of answers given."""
    names = traded.stage.names
    answers = 0
    for match in matches:
        for side in ("seller", "buyer"):
            player = traded.stage.players[names[match["whole"][side]]]
            own = await player.door.get(f"/v1/matches/{match['id']}")
            if own["status"] == "open" and own["must_confirm"] and own["own_answer"] is None:
                await player.door.post(f"/v1/matches/{match['id']}/confirm")
                answers += 1
    return answers


async def side_view(traded: Traded, match: Body, side: str) -> Body:
    """The match as its seller or its buyer reads it."""
    return await side_door(traded, match, side).get(f"/v1/matches/{match['id']}")


def side_door(traded: Traded, match: Body, side: str) -> Client:
    """The way in of the match's seller or buyer."""
    return traded.stage.players[traded.stage.names[match["whole"][side]]].door


async def own_explanation(traded: Traded, order: str, firm: str) -> Body:
    """What the newest round made of an order, as its owner is told. TimeoutError when no view holds it."""
    async with asyncio.timeout(ROUND_SECONDS_MAX):
        while True:
            try:
                return await traded.stage.players[firm].door.get(order_path(order, "explanation"))
            except UnavailableError:
                await asyncio.sleep(POLL_SECONDS)


async def all_candidates(place: Running, order: str) -> Body:
    """What an accredited auditor sees, before the cut too: every counter-order, all reasons and figures."""
    return await place.auditor.get(order_path(order, "candidates"))


def order_path(order: str, part: str) -> str:
    collection = {"offer": "supply-offers", "lot": "recovered-lots", "req": "requirements"}
    return f"/v1/{collection[order.partition('_')[0]]}/{order}/{part}"


def refusals(verdicts: dict[str, Any], codes: tuple[str, ...]) -> list[tuple[str, str]]:
    """(counter-order, reason) of every refusal that starts with one of the codes."""
    return [
        (verdict["counter_order"], reason)
        for verdict in verdicts["verdicts"]
        for reason in verdict["reasons"]
        if reason.startswith(codes)
    ]
