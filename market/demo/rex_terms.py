"""Cores, their product's twin and whole magnets: request bodies. What no source states is assumed."""

from decimal import Decimal
from typing import Final

from market.demo import figures, requirements, supplies
from market.demo.calendar import Calendar
from market.demo.loop_lots import GRADE, scrap
from market.demo.stage import Player
from market.demo.supplies import Body, cell
from market.rules.twins.capacities import quarter_of, quarter_text

APPLICATION: Final = "ev-traction-motor"
PIECES_PER_MOTOR: Final = 24
ROTORS: Final = 400
ROTOR_KG: Final = Decimal(12)
ROTORS_PER_PALLET: Final = 20
WHOLE_PIECES: Final = 1_200
WANTED_PIECES: Final = 800
PARCEL_PIECES: Final = 40
ELEMENTS: Final = ("Nd", "Pr", "Dy")
GRAMS_PER_KG: Final = 1_000
STEPS: Final[list[Body]] = [
    {"action": "pull the rotor", "tool": "bearing puller", "minutes": "6", "tool_class": "basic"},
    {
        "action": "heat the rotor to 150 degrees",
        "tool": "oven",
        "minutes": "4",
        "tool_class": "commercially_available",
    },
    {
        "action": "push out the magnets",
        "tool": "mandrel press",
        "minutes": "9",
        "tool_class": "commercially_available",
    },
]
FLEET: Final = 5_000
FLEET_AGE_QUARTERS: Final = 52
QUARTERS_AHEAD: Final = 4
SHARES: Final[Body] = {
    step: dict(zip(("low", "middle", "high"), percents, strict=True))
    for step, percents in {
        "collection": ("40", "60", "80"),
        "disassembly": ("70", "85", "95"),
        "reuse": ("20", "30", "40"),
    }.items()
}
"""Of a fleet whose motors were all sold in one quarter."""
SIZES_MM: Final = {"length": "46", "width": "36", "height": "10"}
"""Of a block that weighs what one of the motor's magnets does."""
SPREAD_MM: Final = "0.05"
SPREAD_ACCEPTED_MM: Final = "0.1"


def magnet_g() -> Decimal:
    """Of each of a motor's magnets, alike."""
    return figures.magnet_kg_per_unit(APPLICATION) * GRAMS_PER_KG / PIECES_PER_MOTOR


def motor_twin() -> Body:
    """Of one motor: magnets of one grade, the way to them, its life without a spread."""
    percents = scrap().percents
    scale, shape = figures.weibull_life(APPLICATION)
    return {
        "name": "traction motor of the fleet",
        "application": APPLICATION,
        "magnets": [
            {
                "pieces": PIECES_PER_MOTOR,
                "grade": GRADE,
                "mass_g": f"{magnet_g():.3f}",
                "coating": "nickel",
                "fixing": "embedded",
                "elements": [
                    {"element": element} | dict.fromkeys(("low", "middle", "high"), _plain(percents[element]))
                    for element in ELEMENTS
                ],
            }
        ],
        "steps": STEPS,
        "life": dict.fromkeys(("least_years", "years", "most_years"), scale) | {"shape": shape},
    }


def core_lot(owner: Player, twin: Body, calendar: Calendar) -> Body:
    """Rotors alike, each with the bill of its product's twin; offered lower than they could go."""
    share = figures.magnet_kg_per_unit(APPLICATION) / ROTOR_KG
    cells = [cell(element, scrap().percents[element] * share, element) for element in ELEMENTS]
    net_kg = ROTORS * ROTOR_KG
    lot = supplies.eol_lot(
        owner.firm, owner.facility, "ROT-401", net_kg / GRAMS_PER_KG, calendar, ask_eur="5.20"
    )
    return lot | {
        "form": "core",
        "moisture_percent": "0",
        "composition": {"basis": "dry", "of": "sample", "cells": cells},
        "packaging": {"unit": "pallet", "package_wet_kg": f"{ROTORS_PER_PALLET * ROTOR_KG:.3f}"},
        "minimum_parcel_wet_t": f"{ROTORS_PER_PALLET * ROTOR_KG / GRAMS_PER_KG:.3f}",
        "condition": "B",
        "rex_routes": ["recycle"],
        "step_down": {"reason": "obsolete_specification", "note": "this rotor is not made any more"},
        "core": {
            "kind": "rotor",
            "pieces": ROTORS,
            "magnets": [_without(magnet, "elements") for magnet in twin["magnets"]],
            "steps": [_without(step, "tool_class") for step in twin["steps"]],
            "twin": {"id": twin["id"], "version": twin["version"]},
        },
    }


