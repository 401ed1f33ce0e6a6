"""What a buyer demands of a lot beside its assay, as the contract of a match takes it over."""

from typing import Annotated

from msgspec import Meta, Struct

from events.policy_terms import CERTIFICATES_MAX, COUNTRIES_MAX
from events.vocabulary import Code, Count, CountryCode


class AgreedDemands(Struct, frozen=True, kw_only=True):
    """No stage in an excluded country; a valid footprint and activities of Th-232 and U-238 up to the
    highest; each certificate valid on the day that the lot leaves. What is demanded has to be shown.
    """

    origins_excluded: Annotated[tuple[CountryCode, ...], Meta(max_length=COUNTRIES_MAX)] = ()
    footprint_max_g_co2e_per_kg: Count | None = None
    certificates: Annotated[tuple[Code, ...], Meta(max_length=CERTIFICATES_MAX)] = ()
    th_max_mbq_per_g: Count | None = None
    u_max_mbq_per_g: Count | None = None
