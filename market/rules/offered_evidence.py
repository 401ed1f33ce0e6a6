"""Compares what the order of a match stated about its lot with what the shipped lot proves.

P was computed with what the order stated, whether this buyer paid for it or not, and no delivery changes it.
"""

from collections.abc import Iterator

from events.contract_terms import DeliveryEvidence
from events.fractions import decimal_text, percent_text
from events.market_terms import SupplyTerms
from events.refusal import Caution
from events.vocabulary import Footprint, RecycledContent

_G_PER_KG = 1_000


def offered_cautions(
    offered: SupplyTerms, shown: DeliveryEvidence, *, with_passport: bool = False
) -> Iterator[Caution]:
    """Pointers are into the shipment. What the shipment does not state is taken from its passport."""
    for told, pointer in (
        *_recycled(offered.recycled, shown.recycled),
        *_origin(offered, shown),
        *_footprint(offered.footprint, shown.footprint),
    ):
        if with_passport and not getattr(shown, pointer[1:]):
            continue
        yield Caution(
            code="less_shown_than_offered",
            text=f"{told}. The price was agreed for what the order stated, and no assay changes it, so the "
            "buyer pays for something without evidence: show it, or agree on another price.",
            pointer=pointer,
        )


def moisture_cautions(offered: SupplyTerms, shown_ppb: int) -> Iterator[Caution]:
    if offered.moisture_ppb and not shown_ppb:
        yield Caution(
            code="moisture_left_out",
            text=f"The order stated {percent_text(offered.moisture_ppb)} of moisture and the shipment none: "
            "all its mass counts as dry, but the buyer will weigh less. Withdraw the shipment before "
            "the buyer weighs if this is a mistake.",
            pointer="/moisture_ppb",
        )


def _recycled(offered: RecycledContent | None, shown: RecycledContent | None) -> Iterator[tuple[str, str]]:
    before, now = offered or RecycledContent(), shown or RecycledContent()
    for kind, stated_ppb, shown_ppb in (
        ("post", before.post_consumer_ppb, now.post_consumer_ppb),
        ("pre", before.pre_consumer_ppb, now.pre_consumer_ppb),
    ):
        if shown_ppb < stated_ppb:
            before_text, now_text = percent_text(stated_ppb), percent_text(shown_ppb)
            yield f"{before_text} {kind}-consumer were offered and {now_text} are shown", "/recycled"


def _origin(offered: SupplyTerms, shown: DeliveryEvidence) -> Iterator[tuple[str, str]]:
    steps = {(step.stage, step.country) for step in shown.origin}
    for stage, country in dict.fromkeys((step.stage, step.country) for step in offered.origin):
        if (stage, country) not in steps:
            yield f"{stage.capitalize()} in {country} was offered and is not shown", "/origin"


def _footprint(offered: Footprint | None, shown: Footprint | None) -> Iterator[tuple[str, str]]:
    if offered is None:
        return
    told = f"A footprint of {decimal_text(offered.g_co2e_per_kg, _G_PER_KG)} kg CO2e per kg was offered"
    if shown is None:
        yield f"{told} and none is shown", "/footprint"
    elif shown.g_co2e_per_kg > offered.g_co2e_per_kg:
        yield f"{told}, one of {decimal_text(shown.g_co2e_per_kg, _G_PER_KG)} is shown", "/footprint"
    elif offered.verified and not shown.verified:
        yield f"{told} that is verified and the one that is shown is not", "/footprint"
