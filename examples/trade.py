"""A trade in six requests. `lodestone up --json > keys.json` runs: `python examples/trade.py keys.json`.

Only the standard library is used, so that every request can be read as it goes over the wire.
"""

import json
import sys
import time
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

Body = dict[str, Any]
MATCH_SECONDS_MAX = 30
NOW = datetime.now(UTC).replace(microsecond=0)
START = (NOW + timedelta(days=30)).isoformat()
END = (NOW + timedelta(days=120)).isoformat()
VALID_UNTIL = (NOW + timedelta(days=20)).isoformat()


def call(method: str, url: str, key: str, body: Body | None = None) -> Body:
    headers = {"Authorization": f"Bearer {key}"}
    if method == "POST":
        headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  our own URL
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  our own URL
        answer: Body = json.load(response)
        return answer


def show(number: int, line: str, answer: Body) -> None:
    print(f"{number}. {line}\n   {json.dumps(answer)}")


def offer(market: str, facility: str) -> Body:
    return {
        "market": market,
        "form": "separated_oxide",
        "net_wet_t": "4",
        "moisture_percent": "0",
        "composition": {
            "basis": "dry",
            "of": "sample",
            "cells": [
                cell("Nd", "Nd2O3", "77.4"),
                cell("Pr", "Pr6O11", "22.1"),
            ],
        },
        "assay": {"laboratory": "Assay House", "reference": "A-1", "sampled_on": f"{NOW:%Y-%m-%d}"},
        "packaging": {"unit": "big_bag", "package_wet_kg": "1000"},
        "minimum_parcel_wet_t": "1",
        "tranches": [{"window": {"start": START, "end": END}, "net_wet_t": "4"}],
        "incoterm": "FCA",
        "place": {"country": "FR", "name": "Le Havre"},
        "ask": {"amount": "66.00", "currency": "USD", "per": "oxide"},
        "valid_until": VALID_UNTIL,
        "payment_terms": "30 days after delivery",
        "facility": facility,
        "origin": [{"stage": "recycling", "country": "FR"}, {"stage": "processing", "country": "FR"}],
        "recycled": {"post_consumer_percent": "60", "pre_consumer_percent": "10"},
        "waste_status": "end_of_waste",
        "commitment": "firm",
    }


def cell(analyte: str, oxide: str, percent: str) -> Body:
    fraction = {"unit": "percent", "amount": percent}
    return {"state": "value", "analyte": analyte, "reported_as": oxide, "fraction": fraction}


def requirement(market: str, facility: str) -> Body:
    return {
        "market": market,
        "forms": [{"form": "separated_oxide"}],
        "basis_kg": "1700",
        "minimum_parcel_kg": "100",
        "limit": {"amount": "71.00", "currency": "EUR", "per": "element"},
        "window": {"start": START, "end": END},
        "place": {"country": "DE", "name": "Hanau"},
        "facility": facility,
        "valid_until": VALID_UNTIL,
        "commitment": "firm",
        "carriage": [{"country": "FR", "per": "product", "eur_per_kg": "0.35"}],
        "profile": {
            "post_consumer_eur_per_kg": "6.00",
            "eu_origin_eur_per_kg": "1.50",
            "cap_eur_per_kg": "12.00",
        },
    }


def main(keys: Body) -> None:
    api, market = keys["api"], keys["market"]
    seller, buyer, operator = keys["seller_key"], keys["buyer_key"], keys["operator_key"]
    offered = call("POST", f"{api}/supply-offers", seller, offer(market, keys["seller_facility"]))
    show(1, "POST /v1/supply-offers", pick(offered, "id", "basis_kg", "ask_eur_per_basis_kg"))
    posted = call("POST", f"{api}/requirements", buyer, requirement(market, keys["buyer_facility"]))
    show(2, "POST /v1/requirements", pick(posted, "id", "basis_kg", "limit_eur_per_basis_kg"))
    show_receipt(posted["receipts"][0])
    fits = call("GET", f"{api}/requirements/{posted['id']}/candidates", buyer)
    show(3, "GET /v1/requirements/{id}/candidates", pick(fits, "standing", "open_kg", "reasons"))
    planned = call("POST", f"{api}/markets/{market}/clearings", operator, {})
    show(4, "POST /v1/markets/{id}/clearings", pick(planned, "id", "round"))
    for number, side, key in ((5, "buyer", buyer), (6, "seller", seller)):
        match = explained(api, key, market, planned["id"])
        facts = pick(match, "status", "quantity_basis_kg", "price_eur_per_kg", "amount_eur")
        show(number, f"GET /v1/matches/{{id}} as its {side}", facts)
        show_waterfall(match)


def show_receipt(receipt: Body) -> None:
    print(f"   receipt: lane {receipt['lane']}, position {receipt['position']}, {receipt['event_sha256']}")


def show_waterfall(match: Body) -> None:
    explanation = match["explanation"]
    for line in explanation["lines"]:
        if line["label"] != "surplus" and line["eur_per_kg"] != "0.00":
            show_eur_per_kg(line["label"], line["eur_per_kg"])
    show_eur_per_kg("price", match["price_eur_per_kg"])
    show_eur_per_kg("you gain", explanation["surplus_eur_per_kg"])


def show_eur_per_kg(label: str, amount: str) -> None:
    print(f"   {label:<12} {Decimal(amount):>12.6f} EUR/kg")


def pick(answer: Body, *names: str) -> Body:
    return {name: answer[name] for name in names}


def explained(api: str, key: str, market: str, plan: str) -> Body:
    """The round's match with its explanation, as soon as both are there."""
    until = time.monotonic() + MATCH_SECONDS_MAX
    while time.monotonic() < until:
        listed = call("GET", f"{api}/matches?market={market}&limit=100", key)["items"]
        for found in listed:
            if found["plan"] == plan:
                match = call("GET", f"{api}/matches/{found['id']}", key)
                if match["explanation"] is not None:
                    return match
        time.sleep(0.2)  # noqa: TID251  a script has no event loop
    raise TimeoutError(f"no explained match of {plan} within {MATCH_SECONDS_MAX} s")


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
