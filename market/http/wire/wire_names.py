"""What a member of a rule's draft is called in a request, where its unit is another."""

import re
from typing import Final

from market.http.wire.contract_problems import CONTRACT_RENAMED
from market.http.wire.passport_problems import PASSPORT_RENAMED

_RENAMED: Final[dict[str, str]] = {
    "net_wet_g": "net_wet_t",
    "minimum_parcel_wet_g": "minimum_parcel_wet_t",
    "package_wet_g": "package_wet_kg",
    "basis_g": "basis_kg",
    "minimum_parcel_g": "minimum_parcel_kg",
    "minimum_quantity_g": "minimum_quantity_kg",
    "minimum_quantity_wet_g": "minimum_quantity_wet_t",
    "moisture_ppb": "moisture_percent",
    "treo_ppb": "treo_percent",
    "share_ppm": "share_percent",
    "fraction_ppb": "fraction",
    "min_ppb": "min",
    "max_ppb": "max",
    "threshold_ppb": "threshold",
    "step_ppb": "step",
    "amount_micro": "amount",
    "profile_ppb": "profile_percent",
    "profile_tolerance_ppb": "profile_tolerance_percent",
    "payable_ppb": "payable_percent",
    "max_ratio_ppb": "max_ratio",
    "primary_data_ppb": "primary_data_percent",
    "recycled_min_ppb": "recycled_min_percent",
    "recycled_max_ppb": "recycled_max_percent",
    "third_country_max_ppb": "third_country_max_percent",
    "post_consumer_ppb": "post_consumer_percent",
    "pre_consumer_ppb": "pre_consumer_percent",
    "credit_limit_cents_eur": "credit_limit_eur",
    "carbon_cents_per_t": "carbon_eur_per_t",
    "ueur_per_unit": "eur_per_unit",
    "nameplate_g_per_year": "nameplate_t_per_year",
    "least_basis_ppb": "least_basis_percent",
    "min_value_share_ppb": "min_value_share_percent",
    "self_declared_improvement_ppb": "self_declared_improvement_percent",
    "marginality_tolerance_ppb": "marginality_tolerance_percent",
    "tolerance_um": "tolerance_mm",
    "size_um": "size_mm",
    "minutes_tenths": "minutes",
    "flux_ppb": "flux_percent",
    "mass_mg": "mass_g",
    "flux_min_ppb": "flux_min_percent",
    "yield_ppb": "yield_percent",
    "basis_ppb": "basis_percent",
    "collection_ppb": "collection",
    "disassembly_ppb": "disassembly",
    "recovery_ppb": "recovery",
    "scale_micro_years": "life",
    "shape_micro": "shape",
    **CONTRACT_RENAMED,
    **PASSPORT_RENAMED,
}


def wire_pointer(pointer: str | None) -> str | None:
    """A pointer into a rule's draft, in the names and units of the request."""
    if pointer is None:
        return None
    return "/".join(wire_name(part) for part in pointer.split("/"))


def wire_name(part: str) -> str:
    """The name that a member of a draft has in the request."""
    return _UNIT.sub(lambda unit: _UNITS[unit[0]], _RENAMED.get(part, part))


_UNITS: Final[dict[str, str]] = {
    "ueur_per_kg": "eur_per_kg",
    "g_co2e_per_kg": "kg_co2e_per_kg",
    "_mbq_per_g": "_bq_per_g",
    "_micro_per_kg": "_per_kg",
}
_UNIT: Final = re.compile(r"(?<![a-z])(ueur_per_kg|g_co2e_per_kg)|_mbq_per_g|_micro_per_kg")
