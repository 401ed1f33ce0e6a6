"""Example bodies of passports and transformations; a test posts them."""

from typing import Any, Final

from market.http.wire.examples import FACILITY

PASSPORT_ID: Final = "pass_0199b3c2d4e57f60a1b2c3d4e5f60718"

_DOCUMENT: Final = {
    "title": "certificate of origin",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "dated_on": "2026-01-15",
}

PASSPORT: Final[dict[str, Any]] = {
    "facility": FACILITY,
    "lot_number": "SW-2026-118",
    "form": "swarf",
    "net_wet_t": "25.000",
    "moisture_percent": "20",
    "composition": {
        "basis": "dry",
        "of": "sample",
        "cells": [
            {"analyte": "Nd", "state": "value", "fraction": {"unit": "percent", "amount": "21.5"}},
            {"analyte": "Pr", "state": "value", "fraction": {"unit": "percent", "amount": "6.5"}},
            {"analyte": "O", "state": "not_available"},
        ],
    },
    "custody": "segregated",
    "origin": [
        {"stage": "extraction", "country": "AU", "share_percent": "100", "source": "a mine"},
        {"stage": "recycling", "country": "FR", "share_percent": "100", "facility": FACILITY},
    ],
    "recycled": [{"element": "Nd", "pre_consumer_percent": "100"}],
    "evidence": [
        {"supports": "origin", "document": _DOCUMENT},
        {"supports": "recycled", "document": _DOCUMENT},
    ],
}

TRANSFORMATION: Final[dict[str, Any]] = {
    "facility": FACILITY,
    "stage": "processing",
    "transformed_on": "2026-02-20",
    "custody": "segregated",
    "tolerance_ppm": 5_000,
    "inputs": [{"passport": PASSPORT_ID, "net_wet_t": "10.000"}],
    "outputs": [
        {
            "lot_number": "OX-2026-007",
            "form": "separated_oxide",
            "net_wet_t": "2.510",
            "composition": {
                "basis": "dry",
                "of": "sample",
                "cells": [
                    {
                        "analyte": "Nd",
                        "state": "value",
                        "reported_as": "Nd2O3",
                        "fraction": {"unit": "percent", "amount": "76"},
                    },
                    {
                        "analyte": "Pr",
                        "state": "value",
                        "reported_as": "Pr6O11",
                        "fraction": {"unit": "percent", "amount": "23.8"},
                    },
                ],
            },
            "recycled": [{"element": "Nd", "pre_consumer_percent": "95"}],
        }
    ],
    "losses": [{"element": "Nd", "mass_g": "84000.000"}, {"element": "Pr", "mass_g": "25000.000"}],
}
