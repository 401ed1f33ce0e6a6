"""The price of a contract year, for quantities that were not taken or not delivered."""

from datetime import date, datetime

from msgspec.structs import replace

from contracts.rules.agreement import Agreement
from contracts.rules.index_units import IndexUnits, terms_read, unlike_units
from contracts.rules.materials import Material
from contracts.rules.price_refusals import IndexGap
from contracts.rules.price_terms import MICRO_G_PER_KG_PER_CENT, round_half_even
from contracts.rules.prices import Priced, Quotation, delivery_price, index_of
from contracts.rules.quotation import IndexValues, provisional, provisional_rate
from contracts.rules.volumes import YearVolume
from events.contract_terms import AgreementTerms, DeliveryEvidence, FormulaTerm
from events.price_clauses import IndexedPrice, MatchedPrice
from events.vocabulary import BASIS_ELEMENTS, GRAMS_PER_KG, PPB


def mean_price(volume: YearVolume) -> Priced | None:
    """The mean price per kg of the year's product; None when nothing was invoiced."""
    if volume.invoiced_g == 0:
        return None
    mean = round_half_even(volume.invoiced_cents * MICRO_G_PER_KG_PER_CENT, volume.invoiced_g)
    inputs = {"invoiced_cents": str(volume.invoiced_cents), "invoiced_g": str(volume.invoiced_g)}
    return Priced(mean, (_term("mean-of-year.1", 0, mean, inputs),))


def formula_price(terms: AgreementTerms, last_day: date, values: IndexValues, at: datetime) -> Priced | None:
    """The price of a lot shipped on the year's last day, by the values known `at`.

    Without penalties and sustainability amounts, since there is no delivered lot to which they could apply.
    None when no value of the index is known.
    """
    price = terms.price
    if isinstance(price, MatchedPrice):
        matched = price.price_micro_per_kg
        return Priced(matched, (_term("matched.1", 0, matched, {"match": str(price.match)}),))
    reference, quotation = index_of(price), None
    if reference is not None:
        try:
            quoted = provisional(values, reference, last_day, at)
            quotation = Quotation(quoted, provisional_rate(values, reference, quoted.days, at))
        except IndexGap:
            return None
    if isinstance(price, IndexedPrice):
        price = replace(price, sustainability=None)
    return delivery_price(replace(terms, price=price, penalties=()), _basis_alone(terms, at), quotation)


def year_formula(
    agreement: Agreement, last_day: date, units: IndexUnits, values: IndexValues, at: datetime
) -> Priced | None:
    """As `formula_price`; also None when the terms read an index in another unit than the published one."""
    terms = terms_read(agreement, last_day, units)
    return None if unlike_units(terms, units) else formula_price(terms, last_day, values, at)


def _term(rule: str, before: int, after: int, inputs: dict[str, str]) -> FormulaTerm:
    return FormulaTerm(rule=rule, micro_per_kg=after - before, after_micro_per_kg=after, inputs=inputs)


def _basis_alone(terms: AgreementTerms, at: datetime) -> Material:
    """A hypothetical material: one dry kilogram, basis elements in equal parts."""
    elements = BASIS_ELEMENTS[terms.product.basis]
    return Material(
        basis=terms.product.basis,
        form=terms.product.form,
        net_wet_g=GRAMS_PER_KG,
        moisture_ppb=0,
        fractions_ppb={element: PPB // len(elements) for element in elements},
        evidence=DeliveryEvidence(),
        papers_until=at,
    )
