"""What the demonstration's sellers post: bodies of `POST /v1/supply-offers` and `POST /v1/recovered-lots`."""

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Any

from events.vocabulary import TRADED_OXIDE
from market.demo import figures
from market.demo.calendar import Calendar, text
from market.demo.firms import EOL_WASTE_CODE, SWARF_WASTE_CODE, Firm

Body = dict[str, Any]
"""A request body, members as the door names them."""

BIG_BAG_T = Decimal(1)
OXIDE_PURITY_PERCENT = Decimal("99.5")
EBIKE_SAMPLE = "ebike-motor-magnets"


def oxide_offer(
    firm: Firm,
    facility: str,
    certificates: list[str],
    deposit: str,
    premium_usd_per_kg: Decimal,
    calendar: Calendar,
    random: Random,
    *,
    recycled_percent: Decimal = Decimal(0),
    footprint_kg_co2e_per_kg: Decimal | None = None,
    origin_country: str,
) -> Body:
    """NdPr oxide in big bags: the uncommitted part of the nameplate, in two tranches."""
    nd_percent, pr_percent = figures.ndpr_split_percent(deposit)
    uncommitted = Decimal(random.randrange(30, 90)) / 1000
    yearly_t = firm.nameplate_t * (1 if recycled_percent else figures.ndpr_of_treo(deposit))
    quantity_t = _whole_packages(yearly_t * uncommitted, BIG_BAG_T * 2)
    asked = figures.price_usd_per_kg("NdPr_oxide_99") + premium_usd_per_kg
    body: Body = {
        "form": "separated_oxide",
        "net_wet_t": _tonnes(quantity_t),
        "moisture_percent": "0",
        "composition": {
            "basis": "dry",
            "of": "treo",
            "treo_percent": str(OXIDE_PURITY_PERCENT),
            "cells": [
                cell("Nd", nd_percent, "Nd2O3"),
                cell("Pr", pr_percent - Decimal("0.20"), "Pr6O11"),
                cell("La", Decimal("0.05"), "La2O3"),
                cell("Ce", Decimal("0.10"), "CeO2"),
                cell("Sm", Decimal("0.05"), "Sm2O3"),
                {"state": "below_detection", "analyte": "Th", "fraction": _ppm(Decimal(5))},
                {"state": "below_detection", "analyte": "U", "fraction": _ppm(Decimal(5))},
            ],
        },
        "assay": _assay(firm, calendar) | {"th_bq_per_g": "0.010", "u_bq_per_g": "0.010"},
        "packaging": {"unit": "big_bag", "package_wet_kg": "1000.000"},
        "minimum_parcel_wet_t": _tonnes(BIG_BAG_T),
        "tranches": [
            _tranche(calendar.first_start, calendar.second_start, quantity_t / 2),
            _tranche(calendar.second_start, calendar.second_end, quantity_t / 2),
        ],
        "incoterm": "FCA",
        "place": {"country": firm.country, "name": firm.place},
        "ask": {"amount": f"{asked:.2f}", "currency": "USD", "per": "oxide"},
        "valid_until": text(calendar.orders_until),
        "payment_terms": "30 days after delivery",
        "facility": facility,
        "origin": [
            *({"stage": stage, "country": origin_country} for stage in _sources(recycled_percent)),
            {"stage": "processing", "country": firm.country},
        ],
        "waste_status": "end_of_waste" if recycled_percent else "product",
        "cn_code": "28469030",
        "commitment": "firm",
        "certificates": certificates,
    }
    if recycled_percent:
        body["recycled"] = {"post_consumer_percent": str(recycled_percent), "pre_consumer_percent": "0"}
    if footprint_kg_co2e_per_kg is not None:
        body["footprint"] = _footprint(footprint_kg_co2e_per_kg, calendar)
    return body


def _sources(recycled_percent: Decimal) -> Iterator[str]:
    """Where oxide comes from before it is processed."""
    if recycled_percent:
        yield "recycling"
    if recycled_percent < 100:
        yield "extraction"


def monazite_oxide_offer(firm: Firm, facility: str, certificates: list[str], calendar: Calendar) -> Body:
    """Mixed oxide from a monazite pilot plant: the deposit's published split, and its thorium."""
    split = figures.reo_split_percent("mount-weld-cld")
    return {
        "form": "mixed_oxide",
        "net_wet_t": "40.000",
        "moisture_percent": "2",
        "composition": {
            "basis": "dry",
            "of": "treo",
            "treo_percent": "92",
            "cells": [_published_cell(element, share) for element, share in split.items()]
            + [_cell_ppm("Th", Decimal(120)), _cell_ppm("U", Decimal(9))],
        },
        "assay": _assay(firm, calendar) | {"th_bq_per_g": "0.490", "u_bq_per_g": "0.110"},
        "packaging": {"unit": "big_bag", "package_wet_kg": "1000.000"},
        "minimum_parcel_wet_t": "5.000",
        "tranches": [_tranche(calendar.first_start, calendar.second_end, Decimal(40))],
        "incoterm": "FCA",
        "place": {"country": firm.country, "name": firm.place},
        "ask": {"amount": "44.00", "currency": "EUR", "per": "element"},
        "valid_until": text(calendar.orders_until),
        "payment_terms": "prepayment",
        "facility": facility,
        "origin": [{"stage": "extraction", "country": "ES"}, {"stage": "processing", "country": "ES"}],
        "waste_status": "product",
        "cn_code": "28469090",
        "commitment": "firm",
        "certificates": certificates,
    }


