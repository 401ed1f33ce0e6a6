"""One reason against a pair of orders, and how its figures are written."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from events.fractions import ppb_text
from events.vocabulary import MICRO, Period, Side
from market.rules.quantities import DryAnalyte


class PolicyLine(Struct, frozen=True, kw_only=True, order=True):
    """A line of a version of a procurement policy."""

    policy: UUID
    version: int
    line: str

    def __str__(self) -> str:
        return f"policy {self.policy.hex} version {self.version}"


class Ineligibility(Struct, frozen=True, kw_only=True):
    """One reason against a pair. Each figure is confidential to the side that stated it.

    `policies` are those that require it, shown only to the buyer. `compares_price_of` are the sides whose
    price or credit decided: only they may see the reason, or a rival's price could be found by trying values.
    """

    code: str
    subject: str | None = None
    seller_figure: str | None = None
    relation: str = ""
    buyer_figure: str | None = None
    compares_price_of: tuple[Side, ...] = ()
    policies: tuple[PolicyLine, ...] = ()

    def __str__(self) -> str:
        head = self.code if self.subject is None else f"{self.code}:{self.subject}"
        figures = (head, self.seller_figure, self.relation, self.buyer_figure)
        told = " ".join(part for part in figures if part)
        return f"{told} by {', '.join(map(str, self.policies))}" if self.policies else told


def period_text(period: Period) -> str:
    return f"{day_text(period.start)}/{day_text(period.end)}"


def day_text(moment: datetime) -> str:
    return moment.date().isoformat()


def kg_text(grams: int) -> str:
    return f"{grams // 1000}.{grams % 1000:03d} kg"


def becquerel_text(mbq_per_g: int) -> str:
    return f"{mbq_per_g // 1000}.{mbq_per_g % 1000:03d} Bq/g"


def eur_per_kg_text(ueur: int) -> str:
    sign = "-" if ueur < 0 else ""
    return f"{sign}{abs(ueur) // MICRO}.{abs(ueur) % MICRO:06d} EUR/kg"


def analyte_text(found: DryAnalyte) -> str:
    """What was measured, rounded up to a part per billion, or the detection limit."""
    text = ppb_text(found.high_ppb)
    return f"<{text}" if found.below_detection else text
