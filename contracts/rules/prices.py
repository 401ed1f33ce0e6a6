"""The price of a delivery per kg of basis: an agreement's price clause as an ordered list of terms.

Every step is exact; each term is the difference between the rounded prices (half to even) after and before
it, so that the terms add up to the price, which is rounded only once.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple, assert_never

from contracts.rules.materials import Material
from contracts.rules.price_lines import penalty_term, sustainability_terms
from contracts.rules.price_refusals import AmountTooLarge
from contracts.rules.price_terms import (
    co_product_ueur,
    round_half_even,
)
from contracts.rules.quotation import Quoted
from events.clearing_terms import PriceTerm
from events.contract_terms import AgreementTerms, FormulaTerm
from events.price_clauses import (
    ContractForDifference,
    CostPlusPrice,
    FlatPrice,
    FormPrice,
    IndexedPrice,
    IndexReference,
    MatchedPrice,
    PriceClause,
)
from events.vocabulary import INTEGER_MAX, MICRO, PPB

SUSTAINABILITY_KINDS = frozenset({"carbon", "recycled", "certificates", "origin", "rex", "sustainability"})


class Step(NamedTuple):
    """`after`: the exact price after the rule, millionths per kg."""

    rule: str
    after: Fraction
    inputs: dict[str, str]
    evidence: tuple[str, ...] = ()


class Priced(NamedTuple):
    """The sum of the terms is the price, in millionths of the agreement's currency per kg of basis."""

    micro_per_kg: int
    terms: tuple[FormulaTerm, ...]


class Quotation(NamedTuple):
    """An index and, if the agreement has another currency, the exchange rate over the same days."""

    quoted: Quoted
    rate: Quoted | None = None

    @property
    def exact(self) -> Fraction:
        """Millionths of the agreement's currency per kg of the index's unit."""
        return self.quoted.micro if self.rate is None else self.quoted.micro * self.rate.micro / MICRO


def index_of(price: PriceClause) -> IndexReference | None:
    """The index that a price needs; None for a fixed price."""
    match price:
        case FlatPrice() | MatchedPrice():
            return None
        case IndexedPrice() | ContractForDifference() | CostPlusPrice():
            return price.index
        case _:
            assert_never(price)


def delivery_price(terms: AgreementTerms, material: Material, quotation: Quotation | None) -> Priced:
    """The price of a delivery. ValueError when it needs a quotation and none is given. Raises
    AmountTooLarge."""
    return priced(_steps(terms, material, quotation))


def difference_price(clause: ContractForDifference, quotation: Quotation) -> Priced:
    """What the buyer pays per kg of basis in addition to the index; if negative, the seller pays. Raises
    AmountTooLarge."""
    return priced(_difference(clause, quotation))


def provisional_share(found: Priced, provisional_ppb: int) -> Priced:
    """The part of a price that is paid on documents."""
    part = round_half_even(found.micro_per_kg * provisional_ppb, PPB)
    last = FormulaTerm(
        rule="provisional.1",
        micro_per_kg=part - found.micro_per_kg,
        after_micro_per_kg=part,
        inputs={"provisional_ppb": str(provisional_ppb)},
    )
    return Priced(part, (*found.terms, last))


def priced(steps: Iterable[Step]) -> Priced:
    terms: list[FormulaTerm] = []
    before = 0
    for step in steps:
        after = round_half_even(step.after.numerator, step.after.denominator)
        if abs(after) > INTEGER_MAX or abs(after - before) > INTEGER_MAX:
            raise AmountTooLarge(figure=f"{after} micro per kg")
        terms.append(
            FormulaTerm(
                rule=step.rule,
                micro_per_kg=after - before,
                after_micro_per_kg=after,
                inputs=step.inputs,
                evidence=step.evidence,
            )
        )
        before = after
    return Priced(before, tuple(terms))


def _steps(terms: AgreementTerms, material: Material, quotation: Quotation | None) -> Iterator[Step]:
    price = terms.price
    match price:
        case FlatPrice():
            yield Step("flat.1", Fraction(price.price_micro_per_kg), {})
            yield from _penalties(terms, material, Fraction(price.price_micro_per_kg))
        case MatchedPrice():
            yield from _matched(price, terms, material)
        case IndexedPrice():
            yield from _indexed(price, terms, material, _needed(quotation))
        case ContractForDifference():
            yield from _at_index(price, terms, material, _needed(quotation))
        case CostPlusPrice():
            yield from _cost_plus(price, terms, material, _needed(quotation))
        case _:
            assert_never(price)


