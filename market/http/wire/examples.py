"""Example bodies of the OpenAPI document, of one coherent trade; a test posts them."""

from typing import Any, Final

MARKET: Final = "mkt_0199b3c2d4e57f60a1b2c3d4e5f60718"
FACILITY: Final = "fac_0199b3c2d4e57f60a1b2c3d4e5f60718"
ORGANISATION: Final = "org_0199b3c2d4e57f60a1b2c3d4e5f60718"

_WINDOW: Final = {"start": "2027-04-01T00:00:00Z", "end": "2027-07-01T00:00:00Z"}

OFFER: Final[dict[str, Any]] = {
    "market": MARKET,
    "form": "separated_oxide",
    "net_wet_t": "10.000",
    "moisture_percent": "0.5",
    "composition": {
        "basis": "dry",
        "of": "sample",
        "cells": [
            {
                "analyte": "Nd",
                "state": "value",
                "reported_as": "Nd2O3",
                "fraction": {"unit": "percent", "amount": "74.6"},
            },
            {
                "analyte": "Pr",
                "state": "value",
                "reported_as": "Pr6O11",
                "fraction": {"unit": "percent", "amount": "24.9"},
            },
            {"analyte": "Fe", "state": "value", "fraction": {"unit": "ppm", "amount": "120"}},
            {"analyte": "Th", "state": "below_detection", "fraction": {"unit": "ppm", "amount": "5"}},
        ],
    },
    "assay": {
        "laboratory": "assay house west",
        "reference": "A-2231",
        "sampled_on": "2026-10-02",
        "th_bq_per_g": "0.02",
    },
    "packaging": {"unit": "big_bag", "package_wet_kg": "1000.000"},
    "minimum_parcel_wet_t": "1.000",
    "tranches": [{"window": _WINDOW, "net_wet_t": "10.000"}],
    "incoterm": "FCA",
    "place": {"country": "FR", "name": "La Rochelle"},
    "ask": {"amount": "69.00", "currency": "USD", "per": "oxide"},
    "valid_until": "2027-03-15T00:00:00Z",
    "payment_terms": "30 days net",
    "facility": FACILITY,
    "origin": [
        {"stage": "extraction", "country": "AU"},
        {"stage": "processing", "country": "FR", "strategic_project": True},
    ],
    "waste_status": "product",
    "cn_code": "28469040",
    "commitment": "firm",
    "footprint": {
        "kg_co2e_per_kg": "15.000",
        "declared_unit": "oxide",
        "form": "separated_oxide",
        "standard": "ISO14067",
        "boundary": "cradle-to-gate",
        "allocation": "economic",
        "reference_year": 2025,
        "primary_data_percent": "80",
        "verified": True,
        "verifier": "verifier one",
        "valid_until": "2028-01-01T00:00:00Z",
    },
}

LOT: Final[dict[str, Any]] = {
    "market": MARKET,
    "form": "swarf",
    "net_wet_t": "25.000",
    "moisture_percent": "20",
    "composition": {
        "basis": "dry",
        "of": "sample",
        "cells": [
            {"analyte": "Nd", "state": "value", "fraction": {"unit": "percent", "amount": "21.5"}},
            {"analyte": "Pr", "state": "value", "fraction": {"unit": "percent", "amount": "6.5"}},
            {"analyte": "Dy", "state": "value", "fraction": {"unit": "percent", "amount": "0.9"}},
            {"analyte": "Fe", "state": "value", "fraction": {"unit": "percent", "amount": "62"}},
            {"analyte": "C", "state": "value", "fraction": {"unit": "ppm", "amount": "850"}},
            {"analyte": "O", "state": "not_available"},
        ],
    },
    "assay": {"laboratory": "assay house west", "reference": "A-2290", "sampled_on": "2026-10-20"},
    "packaging": {"unit": "drum", "package_wet_kg": "250.000"},
    "minimum_parcel_wet_t": "5.000",
    "tranches": [{"window": _WINDOW, "net_wet_t": "25.000"}],
    "incoterm": "DAP",
    "place": {"country": "DE", "name": "Hanau"},
    "ask": {"amount": "9.80", "currency": "EUR", "per": "dry"},
    "valid_until": "2027-03-15T00:00:00Z",
    "payment_terms": "provisional 90 %, final on assay",
    "facility": FACILITY,
    "origin": [{"stage": "recycling", "country": "DE"}],
    "waste_status": "waste",
    "ewc_code": "120103",
    "commitment": "subject_to_confirmation",
    "recycled": {"pre_consumer_percent": "100"},
    "physical_lot": {"site": FACILITY, "lot_number": "SW-2026-118"},
    "rex_routes": ["recycle"],
}

