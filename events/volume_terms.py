"""Declared volumes: what a company bought or sold outside the platform, for CRMA monitoring.

Origin by stage follows Regulation (EU) 2024/1252, Article 24. Shares are parts per billion, masses of
contained elements milligrams.
"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from events.contract_terms import Evidence
from events.vocabulary import PPB, Code, CountryCode, FractionPpb, ProductForm, Text, ValueChainStage

VOLUME_MG_MAX = 10**14
"""100,000 t of one element: more than the yearly world production of most of them."""

VolumeDirection = Literal["bought", "sold"]


class DeclaredMass(Struct, frozen=True, kw_only=True):
    """Contained mass, as element."""

    element: Code
    contained_mg: Annotated[int, Meta(ge=1, le=VOLUME_MG_MAX)]


class DeclaredOrigin(Struct, frozen=True, kw_only=True):
    """The part of the material whose stage took place in `country`; None: the supplier did not answer.

    For recycled material, `pre_consumer_ppb` of the whole is pre-consumer, the rest of the share
    post-consumer.
    """

    stage: ValueChainStage
    country: CountryCode | None = None
    share_ppb: Annotated[int, Meta(ge=1, le=PPB)]
    pre_consumer_ppb: FractionPpb = 0
    source: Text | None = None
    strategic_project: bool = False


class VolumeTerms(Struct, frozen=True, kw_only=True):
    """`quarter`: its first day. `reference`: the entry in the company's own books. `document`: the evidence.
    `lot_number` and `passport`: of the goods, if they have one."""

    direction: VolumeDirection
    quarter: date
    reference: Code
    form: ProductForm
    masses: Annotated[tuple[DeclaredMass, ...], Meta(min_length=1, max_length=32)]
    counterparty: Text | None = None
    counterparty_country: CountryCode
    origin: Annotated[tuple[DeclaredOrigin, ...], Meta(max_length=64)] = ()
    document: Evidence
    recycled_evidence: Annotated[tuple[Evidence, ...], Meta(max_length=16)] = ()
    lot_number: Code | None = None
    passport: UUID | None = None
