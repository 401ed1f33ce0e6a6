"""Published figures: decimal strings in the unit that the member's name states."""

from functools import cache, lru_cache
from typing import Any, Final

from msgspec import UNSET, Struct


class Units(Struct, frozen=True, eq=False):
    """`endings`: ending of the internal name, ending of the published name, and decimals between them; the
    first match counts. `whole`: an ending may be the whole name, and nulls and members of lists are renamed
    too, which the public tape never did and must not change. Compared by identity, since caches use it as
    key, and hashing all endings would take longer than writing a struct."""

    endings: tuple[tuple[str, str, int], ...]
    whole: bool


PUBLIC_UNITS: Final = Units(
    (
        ("g_co2e_per_kg", "kg_co2e_per_kg", 3),
        ("ueur_per_kg", "eur_per_kg", 6),
        ("cents_per_t", "eur_per_t", 2),
        ("ppb", "percent", 7),
        ("g", "kg", 3),
    ),
    whole=False,
)
PARTNER_UNITS: Final = Units(
    (
        ("g_co2e_per_kg", "kg_co2e_per_kg", 3),
        ("ueur_per_kg_per_step", "eur_per_kg_per_step", 6),
        ("ueur_per_kg", "eur_per_kg", 6),
        ("ueur_per_unit", "eur_per_unit", 6),
        ("micro_years", "years", 6),
        ("micro_per_kg", "per_kg", 6),
        ("mbq_per_g", "bq_per_g", 3),
        ("cents_eur", "eur", 2),
        ("cents_per_t", "eur_per_t", 2),
        ("cents", "", 2),
        ("micro", "", 6),
        ("thousandths", "", 3),
        ("tenths", "", 1),
        ("um", "mm", 3),
        ("g_per_year", "kg_per_year", 3),
        ("share_ppm", "share_percent", 4),
        ("ppb", "percent", 7),
        ("g", "kg", 3),
    ),
    whole=True,
)
"""Remainders of rounding (`_g_per_kg`) stay integers."""

POWERS: Final = tuple(10**decimals for decimals in range(1 + max(unit[2] for unit in PARTNER_UNITS.endings)))
TEXTS_KEPT_MAX: Final = 8_192
PLAIN: Final = frozenset({str, int, bool, type(None)})
OPAQUE: Final = "inputs"
"""The inputs of a price term are published as in the record, so that they can be recomputed."""


def in_units(value: Any, units: Units) -> Any:
    """Converts integers of a named unit to decimal strings of the published unit, also in bands and lists."""
    if isinstance(value, list) or (units.whole and isinstance(value, tuple)):
        return [member if type(member) in PLAIN else in_units(member, units) for member in value]
    if not isinstance(value, dict):
        return value
    whole = units.whole
    named = _partner_unit if whole else _public_unit
    changed: dict[str, Any] = {}
    for name, member in value.items():
        unit, kind = named(name), type(member)
        if unit is not None and (whole or member is not None):
            outside, decimals = unit
            changed[outside] = decimal_text(member, decimals) if kind is int else scaled(member, decimals)
        elif kind in PLAIN or (name == OPAQUE and isinstance(member, dict)):
            changed[name] = member
        else:
            changed[name] = in_units(member, units)
    return changed


def unit_of(name: str, *, whole: bool) -> tuple[str, int] | None:
    """The name on the wire and its decimals."""
    return _partner_unit(name) if whole else _public_unit(name)


# One argument by its place: so the cache looks up the name itself, and a name is asked for with every figure.
@lru_cache(maxsize=4_096)
def _partner_unit(name: str) -> tuple[str, int] | None:
    return _unit(name, PARTNER_UNITS)


@lru_cache(maxsize=4_096)
def _public_unit(name: str) -> tuple[str, int] | None:
    return _unit(name, PUBLIC_UNITS)


def _unit(name: str, units: Units) -> tuple[str, int] | None:
    for inside, outside, decimals in units.endings:
        if name.endswith("_" + inside) or (units.whole and name == inside):
            return (name.removesuffix(inside) + outside).rstrip("_"), decimals
    return None


def scaled(member: Any, decimals: int) -> Any:
    """Every figure inside as its text."""
    if member is None:
        return None
    if isinstance(member, dict):
        return {name: scaled(figure, decimals) for name, figure in member.items()}
    if isinstance(member, list | tuple):
        return [scaled(figure, decimals) for figure in member]
    return decimal_text(member, decimals)


def decimal_text(number: int, decimals: int) -> str:
    """`number` over 10 to the power of `decimals`, without zeros that say nothing."""
    text: str = decimal_texts(decimals)[number]
    return text


class DecimalTexts(dict[Any, Any]):
    """`decimal_text` by number. What was asked for before is kept: figures come again, in a firm's other
    orders, when one is amended, and as nothing or all. What is null or missing stays so."""

    def __init__(self, decimals: int) -> None:
        self._decimals = decimals
        self._power = POWERS[decimals]
        self._begin()

    def _begin(self) -> None:
        self.clear()
        self[None], self[UNSET] = None, UNSET

    def __missing__(self, number: int) -> str:
        if len(self) >= TEXTS_KEPT_MAX:
            self._begin()
        text = self[number] = self._text(number)
        return text

    def _text(self, number: int) -> str:
        decimals, power = self._decimals, self._power
        if number % power == 0:
            return str(number // power)
        digits = (
            str(number) if number >= power else f"{'-' if number < 0 else ''}{abs(number):0{decimals + 1}d}"
        )
        return f"{digits[:-decimals]}.{digits[-decimals:].rstrip('0')}"


@cache
def decimal_texts(decimals: int) -> DecimalTexts:
    """Of all figures with these decimals."""
    return DecimalTexts(decimals)
