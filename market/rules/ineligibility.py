"""One reason against a pair of orders, and how its figures are written."""

from datetime import datetime

from msgspec import Struct

from events.vocabulary import MICRO, PPB, Period, Side
from market.rules.quantities import DryAnalyte

_G_PER_TONNE = 1_000_000
_PPB_PER_PPM = 1_000
_PPB_PER_PERCENT = 10_000_000
_PPM_BELOW_PPB = PPB // 1_000


class Ineligibility(Struct, frozen=True, kw_only=True):
    """One reason against a pair. Each figure belongs to the side that stated it, and only to it.

    `compares_price_of` are the sides whose price or credit decided: only they may learn of it at all, or a
    rival's price could be found by trying.
    """

    code: str
    subject: str | None = None
    seller_figure: str | None = None
    relation: str = ""
    buyer_figure: str | None = None
    compares_price_of: tuple[Side, ...] = ()

    def __str__(self) -> str:
        head = self.code if self.subject is None else f"{self.code}:{self.subject}"
        return " ".join(part for part in (head, self.seller_figure, self.relation, self.buyer_figure) if part)


def period_text(period: Period) -> str:
    return f"{day_text(period.start)}/{day_text(period.end)}"


def day_text(moment: datetime) -> str:
    return moment.date().isoformat()


def kg_text(grams: int) -> str:
    return f"{grams // 1000}.{grams % 1000:03d} kg"


def tonnes_text(grams: int) -> str:
    return f"{_decimal(grams, _G_PER_TONNE)} t"


def becquerel_text(mbq_per_g: int) -> str:
    return f"{mbq_per_g // 1000}.{mbq_per_g % 1000:03d} Bq/g"


def eur_per_kg_text(ueur: int) -> str:
    sign = "-" if ueur < 0 else ""
    return f"{sign}{abs(ueur) // MICRO}.{abs(ueur) % MICRO:06d} EUR/kg"


def ppb_text(ppb: int) -> str:
    """`120 ppm` below 0.1 %, else `0.35 %`; exact to a part per billion."""
    if abs(ppb) < _PPM_BELOW_PPB:
        return f"{_decimal(ppb, _PPB_PER_PPM)} ppm"
    return f"{_decimal(ppb, _PPB_PER_PERCENT)} %"


def analyte_text(found: DryAnalyte) -> str:
    """What was measured, rounded up to a part per billion, or the detection limit."""
    text = ppb_text(found.high_ppb)
    return f"<{text}" if found.below_detection else text


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(abs(value), unit)
    digits = len(str(unit)) - 1
    text = f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".") if rest else str(whole)
    return f"-{text}" if value < 0 else text
