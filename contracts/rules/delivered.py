"""Compares shipments with what was agreed: what the contract of a match refuses, and further warnings.

A shipment that has left can only be recorded, so only what no reading of the contract covers is refused.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from msgspec import UNSET

from contracts.rules.agreement import Agreement
from contracts.rules.cautions import no_factor, without_factor
from contracts.rules.contract_years import acq_g
from contracts.rules.days import midnight
from contracts.rules.delivery import GONE, Delivery
from contracts.rules.delivery_refusals import LotNotOfMatch, QuantityOfMatchPassed
from contracts.rules.demands import unmet, unmet_cautions
from contracts.rules.goods import UNSTATED_TOLERANCE_PPB, unlike_agreed
from contracts.rules.invoices import below_zero_cautions
from contracts.rules.materials import Material
from contracts.rules.prices import index_of
from contracts.rules.volumes import Volumes
from events.contract_terms import AgreementTerms, FixedVolume
from events.delivery_events import DeliveryShipped
from events.fractions import decimal_text, percent_text, ppb_text, tonnes_text
from events.refusal import Caution, Refusal
from events.vocabulary import PPB, PhysicalLot, is_of_lot

LOT_FACTOR: Final = 2
"""Multiple of the agreed lot above which a mass is warned about."""


def of_match(agreement: Agreement) -> bool:
    """Whether it is the spot contract of one match, for one quantity."""
    return agreement.kind == "spot" and agreement.match is not None


def left_g(agreement: Agreement, deliveries: Iterable[Delivery]) -> int:
    """Grams of basis, settled where possible, of deliveries that were not rejected, withdrawn or lost at the
    seller's risk, without returns."""
    return sum(
        each.material(agreement.terms_on(each.shipped.shipped_on)).basis_g - each.returned_g
        for each in deliveries
        if each.status not in GONE and (each.status != "lost" or each.taken_g is not None)
    )


def quantity_refusals(
    agreement: Agreement, terms: AgreementTerms, before_g: int, shipped_g: int
) -> list[Refusal]:
    """`before_g` was shipped before under the contract of a match."""
    if not of_match(agreement) or not isinstance(terms.volume, FixedVolume):
        return []
    # sum of all years, which amendments may have added, since earlier shipments may be of any year
    agreed_g = sum(terms.volume.acq_g)
    tolerance_ppb = terms.volume.tolerance_ppb or UNSTATED_TOLERANCE_PPB
    if before_g + shipped_g <= agreed_g + agreed_g * tolerance_ppb // PPB:
        return []
    return [
        QuantityOfMatchPassed(
            pointer="/net_wet_g",
            shipped=_kg(shipped_g),
            before=_kg(before_g),
            agreed=_kg(agreed_g),
            tolerance=percent_text(tolerance_ppb),
        )
    ]


def lot_refusals(agreement: Agreement, matched: PhysicalLot | None, fact: DeliveryShipped) -> list[Refusal]:
    """`matched`: the lot of the match. Terms signed later may be about another lot."""
    if matched is None or any(fact.shipped_on > earlier.until for earlier in agreement.superseded):
        return []
    if is_of_lot(fact.lot_number, matched.lot_number):
        return []
    return [LotNotOfMatch(pointer="/lot_number", matched=matched.lot_number)]


def off_spec(terms: AgreementTerms, material: Material) -> tuple[str, ...]:
    """The agreed limits that the figures break, with limit and figure."""
    found: list[str] = []
    for limit in terms.product.limits:
        ppb = material.fractions_ppb[limit.analyte]
        if limit.max_ppb is not None and ppb > limit.max_ppb:
            found.append(f"above_max:{limit.analyte} {ppb_text(ppb)} > {ppb_text(limit.max_ppb)}")
        if limit.min_ppb is not None and ppb < limit.min_ppb:
            found.append(f"below_min:{limit.analyte} {ppb_text(ppb)} < {ppb_text(limit.min_ppb)}")
    purity = terms.product.purity
    if purity is not None:
        share_ppb = material.purity_ppb(purity.elements) or 0
        if share_ppb < purity.min_ppb:
            named = "+".join(purity.elements)
            found.append(f"purity:{named} {ppb_text(share_ppb)} < {ppb_text(purity.min_ppb)}")
    return tuple(found)


def grounds(terms: AgreementTerms, delivery: Delivery) -> tuple[str, ...]:
    """Grounds for a rejection without findings of the buyer: limits that the figures break, goods that differ
    from the agreed ones by the seller's own statement, demands without proof."""
    shipped = delivery.shipped
    broken = off_spec(terms, delivery.material(terms))
    broken += unlike_agreed(terms, shipped.goods, shipped.net_wet_g)
    return broken + tuple(each.text for each in unmet(terms, shipped))


def broken(terms: AgreementTerms, delivery: Delivery) -> tuple[str, ...]:
    """As `grounds`, for a delivery that waits for acceptance or was accepted with them."""
    return grounds(terms, delivery) if delivery.status in ("assayed", "accepted") else ()


def acceptance_cautions(terms: AgreementTerms, delivery: Delivery) -> Iterator[Caution]:
    """Warnings to a buyer that accepts a delivery that it may reject."""
    found = grounds(terms, delivery)
    if found:
        yield Caution(
            code="accepted_off_spec",
            text=f"The lot is not as agreed: {'; '.join(found)}. Before acceptance it can be rejected for "
            "that; afterwards it goes back only by a return on which both sides agree.",
            pointer="",
        )