REQUIREMENT: Final[dict[str, Any]] = {
    "market": MARKET,
    "forms": [{"form": "separated_oxide"}, {"form": "swarf", "differential_eur_per_kg": "-14.50"}],
    "basis_kg": "5000.000",
    "minimum_parcel_kg": "500.000",
    "limit": {"amount": "86.00", "currency": "EUR", "per": "element"},
    "limits": [
        {"analyte": "Th", "max": {"unit": "ppm", "amount": "50"}},
        {"analyte": "C", "max": {"unit": "ppm", "amount": "1000"}},
    ],
    "window": _WINDOW,
    "overlap_min_days": 14,
    "place": {"country": "DE", "name": "Hanau"},
    "facility": FACILITY,
    "valid_until": "2027-03-15T00:00:00Z",
    "commitment": "subject_to_confirmation",
    "rex_route": "recycle",
    "co_products": [
        {"analyte": "Dy", "price_eur_per_kg": "240.00", "payable_percent": "70", "max_ratio": "0.05"}
    ],
    "penalties": [
        {
            "analyte": "C",
            "threshold": {"unit": "ppm", "amount": "500"},
            "step": {"unit": "ppm", "amount": "100"},
            "eur_per_kg_per_step": "0.05",
        }
    ],
    "carriage": [{"country": "FR", "per": "product", "eur_per_kg": "0.08"}],
    "profile": {
        "carbon_eur_per_t": "80.00",
        "post_consumer_eur_per_kg": "2.00",
        "pre_consumer_eur_per_kg": "0.50",
        "cap_eur_per_kg": "8.00",
    },
}

AGREEMENT_TERMS: Final[dict[str, Any]] = {
    "product": {"basis": "ndpr", "form": "separated_oxide", "buyer_option_forms": ["metal"]},
    "term": {
        "starts_on": "2028-01-01",
        "years": 3,
        "extension_years": 1,
        "extensions_max": 1,
        "extended_by": "buyer",
        "extension_notice_days": 90,
        "long_stop_on": "2028-06-30",
    },
    "volume": {
        "kind": "fixed",
        "acq_kg": ["600000.000", "900000.000", "1500000.000", "1500000.000"],
        "tolerance_percent": "5",
    },
    "nominations": [
        {"level": "annual", "notice_days": 90, "band_percent": "10"},
        {"level": "monthly", "notice_days": 20, "band_percent": "10"},
    ],
    "take_or_pay": {"top_percent": "80", "deficiency_price_percent": "100", "makeup_years": 2},
    "price": {
        "kind": "indexed",
        "index": {
            "code": "ndpr-oxide-cn",
            "currency": "USD",
            "per": "oxide",
            "quotation_period": "month_of_shipment",
            "fx_code": "usd-eur",
            "stale_days_max": 31,
        },
        "floor_per_kg": "75.00",
        "payable_percent": "97.5",
        "form_factor": "1.1755",
        "by_form": [{"form": "metal", "form_factor": "1.1755", "conversion_per_kg": "-9.00"}],
    },
    "conditions": [
        {
            "code": "permit",
            "kind": "permit",
            "description": "Environmental permit of the separation plant",
            "due_on": "2027-12-31",
            "by": "seller",
        }
    ],
    "delivery": {
        "incoterm": "FCA",
        "place": {"country": "EE", "name": "Narva"},
        "lot_wet_t": "20.000",
        "packaging": {"unit": "big_bag", "package_wet_kg": "1000.000"},
    },
    "assay": {
        "splitting": [
            {"analyte": "Nd", "limit": {"unit": "percent", "amount": "0.5"}},
            {"analyte": "Pr", "limit": {"unit": "percent", "amount": "0.3"}},
        ],
        "umpire": "Umpire Laboratories, Antwerp",
    },
    "payment": {"currency": "EUR", "provisional_percent": "90", "due_days": 30},
}

AGREEMENT: Final[dict[str, Any]] = {
    "market": MARKET,
    "kind": "offtake",
    "side": "seller",
    "counterparty": ORGANISATION,
    "terms": AGREEMENT_TERMS,
}
