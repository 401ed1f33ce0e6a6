"""Cores and whole magnets on the screen: what is in them, how well it comes out, what fits."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from market.demo.printing import paragraph
from market.demo.supplies import Body


def cores(lot: Body, firm: str) -> None:
    """The route and why no higher one, and the bill with what follows from it."""
    core, figures, step_down = lot["core"], lot["core_figures"], lot["step_down"]
    paragraph(
        f"{firm} offers {core['pieces']:,} {core['kind']}s, {lot['net_wet_t']} t, condition "
        f"{lot['condition']}, to {_listed(lot['rex_routes'])}; reason: {_words(step_down['reason'])}, "
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


def returns(firm: str, asked: Body, told: Body) -> None:
    """Expected amounts with their bounds, beside what chance leaves at their middle: by quarter, in total."""
    (sold,) = asked["placed_on_market"]
    paragraph(
        f"\n{firm} asks how much comes back from {sold['units']:,} motors sold in {sold['quarter']}; NdPr in "
        "kg: expected (minimum to maximum), then p10, p50, p90 of the middle case"
    )
    for each in told["quarters"]:
        expected, likely = each["basis_kg"]["ndpr"], each["quantiles"]
        bounds = f"{_kg(expected['middle'])} ({_kg(expected['low'])} to {_kg(expected['high'])})"
        paragraph(f"  {each['quarter']}  {bounds}  {_likely(likely)}")
    paragraph(f"  in total  {_likely(told['total']['quantiles'])}")
    reuse = told["reuse"]
    paragraph(f"  fit for reuse: {reuse['middle']} % of what is taken apart, {reuse['source']}")


def ahead(firm: str, lot: Body) -> None:
    found = lot["forecast"]
    paragraph(
        f"  {firm} offers {Decimal(lot['basis_kg']):,.3f} kg of whole magnets in advance, marked "
        f"{found['quantile']} {found['percentile']} of {found['quarter']}; maximum "
        f"{Decimal(lot['forecast_figure_kg']):,.3f} kg"
    )


def goods(firm: str, found: Body) -> None:
    magnets = found["magnets"]
    sizes = " × ".join(f"{each['size_mm']} ± {each['tolerance_mm']}" for each in magnets["dimensions"])
    paragraph(
        f"  {firm} sees the goods: {magnets['grade']} {magnets['shape']} {sizes} mm, "
        f"{magnets['coating']}, flux {magnets['flux_percent']} %, condition {found['condition']}, "
        f"to {_listed(found['rex_routes'])}"
    )


def _likely(found: Body) -> str:
    ndpr = _quantiles(found["basis_kg"]["ndpr"], _kg)
    counted = ("disassembled_units", "reused_magnets")
    units, magnets = (_quantiles(found[name], "{:,}".format) for name in counted)
    return f"{ndpr}; units taken apart {units}; whole magnets {magnets}"


def _quantiles(found: Body, text: Callable[[Any], str]) -> str:
    return " · ".join(text(found[name]) for name in ("p10", "p50", "p90"))


def _kg(amount: str) -> str:
    return f"{Decimal(amount):,.1f}"


def _words(code: str) -> str:
    return code.replace("_", " ")


def _listed(routes: list[str]) -> str:
    return ", ".join(routes)
