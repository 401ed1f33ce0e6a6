"""Demands on a lot in addition to its assay, as request and response."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from events import demand_terms as words
from events.policy_terms import CERTIFICATES_MAX, COUNTRIES_MAX
from events.vocabulary import Denominator, ProductForm
from market.http.wire.countries import CountryCode
from market.http.wire.material import Body
from market.http.wire.numbers import (
    BECQUEREL_PER_GRAM,
    KG_CO2E_PER_KG,
    PERCENT,
    BecquerelPerGram,
    KgCo2ePerKg,
    Percent,
)
from market.rules.refusing.wording import Code


class FootprintScope(Body, frozen=True, kw_only=True):
    """The scope of a footprint, as in the market's benchmark of the form."""

    form: ProductForm
    declared_unit: Denominator
    boundary: Code
    allocation: Code


class AgreedDemands(Body, frozen=True, kw_only=True):
    """Demands on a lot in addition to its assay, to be proved at shipment: no stage in an excluded country; a
    valid footprint, and activities of Th-232 and U-238, up to the maximum; each certificate valid on that
    day.

    The contract of a match starts with its buyer's demands; a lot that does not prove them may be rejected.
    With `footprint_scope`, only a footprint with the same scope can be compared; without it, only the number
    is. `recycled_min_percent` and `recycled_max_percent` are bounds on the sum of pre- and post-consumer
    share; a share that is not proved is 0. `origins_in_full`: a lot does not meet the demands if its passport
    states an earlier step of a stage in an excluded country, or that there are unstated steps; otherwise its
    buyer only gets a warning.
    """

    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    footprint_max_kg_co2e_per_kg: KgCo2ePerKg | None = None
    certificates: Annotated[tuple[Code, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    th_max_bq_per_g: BecquerelPerGram | None = None
    u_max_bq_per_g: BecquerelPerGram | None = None
    footprint_scope: FootprintScope | None = None
    recycled_min_percent: Percent | None = None
    recycled_max_percent: Percent | None = None
    origins_in_full: bool = False

    def inside(self) -> words.AgreedDemands:
        return words.AgreedDemands(
            origins_excluded=self.origins_excluded,
            footprint_max_g_co2e_per_kg=KG_CO2E_PER_KG.decoded_optional(self.footprint_max_kg_co2e_per_kg),
            certificates=self.certificates,
            th_max_mbq_per_g=BECQUEREL_PER_GRAM.decoded_optional(self.th_max_bq_per_g),
            u_max_mbq_per_g=BECQUEREL_PER_GRAM.decoded_optional(self.u_max_bq_per_g),
            footprint_scope=_scope_inside(self.footprint_scope),
            recycled_min_ppb=_share_inside(self.recycled_min_percent),
            recycled_max_ppb=_share_inside(self.recycled_max_percent),
            origins_in_full=self.origins_in_full or UNSET,
        )

    @classmethod
    def outside(cls, value: words.AgreedDemands | UnsetType) -> Self | None:
        if value is UNSET:
            return None
        return cls(
            origins_excluded=value.origins_excluded,
            footprint_max_kg_co2e_per_kg=KG_CO2E_PER_KG.text_optional(value.footprint_max_g_co2e_per_kg),
            certificates=value.certificates,
            th_max_bq_per_g=BECQUEREL_PER_GRAM.text_optional(value.th_max_mbq_per_g),
            u_max_bq_per_g=BECQUEREL_PER_GRAM.text_optional(value.u_max_mbq_per_g),
            footprint_scope=_scope_outside(value.footprint_scope),
            recycled_min_percent=_share_outside(value.recycled_min_ppb),
            recycled_max_percent=_share_outside(value.recycled_max_ppb),
            origins_in_full=value.origins_in_full is True,
        )


def _scope_inside(stated: FootprintScope | None) -> words.FootprintScope | UnsetType:
    if stated is None:
        return UNSET
    return words.FootprintScope(
        form=stated.form,
        declared_unit=stated.declared_unit,
        boundary=stated.boundary,
        allocation=stated.allocation,
    )


def _scope_outside(value: words.FootprintScope | UnsetType) -> FootprintScope | None:
    if value is UNSET:
        return None
    return FootprintScope(
        form=value.form,
        declared_unit=value.declared_unit,
        boundary=value.boundary,
        allocation=value.allocation,
    )


def _share_inside(stated: Percent | None) -> int | UnsetType:
    return UNSET if stated is None else PERCENT.decoded(stated)


def _share_outside(value: int | UnsetType) -> Percent | None:
    return None if value is UNSET else PERCENT.text(value)