def whole_magnets_lot(owner: Player, calendar: Calendar) -> Body:
    """Blocks taken out whole, sold by the piece for reuse; no waste any more."""
    net_kg = WHOLE_PIECES * magnet_g() / GRAMS_PER_KG
    lot = supplies.eol_lot(
        owner.firm, owner.facility, "MAG-401", net_kg / GRAMS_PER_KG, calendar, ask_eur="38.00"
    )
    return _without(lot, "step_down") | {
        "moisture_percent": "0",
        "composition": scrap().composition(),
        "packaging": {"unit": "piece", "package_wet_kg": f"{magnet_g() / GRAMS_PER_KG:.3f}"},
        "minimum_parcel_wet_t": f"{PARCEL_PIECES * magnet_g() / GRAMS_PER_KG**2:.3f}",
        "waste_status": "end_of_waste",
        "condition": "A",
        "rex_routes": ["reuse"],
        "magnets": {
            "grade": GRADE,
            "shape": "block",
            "dimensions": _sizes(SPREAD_MM),
            "coating": "nickel",
            "flux_percent": "97.5",
        },
    }


def reuse_requirement(buyer: Player, calendar: Calendar) -> Body:
    """Whole magnets that fit, size by size."""
    need_kg, parcel_kg = (pieces * magnet_g() / GRAMS_PER_KG for pieces in (WANTED_PIECES, PARCEL_PIECES))
    body = requirements.requirement(buyer.firm, buyer.facility, int(need_kg), Decimal(41), calendar)
    return body | {
        "minimum_parcel_kg": f"{parcel_kg:.3f}",
        "limit": body["limit"] | {"per": "wet"},
        "forms": [{"form": "eol_magnet"}],
        "rex_route": "reuse",
        "magnets": {
            "grades": [GRADE],
            "shape": "block",
            "dimensions": _sizes(SPREAD_ACCEPTED_MM),
            "coatings": ["nickel"],
            "flux_min_percent": "95",
        },
    }


def returns_of_fleet(twin: Body, calendar: Calendar) -> Body:
    """When the motors of a fleet come back, by their twin: the next quarters."""
    first = quarter_of(calendar.first_start)
    return {
        "twin": {"id": twin["id"], "version": twin["version"]},
        "placed_on_market": [{"quarter": quarter_text(first - FLEET_AGE_QUARTERS), "units": FLEET}],
        **SHARES,
        "reuse": SHARES["reuse"] | {"source": "assumed for this demonstration"},
        "route": "hydrometallurgy",
        "first": quarter_text(first),
        "quarters": QUARTERS_AHEAD,
    }


def lot_ahead(owner: Player, twin: Body, told: Body, calendar: Calendar) -> Body:
    """Whole magnets that the first of these quarters brings with nine chances in ten, offered before they are
    there: `told` is the forecast of `returns_of_fleet`."""
    asked, quarter = returns_of_fleet(twin, calendar), told["quarters"][0]
    pieces = quarter["quantiles"]["reused_magnets"]["p10"]
    tonnes = f"{pieces * magnet_g() / GRAMS_PER_KG**2:.6f}"
    lot = whole_magnets_lot(owner, calendar)
    magnets = [
        {name: magnet[name] for name in ("pieces", "mass_g", "elements")} for magnet in twin["magnets"]
    ]
    kept = ("placed_on_market", "collection", "disassembly", "reuse", "twin")
    return lot | {
        "net_wet_t": tonnes,
        "tranches": [lot["tranches"][0] | {"net_wet_t": tonnes}],
        "physical_lot": lot["physical_lot"] | {"lot_number": "MAG-402"},
        "forecast": {
            "basis": "return_forecast",
            "quarter": quarter["quarter"],
            "quantile": "middle",
            "percentile": "p10",
            "returns": {name: asked[name] for name in kept} | {"magnets": magnets, "life": twin["life"]},
        },
    }


def _sizes(tolerance_mm: str) -> list[Body]:
    return [
        {"axis": axis, "size_mm": size_mm, "tolerance_mm": tolerance_mm} for axis, size_mm in SIZES_MM.items()
    ]


def _without(body: Body, name: str) -> Body:
    return {key: value for key, value in body.items() if key != name}


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
