"""Checks the analytes named in clauses: an unknown one, for which no figure can be stated, would block every
shipment."""

from collections.abc import Iterator

from contracts.rules.refusals import AgreedAnalyteUnknown
from events.analytes import meant_by
from events.contract_terms import AgreementTerms
from events.price_clauses import MatchedPrice
from events.refusal import Refusal
from events.vocabulary import ANALYTES


def analyte_refusals(terms: AgreementTerms, standing: AgreementTerms | None) -> list[Refusal]:
    """An amendment may keep the names that the agreement already has."""
    kept = frozenset() if standing is None else frozenset(analyte for _, analyte in named(standing))
    return [
        AgreedAnalyteUnknown(pointer=pointer, analyte=analyte, meant=meant_by(analyte))
        for pointer, analyte in named(terms)
        if analyte not in ANALYTES and analyte not in kept
    ]


def named(terms: AgreementTerms) -> Iterator[tuple[str, str]]:
    """The named analytes, each with its pointer into the terms."""
    for place, limit in enumerate(terms.product.limits):
        yield f"/product/limits/{place}/analyte", limit.analyte
    if terms.product.purity is not None:
        for place, element in enumerate(terms.product.purity.elements):
            yield f"/product/purity/elements/{place}", element
    for place, rule in enumerate(terms.penalties):
        yield f"/penalties/{place}/analyte", rule.analyte
    for place, split in enumerate(terms.assay.splitting):
        yield f"/assay/splitting/{place}/analyte", split.analyte
    if isinstance(terms.price, MatchedPrice):
        for place, bid in enumerate(terms.price.co_products):
            yield f"/price/co_products/{place}/analyte", bid.analyte
