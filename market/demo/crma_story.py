"""The monitor's chapter: what a company bought elsewhere is declared, and how the shares move."""

from datetime import date
from decimal import Decimal

from market.demo import printing
from market.demo.door import hold
from market.demo.run import Traded
from market.demo.supplies import Body
from market.rules.twins.capacities import quarter_of, quarter_start

DECLARED_KG = "15000.000"


async def tell(traded: Traded, buyer: str) -> None:
    """RefusedError when the door refuses the declaration."""
    door = traded.stage.players[buyer].door
    today = traded.calendar.today.date()
    quarter, following = (quarter_start(quarter_of(today) + later).date() for later in (0, 1))
    path = f"/v1/crma/shares?since={quarter}&until={following}&counted=confirmed"
    before = _neodymium(await door.get(path))
    await door.post("/v1/crma/declared-volumes", _bought_elsewhere(quarter, today))
    after = _neodymium(await door.get(path))
    declared = Decimal(after["consumption_kg"]) - Decimal(before["consumption_kg"])
    hold(declared == Decimal(after["declared_kg"]) == Decimal(DECLARED_KG), "what is declared is added")
    hold(before["traded_kg"] == after["traded_kg"], "trades stay what they are")
    printing.consumption(buyer, before, after)


def _neodymium(shares: Body) -> Body:
    found: Body = next(each for each in shares["elements"] if each["element"] == "Nd")
    return found


def _bought_elsewhere(quarter: date, today: date) -> Body:
    """15 t of neodymium as oxide of which the supplier does not say where all of it was mined."""
    return {
        "direction": "bought",
        "quarter": quarter.isoformat(),
        "reference": "PO-4711/1",
        "form": "separated_oxide",
        "masses": [{"element": "Nd", "contained_kg": DECLARED_KG}],
        "counterparty": "a trading house",
        "counterparty_country": "JP",
        "origin": [
            {"stage": "extraction", "country": "AU", "share_percent": "70"},
            {"stage": "extraction", "country": None, "share_percent": "30"},
            {"stage": "processing", "country": "MY", "share_percent": "100"},
        ],
        "document": {"title": "invoice PO-4711", "sha256": "ab" * 32, "dated_on": today.isoformat()},
    }
