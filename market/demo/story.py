"""The demonstration, told in order; every claim that it makes is checked while it is made."""

from decimal import Decimal

from msgspec import Struct

from events.key_files import read_keys
from market.audit.auditor import audit
from market.checkpoint_keys import key_file
from market.client import ClientError
from market.demo import crma_story, loop_story, offtake_story, policy_story, printing, rex_story
from market.demo.clock import DemoClock
from market.demo.door import DemoError, hold
from market.demo.orders import Posted
from market.demo.policy_story import Heard
from market.demo.proofs import prove_match
from market.demo.record import events_of, forge, lane_bodies, without_sustainability
from market.demo.round import (
    Round,
    all_candidates,
    confirm_all,
    hold_round,
    own_explanation,
    refusals,
    side_view,
)
from market.demo.run import Running, Traded, patiently, running, trade
from market.demo.stage import Progress
from market.demo.supplies import Body
from market.ground import clock
from market.settings import Settings

REFUSALS_SHOWN: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("alloy-gb-1", ("above_max:Th ",), "thorium"),
    ("magnet-fi-1", ("above_max:C ", "above_max:O "), "carbon and oxygen"),
    ("magnet-ee-1", ("not_qualified",), "not qualified"),
)


class Refused(Struct, frozen=True, kw_only=True):
    """A pair that may not trade, and its reasons of the kind that is shown."""

    seller: str
    what: str
    buyer: str
    reasons: list[str]


class Before(Struct, frozen=True, kw_only=True):
    """What was told of the orders before the round."""

    refused: list[Refused]
    heard: Heard


async def play(settings: Settings, seed: int, say: Progress) -> bool:
    """Whether everything held that the demonstration checks; `say` is told how far it is."""
    moving = DemoClock(clock)
    try:
        async with running(settings, moving, say) as place:
            traded = await trade(place, seed, say)
            refused = await _refused(place, traded)
            heard = await policy_story.hear(place, traded)
            async with patiently(say, "planning a round"):
                held = await hold_round(place, traded)
            await _tell(place, traded, held, Before(refused=refused, heard=heard), say)
    except (ClientError, DemoError) as error:
        say(f"the demonstration stopped: {error}")
        return False
    say("stopped")
    return True


async def _tell(place: Running, traded: Traded, held: Round, before: Before, say: Progress) -> None:
    names = traded.stage.names
    printing.chapter(1, "A trade ticket")
    swarf = _match(held, "swarf")
    seller, buyer = (names[swarf["whole"][side]] for side in ("seller", "buyer"))
    printing.ticket(swarf, seller, buyer)
    printing.chapter(2, "Why this price: the operator's view, then what each partner sees")
    await _tell_waterfalls(traded, held)
    printing.chapter(3, "The round's check")
    bodies, lane = await _record(place, traded)
    deployment = place.wiring.deployment
    compared = without_sustainability(events_of(bodies, deployment.deployment_id, lane))
    totals = held.clearing["totals"]
    printing.check(totals, compared, names)
    hold(totals["buyers_pay_eur"] == totals["sellers_receive_eur"], "buyers pay what sellers receive")
    printing.chapter(4, "An end-of-life lot, paid for its dysprosium and gadolinium too")
    eol = _match(held, "eol_magnet")
    _show_whole(traded, eol)
    printing.co_products(eol)
    printing.chapter(5, "Three refusals")
    for each in before.refused:
        printing.refusal(each.seller, each.what, each.buyer, each.reasons)
    printing.chapter(6, "A procurement policy: what it excludes, and what the round gave instead")
    await policy_story.tell(place, traded, held, before.heard)
    printing.chapter(7, "Orders that stayed open, and why")
    market = await place.operator.get(f"/v1/markets/{traded.stage.market}")
    printing.unmatched(await _open_orders(place, traded), market["tick_eur_per_kg"])
    printing.chapter(8, "Two contract years of an offtake agreement, from the match to the statement")
    offtake = await offtake_story.tell(place, traded, held)
    printing.chapter(9, "The recycling loop: from a by-product to magnets and back, and the next claims")
    loop = await loop_story.tell(place, traded, offtake)
    printing.chapter(10, "Before recycling: cores by their product's twin, and whole magnets for reuse")
    await rex_story.tell(place, traded, loop)
    printing.chapter(11, "The monitor: shares of consumption, and what was bought elsewhere")
    await crma_story.tell(traded, buyer)
    printing.chapter(12, "A partner proves its match, offline")
    async with patiently(say, "waiting for a checkpoint and its cosignature"):
        proof = await prove_match(place, traded, swarf, "buyer")
    printing.proved(proof, buyer)
    printing.chapter(13, "The audit, from the topics alone")
    await _tell_audit(place, bodies, lane, say)


