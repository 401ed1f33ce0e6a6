"""The offtake's chapter: two contract years told in order, their sums checked while they are made."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from market.demo import offtake_printing as printing
from market.demo.door import hold
from market.demo.offtake import Delivered, Offtake
from market.demo.offtake_terms import LOTS, SELLER
from market.demo.round import Round
from market.demo.run import Running, Traded
from market.demo.supplies import Body

DISPUTED = "OX-104"


async def tell(place: Running, traded: Traded, held: Round) -> Offtake:
    """RefusedError when a step is refused, DemoError when a sum does not hold."""
    offtake = Offtake(place, traded)
    printing.clock()
    seller = traded.stage.players[SELLER].organisation
    matches = [found["id"] for found in held.matches if found["whole"]["seller"] == seller]
    hold(len(matches) == 1, f"{SELLER} has the one match of the term orders")
    await offtake.negotiate(matches[0])
    printing.acts(offtake.acts)
    agreement = await offtake.seller.get(offtake.path)
    hold(agreement["status"] == "effective", "the last condition makes the agreement effective")
    printing.clauses(agreement["standing"]["terms"])
    delivered = await _first_year(offtake)
    statement = await offtake.end_year(1)
    hold(statement["years"][0]["ledger"]["deficiency_kg"] != "0.000", "what was not taken is a deficiency")
    delivered += await _second_year(offtake, statement["years"][0]["ledger"]["make_up"][0]["quantity_kg"])
    statement = await offtake.end_year(2)
    printing.nominations(await offtake.nominations(), offtake.start_year)
    printing.assays(delivered)
    printing.invoices(delivered)
    for each in delivered:
        _check_invoice(each)
    disputed = next(each for each in delivered if each.lot.number == DISPUTED)
    printing.price(disputed)
    invoices = await offtake.invoices()
    printing.statement(statement)
    _check_quantities(delivered, statement)
    sums = _paid(delivered, invoices, statement)
    printing.sums(sums)
    await _pay(offtake, max(delivered, key=lambda each: Decimal(each.invoice["total"])), sums.stated)
    return offtake


async def _pay(offtake: Offtake, of: Delivered, owed: Decimal) -> None:
    """One invoice by both sides' word: it is open until its payee says what has come."""
    paid = await offtake.pay(of.invoice["invoice"], f"{of.lot.number} final")
    hold(paid.announced == paid.amount, "what its buyer states is announced, and pays nothing yet")
    hold(paid.status == "paid", "its seller's word pays the invoice")
    hold(paid.outstanding == owed - paid.amount, "what is owed less what was paid stays open")
    printing.paid(of.lot.number, paid)


async def _first_year(offtake: Offtake) -> list[Delivered]:
    """The buyer speaks of the year, its first quarter and its first month, and takes less than it has to."""
    year = offtake.start_year
    offtake.move_to(date(year - 1, 10, 15))
    await offtake.nominate("annual", date(year, 1, 1), date(year + 1, 1, 1), "36000", "0")
    offtake.move_to(date(year - 1, 11, 20))
    await offtake.nominate("quarterly", date(year, 1, 1), date(year, 4, 1), "9000", "0")
    offtake.move_to(date(year - 1, 12, 15))
    await offtake.nominate("monthly", date(year, 1, 1), date(year, 2, 1), "3000", "0")
    return [await offtake.deliver(lot) for lot in LOTS if lot.year == 1]


async def _second_year(offtake: Offtake, owed_kg: str) -> list[Delivered]:
    """More than the ACQ: what was paid for and not taken is made up."""
    year = offtake.start_year + 1
    offtake.move_to(date(year, 1, 20))
    await offtake.nominate("quarterly", date(year, 4, 1), date(year, 7, 1), "15000", owed_kg)
    return [await offtake.deliver(lot) for lot in LOTS if lot.year == 2]


def _check_invoice(of: Delivered) -> None:
    """quantity × price = amount + remainder, line by line; the lines add up to the total."""
    lines = of.invoice["lines"]
    for line in lines:
        if line["quantity_kg"] != "0.000":
            product = Decimal(line["quantity_kg"]) * Decimal(line["price_per_kg"])
            exact = Decimal(line["amount"]) + Decimal(line["remainder"])
            hold(product == exact, f"{of.lot.number}: {line['kind']} is quantity × price")
    total = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
    hold(total == Decimal(of.invoice["total"]), f"{of.lot.number}: its lines are its total")


def _paid(delivered: Sequence[Delivered], invoices: Sequence[Body], statement: Body) -> printing.Sums:
    """What the buyer has paid, from its invoices, and what the statement says of the same years."""
    provisional = _sum(line["amount"] for each in delivered for line in each.delivery["provisional"])
    invoiced = _sum(invoice["total"] for invoice in invoices)
    umpire = _sum(
        line["amount"] for invoice in invoices for line in invoice["lines"] if line["kind"] == "umpire_cost"
    )
    years = [year for year in statement["years"] if year["ledger"] is not None]
    sums = printing.Sums(
        provisional=provisional,
        invoiced=invoiced,
        product=_sum(year["invoiced"] for year in years),
        deficiency=_sum(year["ledger"]["deficiency"] for year in years),
        credit=_sum(year["ledger"]["make_up_credit"] for year in years),
        umpire=umpire,
    )
    hold(
        sums.provisional + sums.invoiced == sums.stated,
        "invoices and statement say the same of what was paid",
    )
    return sums


def _check_quantities(delivered: Sequence[Delivered], statement: Body) -> None:
    years = [year for year in statement["years"] if year["ledger"] is not None]
    taken = _sum(each.delivery["quantity_kg"] for each in delivered)
    left = _sum(lot["quantity_kg"] for lot in years[-1]["ledger"]["make_up"])
    deficiency, drawn = (
        _sum(year["ledger"][f"{name}_kg"] for year in years) for name in ("deficiency", "make_up_drawn")
    )
    hold(deficiency == drawn + left, "what was paid for and not taken is drawn or still there")
    hold(taken == _sum(year["taken_kg"] for year in years), "what was delivered is what was taken")


def _sum(amounts: Iterable[str]) -> Decimal:
    return sum(map(Decimal, amounts), Decimal(0))
