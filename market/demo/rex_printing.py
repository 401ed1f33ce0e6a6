"""Cores and whole magnets on the screen: what is in them, how well it comes out, what fits."""

from decimal import Decimal

from market.demo.printing import paragraph
from market.demo.supplies import Body


def cores(lot: Body, firm: str) -> None:
    """The route and why no higher one, and the bill with what follows from it."""
    core, figures, step_down = lot["core"], lot["core_figures"], lot["step_down"]
    paragraph(
        f"{firm} offers {core['pieces']:,} {core['kind']}s, {lot['net_wet_t']} t, condition "
        f"{lot['condition']}, to {_listed(lot['rex_routes'])}; not higher: {_words(step_down['reason'])}, "
        f"{step_down['note']}"
    )
    for magnet in core["magnets"]:
        paragraph(
            f"  bill of each: {magnet['pieces']} × {Decimal(magnet['mass_g']):,.0f} g {magnet['grade']}, "
            f"{magnet['coating']}, {_words(magnet['fixing'])}"
        )
    paragraph(
        f"  recoverable magnets {Decimal(figures['recoverable_magnets_kg']):,.3f} kg; "
        f"{len(core['steps'])} steps, {figures['minutes_per_core']} minutes a core"
    )


def score(twin: Body) -> None:
    """How well the product comes apart, of the twin that the bill rests on."""
    found = twin["disassembly"]
    paragraph(
        f"  disassembly score [bold]{found['score']}[/] of 5: steps {found['depth']}, fixing "
        f"{found['fixing']}, tools {found['tools']}; rules of {found['rules_as_of']}; by version "
        f"{twin['version']} of the product's twin ({twin['name']}, "
        f"{Decimal(twin['magnets_g']):,.0f} g of magnets)"
    )


def goods(firm: str, found: Body) -> None:
    magnets = found["magnets"]
    sizes = " × ".join(f"{each['size_mm']} ± {each['tolerance_mm']}" for each in magnets["dimensions"])
    paragraph(
        f"  {firm} reads of the goods: {magnets['grade']} {magnets['shape']} {sizes} mm, "
        f"{magnets['coating']}, flux {magnets['flux_percent']} %, condition {found['condition']}, "
        f"to {_listed(found['rex_routes'])}"
    )


def _words(code: str) -> str:
    return code.replace("_", " ")


def _listed(routes: list[str]) -> str:
    return ", ".join(routes)
