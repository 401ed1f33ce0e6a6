"""The mass received, for both sides: its difference from the shipped mass, and objections."""

from typing import Self

from msgspec import UNSET

from contracts.rules.delivery import Delivery
from contracts.rules.price_terms import round_half_even
from contracts.rules.received_masses import dry_g
from events.contract_terms import MassFigure
from events.delivery_events import DeliveryWeighed, WeighingObjected, WeighingSettled
from events.vocabulary import PPB, Instant, Side
from market.http.agreements.agreement_views import Evidence
from market.http.wire.material import Body
from market.http.wire.numbers import (
    PERCENT,
    SIGNED_KILOGRAMS,
    SIGNED_PERCENT,
    TONNES,
    Percent,
    SignedKilograms,
    SignedPercent,
    Tonnes,
)


class MassObjectionView(Body, frozen=True, kw_only=True):
    """An objection to the mass received, with the side's own figure; `against` the weighing, or a surveyor's
    figure."""

    by: Side
    against: MassFigure
    net_wet_t: Tonnes
    moisture_percent: Percent
    reason: str
    evidence: tuple[Evidence, ...]

    @classmethod
    def of(cls, fact: WeighingObjected) -> Self:
        return cls(
            by=fact.by,
            against=fact.against,
            net_wet_t=TONNES.text(fact.net_wet_g),
            moisture_percent=PERCENT.text(fact.moisture_ppb),
            reason=fact.reason,
            evidence=tuple(map(Evidence.outside, fact.evidence)),
        )


class SettledMassView(Body, frozen=True, kw_only=True):
    """The mass received: without `surveyor` the other side's figure, which `by` accepted; `by` null: the
    operator submitted the surveyor's certificate."""

    net_wet_t: Tonnes
    moisture_percent: Percent
    by: Side | None
    surveyor: str | None
    reference: str | None
    certificate: Evidence | None
    object_by: Instant | None

    @classmethod
    def of(cls, fact: WeighingSettled) -> Self:
        survey = None if fact.survey is UNSET else fact.survey
        return cls(
            net_wet_t=TONNES.text(fact.net_wet_g),
            moisture_percent=PERCENT.text(fact.moisture_ppb),
            by=None if fact.by is UNSET else fact.by,
            surveyor=None if survey is None else survey.surveyor,
            reference=None if survey is None else survey.reference,
            certificate=None if survey is None else Evidence.outside(survey.certificate),
            object_by=None if fact.object_by is UNSET else fact.object_by,
        )


class WeighingView(Body, frozen=True, kw_only=True):
    """What the buyer weighed. `difference_kg` and `difference_percent`: dry mass weighed minus dry mass
    shipped; negative if the lot was short. `contested`: until it is settled, the shipped mass counts, and the
    lot can be neither accepted nor rejected."""

    net_wet_t: Tonnes
    moisture_percent: Percent
    difference_kg: SignedKilograms
    difference_percent: SignedPercent | None
    evidence: tuple[Evidence, ...]
    object_by: Instant | None
    contested: bool
    objections: tuple[MassObjectionView, ...]
    settled: SettledMassView | None

    @classmethod
    def of(cls, value: Delivery) -> Self | None:
        return None if value.weighed is None else cls._of(value, value.weighed)

    @classmethod
    def _of(cls, value: Delivery, weighed: DeliveryWeighed) -> Self:
        shipped_g = dry_g(value.shipped)
        difference_g = dry_g(weighed) - shipped_g
        objections = (value.weighing_objected, value.survey_objected)
        return cls(
            net_wet_t=TONNES.text(weighed.net_wet_g),
            moisture_percent=PERCENT.text(weighed.moisture_ppb),
            difference_kg=SIGNED_KILOGRAMS.text(difference_g),
            difference_percent=(
                SIGNED_PERCENT.text(round_half_even(difference_g * PPB, shipped_g)) if shipped_g else None
            ),
            evidence=() if weighed.evidence is UNSET else tuple(map(Evidence.outside, weighed.evidence)),
            object_by=None if weighed.object_by is UNSET else weighed.object_by,
            contested=value.mass_contested,
            objections=tuple(MassObjectionView.of(each) for each in objections if each is not UNSET),
            settled=None if value.mass_settled is UNSET else SettledMassView.of(value.mass_settled),
        )
