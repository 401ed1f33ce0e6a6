"""What the demonstration shows, as a magnet trader would want to read it."""

from decimal import Decimal
from typing import Any

from msgspec import Struct
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from market.audit.match_proof import ProofVerdict
from market.audit.report import AuditReport
from market.demo.record import Compared, Forged
from market.demo.supplies import Body

GRAMS_PER_TONNE = 1_000_000
WIDTH_CHARACTERS = 118
REASONS_SHOWN_MAX = 3
LABELS = {
    "form": "product form",
    "co_product": "co-elements",
    "recycled": "recycled share",
    "certificates": "certificates",
    "rex": "Re-X route",
    "logistics": "carriage",
}
"""Terms of a waterfall as a trader calls them."""

out = Console(highlight=False)
out.width = min(out.width, WIDTH_CHARACTERS) if out.is_terminal else WIDTH_CHARACTERS


class OpenOrder(Struct, frozen=True, kw_only=True):
    """An order that did not trade whole: what its owner is told of the round, and an auditor's candidates."""

    firm: str
    what: str
    own: Body
    whole: Body


def chapter(number: int, title: str) -> None:
    out.print()
    out.rule(f"[bold]{number}. {title}", align="left")


def paragraph(text: str) -> None:
    out.print(text)


def ticket(match: Body, seller: str, buyer: str) -> None:
    """Label and figure of every line of the ticket, as the operator has it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for line in match["whole"]["ticket"]:
        table.add_row(line["label"], line["text"])
    out.print(Panel(table, title=f"{seller} sells to {buyer}", expand=False))


def consumption(buyer: str, before: Body, after: Body) -> None:
    """Of one element: what the buyer traded, what it declared, and its shares without and with that."""
    paragraph(
        f"{buyer} consumed {_kg(before['traded_kg'])} kg {before['element']} from trades and declares "
        f"{_kg(after['declared_kg'])} kg bought elsewhere: {_kg(after['consumption_kg'])} kg in all"
    )
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("stage", no_wrap=True)
    for name in ("Union % of trades", "with declared", "not stated %", "third country %"):
        table.add_column(name, justify="right")
    for name in ("benchmark", "ceiling"):
        table.add_column(name, no_wrap=True)
    for old, new in zip(before["stages"], after["stages"], strict=True):
        third = new["largest_third_country"]
        table.add_row(
            new["stage"],
            _percent(old["union_percent"]),
            f"[bold]{_percent(new['union_percent'])}[/]",
            _percent(new["undeclared_percent"]),
            "none" if third is None else f"{third['country']} {_percent(third['share_percent'])}",
            new["benchmark"].replace("_", " "),
            new["ceiling"].replace("_", " "),
        )
    out.print(table)


def _percent(text: str) -> str:
    return f"{Decimal(text):.2f}"


def _kg(text: str) -> str:
    return f"{Decimal(text):,.3f}"


def whole_waterfall(match: Body, seller: str, buyer: str) -> Panel:
    """limit + terms − ask = value of the pair = what the seller gains + what the buyer gains."""
    whole = match["whole"]
    table = money_table()
    table.add_row("buyer's limit", _eur(whole["limit_eur_per_kg"]), "")
    for term in filter(_speaks, whole["terms"]):
        table.add_row(f"+ {_label(term['label'])}", _eur(term["eur_per_kg"]), _reason(term))
    table.add_row("− seller's ask", _eur(whole["ask_eur_per_kg"]), "")
    table.add_section()
    table.add_row("= value of the pair", _eur(whole["value_eur_per_kg"]), "")
    table.add_row("  the seller gains", _eur(whole["seller_surplus_eur_per_kg"]), "")
    table.add_row("  the buyer gains", _eur(whole["buyer_surplus_eur_per_kg"]), "")
    table.add_section()
    table.add_row("price = ask + seller's gain", _eur(match["price_eur_per_kg"]), "")
    return Panel(table, title=f"operator: {seller} sells to {buyer}", expand=False)


def own_waterfall(view: Body, name: str) -> Panel:
    """From one's own figure to the price and to one's own gain, and nothing of the other side's."""
    lines = [line for line in view["explanation"]["lines"] if line["label"] != "surplus"]
    price, gain = view["price_eur_per_kg"], view["explanation"]["surplus_eur_per_kg"]
    table = money_table()
    if view["side"] == "seller":
        table.add_row("price you receive", _eur(price), "")
        table.add_row("− your ask", _eur(lines[0]["eur_per_kg"]), "")
    else:
        for line in filter(_speaks, lines):
            label = "your limit" if line["label"] == "limit" else f"+ {_label(line['label'])}"
            table.add_row(label, _eur(line["eur_per_kg"]), _reason(line))
        table.add_section()
        most = sum((Decimal(line["eur_per_kg"]) for line in lines), Decimal(0))
        table.add_row("= the most you would pay", _eur(str(most)), "")
        table.add_row("− price you pay", _eur(price), "")
    table.add_section()
    table.add_row("= you gain", _eur(gain), "")
    counterparty = view["counterparty"]
    known = counterparty["name"] if counterparty else "hidden until both have confirmed"
    return Panel(table, title=f"{view['side']} {name} sees", subtitle=f"other side: {known}", expand=False)


