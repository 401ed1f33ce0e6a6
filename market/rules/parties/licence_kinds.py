"""Kinds of permits that a site registers for waste, and what each allows.

Kinds as Directive 2008/98/EC has them: permits of treatment (Article 23), which storing ahead of it is too,
registrations of collectors, transporters, dealers and brokers (Article 26); and the consent of Regulation
(EU) 2024/1157 to a shipment. Besides, the registration or licence of Directive 2013/59/Euratom (Article 25).
"""

from difflib import get_close_matches
from typing import Final, Literal, TypeAlias, get_args

from events.refusal import Refusal
from market.rules.refusing.defects import LicenceKindUnknown

LicenceKind = Literal[
    "waste_treatment", "shipment_consent", "collection", "transport", "dealer_broker", "radioactive_material"
]
LICENCE_KINDS: Final[tuple[LicenceKind, ...]] = get_args(LicenceKind)
CountsAs: TypeAlias = Literal["treatment_permit", "shipment_consent", "nothing"]
FORMER_TREATMENT: Final = frozenset({"waste-treatment", "waste_permit", "waste-permit"})
"""Names under which permits were registered while any text was allowed."""
NEAR_MIN: Final = 0.5


def counts_as(kind: str) -> CountsAs:
    """How markets treat a paper of this kind; papers of collectors, hauliers and dealers, and for radioactive
    material, are not checked."""
    if kind == "waste_treatment" or kind in FORMER_TREATMENT:
        return "treatment_permit"
    return "shipment_consent" if kind == "shipment_consent" else "nothing"


def kind_refusals(kind: str) -> list[Refusal]:
    if kind in LICENCE_KINDS:
        return []
    close = get_close_matches(kind.lower().replace("-", "_"), LICENCE_KINDS, n=1, cutoff=NEAR_MIN)
    nearest = f"; did you mean {close[0]}?" if close else "."
    return [LicenceKindUnknown(pointer="/kind", known=", ".join(LICENCE_KINDS), nearest=nearest)]