async def _tell_waterfalls(traded: Traded, held: Round) -> None:
    names = traded.stage.names
    swarf, shared = _match(held, "swarf"), _gaining_both(held)
    buyer = names[swarf["whole"]["buyer"]]
    _show_whole(traded, swarf)
    hold(Decimal(swarf["whole"]["buyer_surplus_eur_per_kg"]) == 0, "who is filled in part pays its bid")
    printing.paragraph(f"{buyer} is filled in part: it pays its full bid, and the seller gains the value.")
    before = await side_view(traded, swarf, "buyer")
    hold(before["counterparty"] is None, "no name is told before both have confirmed")
    printing.paragraph(
        f"{len(held.matches)} matches; until both sides have confirmed, {buyer} does not know the other side."
    )
    answers = await confirm_all(traded, held.matches)
    printing.paragraph(f"{answers} confirmations sent over HTTP, hidden from the other side; then:")
    await _show_sides(traded, swarf)
    printing.paragraph("\nA trade whose price is set by other orders, so that both sides gain:")
    _show_whole(traded, shared)
    await _show_sides(traded, shared)
    printing.paragraph("\nAnd how far away the next best offers were:")
    for side in ("seller", "buyer"):
        name = names[shared["whole"][side]]
        view = await side_view(traded, shared, side)
        printing.next_best(name, await own_explanation(traded, view["own_order"], name))


def _show_whole(traded: Traded, match: Body) -> None:
    seller, buyer = (traded.stage.names[match["whole"][side]] for side in ("seller", "buyer"))
    printing.side_by_side(printing.whole_waterfall(match, seller, buyer))


async def _show_sides(traded: Traded, match: Body) -> None:
    """What seller and buyer see of a confirmed match."""
    panels = []
    for side in ("seller", "buyer"):
        view = await side_view(traded, match, side)
        hold(view["status"] == "confirmed", "a match that both confirm is confirmed")
        panels.append(printing.own_waterfall(view, traded.stage.names[match["whole"][side]]))
    printing.side_by_side(*panels)


def _gaining_both(held: Round) -> Body:
    for match in held.matches:
        whole = match["whole"]
        gains = (whole["seller_surplus_eur_per_kg"], whole["buyer_surplus_eur_per_kg"])
        if min(map(Decimal, gains)) > 0:
            return match
    raise DemoError("no match in which both sides gain")


async def _refused(place: Running, traded: Traded) -> list[Refused]:
    """Of each kind one pair that may not trade, before the round."""
    shown = []
    supplies = {posted.order.partition("_")[2]: posted for posted in traded.orders}
    for firm, codes, what in REFUSALS_SHOWN:
        requirement = next(
            posted for posted in traded.orders if posted.firm == firm and posted.order.startswith("req_")
        )
        found = refusals(await all_candidates(place, requirement.order), codes)
        hold(found, f"an order is refused for {what}")
        counter = found[0][0]
        supply = supplies[counter.partition("_")[2]]
        shown.append(
            Refused(
                seller=supply.firm,
                what=supply.what,
                buyer=firm,
                reasons=[reason for of, reason in found if of == counter],
            )
        )
    return shown


async def _open_orders(place: Running, traded: Traded) -> list[printing.OpenOrder]:
    return [
        printing.OpenOrder(
            firm=posted.firm,
            what=posted.what,
            own=await own_explanation(traded, posted.order, posted.firm),
            whole=await all_candidates(place, posted.order),
        )
        for posted in traded.orders
        if await _is_open(traded, posted)
    ]


async def _is_open(traded: Traded, posted: Posted) -> bool:
    collection = {"offer": "supply-offers", "lot": "recovered-lots", "req": "requirements"}
    path = f"/v1/{collection[posted.order.partition('_')[0]]}/{posted.order}"
    order = await traded.stage.players[posted.firm].door.get(path)
    return order["status"] == "open" and Decimal(order["available_kg"]) > 0


async def _record(place: Running, traded: Traded) -> tuple[list[bytes], int]:
    """The market's lane as its topic holds it, and its number."""
    market = await place.operator.get(f"/v1/markets/{traded.stage.market}")
    return await lane_bodies(place.ground.bootstrap, market["lane"]), int(market["lane"])


async def _tell_audit(place: Running, bodies: list[bytes], lane: int, say: Progress) -> None:
    deployment = place.wiring.deployment
    async with patiently(say, "reading the topics, proving the rounds by their certificates"):
        operator = read_keys(key_file(place.wiring.settings)).current.verifier
        report = await audit(place.ground.bootstrap, deployment_id=deployment.deployment_id, key=operator)
    printing.verdict(report)
    hold(not report.diverged, "the record proves itself")
    hold(report.sealed > 0, "the record is complete to its checkpoints")
    async with patiently(say, "forging a copy of the record, auditing it"):
        forged = await forge(place.ground.bootstrap, bodies, deployment.deployment_id, lane, deployment.lanes)
    printing.caught(forged)
    found = forged.report.first_divergence
    hold(found is not None and found.field == "price_ueur_per_kg", "a changed price is found and named")


def _match(held: Round, form: str) -> Body:
    for match in held.matches:
        if match["form"] == form:
            return match
    raise DemoError(f"no match of {form}: the round gave {[match['form'] for match in held.matches]}")