def side_by_side(*panels: Panel) -> None:
    out.print(Columns(panels))


def check(totals: Body, compared: Compared, names: dict[str, str]) -> None:
    """The round's sums, and who would have sold had nobody bid for sustainability."""
    paid, received = Decimal(totals["buyers_pay_eur"]), Decimal(totals["sellers_receive_eur"])
    sums = f"buyers pay {paid:,.2f} EUR − sellers receive {received:,.2f} EUR"
    out.print(f"{sums} = [bold]{paid - received:.2f} EUR[/]")
    table = figures(
        "section",
        "pairs that fit",
        "trades",
        "kg NdPr",
        "total gain, EUR",
        "upper bound",
        "without bids*",
        "result",
    )
    for section in totals["sections"]:
        table.add_row(
            _section(section["section"]),
            str(section["edges"]),
            str(section["trades"]),
            f"{Decimal(section['traded_basis_kg']):,.3f}",
            f"{Decimal(section['welfare_eur']):,.2f}",
            f"{Decimal(section['bound_eur']):,.2f}",
            f"{Decimal(section['bound_without_sustainability_eur']):,.2f}",
            "unique optimum" if section["unique"] else "one of several optima",
        )
    out.print(table)
    _sold_by_seller(compared, names)
    out.print("[dim]* the same orders if no buyer had bid for carbon, recycled share, origin or Re-X")


def _section(name: str) -> str:
    """Of a term section the year in which its contracts begin."""
    horizon, _, part = name.rpartition("-")
    words = {"firm": "firm", "all": "to confirm"}[part]
    return f"{'spot' if horizon == 'spot' else 'from ' + horizon.rpartition('/')[2]}, {words}"


def _sold_by_seller(compared: Compared, names: dict[str, str]) -> None:
    table = figures("seller, spot", "t NdPr sold", "without bids*", "difference")
    sold, without = (dict.fromkeys(names, 0) for _ in range(2))
    for grams, trades in ((sold, compared.trades), (without, compared.trades_without)):
        for trade in trades:
            grams[f"org_{trade.seller.order.organisation.hex}"] += trade.quantity_g
    for seller, name in names.items():
        if sold[seller] or without[seller]:
            table.add_row(name, *_sold(sold[seller], without[seller]))
    table.add_section()
    table.add_row("all", *_sold(sum(sold.values()), sum(without.values())))
    out.print(table)


def _sold(grams: int, without: int) -> tuple[str, str, str]:
    return _tonnes(grams), _tonnes(without), f"{Decimal(grams - without) / GRAMS_PER_TONNE:+,.3f}"


def co_products(match: Body) -> None:
    """The credit for co-elements, element by element, from the inputs of its line."""
    term = next(term for term in match["whole"]["terms"] if term["label"] == "co_product")
    inputs = term["inputs"]
    table = figures("element", "kg per basis kg", "× EUR per kg", "× payable", "= EUR per basis kg")
    for analyte in sorted({name.split("_")[0] for name in inputs}):
        ratio = Decimal(inputs[f"{analyte}_kg_per_basis_kg"])
        most = Decimal(inputs[f"{analyte}_max_ratio"])
        price = Decimal(inputs[f"{analyte}_price_eur_per_kg"])
        payable = Decimal(inputs[f"{analyte}_payable_percent"]) / 100
        credit = min(ratio, most) * price * payable
        table.add_row(analyte, f"{min(ratio, most):.9f}", f"{price:.6f}", f"{payable:.0%}", f"{credit:.9f}")
    table.add_section()
    table.add_row("credit, rounded down", "", "", "", _eur(term["eur_per_kg"]))
    out.print(table)


def refusal(seller: str, what: str, buyer: str, reasons: list[str]) -> None:
    out.print(f"  [bold]{'; '.join(reasons)}[/]\n    {what} of {seller}, refused for {buyer}")


def unmatched(rows: list[OpenOrder], tick_eur_per_kg: str) -> None:
    """Each order that did not trade whole: what the operator sees of prices, and what its owner is told."""
    table = figures("order", "kg open", "the operator sees", "its owner is told")
    for column in table.columns[2:]:
        column.justify = "left"
    tick = Decimal(tick_eur_per_kg)
    for row in rows:
        table.add_row(
            f"{row.firm}: {row.what}",
            f"{Decimal(row.whole['open_kg']):,.3f}",
            _standing(row.whole, tick),
            _told(row.own),
        )
    out.print(table)
    out.print(
        f"[dim]a tick is {tick:.2f} EUR per kg; an owner sees price differences if at least three groups of "
        "companies fit\nthe operator's figures are of the book after the round, with what is still open; the "
        "owner's of the book before its trades, when more orders fitted, at other prices"
    )


