"""The `body` columns: a struct of the record as canonical JSON. Bodies that many commands read are decoded
once per content."""

from functools import lru_cache

import msgspec
from msgspec import Struct

from events.market_terms import MarketInput, MarketTerms, Member, RequirementTerms, RuleSet, SupplyTerms

REMEMBERED_MAX = 1024

_encoder = msgspec.json.Encoder(order="deterministic")
_terms = msgspec.json.Decoder(MarketTerms)
_members = msgspec.json.Decoder(Member)
_rule_sets = msgspec.json.Decoder(RuleSet)
_supplies = msgspec.json.Decoder(SupplyTerms)
_requirements = msgspec.json.Decoder(RequirementTerms)
_inputs: msgspec.json.Decoder[MarketInput] = msgspec.json.Decoder(MarketInput)


def encode(value: Struct) -> bytes:
    return _encoder.encode(value)


@lru_cache(maxsize=REMEMBERED_MAX)
def market_terms(body: bytes) -> MarketTerms:
    return _terms.decode(body)


@lru_cache(maxsize=REMEMBERED_MAX)
def member(body: bytes) -> Member:
    return _members.decode(body)


@lru_cache(maxsize=REMEMBERED_MAX)
def rule_set(body: bytes) -> RuleSet:
    return _rule_sets.decode(body)


@lru_cache(maxsize=REMEMBERED_MAX)
def market_input(body: bytes) -> MarketInput:
    return _inputs.decode(body)


def supply_terms(body: bytes) -> SupplyTerms:
    return _supplies.decode(body)


def requirement_terms(body: bytes) -> RequirementTerms:
    return _requirements.decode(body)
