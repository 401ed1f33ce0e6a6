"""A buyer's demands on a lot in addition to its assay, as the contract of a match takes them over."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from events.policy_terms import CERTIFICATES_MAX, COUNTRIES_MAX
from events.vocabulary import Code, Count, CountryCode, Denominator, FractionPpb, ProductForm


class FootprintScope(Struct, frozen=True, kw_only=True):
    """Declared unit, boundary and allocation of a footprint, as in the benchmark of its form: only footprints
    with the same scope can be compared."""

    form: ProductForm
    declared_unit: Denominator
    boundary: Code
    allocation: Code


class AgreedDemands(Struct, frozen=True, kw_only=True):
    """No stage in an excluded country; a valid footprint, and activities of Th-232 and U-238, up to the
    maximum; each certificate valid on the day of shipment. The seller has to prove each demand.

    `recycled_…` are bounds on the sum of pre- and post-consumer share; a share that is not proved is 0.
    `footprint_scope`: the scope of the maximum footprint; without it, the maximum is a number without scope.
    `origins_in_full`: the exclusion also covers earlier steps of a stage that a passport states.
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
