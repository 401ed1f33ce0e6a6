"""Reasons against every trade of an order, whoever the other side is; shown at once, since they reveal
nothing about others."""

from collections.abc import Iterator

from market.rules.book import RequirementOrder, SupplyOrder
from market.rules.clearing.eligibility import MarketFacts, seller_parcel_g
from market.rules.refusing.ineligibility import Ineligibility, day_text, kg_text


def own_refusals(own: SupplyOrder | RequirementOrder, facts: MarketFacts) -> Iterator[Ineligibility]:
    """The same codes as in `eligibility.reasons`, with the owner's figure on both sides."""
    member = facts.members.get(own.organisation)
    if member is None or own.organisation in facts.suspended:
        yield Ineligibility(code="not_available")
        return
    if member.sanctions_screened_until < facts.at:
        yield _stated("sanctions_screening_expired", None, day_text(member.sanctions_screened_until))
    supply = isinstance(own, SupplyOrder)
    if isinstance(own, SupplyOrder) and own.terms.export_licence == "pending":
        yield Ineligibility(code="export_licence_pending")
    parcel_g = seller_parcel_g(own.terms) if isinstance(own, SupplyOrder) else own.terms.minimum_parcel_g
    if parcel_g > own.available_g:
        figure = f"parcel {kg_text(parcel_g)}, left {kg_text(own.available_g)}"
        yield _stated("parcel_too_large", "offer" if supply else "requirement", figure)


def _stated(code: str, subject: str | None, figure: str) -> Ineligibility:
    return Ineligibility(code=code, subject=subject, seller_figure=figure, buyer_figure=figure)