def _needed(quotation: Quotation | None) -> Quotation:
    if quotation is None:
        raise ValueError("this price needs the value of its index")
    return quotation


def _quoted(quotation: Quotation) -> Iterator[Step]:
    yield Step("index.1", quotation.quoted.micro, quotation.quoted.inputs("index"))
    if quotation.rate is not None:
        yield Step("fx.1", quotation.exact, quotation.rate.inputs("rate"))


def _indexed(
    price: IndexedPrice, terms: AgreementTerms, material: Material, quotation: Quotation
) -> Iterator[Step]:
    """clamp(index × FX), shared, × payable × form factor − conversion − penalties + S + differential."""
    yield from _quoted(quotation)
    at = quotation.exact
    floor, cap = price.floor_micro_per_kg, price.cap_micro_per_kg
    if floor is not None or cap is not None:
        at = at if floor is None else max(at, Fraction(floor))
        at = at if cap is None else min(at, Fraction(cap))
        yield Step("clamp.1", at, _stated(floor_micro_per_kg=floor, cap_micro_per_kg=cap))
    if price.sharing is not None:
        above, seller_ppb = price.sharing.above_micro_per_kg, price.sharing.seller_ppb
        at -= max(Fraction(0), at - above) * (PPB - seller_ppb) / PPB
        yield Step("sharing.1", at, _stated(above_micro_per_kg=above, seller_ppb=seller_ppb))
    at = at * price.payable_ppb / PPB
    yield Step("payable.1", at, _stated(payable_ppb=price.payable_ppb))
    form = form_price(price, material)
    at = at * form.form_factor_ppb / PPB
    factor = {"form": material.form, "kg_index_per_kg_basis_ppb": str(form.form_factor_ppb)}
    yield Step("form_factor.1", at, factor)
    at -= form.conversion_micro_per_kg
    yield Step("conversion.1", at, _stated(conversion_micro_per_kg=form.conversion_micro_per_kg))
    for step in _penalties(terms, material, at):
        yield step
        at = step.after
    if price.sustainability is not None:
        clause = price.sustainability
        for term in sustainability_terms(clause.profile, clause.rule_set, material.claims(clause)):
            at += term.ueur_per_kg
            yield _of_term(term, at)
    at += price.differential_micro_per_kg
    yield Step("differential.1", at, _stated(differential_micro_per_kg=price.differential_micro_per_kg))


def form_price(price: IndexedPrice, material: Material) -> FormPrice:
    """The factor and conversion of the delivered form."""
    for stated in price.by_form:
        if stated.form == material.form:
            return stated
    return FormPrice(
        form=material.form,
        form_factor_ppb=price.form_factor_ppb,
        conversion_micro_per_kg=price.conversion_micro_per_kg,
    )


def _penalties(terms: AgreementTerms, material: Material, at: Fraction) -> Iterator[Step]:
    if terms.penalties:
        term = penalty_term(terms.penalties, lambda analyte: material.fractions_ppb.get(analyte, 0))
        yield _of_term(term, at + term.ueur_per_kg)


def _of_term(term: PriceTerm, after: Fraction) -> Step:
    inputs = term.inputs if term.reason is None else {**term.inputs, "reason": term.reason}
    return Step(term.rule, after, inputs, term.evidence)


def _stated(**figures: int | None) -> dict[str, str]:
    return {name: str(value) for name, value in figures.items() if value is not None}


def _matched(price: MatchedPrice, terms: AgreementTerms, material: Material) -> Iterator[Step]:
    """P_final = P + (T_final − T_match), kind by kind."""
    at = Fraction(price.price_micro_per_kg)
    yield Step("matched.1", at, {"match": str(price.match)})
    for matched, final in _moved(price, terms, material):
        at += final.ueur_per_kg - matched
        yield Step(
            final.rule,
            at,
            {**_of_term(final, at).inputs, "matched_ueur_per_kg": str(matched)},
            final.evidence,
        )


