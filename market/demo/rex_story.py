"""The chapter before the furnace: cores by the twin of their product, whole magnets sold to be used again."""

from msgspec.structs import replace

from market.demo import printing, rex_printing, rex_terms
from market.demo.calendar import Calendar, calendar_of
from market.demo.door import hold
from market.demo.firms import MOTOR_MAKER
from market.demo.loop import Loop
from market.demo.round import hold_round, side_view
from market.demo.run import Running, Traded
from market.demo.stage import REUSE_MARKET, Player, open_market
from market.demo.supplies import Body

SELLER, BUYER = "dismantler-es-1", MOTOR_MAKER.name
LOTS = "/v1/recovered-lots"
RETURNS = "/v1/forecasts/returns"


async def tell(place: Running, traded: Traded, loop: Loop) -> None:
    """RefusedError when the door refuses a step, DemoError when no magnets are sold."""
    calendar = calendar_of(place.clock())
    twin = await _tell_cores(traded.stage.market, loop.players[SELLER], calendar)
    reuse = await _reuse_market(place, traded, loop, calendar)
    (match,) = (await hold_round(place, reuse)).matches
    printing.paragraph(
        "\nWhole magnets, instead of melting them down, sold by the piece in a market of their own"
    )
    printing.ticket(match, SELLER, BUYER)
    view = await side_view(reuse, match, "buyer")
    hold(view["status"] == "confirmed", "firm orders need no confirmation")
    rex_printing.goods(BUYER, view["goods"])
    await _tell_ahead(reuse.stage.market, loop.players[SELLER], twin, calendar)


async def _tell_cores(market: str, owner: Player, calendar: Calendar) -> Body:
    """The twin that the cores rest on."""
    stated = await owner.door.post("/v1/product-twins", rex_terms.motor_twin())
    twin = await owner.door.get(f"/v1/product-twins/{stated['id']}")
    body = rex_terms.core_lot(owner, twin, calendar)
    posted = await owner.door.post(LOTS, body | {"market": market})
    lot = await owner.door.get(f"{LOTS}/{posted['id']}")
    hold(lot["core_figures"]["minutes_per_core"] == twin["minutes"], "a core takes what its product takes")
    rex_printing.cores(lot, owner.firm.name)
    rex_printing.score(twin)
    return twin


async def _tell_ahead(market: str, owner: Player, twin: Body, calendar: Calendar) -> None:
    """When a fleet comes back, with quantiles; whole magnets of it are offered ahead, marked."""
    asked = rex_terms.returns_of_fleet(twin, calendar)
    told = await owner.door.post(RETURNS, asked)
    rex_printing.returns(owner.firm.name, asked, told)
    posted = await owner.door.post(
        LOTS, rex_terms.lot_ahead(owner, twin, told, calendar) | {"market": market}
    )
    lot = await owner.door.get(f"{LOTS}/{posted['id']}")
    whole_kg = told["quarters"][0]["quantiles"]["basis_kg"]["ndfeb-reuse"]["p10"]
    hold(lot["forecast_figure_kg"] == whole_kg, "the lot's figure is the forecast's, computed again")
    rex_printing.ahead(owner.firm.name, lot)


async def _reuse_market(place: Running, traded: Traded, loop: Loop, calendar: Calendar) -> Traded:
    """A market for whole magnets with one lot and one requirement."""
    seller, buyer = loop.players[SELLER], loop.players[BUYER]
    market = await open_market(place.operator, REUSE_MARKET, calendar, (seller, buyer))
    for player, path, body in (
        (seller, LOTS, rex_terms.whole_magnets_lot(seller, calendar)),
        (buyer, "/v1/requirements", rex_terms.reuse_requirement(buyer, calendar)),
    ):
        await player.door.post(path, body | {"market": market})
    stage = replace(traded.stage, market=market, players=loop.players)
    return Traded(calendar=calendar, stage=stage, orders=[])
