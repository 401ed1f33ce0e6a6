"""A trade in six requests. `lodestone up --json > keys.json` runs: `python examples/trade.py keys.json`.

It keeps the whole answer to the second beside the keys: `lodestone audit receipt answer.json` checks it.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from market.client import Client
from market.client.answers import Match, Receipt

Body = dict[str, Any]
MATCH_SECONDS_MAX = 30
NOW = datetime.now(UTC).replace(microsecond=0)
START = (NOW + timedelta(days=30)).isoformat()
END = (NOW + timedelta(days=120)).isoformat()
VALID_UNTIL = (NOW + timedelta(days=20)).isoformat()


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
        "origin": [
            {"stage": "extraction", "country": "EE"},
            {"stage": "recycling", "country": "FR"},
            {"stage": "processing", "country": "FR"},
        ],
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


async def main(keys: Body, kept: Path) -> None:
    market = keys["market"]
    async with (
        Client(keys["api"], keys["seller_key"]) as seller,
        Client(keys["api"], keys["buyer_key"]) as buyer,
        Client(keys["api"], keys["operator_key"]) as operator,
    ):
        offered = await seller.offers.post(offer(market, keys["seller_facility"]))
        show(1, "POST /v1/supply-offers", offered, "id", "basis_kg", "ask_eur_per_basis_kg")
        posted = await buyer.requirements.post(requirement(market, keys["buyer_facility"]))
        show(2, "POST /v1/requirements", posted, "id", "basis_kg", "limit_eur_per_basis_kg")
        show_receipt(posted.receipts[0])
        keep(posted, kept)
        fits = await buyer.requirements.candidates(str(posted.id))
        show(3, "GET /v1/requirements/{id}/candidates", fits, "standing", "open_kg", "reasons")
        planned = await operator.post(f"/v1/markets/{market}/clearings", {})
        show(4, "POST /v1/markets/{id}/clearings", planned, "id", "round")
        for number, side, client in ((5, "buyer", buyer), (6, "seller", seller)):
            async with asyncio.timeout(MATCH_SECONDS_MAX):
                match = await explained(client, market, planned["id"])
            line = f"GET /v1/matches/{{id}} as its {side}"
            show(number, line, match, "status", "quantity_basis_kg", "price_eur_per_kg", "amount_eur")
            show_waterfall(match)


async def explained(client: Client, market: str, plan: str) -> Match:
    """The round's match with its explanation, as soon as both are there."""
    while True:
        async for found in client.matches.list(market=market):
            if found.plan == plan:
                match = await client.matches.read(found.id)
                if match.explanation is not None:
                    return match
        await asyncio.sleep(0.2)


def show(number: int, line: str, answer: object, *names: str) -> None:
    whole = msgspec.to_builtins(answer)
    print(f"{number}. {line}\n   {json.dumps({name: whole[name] for name in names})}")


def show_receipt(receipt: Receipt) -> None:
    print(f"   receipt: lane {receipt.lane}, position {receipt.position}, {receipt.event_sha256}")


def keep(answer: object, file: Path) -> None:
    file.write_bytes(msgspec.json.encode(answer))


def show_waterfall(match: Match) -> None:
    assert match.explanation is not None
    for line in match.explanation.lines:
        if line.label != "surplus" and line.eur_per_kg:
            show_eur_per_kg(line.label, line.eur_per_kg)
    show_eur_per_kg("price", match.price_eur_per_kg)
    show_eur_per_kg("you gain", match.explanation.surplus_eur_per_kg)


def show_eur_per_kg(label: str, amount: Decimal) -> None:
    print(f"   {label:<12} {amount:>12.6f} EUR/kg")


if __name__ == "__main__":
    given = Path(sys.argv[1])
    asyncio.run(main(json.loads(given.read_text(encoding="utf-8")), given.with_name("answer.json")))