def _moved(price: MatchedPrice, terms: AgreementTerms, material: Material) -> Iterator[tuple[int, PriceTerm]]:
    """(T_match, T_final) of each kind of term that assay or evidence changes."""
    matched: dict[str, int] = {}
    for term in price.terms:
        matched[term.kind] = matched.get(term.kind, 0) + term.ueur_per_kg
    if price.co_products:
        ratios = material.ratio_ppb()
        worth = co_product_ueur(price.co_products, ratios, lambda bid: bid.price_ueur_per_kg)
        inputs = {
            f"{bid.analyte}_kg_per_basis_kg_ppb": str(ratios.get(bid.analyte, 0)) for bid in price.co_products
        }
        final = PriceTerm(kind="co_product", rule="co_product.1", ueur_per_kg=worth, inputs=inputs)
        yield _co_product_at_cut(price, matched.get("co_product", 0)), final
    if price.sustainability is not None:
        clause = price.sustainability
        for term in sustainability_terms(clause.profile, clause.rule_set, material.claims(clause)):
            yield matched.get(term.kind, 0), term
    if terms.penalties:
        rules = terms.penalties
        final = penalty_term(rules, lambda analyte: material.fractions_ppb.get(analyte, 0))
        yield matched.get("penalties", 0), final


def _co_product_at_cut(price: MatchedPrice, recorded: int) -> int:
    """The co-product amount computed again from the ratios of the cut, since recorded prices are rounded: so
    an equal assay changes nothing."""
    shown = {
        name: figure
        for term in price.terms
        if term.kind == "co_product"
        for name, figure in term.inputs.items()
    }
    names = {bid.analyte: f"{bid.analyte}_kg_per_basis_kg_ppb" for bid in price.co_products}
    if not all(name in shown for name in names.values()):
        return recorded
    ratios = {analyte: int(shown[name]) for analyte, name in names.items()}
    return co_product_ueur(price.co_products, ratios, lambda bid: bid.price_ueur_per_kg)


def _cost_plus(
    price: CostPlusPrice, terms: AgreementTerms, material: Material, quotation: Quotation
) -> Iterator[Step]:
    """(cost + share × max(0, index − cost)) × form factor − penalties."""
    yield from _quoted(quotation)
    cost = Fraction(price.cost_micro_per_kg)
    yield Step("cost.1", cost, _stated(cost_micro_per_kg=price.cost_micro_per_kg))
    at = cost + max(Fraction(0), quotation.exact - cost) * price.margin_ppb / PPB
    yield Step("margin.1", at, _stated(margin_ppb=price.margin_ppb))
    at = at * price.form_factor_ppb / PPB
    yield Step("form_factor.1", at, _stated(kg_index_per_kg_basis_ppb=price.form_factor_ppb))
    yield from _penalties(terms, material, at)


def _at_index(
    price: ContractForDifference, terms: AgreementTerms, material: Material, quotation: Quotation
) -> Iterator[Step]:
    """The price of the delivery itself: the index, or 0 when it is sold elsewhere."""
    if not price.delivered_at_index:
        yield Step("sold_elsewhere.1", Fraction(0), {})
        return
    yield from _quoted(quotation)
    at = quotation.exact * price.form_factor_ppb / PPB
    yield Step("form_factor.1", at, _stated(kg_index_per_kg_basis_ppb=price.form_factor_ppb))
    yield from _penalties(terms, material, at)


def _difference(price: ContractForDifference, quotation: Quotation) -> Iterator[Step]:
    """max(0, F − P̄) − u · max(0, P̄ − F), × form factor."""
    yield from _quoted(quotation)
    lack = price.strike_micro_per_kg - quotation.exact
    yield Step("strike.1", lack, _stated(strike_micro_per_kg=price.strike_micro_per_kg))
    shared = lack if lack >= 0 else lack * price.upside_ppb / PPB
    yield Step("upside.1", shared, _stated(upside_ppb=price.upside_ppb))
    yield Step(
        "form_factor.1",
        shared * price.form_factor_ppb / PPB,
        _stated(kg_index_per_kg_basis_ppb=price.form_factor_ppb),
    )
