"""What the demonstration shows, as a magnet trader would want to read it."""

from decimal import Decimal
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from market.auditor import AuditReport
from market.demo.record import Compared, Forged
from market.demo.supplies import Body

GRAMS_PER_TONNE = 1_000_000
WIDTH_CHARACTERS = 118
REASONS_SHOWN_MAX = 3

out = Console(width=WIDTH_CHARACTERS, highlight=False)


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
    out.print(Panel(table, title=f"{seller} → {buyer}", expand=False))


def whole_waterfall(match: Body, seller: str, buyer: str) -> Panel:
    """limit + terms − ask = value = seller's + buyer's surplus."""
    whole = match["whole"]
    table = _money_table()
    table.add_row("buyer's limit", _eur(whole["limit_eur_per_kg"]), "")
    for term in filter(_speaks, whole["terms"]):
        table.add_row(f"+ {_label(term['label'])}", _eur(term["eur_per_kg"]), _reason(term))
    table.add_row("− seller's ask", _eur(str(-Decimal(whole["ask_eur_per_kg"]))), "")
    table.add_section()
    table.add_row("= value of the pair", _eur(whole["value_eur_per_kg"]), "")
    table.add_row("  of it the seller's", _eur(whole["seller_surplus_eur_per_kg"]), "")
    table.add_row("  of it the buyer's", _eur(whole["buyer_surplus_eur_per_kg"]), "")
    table.add_row("price = ask + seller's", _eur(match["price_eur_per_kg"]), "")
    return Panel(table, title=f"operator: {seller} → {buyer}", expand=False)


def own_waterfall(view: Body, name: str) -> Panel:
    """From one's own figure to the price, and nothing of the other side's."""
    explanation = view["explanation"]
    table = _money_table()
    for line in filter(_speaks, explanation["lines"]):
        table.add_row(_label(line["label"]), _eur(line["eur_per_kg"]), _reason(line))
    table.add_section()
    table.add_row("price", _eur(view["price_eur_per_kg"]), "")
    counterparty = view["counterparty"]
    known = counterparty["name"] if counterparty else "sealed until both have confirmed"
    return Panel(table, title=f"{view['side']} {name} sees", subtitle=f"other side: {known}", expand=False)


def side_by_side(*panels: Panel) -> None:
    out.print(Columns(panels))


def check(totals: Body, compared: Compared, names: dict[str, str]) -> None:
    """The round's sums, and who would have sold had nobody bid for sustainability."""
    paid, received = Decimal(totals["buyers_pay_eur"]), Decimal(totals["sellers_receive_eur"])
    out.print(f"Σ paid {paid:,.2f} EUR − Σ received {received:,.2f} EUR = [bold]{paid - received:.2f} EUR[/]")
    table = Table("section", "edges", "trades", "basis kg", "welfare EUR", "with S = 0", "unique", box=None)
    for column in table.columns[1:6]:
        column.justify = "right"
    for section in totals["sections"]:
        table.add_row(
            section["section"],
            str(section["edges"]),
            str(section["trades"]),
            f"{Decimal(section['traded_basis_kg']):,.3f}",
            f"{Decimal(section['welfare_eur']):,.2f}",
            f"{Decimal(section['welfare_without_sustainability_eur']):,.2f}",
            "yes" if section["unique"] else "no",
        )
    out.print(table)
    _sold_by_seller(compared, names)


def _sold_by_seller(compared: Compared, names: dict[str, str]) -> None:
    table = Table("seller", "basis t sold", "with S = 0", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    sold, without = (dict.fromkeys(names, 0) for _ in range(2))
    for grams, trades in ((sold, compared.trades), (without, compared.trades_without)):
        for trade in trades:
            grams[f"org_{trade.seller.order.organisation.hex}"] += trade.quantity_g
    for seller, name in names.items():
        if sold[seller] or without[seller]:
            table.add_row(name, _tonnes(sold[seller]), _tonnes(without[seller]))
    table.add_section()
    table.add_row("all", _tonnes(sum(sold.values())), _tonnes(sum(without.values())))
    out.print(table)


def co_products(match: Body) -> None:
    """The credit for co-elements, element by element, from the inputs of its line."""
    term = next(term for term in match["whole"]["terms"] if term["label"] == "co_product")
    inputs = term["inputs"]
    table = Table(
        "element",
        "kg per basis kg",
        "EUR per kg",
        "payable",
        "EUR per basis kg",
        box=None,
        title_justify="left",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for analyte in sorted({name.split("_")[0] for name in inputs}):
        ratio = Decimal(inputs[f"{analyte}_kg_per_basis_kg_ppb"]) / 10**9
        most = Decimal(inputs[f"{analyte}_max_ratio_ppb"]) / 10**9
        price = Decimal(inputs[f"{analyte}_price_ueur_per_kg"]) / 10**6
        payable = Decimal(inputs[f"{analyte}_payable_ppb"]) / 10**9
        credit = min(ratio, most) * price * payable
        table.add_row(analyte, f"{ratio:.4f}", f"{price:.2f}", f"{payable:.0%}", f"{credit:.4f}")
    table.add_section()
    table.add_row("credit", "", "", "", f"{Decimal(term['eur_per_kg']):.4f}")
    out.print(table)


def refusal(seller: str, what: str, buyer: str, reason: str) -> None:
    out.print(f"  [bold]{reason}[/]\n    {seller}'s {what} for {buyer}")


def unmatched(rows: list[tuple[str, str, Body]]) -> None:
    """(firm, what, own candidates) of each order that did not trade whole, as its owner reads it."""
    table = Table("order", "open kg", "standing", "why, as its owner may know it", box=None)
    table.columns[1].justify = "right"
    for firm, what, seen in rows:
        told = [
            reason["code"] + (f":{reason['subject']}" if reason["subject"] else "")
            for reason in seen["reasons"]
        ]
        reasons = ", ".join(told[:REASONS_SHOWN_MAX])
        if len(told) > REASONS_SHOWN_MAX:
            reasons += f" and {len(told) - REASONS_SHOWN_MAX} more"
        gap = seen["nearest_gap_ticks"]
        standing = seen["standing"] + (f", {gap} ticks away" if gap else "")
        table.add_row(f"{firm}: {what}", f"{Decimal(seen['open_kg']):,.0f}", standing, reasons or "—")
    out.print(table)


def verdict(report: AuditReport) -> None:
    out.print(
        f"{report.records:,} records of {sum(1 for lane in report.lanes if lane.records)} lanes read from "
        f"Kafka alone, every hash recomputed; {report.clearings} clearing computed again, "
        f"{report.matches} matches compared"
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


def _money_table() -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim", overflow="fold")
    return table


def _speaks(line: dict[str, Any]) -> bool:
    """Nothing is left out but lines that say nothing: zero, and no reason why."""
    return bool(line["reason"]) or Decimal(line["eur_per_kg"]) != 0


def _label(label: str) -> str:
    return label.replace("_", "-")


def _reason(line: dict[str, Any]) -> str:
    return (line["reason"] or "").replace("_", " ")


def _eur(amount: str) -> str:
    return f"{Decimal(amount):,.4f}"


def _micro(ueur: int) -> str:
    return f"{Decimal(ueur) / 10**6:,.6f}"


def _tonnes(grams: int) -> str:
    return f"{Decimal(grams) / GRAMS_PER_TONNE:,.3f}"
