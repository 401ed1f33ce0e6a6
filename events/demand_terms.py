"""What a buyer demands of a lot beside its assay, as the contract of a match takes it over."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from events.policy_terms import CERTIFICATES_MAX, COUNTRIES_MAX
from events.vocabulary import Code, Count, CountryCode, Denominator, FractionPpb, ProductForm


class FootprintScope(Struct, frozen=True, kw_only=True):
    """Of what a footprint is, as the benchmark of its form says: only one that is stated so compares."""

    form: ProductForm
    declared_unit: Denominator
    boundary: Code
    allocation: Code


class AgreedDemands(Struct, frozen=True, kw_only=True):
    """No stage in an excluded country; a valid footprint and activities of Th-232 and U-238 up to the
    highest; each certificate valid on the day that the lot leaves. What is demanded has to be shown.

    `recycled_…` bound pre- and post-consumer share together; what is not shown is none. `footprint_scope`:
    of what the highest footprint is; without it a bare number. `origins_in_full`: of what a passport tells of
    steps before the last of a stage too.
    """

    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    footprint_max_g_co2e_per_kg: Count | None = None
    certificates: Annotated[tuple[Code, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    th_max_mbq_per_g: Count | None = None
    u_max_mbq_per_g: Count | None = None
    footprint_scope: FootprintScope | UnsetType = UNSET
    recycled_min_ppb: FractionPpb | UnsetType = UNSET
    recycled_max_ppb: FractionPpb | UnsetType = UNSET
    origins_in_full: bool | UnsetType = UNSET
