"""The demonstration's offtake on paper: two term orders, the clauses added to them, lots and index values."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from msgspec import Struct

from market.demo import figures, requirements, supplies
from market.demo.calendar import Calendar, text
from market.demo.stage import Stage
from market.demo.supplies import Body

SELLER = "refiner-ee-1"
BUYER = "magnet-ee-1"
WHAT = "NdPr oxide for three years"
MARKET_INDEX = "USGS:NdPr_oxide_99"
MONTHLY_INDEX = "DEMO:NdPr_oxide"
RATE = "DEMO:USD"
UMPIRE = "Demonstration Umpire"
FORM = "separated_oxide"
PLATEAU_KG = Decimal(80_000)
OFFERED_T = Decimal(100)
PERCENT_OF_PLATEAU = ("50", "75", "100")
EUR_PER_USD = (Decimal("0.86"), Decimal("0.87"), Decimal("0.85"))


class Lot(Struct, frozen=True, kw_only=True):
    """A lot as the parties will meet it; figures are per cent of the dry sample.

    `nd_buyer` None: the buyer's assay is the seller's. `nd_umpire` where the two differ by more than the
    splitting limit.
    """

    number: str
    year: int
    month: int
    net_wet_t: Decimal
    nd_seller: Decimal = Decimal("63.80")
    nd_buyer: Decimal | None = None
    nd_umpire: Decimal | None = None
    pr: Decimal = Decimal("20.70")

    def shipped_on(self, start_year: int) -> date:
        return date(start_year + self.year - 1, self.month, 10)


LOTS = (
    Lot(number="OX-101", year=1, month=1, net_wet_t=Decimal("3.5"), nd_buyer=Decimal("63.64")),
    Lot(number="OX-102", year=1, month=2, net_wet_t=Decimal("3.5"), nd_buyer=Decimal("63.90")),
    Lot(number="OX-103", year=1, month=3, net_wet_t=Decimal("3.5")),
    Lot(
        number="OX-104",
        year=1,
        month=5,
        net_wet_t=Decimal(10),
        nd_buyer=Decimal("63.02"),
        nd_umpire=Decimal("63.50"),
    ),
    Lot(number="OX-105", year=1, month=8, net_wet_t=Decimal(8)),
    Lot(number="OX-201", year=2, month=2, net_wet_t=Decimal(20)),
    Lot(number="OX-202", year=2, month=5, net_wet_t=Decimal(20)),
    Lot(number="OX-203", year=2, month=8, net_wet_t=Decimal(20)),
    Lot(number="OX-204", year=2, month=11, net_wet_t=Decimal(20)),
)


def orders(stage: Stage, calendar: Calendar) -> tuple[Body, Body]:
    """Offer and requirement of the same three calendar years; their price is a differential to the index."""
    seller, buyer = stage.players[SELLER], stage.players[BUYER]
    term = {
        "start_year": calendar.start_year,
        "profile_percent": list(PERCENT_OF_PLATEAU),
        "index": MARKET_INDEX,
        "quotation_period": "month_of_shipment",
        "floor_eur_per_kg": "55.00",
    }
    window = {
        "start": text(datetime(calendar.start_year, 1, 1, tzinfo=UTC)),
        "end": text(datetime(calendar.start_year + len(PERCENT_OF_PLATEAU), 1, 1, tzinfo=UTC)),
    }
    offer = supplies.oxide_offer(
        seller.firm,
        seller.facility,
        list(seller.certificates.values()),
        "mount-weld-cld",
        Decimal(0),
        calendar,
        Random(0),  # noqa: S311  the same each time
        origin_country="AU",
    )
    offer |= {
        "net_wet_t": f"{OFFERED_T:.3f}",
        "packaging": {"unit": "bulk", "package_wet_kg": "1000.000"},
        "tranches": [{"window": window, "net_wet_t": f"{OFFERED_T:.3f}"}],
        "ask": {"amount": "2.40", "currency": "EUR", "per": "element"},
        "term": term,
    }
    need = requirements.oxide_requirement(
        buyer.firm,
        buyer.facility,
        "N42SH",
        Decimal("3.50"),
        calendar,
        Random(0),  # noqa: S311  the same each time
        profile=None,
    )
    need |= {"basis_kg": f"{PLATEAU_KG:.3f}", "window": window, "term": term}
    return offer, need


def clauses(matched: Body, today: date) -> Body:
    """The terms of the match, and what a match says nothing of."""
    due = (today + timedelta(days=30)).isoformat()
    index = matched["price"]["index"] | {"code": MONTHLY_INDEX, "fx_code": RATE}
    splitting = {"unit": "percent", "amount": "0.4"}
    return matched | {
        "term": matched["term"] | {"long_stop_on": (today + timedelta(days=60)).isoformat()},
        "price": matched["price"] | {"index": index},
        "nominations": [
            {"level": "annual", "notice_days": 60, "band_percent": "10"},
            {"level": "quarterly", "notice_days": 30, "band_percent": "15"},
            {"level": "monthly", "notice_days": 10, "band_percent": "20"},
        ],
        "take_or_pay": {
            "top_percent": "80",
            "deficiency_price_percent": "100",
            "makeup_years": 2,
            "carry_forward_years": 1,
            "carry_forward_max_percent": "10",
        },
        "conditions": [
            {
                "code": "permit",
                "kind": "permit",
                "description": "Permit of the solvent extraction line",
                "due_on": due,
                "by": "seller",
            },
            {
                "code": "qualification",
                "kind": "qualification",
                "description": "A production lot passes at the strip caster",
                "due_on": due,
                "by": "buyer",
            },
        ],
        "assay": matched["assay"]
        | {
            "splitting": [{"analyte": analyte, "limit": splitting} for analyte in ("Nd", "Pr")],
            "umpire": UMPIRE,
        },
        "shortfall_notice_days": 30,
    }


def results(nd_percent: Decimal, pr_percent: Decimal | None) -> list[Body]:
    stated = {"Nd": nd_percent} | ({} if pr_percent is None else {"Pr": pr_percent})
    return [
        {"analyte": analyte, "fraction": {"unit": "percent", "amount": f"{amount:f}"}}
        for analyte, amount in stated.items()
    ]


def stated(lot: Lot) -> list[Body]:
    """What leaves with the lot: the figures that are paid, and those of the buyer's limits."""
    traces = [{"analyte": name, "fraction": {"unit": "ppm", "amount": "5"}} for name in ("Th", "U")]
    return results(lot.nd_seller, lot.pr) + traces


def index_values(start: date, end: date) -> list[Body]:
    """A made-up value for each month between two first days: the yearly average of the USGS, up and down."""
    middle = figures.price_usd_per_kg("NdPr_oxide_99")
    return [
        _value(month, f"{middle + (month.month * 7 + month.year) % 11 - 5:.2f}")
        for month in _months(start, end)
    ]


def rates(start: date, end: date) -> list[Body]:
    """Made-up EUR per USD for each month."""
    return [_value(month, str(EUR_PER_USD[month.month % len(EUR_PER_USD)])) for month in _months(start, end)]


def _months(start: date, end: date) -> list[date]:
    first, last = start.year * 12 + start.month - 1, end.year * 12 + end.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(first, last)]


def month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _value(month: date, amount: str) -> Body:
    following = month_after(month)
    last = (following - timedelta(days=1)).isoformat()
    return {
        "first_day": month.isoformat(),
        "last_day": last,
        "amount": amount,
        "as_of": last,
        "published_at": text(datetime(following.year, following.month, 1, 6, tzinfo=UTC)),
        "source": "made up for the demonstration",
    }
