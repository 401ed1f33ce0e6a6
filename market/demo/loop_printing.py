"""The loop on the screen: who holds what, what every step made and lost, and what may be claimed of it."""

from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal

from market.client.faults import Fault
from market.demo import figures as published
from market.demo.loop import Loop, Work, claimed_grams, grams_of
from market.demo.loop_lots import CLAIMS, GRADE
from market.demo.printing import figures, out, paragraph
from market.demo.supplies import Body

SHOWN = ("Nd", "Pr", "Dy", "B", "Co")
ROUTES = (
    "hydrometallurgy",
    "oxide-to-metal-electrolysis",
    "manual-disassembly",
    "hydrogen-decrepitation",
)
GRAMS_PER_KG = 1_000


def yields() -> None:
    paragraph("Yields and their sources (market/data/recycling_routes.csv):")
    for route in ROUTES:
        paragraph(
            f"  {route.replace('-', ' ')} {_percent(published.route_recovery(route) * 100, 1)}, "
            f"{published.route_source(route)}"
        )
    paragraph(
        f"  {GRADE}: practitioner figures; monazite split: Lynas 2012; TREO, swarf and additions: assumed"
    )


def chain(loop: Loop, passports: dict[str, Body]) -> None:
    """Each lot with a passport in the order of the loop: what is in it, and the recycled share of its Nd."""
    headings = ("kg", *(f"{each} kg" for each in SHOWN[:3]), "left kg", "Nd post", "and pre")
    table = figures("lot", "what", "held by", *headings)
    for column in table.columns[1:3]:
        column.justify = "left"
    made = {lot.number: lot for work in loop.works for lot in (*work.inputs, *work.outputs)}
    for number, passport in passports.items():
        lot = made[number]
        neodymium = [share for share in passport["content"]["recycled"] if share["element"] == "Nd"]
        shares = [_percent(share[f"{claim}_percent"], 2) for share in neodymium for claim in CLAIMS]
        table.add_row(
            number,
            lot.what,
            loop.name(passport["holder"]),
            f"{lot.net_kg:,.0f}",
            *_kg(lot.grams())[:3],
            f"{Decimal(passport['remaining_wet_t']) * GRAMS_PER_KG:,.0f}",
            *(shares or ["", ""]),
        )
    out.print(table)


def balances(loop: Loop) -> None:
    """Of each step: in = out + lost, as the record holds them."""
    paragraph("\nEvery recorded step, kg of each element: input, output, loss")
    table = figures("step", "", *SHOWN, "all*")
    for work in loop.works:
        inputs, outputs = grams_of(work.view["inputs"]), grams_of(work.view["outputs"])
        losses = {each["element"]: Decimal(each["mass_g"]) for each in work.view["losses"]}
        rows = (
            (f"{work.by} {work.what}", "in", inputs),
            (f"  {_numbers(work)}", "− out", outputs),
            ("", "− lost", losses),
            (
                "",
                "= rest",
                {each: inputs[each] - outputs.get(each, 0) - losses.get(each, 0) for each in inputs},
            ),
        )
        for step, side, grams in rows:
            table.add_row(step, side, *_kg(grams), f"{sum(grams.values()) / GRAMS_PER_KG:,.3f}")
    out.print(table)
    paragraph("[dim]* rare earths, boron and cobalt; oxygen, iron and acids have no passports")


def claims(work: Work, passport: Body) -> None:
    """What the new magnets may claim of each element, to the gram."""
    paragraph(f"\nRecycled content that {passport['content']['lot_number']} can claim, to the gram")
    table = figures(
        "element", "in the magnets, kg", "post-consumer", "kg", "pre-consumer", "kg", "primary, kg"
    )
    part = next(each for each in work.view["outputs"] if each["passport"] == passport["id"])
    grams = grams_of([part])
    claimed = {claim: claimed_grams([part], claim, {passport["id"]: passport}) for claim in CLAIMS}
    for share in passport["content"]["recycled"]:
        element = share["element"]
        recycled = [claimed[claim][element] for claim in CLAIMS]
        cells = [
            text
            for claim, mass_g in zip(CLAIMS, recycled, strict=True)
            for text in (_percent(share[f"{claim}_percent"]), _one(_down(mass_g)))
        ]
        table.add_row(element, _one(grams[element]), *cells, _one(grams[element] - sum(map(_down, recycled))))
    out.print(table)


def refusal(faults: Iterable[Fault]) -> None:
    paragraph("\nThe same magnets with five points more of neodymium claimed: refused, nothing stored")
    for fault in faults:
        paragraph(f"  [bold]{fault.code}[/] {fault.pointer}\n    {fault.detail}")


def lineage(whole: Body, own: Body, passport: Body) -> None:
    """What an auditor reads, and how much of it the owner does."""
    paragraph("\nIts lineage, as an accredited auditor sees it:")
    nodes: dict[int, list[str]] = {}
    for node in whole["nodes"]:
        nodes.setdefault(node["depth"], []).append(node["lot_number"])
    paragraph("  " + " ← ".join(", ".join(sorted(nodes[depth])) for depth in sorted(nodes)))
    names = {node["passport"]: node["lot_number"] for node in whole["nodes"]}
    for element in SHOWN:
        sources = [share for share in whole["sources"] if share["element"] == element]
        told = ", ".join(f"{_percent(s['share_percent'])} from {names[s['passport']]}" for s in sources)
        paragraph(f"  {element}: {told}")
    for stage in dict.fromkeys(share["stage"] for share in passport["content"]["origin"]):
        shares = [share for share in passport["content"]["origin"] if share["stage"] == stage]
        parts = [f"{_percent(share['share_percent'])} {share['country']}" for share in shares]
        open_percent = 100 - sum((Decimal(share["share_percent"]) for share in shares), Decimal(0))
        if open_percent:
            parts.append(f"{_percent(open_percent)} not stated")
        paragraph(f"  {stage} of its rare earths: {', '.join(parts)}")
    paragraph(f"  its owner sees {len(own['nodes'])} of these {len(whole['nodes'])} lots")


def _numbers(work: Work) -> str:
    inputs, outputs = (", ".join(lot.number for lot in lots) for lots in (work.inputs, work.outputs))
    return f"{inputs} → {outputs}"


def _kg(grams: dict[str, Decimal]) -> list[str]:
    return [_one(grams.get(element, Decimal(0))) for element in SHOWN]


def _one(grams: Decimal) -> str:
    return f"{grams / GRAMS_PER_KG:,.3f}"


def _percent(amount: str | Decimal, decimals: int = 4) -> str:
    return f"{Decimal(amount):.{decimals}f} %"


def _down(grams: Decimal) -> Decimal:
    """A claim in whole grams, never more than it is."""
    return grams.to_integral_value(ROUND_DOWN)