def shipment_cautions(
    agreement: Agreement, volumes: Volumes, of_year: Collection[Delivery], fact: DeliveryShipped
) -> Iterator[Caution]:
    """`of_year`: deliveries of the shipment's contract year, with or without the shipment itself."""
    terms = agreement.terms_on(fact.shipped_on)
    window = terms.delivery.delivery
    if window is not None and not (
        window.start.date() <= fact.shipped_on and midnight(fact.shipped_on) < window.end
    ):
        first, end = window.start.date().isoformat(), window.end.date().isoformat()
        yield Caution(
            code="shipped_outside_window",
            text=f"Delivery is agreed from {first} to before {end}; this lot left on {fact.shipped_on}.",
            pointer="/shipped_on",
        )
    agreed_g = acq_g(terms.volume, fact.year, volumes.year(fact.year).output_g)
    sum_g = fact.quantity_g + left_g(
        agreement, (each for each in of_year if each.shipped.delivery != fact.delivery)
    )
    if sum_g > agreed_g + agreed_g * terms.volume.tolerance_ppb // PPB:
        yield Caution(
            code="quantity_agreed_passed",
            text=f"With this lot {_kg(sum_g)} have left in contract year {fact.year}; {_kg(agreed_g)} are "
            f"agreed, with a tolerance of {percent_text(terms.volume.tolerance_ppb)}.",
            pointer="/net_wet_g",
        )
    yield from _lot_cautions(terms, fact)
    broken = off_spec(terms, Delivery(version=1, position=0, shipped=fact).material(terms))
    if broken:
        yield Caution(
            code="stated_off_spec",
            text=f"The stated figures are outside the agreed limits: {'; '.join(broken)}. If assays confirm "
            "them, the buyer can reject it.",
            pointer="/stated",
        )
    yield from goods_cautions(terms, fact)
    yield from unmet_cautions(terms, fact)
    yield from _replacement_cautions(of_year, fact)
    later = agreement.read_on(fact.shipped_on)
    if terms != later:
        in_force = agreement.in_force()
        counts_from = next((each.first for each in in_force if each.terms == later), in_force[-1].first)
        yield Caution(
            code="former_terms",
            text=f"Both sides have signed other terms, which count from {counts_from} (UTC): this lot left "
            f"on {fact.shipped_on} and keeps the terms of that day.",
            pointer="/shipped_on",
        )
    if fact.form != terms.product.form and without_factor(terms.price, fact.form):
        yield Caution(
            code="form_without_factor",
            text=no_factor(fact.form, terms.product.form),
            pointer="/form",
        )
    yield from below_zero_cautions(fact.lines)
    yield from _waiting_cautions(terms, fact)


def _waiting_cautions(terms: AgreementTerms, fact: DeliveryShipped) -> Iterator[Caution]:
    reference = index_of(terms.price)
    if reference is not None and not fact.lines:
        rate = "" if reference.fx_code is None else f", or {reference.fx_code}"
        yield Caution(
            code="invoice_waits",
            text=f"{reference.code}{rate} has no value with which this shipment could be priced: nothing is "
            "invoiced now, and the final invoice covers the whole price once there is one.",
            pointer="/shipped_on",
        )


def _lot_cautions(terms: AgreementTerms, fact: DeliveryShipped) -> Iterator[Caution]:
    agreed_wet_g = terms.delivery.lot_wet_g
    if fact.net_wet_g > LOT_FACTOR * agreed_wet_g:
        yield Caution(
            code="lot_far_above_agreed",
            text=f"{tonnes_text(fact.net_wet_g)} wet are shipped, but a lot is agreed at "
            f"{tonnes_text(agreed_wet_g)}. Withdraw the shipment before the buyer weighs if this is a "
            "mistake.",
            pointer="/net_wet_g",
        )


def _replacement_cautions(of_year: Collection[Delivery], fact: DeliveryShipped) -> Iterator[Caution]:
    """Warnings for a lot that may replace one rejected in the same contract year."""
    stand = (each.shipped for each in of_year if each.status != "withdrawn")
    replaced = {fact.replaces, *(each.replaces for each in stand)}
    open_lots = [
        each.shipped
        for each in of_year
        if each.status == "rejected" and each.shipped.delivery not in replaced
    ]
    if fact.replaces is UNSET and open_lots:
        yield Caution(
            code="replacement_unstated",
            text=f"Lot {open_lots[0].lot_number} was rejected in contract year {fact.year} and reduces what "
            f"has to be taken in it. If this lot replaces it, name del_{open_lots[0].delivery.hex} in "
            "`replaces`.",
            pointer="/replaces",
        )


def goods_cautions(terms: AgreementTerms, fact: DeliveryShipped) -> Iterator[Caution]:
    if terms.product.goods is UNSET:
        return
    if fact.goods is UNSET:
        yield Caution(
            code="goods_unstated",
            text="Pieces, grade, sizes, flux or condition are agreed, but nothing is stated of them: the "
            "buyer can reject the lot for what it finds.",
            pointer="/goods",
        )
    unlike = unlike_agreed(terms, fact.goods, fact.net_wet_g)
    if unlike:
        yield Caution(
            code="goods_unlike_agreed",
            text=f"By what is stated the goods are not as agreed: {'; '.join(unlike)}. The buyer can reject "
            "them.",
            pointer="/goods",
        )


def number_cautions(fact: DeliveryShipped, others: Iterable[Delivery]) -> Iterator[Caution]:
    """`others` were shipped with the same lot number, in any case, under any agreement of the seller.
    Shipments on one passport are checked against that passport instead."""
    for other in others:
        if fact.passport is not None and other.shipped.passport == fact.passport:
            continue
        yield Caution(
            code="lot_number_left_before",
            text=f"Lot {other.shipped.lot_number} left on {other.shipped.shipped_on} under agr_"
            f"{other.shipped.agreement.hex}: if it is the same lot, it is invoiced twice.",
            pointer="/lot_number",
        )
        return


def _kg(grams: int) -> str:
    return f"{decimal_text(grams, 1_000)} kg"
