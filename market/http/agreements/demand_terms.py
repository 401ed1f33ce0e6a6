"""What is demanded of a lot beside its assay, on the wire and back."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from events import demand_terms as words
from events.policy_terms import CERTIFICATES_MAX, COUNTRIES_MAX
from market.http.wire.countries import CountryCode
from market.http.wire.material import Body
from market.http.wire.numbers import (
    BECQUEREL_PER_GRAM,
    KG_CO2E_PER_KG,
    BecquerelPerGram,
    KgCo2ePerKg,
)
from market.rules.refusing.wording import Code


class AgreedDemands(Body, frozen=True, kw_only=True):
    """What a lot has to be beside its assay, and to show when it leaves: no stage in an excluded country, a
    valid footprint and activities of Th-232 and U-238 up to the highest, each certificate valid on that day.
    The contract of a match begins with what its buyer demanded; a lot that does not show it may be rejected.
    """

    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    footprint_max_kg_co2e_per_kg: KgCo2ePerKg | None = None
    certificates: Annotated[tuple[Code, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    th_max_bq_per_g: BecquerelPerGram | None = None
    u_max_bq_per_g: BecquerelPerGram | None = None

    def inside(self) -> words.AgreedDemands:
        return words.AgreedDemands(
            origins_excluded=self.origins_excluded,
            footprint_max_g_co2e_per_kg=KG_CO2E_PER_KG.decoded_optional(self.footprint_max_kg_co2e_per_kg),
            certificates=self.certificates,
            th_max_mbq_per_g=BECQUEREL_PER_GRAM.decoded_optional(self.th_max_bq_per_g),
            u_max_mbq_per_g=BECQUEREL_PER_GRAM.decoded_optional(self.u_max_bq_per_g),
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
        )
