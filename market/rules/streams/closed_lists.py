"""Closed lists (enums) in the partners' AsyncAPI document, each a schema with its own name: code generators
make one type of each, with the same name at every release."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from events import (
    capacity_terms,
    clearing_terms,
    contract_terms,
    forecast_terms,
    initiative_terms,
    origin_terms,
    passport_terms,
    price_clauses,
    rex_terms,
    twin_terms,
    vocabulary,
    volume_terms,
)
from market.rules.orders import reservations
from market.rules.streams.wire_schemas import Schema
from market.rules.visibility import deal_tape, tape

NAMED: Final[dict[str, Any]] = {
    "AgreementAction": deal_tape.DealAction,
    "AgreementKind": contract_terms.AgreementKind,
    "AgreementStatus": contract_terms.AgreementStatus,
    "Assurance": passport_terms.Assurance,
    "BenchmarkVerdict": initiative_terms.FigureVerdict,
    "BuyerAct": contract_terms.BuyerAct,
    "CapacityRule": capacity_terms.CapacityRule,
    "CarrierKind": passport_terms.CarrierKind,
    "CellState": vocabulary.CellState,
    "ClaimKind": passport_terms.ClaimKind,
    "ClaimSupported": passport_terms.ClaimSupported,
    "Commitment": vocabulary.Commitment,
    "CompositionOf": vocabulary.CompositionOf,
    "ConditionGrade": vocabulary.ConditionGrade,
    "ConditionKind": contract_terms.ConditionKind,
    "ContestOutcome": contract_terms.ContestOutcome,
    "CoreKind": rex_terms.CoreKind,
    "CustodyModel": vocabulary.CustodyModel,
    "Denominator": vocabulary.Denominator,
    "ExportLicenceStatus": vocabulary.ExportLicenceStatus,
    "FacilityScale": vocabulary.FacilityScale,
    "FacilityStage": vocabulary.FacilityStage,
    "FacilityStatus": vocabulary.FacilityStatus,
    "FigureMeasure": initiative_terms.FigureMeasure,
    "ForecastBasis": forecast_terms.ForecastBasis,
    "ForecastSupply": forecast_terms.ForecastSupply,
    "FractionUnit": contract_terms.FractionUnit,
    "Incoterm": vocabulary.Incoterm,
    "InvoiceLineKind": contract_terms.LineKind,
    "InvoiceSettles": contract_terms.Settles,
    "KeyRole": vocabulary.KeyRole,
    "MagnetAxis": rex_terms.MagnetAxis,
    "MagnetCoating": rex_terms.MagnetCoating,
    "MagnetFixing": rex_terms.MagnetFixing,
    "MagnetShape": rex_terms.MagnetShape,
    "MagnetType": passport_terms.MagnetType,
    "MarketBasis": vocabulary.MarketBasis,
    "MassBalanceMethod": passport_terms.MassBalanceMethod,
    "MassBasis": vocabulary.MassBasis,
    "MassFigure": contract_terms.MassFigure,
    "NominationLevel": contract_terms.NominationLevel,
    "OrderAction": tape.Action,
    "OriginStage": origin_terms.OriginStage,
    "PackagingUnit": vocabulary.PackagingUnit,
    "PartyRole": vocabulary.PartyRole,
    "PriceTermKind": clearing_terms.TermKind,
    "PriceUnit": vocabulary.PriceUnit,
    "ProductForm": vocabulary.ProductForm,
    "QualificationLevel": vocabulary.QualificationLevel,
    "Quantile": forecast_terms.Quantile,
    "QuotationPeriod": price_clauses.QuotationPeriod,
    "RecordStream": vocabulary.Stream,
    "ReleaseReason": reservations.ReleaseReason,
    "ResponsibleRole": passport_terms.ResponsibleRole,
    "RetireReason": passport_terms.RetireReason,
    "ReturnPercentile": forecast_terms.Percentile,
    "RexRoute": vocabulary.RexRoute,
    "Side": vocabulary.Side,
    "StatedClaim": contract_terms.StatedClaim,
    "StepDownReason": rex_terms.StepDownReason,
    "ToolClass": twin_terms.ToolClass,
    "ValueChainStage": vocabulary.ValueChainStage,
    "VolumeDirection": volume_terms.VolumeDirection,
    "WasteStatus": vocabulary.WasteStatus,
}
"""The names that partners' programs use. A list that only one member has is named after struct and member."""
_NAMES: Final = {frozenset(get_args(words)): name for name, words in NAMED.items()}
_TYPES: Final = {str: "string", int: "integer"}


def with_named_lists(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """The schemas, which name each list, and the lists. ValueError where one name is of two lists."""
    lists: dict[str, Schema] = {}
    found = {name: _refer(schema, (name.rpartition(".")[2],), lists) for name, schema in schemas.items()}
    return {**found, **dict(sorted(lists.items()))}


def _refer(schema: Any, path: tuple[str, ...], lists: dict[str, Schema]) -> Any:
    """`path`: names of the struct and of its member."""
    if isinstance(schema, list):
        return [_refer(each, path, lists) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "enum" not in schema:
        return dict(_parts(schema, path, lists))
    words = schema["enum"]
    rest = {keyword: each for keyword, each in schema.items() if keyword != "enum"}
    if len(words) == 1:
        return {"const": words[0], **rest}
    name = _NAMES.get(frozenset(words)) or "".join(map(camel, path))
    found = {"title": name, "type": _TYPES[type(words[0])], "enum": words}
    if lists.setdefault(name, found) != found:
        raise ValueError(f"{name} is of two lists: give each a name in NAMED")
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {**reference, **rest}


def _parts(schema: Schema, path: tuple[str, ...], lists: dict[str, Schema]) -> Iterator[tuple[str, Any]]:
    for keyword, part in schema.items():
        if keyword == "properties":
            yield keyword, {member: _refer(each, (*path, member), lists) for member, each in part.items()}
        else:
            yield keyword, _refer(part, path, lists)


def camel(words: str) -> str:
    """`MatchAnswered` of itself and of `match_answered`, `match-answered` and `match.answered`."""
    return "".join(f"{word[:1].upper()}{word[1:]}" for word in re.split("[-._]", words))
