"""The offtake as its parties' desks would want to read it: who did what, kilograms, prices, euros."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct
from rich.panel import Panel
from rich.table import Table

from market.demo.offtake import Act, Delivered, Paid
from market.demo.printing import figures, money_table, out
from market.demo.supplies import Body

PRICE_TERMS = {
    "index.1": "index, USD per kg of oxide",
    "fx.1": "into EUR",
    "clamp.1": "floor",
    "payable.1": "payable",
    "form_factor.1": "kg of oxide per kg of NdPr",
    "conversion.1": "conversion",
    "differential.1": "differential of the match",
}
STATED = (
    ("ACQ, kg NdPr", "acq_kg"),
    ("nominated, kg", "nominated_kg"),
    ("+ make-up nominated, kg", "make_up_nominated_kg"),
    ("taken, kg", "taken_kg"),
)
LEDGER = (
    ("take or pay, kg", "take_or_pay_kg"),
    ("deficiency, kg", "deficiency_kg"),
    ("make-up drawn, kg", "make_up_drawn_kg"),
)
MONEY = (("+ deficiency payment, EUR", "deficiency", 1), ("− make-up credit, EUR", "make_up_credit", -1))
"""What else a year owes, and its sign: under a label with a minus stands what it takes away."""


class Sums(Struct, frozen=True, kw_only=True):
    """EUR over all assessed years: what the invoices say, and what the statement says."""

    provisional: Decimal
    invoiced: Decimal
    product: Decimal
    deficiency: Decimal
    credit: Decimal
    umpire: Decimal

    @property
    def stated(self) -> Decimal:
        return self.product + self.deficiency - self.credit + self.umpire


def clock() -> None:
    out.print(
        "From here on the clock of all services is moved forward to each day on which a party acts, so two "
        "contract\nyears pass in seconds and nothing is backdated. Timers do what time alone brings: default "
        "nominations and year\nends. Monthly index values and rates are invented."
    )


def acts(told: Sequence[Act]) -> None:
    table = figures("day", "who", "what")
    for column in table.columns:
        column.justify = "left"
    for act in told:
        table.add_row(f"{act.day}", act.who, act.what)
    out.print(table)


def clauses(agreed: Body) -> None:
    """The clauses that the figures below follow from, in one paragraph."""
    acq = " / ".join(f"{Decimal(each):,.0f}" for each in agreed["volume"]["acq_kg"])
    price, take, index = agreed["price"], agreed["take_or_pay"], agreed["price"]["index"]
    levels = ", ".join(f"{rule['level']} ±{rule['band_percent']} %" for rule in agreed["nominations"])
    splitting = ", ".join(
        f"{limit['analyte']} {limit['limit']['amount']} %" for limit in agreed["assay"]["splitting"]
    )
    quoted = f"{index['code']} of the {index['quotation_period'].replace('_', ' ')} × {index['fx_code']}"
    per, floor, factor = index["per"], Decimal(price["floor_per_kg"]), Decimal(price["form_factor"])
    paid = f"{agreed['payment']['provisional_percent']} % on documents"
    out.print(
        f"ACQ {acq} kg NdPr at {quoted},\n"
        f"not below {floor:.2f} EUR per kg of {per}, × {factor:.6f} kg of {per} per kg of NdPr, "
        f"{Decimal(price['differential_per_kg']):+.2f} EUR per kg of NdPr;\n"
        f"take or pay {take['top_percent']} %, made up within {take['makeup_years']} years; "
        f"nominations {levels};\nassays within {splitting}, else {agreed['assay']['umpire']}; {paid}"
    )


def nominations(items: Sequence[Body], start_year: int) -> None:
    """Of the first year the year, its quarters and the months of the first; of the second the two levels."""
    table = figures("nominated for", "kg NdPr", "make-up kg", "by")
    shown = [item for item in items if _is_told(item, start_year)]
    for item in shown:
        make_up = Decimal(item["make_up_kg"])
        table.add_row(
            _period(item),
            _kg(item["quantity_kg"]),
            f"{make_up:,.3f}" if make_up else "",
            "default" if item["silent"] else "buyer",
        )
    out.print(table)


def _is_told(item: Body, start_year: int) -> bool:
    start = _start(item)
    if start.year > start_year + 1:
        return False
    return item["level"] != "monthly" or (start.year == start_year and start.month <= 3)


def _period(item: Body) -> str:
    start = _start(item)
    match item["level"]:
        case "annual":
            return f"{start.year}"
        case "quarterly":
            return f"  {start.year} Q{(start.month + 2) // 3}"
        case _:
            return f"    {start:%Y-%m}"


def _start(item: Body) -> datetime:
    return datetime.fromisoformat(item["period"]["start"])


def assays(delivered: Sequence[Delivered]) -> None:
    """What each side found of neodymium, in per cent of the dry sample, and what became of it."""
    out.print()
    table = figures("lot", "shipped", "wet t", "Nd % seller", "buyer", "umpire", "settled", "by")
    for each in delivered:
        nd = _neodymium(each)
        table.add_row(
            each.lot.number,
            each.delivery["shipped_on"],
            f"{each.lot.net_wet_t:.3f}",
            *(_percent(nd[name]) for name in ("seller", "buyer", "umpire", "settled")),
            nd["by"].replace("_", " "),
        )
    out.print(table)


def invoices(delivered: Sequence[Delivered]) -> None:
    """Each lot from its final price to the balance of its final invoice, and their sums."""
    out.print()
    table = figures(
        "lot", "kg NdPr", "EUR/kg", "product EUR", "− paid on documents", "+ umpire", "= balance EUR"
    )
    sums = [Decimal(0)] * 5
    for each in delivered:
        lines = {line["kind"]: line for line in each.invoice["lines"]}
        final = lines["final"]
        umpire = lines.get("umpire_cost", {"amount": "0.00"})
        figures_of = (
            final["quantity_kg"],
            final["amount"],
            str(-Decimal(lines["provisional_credit"]["amount"])),
            umpire["amount"],
            each.invoice["total"],
        )
        sums = [sum_ + Decimal(figure) for sum_, figure in zip(sums, figures_of, strict=True)]
        kg, *euros = figures_of
        price = f"{Decimal(final['price_per_kg']):.6f}"
        table.add_row(each.lot.number, _kg(kg), price, *map(_eur, euros))
    table.add_section()
    kg_sum, *euro_sums = map(str, sums)
    table.add_row("Σ", _kg(kg_sum), "", *map(_eur, euro_sums))
    out.print(table)


def _neodymium(of: Delivered) -> Body:
    found: Body = next(found for found in of.delivery["settled"] if found["analyte"] == "Nd")
    return found


def price(of: Delivered) -> None:
    """The final price of one lot, term by term."""
    line = next(line for line in of.invoice["lines"] if line["kind"] == "final")
    table = money_table()
    for term in line["terms"]:
        if Decimal(term["per_kg"]) or term["rule"] == "clamp.1":
            table.add_row(_term(term), f"{Decimal(term['per_kg']):,.6f}", _input(term))
    table.add_section()
    table.add_row("= final price, EUR per kg of NdPr", f"{Decimal(line['price_per_kg']):,.6f}", "")
    payer = _neodymium(of)["pays_umpire"]
    title = f"{of.lot.number}: the {payer} was farther from the umpire's figure, so it pays the umpire"
    out.print(Panel(table, title=title, expand=False))


def _term(term: Body) -> str:
    return PRICE_TERMS.get(term["rule"]) or str(term["rule"])


def _input(term: Body) -> str:
    """The figure that the term rests on, in a trader's unit."""
    inputs = term["inputs"]
    match term["rule"]:
        case "index.1":
            return f"{inputs['index']} {inputs['index_period']}"
        case "fx.1":
            return f"{inputs['rate']} {inputs['rate_period']}"
        case "clamp.1":
            return f"not below {Decimal(inputs['floor_per_kg']):.2f}"
        case "form_factor.1":
            return f"× {Decimal(inputs['kg_index_per_kg_basis']):.6f}"
        case _:
            return ""