def eol_lot(
    firm: Firm, facility: str, lot_number: str, net_wet_t: Decimal, calendar: Calendar, *, ask_eur: str
) -> Body:
    """End-of-life e-bike magnets with the published assay, the carbon of their glue included."""
    assay = figures.eol_assay_percent(EBIKE_SAMPLE)
    return {
        "form": "eol_magnet",
        "net_wet_t": _tonnes(net_wet_t),
        "moisture_percent": "0.5",
        "composition": {
            "basis": "dry",
            "of": "sample",
            "cells": [cell(analyte, Decimal(share), analyte) for analyte, share in assay.items()],
        },
        "assay": _assay(firm, calendar),
        "packaging": {"unit": "drum", "package_wet_kg": "500.000"},
        "minimum_parcel_wet_t": "2.000",
        "tranches": [_tranche(calendar.first_start, calendar.second_start, net_wet_t)],
        "incoterm": "FCA",
        "place": {"country": firm.country, "name": firm.place},
        "ask": {"amount": ask_eur, "currency": "EUR", "per": "wet"},
        "valid_until": text(calendar.orders_until),
        "payment_terms": "80 % on documents, rest on assay",
        "facility": facility,
        "origin": [{"stage": "recycling", "country": firm.country}],
        "waste_status": "waste",
        "ewc_code": EOL_WASTE_CODE,
        "commitment": "firm",
        "recycled": {"post_consumer_percent": "100", "pre_consumer_percent": "0"},
        "physical_lot": {"site": facility, "lot_number": lot_number},
        "rex_routes": ["recycle"],
        "condition": "C",
        "step_down": {"reason": "not_separable", "note": "broken out of their glue together with the rotor"},
    }


def swarf_lot(firm: Firm, facility: str, lot_number: str, calendar: Calendar) -> Body:
    """25 t of wet grinding swarf: 20 % water, 28 % NdPr in the dry matter, carbon from grinding."""
    return {
        "form": "swarf",
        "net_wet_t": "25.000",
        "moisture_percent": "20",
        "composition": {
            "basis": "dry",
            "of": "sample",
            "cells": [
                cell("Nd", Decimal("21.5"), "Nd"),
                cell("Pr", Decimal("6.5"), "Pr"),
                cell("Dy", Decimal("1.1"), "Dy"),
                cell("Fe", Decimal(58), "Fe"),
                cell("B", Decimal("0.9"), "B"),
                cell("C", Decimal("0.9"), "C"),
                cell("O", Decimal("8.5"), "O"),
            ],
        },
        "assay": _assay(firm, calendar),
        "packaging": {"unit": "drum", "package_wet_kg": "250.000"},
        "minimum_parcel_wet_t": "5.000",
        "tranches": [_tranche(calendar.first_start, calendar.second_start, Decimal(25))],
        "incoterm": "FCA",
        "place": {"country": firm.country, "name": firm.place},
        "ask": {"amount": "6.90", "currency": "EUR", "per": "wet"},
        "valid_until": text(calendar.orders_until),
        "payment_terms": "80 % on documents, rest on assay",
        "facility": facility,
        "origin": [{"stage": "manufacturing", "country": firm.country}],
        "waste_status": "waste",
        "ewc_code": SWARF_WASTE_CODE,
        "commitment": "subject_to_confirmation",
        "recycled": {"post_consumer_percent": "0", "pre_consumer_percent": "100"},
        "physical_lot": {"site": facility, "lot_number": lot_number},
        "rex_routes": ["recycle"],
    }


def _published_cell(element: str, share: str) -> Body:
    reported_as = TRADED_OXIDE[element]
    if share == "NA":
        return {"state": "not_available", "analyte": element, "reported_as": reported_as}
    if share.startswith("<"):
        fraction = _percent(Decimal(share.removeprefix("<")))
        return {
            "state": "below_detection",
            "analyte": element,
            "reported_as": reported_as,
            "fraction": fraction,
        }
    return cell(element, Decimal(share), reported_as)


def cell(analyte: str, share_percent: Decimal, reported_as: str) -> Body:
    return {
        "state": "value",
        "analyte": analyte,
        "reported_as": reported_as,
        "fraction": _percent(share_percent),
    }


def _cell_ppm(analyte: str, share_ppm: Decimal) -> Body:
    return {"state": "value", "analyte": analyte, "fraction": _ppm(share_ppm)}


def _percent(amount: Decimal) -> Body:
    return {"unit": "percent", "amount": f"{amount.normalize():f}"}


def _ppm(amount: Decimal) -> Body:
    return {"unit": "ppm", "amount": f"{amount.normalize():f}"}


def _assay(firm: Firm, calendar: Calendar) -> Body:
    return {
        "laboratory": "Demonstration Assay House",
        "reference": f"{firm.name}/{calendar.today:%Y-%m}",
        "sampled_on": f"{calendar.today:%Y-%m-%d}",
    }


def _footprint(kg_co2e_per_kg: Decimal, calendar: Calendar) -> Body:
    return {
        "kg_co2e_per_kg": f"{kg_co2e_per_kg:.3f}",
        "declared_unit": "oxide",
        "form": "separated_oxide",
        "standard": "ISO-14067",
        "boundary": "cradle-to-gate",
        "allocation": "mass",
        "reference_year": figures.PRICE_YEAR,
        "primary_data_percent": "70",
        "verified": True,
        "verifier": "Demonstration Verifier",
        "valid_until": text(calendar.papers_until),
    }


def _tranche(start: Any, end: Any, net_wet_t: Decimal) -> Body:
    return {"window": {"start": text(start), "end": text(end)}, "net_wet_t": _tonnes(net_wet_t)}


def _tonnes(amount: Decimal) -> str:
    return f"{amount:.3f}"


def _whole_packages(amount_t: Decimal, package_t: Decimal) -> Decimal:
    packages = (amount_t / package_t).to_integral_value(ROUND_DOWN)
    return max(packages, Decimal(1)) * package_t