def _standing(whole: Body, tick: Decimal) -> str:
    gaps = [found["gap_ticks"] for found in whole["verdicts"] if found["gap_ticks"] is not None]
    if not gaps:
        return f"none of {len(whole['verdicts'])} fits"
    return (
        f"{len(gaps)} of {len(whole['verdicts'])} fit{'s' if len(gaps) == 1 else ''}, {_gap(min(gaps), tick)}"
    )


def _told(own: Body) -> str:
    third = own["three_groups_ticks"]
    nearest = "" if third is None else f", three groups of companies within {_ticks(third)}"
    match own["why"]:
        case "eligible":
            return "somebody fits; prices are not shown"
        case "all_dearer":
            return f"{own['eligible']} fit, but no price meets{nearest}"
        case "outbid":
            return f"{own['eligible']} fit, but others made better offers{nearest}"
        case "indivisible":
            return f"{own['eligible']} fit; what is left is less than a package or parcel{nearest}"
        case "withheld":
            return "nobody fits, or too few to show which"
        case "none_eligible":
            return f"nobody fits: {_reasons(own['reasons'])}"
        case "removed":
            return str(own["removed"]["text"])
        case why:
            return str(why or own["outcome"]).replace("_", " ")


def next_best(name: str, own: Body) -> None:
    """How far the trades were that an order did not get, as its owner is told."""
    third = own["three_groups_ticks"]
    if third is None:
        out.print(f"  {name}: too few orders fit, or traded with them, to show this")
        return
    out.print(f"  {name}: {own['eligible']} fit; three groups of companies were within {_ticks(third)}")


def _ticks(count: int) -> str:
    return "1 tick" if count == 1 else f"{count} ticks"


def _gap(bands: int, tick: Decimal) -> str:
    if bands <= 0:
        return "and the price meets: for the next round"
    return f"but outpriced by {_ticks(bands)}, up to {bands * tick:.2f} EUR/kg"


def _reasons(found: list[Body]) -> str:
    told = [reason["code"] + (f":{reason['subject']}" if reason["subject"] else "") for reason in found]
    more = len(told) - REASONS_SHOWN_MAX
    return ", ".join(told[:REASONS_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def proved(of: ProofVerdict, firm: str) -> None:
    out.print(
        f"{firm} downloads one file and checks it offline with the public keys of operator and "
        f"witness: [bold green]valid[/] under the checkpoint of {of.size:,} events of {of.origin}"
    )
    for sentence in (*of.proved, *(f"cosigned by {name}" for name in of.cosigners)):
        out.print(f"  {sentence}")


def verdict(report: AuditReport) -> None:
    out.print(
        f"{report.records:,} records of {sum(1 for lane in report.lanes if lane.records)} lanes read from "
        f"Kafka alone, every hash recomputed; {report.clearings} clearings proved by their "
        f"certificates, {report.matches} matches"
    )
    word = "[bold red]DIVERGES[/]" if report.diverged else "[bold green]nothing diverges[/]"
    out.print(f"verdict: {word}; {report.ending}")


def caught(forged: Forged) -> None:
    was, now = forged.recorded_ueur_per_kg, forged.forged_ueur_per_kg
    out.print(
        f"a copy of the record with one price changed from {_micro(was)} to {_micro(now)} EUR/kg, "
        "every later hash recomputed:"
    )
    found = forged.report.first_divergence
    out.print("[bold red]not found[/]" if found is None else f"[bold green]caught:[/] {found.sentence}")


def figures(*headings: str) -> Table:
    """A table whose first column names and whose others count."""
    table = Table(*headings, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def money_table() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim", overflow="fold")
    return table


def _speaks(line: dict[str, Any]) -> bool:
    """Nothing is left out but lines that say nothing: zero, and no reason why."""
    return bool(line["reason"]) or Decimal(line["eur_per_kg"]) != 0


def _label(label: str) -> str:
    return LABELS.get(label, label.replace("_", " "))


def _reason(line: dict[str, Any]) -> str:
    return (line["reason"] or "").replace("_", " ")


def _eur(amount: str) -> str:
    return f"{Decimal(amount):,.6f}"


def _micro(ueur: int) -> str:
    return f"{Decimal(ueur) / 10**6:,.6f}"


def _tonnes(grams: int) -> str:
    return f"{Decimal(grams) / GRAMS_PER_TONNE:,.3f}"