def statement(shown: Body) -> None:
    """A column for each contract year that was assessed, and their sum."""
    years = [year for year in shown["years"] if year["ledger"] is not None]
    headings = [f"year {year['year']}: {year['starts_at'][:4]}" for year in years]
    out.print()
    table = figures("statement", *headings, "Σ")
    for label, name in STATED:
        _row(table, label, [Decimal(year[name] or 0) for year in years], 3)
    for label, name in LEDGER:
        _row(table, label, [_of_ledger(year, name) for year in years], 3)
    left = (f"{_make_up_left(year):,.3f}" for year in years)
    table.add_row("make-up left, kg", *left, "")
    table.add_section()
    due = [Decimal(year["invoiced"]) for year in years]
    _row(table, "product, EUR", due, 2)
    for label, name, sign in MONEY:
        amounts = [_of_ledger(year, name) for year in years]
        due = [sum_ + sign * amount for sum_, amount in zip(due, amounts, strict=True)]
        _row(table, label, amounts, 2)
    table.add_section()
    _row(table, "= the buyer pays, EUR", due, 2)
    out.print(table)


def _row(table: Table, label: str, amounts: Sequence[Decimal], decimals: int) -> None:
    zero = Decimal(0)
    shown = (f"{amount + zero:,.{decimals}f}" for amount in (*amounts, sum(amounts, zero)))
    table.add_row(label, *shown)


def _of_ledger(year: Body, name: str) -> Decimal:
    return Decimal(year["ledger"][name])


def _make_up_left(year: Body) -> Decimal:
    return sum((Decimal(lot["quantity_kg"]) for lot in year["ledger"]["make_up"]), Decimal(0))


def sums(of: Sums) -> None:
    """The invoices against the statement: the same to the cent."""
    paid = f"paid: on documents {of.provisional:,.2f} + invoices {of.invoiced:,.2f}"
    out.print(f"{paid} = [bold]{of.provisional + of.invoiced:,.2f} EUR[/]")
    due = (
        f"owed: product {of.product:,.2f} + deficiency {of.deficiency:,.2f} − make-up credit {of.credit:,.2f}"
    )
    out.print(f"{due} + umpire {of.umpire:,.2f} = [bold]{of.stated:,.2f} EUR[/]")


def paid(lot: str, of: Paid) -> None:
    """One invoice by both sides' word, and what stays open."""
    out.print(
        f"pays: {of.amount:,.2f} EUR, the final invoice of {lot}: the buyer states it, the seller confirms it"
    )
    out.print(f"open: [bold]{of.outstanding:,.2f} EUR[/] of {of.open_invoices} invoices")


def _kg(text: str) -> str:
    return f"{Decimal(text):,.3f}"


def _eur(text: str) -> str:
    return f"{Decimal(text):,.2f}"


def _percent(fraction: Body | None) -> str:
    return "" if fraction is None else f"{Decimal(fraction['amount']):.2f}"
