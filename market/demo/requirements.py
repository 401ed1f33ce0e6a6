"""What the demonstration's magnet and alloy makers require: request bodies of `POST /v1/requirements`."""

from decimal import Decimal
from random import Random
from typing import Any

from market.demo import figures
from market.demo.calendar import Calendar, text
from market.demo.firms import Firm

Body = dict[str, Any]

CARRIAGE_EUR_PER_KG: dict[str, str] = {
    "FR": "0.35", "EE": "0.40", "NO": "0.45", "DE": "0.30", "GB": "0.55", "ES": "0.45", "IT": "0.35",
}  # fmt: skip
"""What a buyer reckons for fetching one kg of product from a seller's country; practitioner figures."""

CARBON_PROFILE: Body = {
    "carbon_eur_per_t": "80.00",
    "post_consumer_eur_per_kg": "6.00",
    "pre_consumer_eur_per_kg": "2.00",
    "certificates": [{"scheme": "IRMA-50", "eur_per_kg": "0.80"}],
    "eu_origin_eur_per_kg": "1.50",
    "concentrated_origin_deduction_eur_per_kg": "3.00",
    "rex": [{"route": "recycle", "eur_per_kg": "2.00"}],
    "floor_eur_per_kg": "-10.00",
    "cap_eur_per_kg": "12.00",
}
"""λ of 80 EUR per t CO2e, and amounts per basis kg that such a buyer bids for the rest."""

POLICY: Body = {
    "title": "Recycled magnet materials first",
    "authority": "a council of the demonstration",
    "addressed_to": ["permanet"],
    "terms": {"recycled_min_percent": "50"},
}
"""A procurement policy for whoever takes part in the initiative and names it."""
OWN_RECYCLED_MIN_PERCENT = "25"
"""What a buyer under the policy asks for of its own accord."""


def oxide_requirement(
    firm: Firm,
    facility: str,
    grade: str,
    limit_eur_per_kg: Decimal,
    calendar: Calendar,
    random: Random,
    *,
    profile: Body | None,
) -> Body:
    """NdPr for a magnet grade: a quarter's need as far as it is not covered; limit per kg of element."""
    uncovered = Decimal(random.randrange(60, 140)) / 1000
    need_kg = int(firm.nameplate_t * figures.ndpr_of_grade(grade) / 4 * uncovered * 1000)
    body = requirement(firm, facility, need_kg, limit_eur_per_kg, calendar)
    body |= {
        "forms": [{"form": "separated_oxide"}],
        "limits": [
            {"analyte": "Th", "max": {"unit": "ppm", "amount": "50"}},
            {"analyte": "U", "max": {"unit": "ppm", "amount": "20"}},
        ],
        "purity": {"elements": ["Nd", "Pr"], "min_percent": "99.0"},
        "qualification_min": "pilot",
        "commitment": "firm",
    }
    if profile is not None:
        body["profile"] = profile
    return body


def recycling_requirement(
    firm: Firm, facility: str, need_kg: int, limit_eur_per_kg: Decimal, calendar: Calendar
) -> Body:
    """A magnet maker with its own long loop: end-of-life magnets and swarf, Dy and Gd paid for."""
    body = requirement(firm, facility, need_kg, limit_eur_per_kg, calendar)
    return body | {
        "forms": [
            {"form": "separated_oxide", "differential_eur_per_kg": "0.00"},
            {"form": "eol_magnet", "differential_eur_per_kg": "-22.00"},
            {"form": "swarf", "differential_eur_per_kg": "-19.00"},
        ],
        "limits": [
            {"analyte": "C", "max": {"unit": "percent", "amount": "6"}},
            {"analyte": "O", "max": {"unit": "percent", "amount": "10"}},
        ],
        "co_products": [
            {"analyte": "Dy", "reference_code": "USGS:Dy_oxide", "payable_percent": "70", "max_ratio": "0.1"},
            {"analyte": "Gd", "reference_code": "USGS:Gd_oxide", "payable_percent": "50", "max_ratio": "0.2"},
        ],
        "penalties": [
            {
                "analyte": "C",
                "threshold": {"unit": "percent", "amount": "5"},
                "step": {"unit": "percent", "amount": "0.5"},
                "eur_per_kg_per_step": "0.40",
            }
        ],
        "rex_route": "recycle",
        "profile": CARBON_PROFILE,
    }


def short_loop_requirement(
    firm: Firm, facility: str, need_kg: int, limit_eur_per_kg: Decimal, calendar: Calendar
) -> Body:
    """A short loop by hydrogen takes clean single-grade magnets only: carbon and oxygen close to nothing."""
    body = requirement(firm, facility, need_kg, limit_eur_per_kg, calendar)
    return body | {
        "forms": [
            {"form": "eol_magnet", "differential_eur_per_kg": "-8.00"},
            {"form": "hard_scrap", "differential_eur_per_kg": "-6.00"},
        ],
        "limits": [
            {"analyte": "C", "max": {"unit": "percent", "amount": "0.1"}},
            {"analyte": "O", "max": {"unit": "percent", "amount": "0.5"}},
        ],
        "rex_route": "recycle",
    }


def alloy_requirement(
    firm: Firm, facility: str, need_kg: int, limit_eur_per_kg: Decimal, calendar: Calendar
) -> Body:
    """An alloy maker that takes mixed and separated oxide, thorium below 50 ppm."""
    body = requirement(firm, facility, need_kg, limit_eur_per_kg, calendar)
    return body | {
        "forms": [
            {"form": "mixed_oxide", "differential_eur_per_kg": "-14.00"},
            {"form": "separated_oxide", "differential_eur_per_kg": "0.00"},
        ],
        "limits": [{"analyte": "Th", "max": {"unit": "ppm", "amount": "50"}}],
        "th_max_bq_per_g": "1.000",
        "commitment": "subject_to_confirmation",
    }


def requirement(
    firm: Firm, facility: str, need_kg: int, limit_eur_per_kg: Decimal, calendar: Calendar
) -> Body:
    """Of no form yet; the limit per kg of element."""
    return {
        "basis_kg": f"{need_kg}.000",
        "minimum_parcel_kg": "100.000",
        "limit": {"amount": f"{limit_eur_per_kg:.2f}", "currency": "EUR", "per": "element"},
        "window": {"start": text(calendar.first_start), "end": text(calendar.second_end)},
        "overlap_min_days": 30,
        "place": {"country": firm.country, "name": firm.place},
        "facility": facility,
        "valid_until": text(calendar.orders_until),
        "commitment": "firm",
        "carriage": [
            {"country": country, "per": "product", "eur_per_kg": amount}
            for country, amount in CARRIAGE_EUR_PER_KG.items()
            if country != firm.country
        ],
        "payment": "prepayment",
    }
