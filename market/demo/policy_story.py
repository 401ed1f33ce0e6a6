"""The policy's chapter: what a requirement takes over of a procurement policy, and what the round gives."""

from decimal import Decimal

from msgspec import Struct

from market.demo import policy_printing as printing
from market.demo.door import hold
from market.demo.orders import Posted
from market.demo.round import Round, all_candidates, order_path, refusals
from market.demo.run import Running, Traded

CODE = "recycled_below_min"


class Heard(Struct, frozen=True, kw_only=True):
    """Before the round: the order under a policy, and which offers do not fit as an auditor reads them."""

    posted: Posted
    shut_out: list[printing.ShutOut]


async def hear(place: Running, traded: Traded) -> Heard:
    """DemoError when the policy shuts nothing out."""
    (posted,) = (each for each in traded.orders if each.body.get("policies"))
    whole = await all_candidates(place, posted.order)
    supplies = {each.order.partition("_")[2]: each for each in traded.orders}
    shut_out = [
        printing.ShutOut(
            seller=supplies[counter.partition("_")[2]].firm,
            what=supplies[counter.partition("_")[2]].what,
            reason=found,
        )
        for counter, found in refusals(whole, (CODE,))
    ]
    hold(shut_out, "the policy shuts offers out")
    return Heard(posted=posted, shut_out=shut_out)


async def tell(place: Running, traded: Traded, held: Round, heard: Heard) -> None:
    """DemoError when the round gave the order what its policy shuts out, or its buyer is not told of that."""
    posted = heard.posted
    door = traded.stage.players[posted.firm].door
    policy = await door.get(f"/v1/policies/{traded.stage.policy}")
    (line,) = posted.answer["effective_lines"]
    printing.policy(policy, posted.firm, posted.what)
    printing.effective(line, posted.body["recycled_min_percent"])
    own = await door.get(order_path(posted.order, "candidates"))
    (reason,) = (each for each in own["reasons"] if each["policies"])
    hold(reason["code"] == CODE, "the buyer is told of the line that the policy states")
    printing.told(posted.firm, reason, heard.shut_out)
    least = Decimal(policy["terms"]["recycled_min_percent"])
    given = [match for match in held.matches if match["requirement"] == posted.order]
    hold(given, "the order under the policy is given something")
    for match in given:
        supply = await place.operator.get(f"/v1/supply-offers/{match['supply']}")
        share = supply["recycled"]["post_consumer_percent"]
        hold(Decimal(share) >= least, "the round gives what the policy asks for")
        printing.given(match, traded.stage.names[match["whole"]["seller"]], share)
