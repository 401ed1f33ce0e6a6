"""Sample facts of every type, made from the types alone: the same type gives the same sample."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

from msgspec import Struct, inspect

from events.catalog import FACT_TYPES
from events.codec import encode_event
from events.envelope import source_of
from events.vocabulary import (
    BIG_INTEGER_PATTERN,
    CODE_PATTERN,
    COUNTRY_PATTERN,
    CURRENCY_PATTERN,
    SHA256_PATTERN,
    Cell,
    Composition,
)

DEPLOYMENT_ID = UUID("0193a000-0000-7000-8000-00000000d001")
ACTOR = UUID("0193a000-0000-7000-8000-0000000000ac")
BEGIN = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC)
SHA256 = "0123456789abcdef" * 4
SIMPLE = {inspect.BoolType: True, inspect.StrType: "text", inspect.DateType: date(2026, 3, 1)}
PATTERNS = {
    BIG_INTEGER_PATTERN: "-12345678901234567890",
    SHA256_PATTERN: SHA256,
    COUNTRY_PATTERN: "FR",
    CURRENCY_PATTERN: "EUR",
    CODE_PATTERN: "code-1",
}


class Sampler:
    """`variant` < 0: only what is required; else everything, with that variant of each union of structs."""

    def __init__(self, variant: int) -> None:
        self._variant = variant
        self._numbers = count(1)
        self.variants = 1

    def value(self, kind: inspect.Type) -> Any:
        if type(kind) in SIMPLE:
            return SIMPLE[type(kind)]
        match kind:
            case inspect.StructType():
                return self._struct(kind.cls)
            case inspect.UnionType():
                return self._union(kind)
            case inspect.LiteralType():
                return kind.values[0]
            case inspect.IntType():
                return self._integer(kind)
            case inspect.Metadata():
                pattern = (kind.extra_json_schema or {}).get("pattern")
                return self.value(kind.type) if pattern is None else PATTERNS.get(pattern, "text")
            case inspect.UUIDType():
                return UUID(int=DEPLOYMENT_ID.int + 0x1000 + next(self._numbers))
            case inspect.DateTimeType():
                return BEGIN + timedelta(days=next(self._numbers))
            case inspect.VarTupleType():
                amount = max(kind.min_length or 0, 0 if self._variant < 0 else 2)
                return tuple(self.value(kind.item_type) for _ in range(amount))
            case inspect.DictType():
                return {} if self._variant < 0 else {"b": "2", "a": "1"}
        raise NotImplementedError(f"no sample of {kind}")

    def _integer(self, kind: inspect.IntType) -> int:
        least = kind.ge if kind.ge is not None and kind.ge > 0 else 0
        most = kind.le if kind.le is not None else 10**6
        return min(least + next(self._numbers), most)

    def _union(self, kind: inspect.UnionType) -> Any:
        structs = [part for part in kind.types if isinstance(part, inspect.StructType)]
        self.variants = max(self.variants, len(structs))
        if len(structs) > 1:
            return self.value(structs[max(self._variant, 0) % len(structs)])
        return self.value(next(part for part in kind.types if not isinstance(part, inspect.NoneType)))

    def _struct(self, cls: type[Struct]) -> Struct:
        if cls is Cell:
            return Cell(analyte="Nd", reported_as="Nd2O3", state="value", fraction_ppb=291_000_000)
        if cls is Composition and self._variant < 0:
            return Composition(basis="dry", of="sample", cells=())
        given = {}
        for field in inspect.type_info(cls).fields:  # type: ignore[attr-defined]
            if field.required or self._variant >= 0:
                given[field.name] = self.value(field.type)
        return cls(**given)


def samples(name: str) -> Iterator[Struct]:
    """The least fact of a type, then full ones until every variant of its unions was seen."""
    kind = inspect.type_info(FACT_TYPES[name])
    yield Sampler(-1).value(kind)
    variant = 0
    while True:
        sampler = Sampler(variant)
        yield sampler.value(kind)
        variant += 1
        if variant >= sampler.variants:
            return


@cache
def sample_bodies(name: str) -> tuple[bytes, ...]:
    """Whole event bodies of a type, as the journal holds them."""
    return tuple(
        encode_event(
            event_id=UUID(int=DEPLOYMENT_ID.int + number),
            source=source_of(DEPLOYMENT_ID),
            subject=f"sample-{number}",
            time=BEGIN,
            lane=3,
            position=number + 1,
            cause="POST /v1/samples",
            actor=ACTOR,
            salt="00112233445566778899aabbccddeeff",
            data=fact,
        )
        for number, fact in enumerate(samples(name))
    )
