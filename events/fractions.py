"""Fractions and masses written as traders write them."""

from typing import Final

PPB_PER_PPM: Final = 1_000
PPB_PER_PERCENT: Final = 10_000_000
PPM_BELOW_PPB: Final = 1_000_000
G_PER_TONNE: Final = 1_000_000


def ppb_text(ppb: int) -> str:
    """`120 ppm` below 0.1 %, else `0.35 %`; exact to a part per billion."""
    if abs(ppb) < PPM_BELOW_PPB:
        return f"{decimal_text(ppb, PPB_PER_PPM)} ppm"
    return percent_text(ppb)


def percent_text(ppb: int) -> str:
    """Always in per cent, for columns with one unit: `0.012 %`, `20 %`."""
    return f"{decimal_text(ppb, PPB_PER_PERCENT)} %"


def tonnes_text(grams: int) -> str:
    return f"{decimal_text(grams, G_PER_TONNE)} t"


def decimal_text(value: int, unit: int) -> str:
    """`value` in a unit that is a power of ten, exact and without trailing zeros."""
    whole, rest = divmod(abs(value), unit)
    digits = len(str(unit)) - 1
    text = f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".") if rest else str(whole)
    return f"-{text}" if value < 0 else text
