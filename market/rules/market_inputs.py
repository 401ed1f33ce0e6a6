"""Inputs recorded in a market's lane: reference prices, exchange rates, qualifications, listed origins."""

from typing import assert_never
from uuid import UUID

from msgspec import Struct

from events.market_terms import ConcentratedOrigins, FxRate, MarketInput, Qualification, ReferencePrice
from events.vocabulary import ProductForm, QualificationLevel


class RecordedReference(Struct, frozen=True, kw_only=True):
    value: ReferencePrice
    position: int


class RecordedFx(Struct, frozen=True, kw_only=True):
    value: FxRate
    position: int


class MarketInputs(Struct, kw_only=True):
    """The newest of each dated input in the market's lane."""

    references: dict[str, RecordedReference] = {}
    fx: dict[str, RecordedFx] = {}
    qualifications: dict[str, QualificationLevel] = {}
    concentrated: ConcentratedOrigins | None = None
    concentrated_position: int | None = None


def qualification_key(buyer: UUID, seller: UUID, facility: UUID, form: ProductForm) -> str:
    return f"{buyer}/{seller}/{facility}/{form}"


def record_input(inputs: MarketInputs, value: MarketInput, position: int) -> None:
    match value:
        case ReferencePrice():
            inputs.references[value.code] = RecordedReference(value=value, position=position)
        case FxRate():
            inputs.fx[value.currency] = RecordedFx(value=value, position=position)
        case Qualification():
            key = qualification_key(value.buyer, value.seller, value.facility, value.form)
            inputs.qualifications[key] = value.level
        case ConcentratedOrigins():
            inputs.concentrated, inputs.concentrated_position = value, position
        case _:
            assert_never(value)
