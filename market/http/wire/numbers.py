"""The API's decimals: a strict decimal string on the wire, an integer of a named unit inside.

No exponent, no leading zeros, no NaN, a minus only where the kind is signed, and no silent rounding: a figure
with more decimals than the integer unit holds is refused. The pattern of a kind carries sign, scale and
magnitude, so that the fast decoder, the OpenAPI document and the explanation of an error cannot disagree.
"""

import re
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta

END: Final = r"$(?!\n)"
"""`$` also matches before a last line feed; this does not, in Python and ECMA regular expressions alike."""

TEXTS_REMEMBERED: Final = 8_192
_FINITE: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
_WITH_COMMA: Final = re.compile(r"-?[0-9.]*,[0-9.,]*\Z")
_NOT_FINITE: Final = re.compile(r"[+-]?(nan|inf(inity)?)\Z", re.IGNORECASE)


class DecimalKind:
    """Texts of `unit`: `digits` before and `decimals` after the point at most ↔ integers of 10**-decimals.

    At least `shown` decimals are written.
    """

    __slots__ = (
        "_form",
        "_one",
        "at_most_hundred",
        "decimals",
        "digits",
        "example",
        "pattern",
        "positive",
        "shown",
        "signed",
        "unit",
    )

    def __init__(
        self,
        *,
        unit: str,
        digits: int,
        decimals: int,
        example: str,
        shown: int = 0,
        signed: bool = False,
        positive: bool = False,
        at_most_hundred: bool = False,
    ) -> None:
        self.unit = unit
        self.digits = digits
        self.decimals = decimals
        self.example = example
        self.shown = shown
        self.signed = signed
        self.positive = positive
        self.at_most_hundred = at_most_hundred
        self.pattern = self._pattern()
        self._one = 10**decimals
        self._form = re.compile(self.pattern)

    def _pattern(self) -> str:
        fraction = rf"(\.[0-9]{{1,{self.decimals}}})?" if self.decimals else ""
        if self.at_most_hundred:
            hundred = rf"100(\.0{{1,{self.decimals}}})?"
            if self.positive:
                return rf"^({hundred}|[1-9][0-9]?{fraction}{self._below_one()}){END}"
            return rf"^({hundred}|(0|[1-9][0-9]?){fraction}){END}"
        whole = rf"[1-9][0-9]{{0,{self.digits - 1}}}"
        if self.positive and not self.signed:
            return rf"^({whole}{fraction}{self._below_one()}){END}"
        return rf"^{'-?' if self.signed else ''}(0|{whole}){fraction}{END}"

    def _below_one(self) -> str:
        """A digit other than 0 behind the point, found without looking ahead: not all regex engines can."""
        left = range(self.decimals - 1, -1, -1)
        digits = "|".join(rf"{'0' * (self.decimals - 1 - more)}[1-9][0-9]{{0,{more}}}" for more in left)
        return rf"|0\.({digits})" if digits else ""

    @property
    def text_max(self) -> int:
        return self.digits + 1 + self.decimals + (1 if self.signed else 0)

    def meta(self, description: str | None = None) -> Meta:
        return Meta(
            pattern=self.pattern,
            max_length=self.text_max,
            examples=[self.example],
            description=description or f"Decimal string, {self.unit}.",
            extra={"decimal": self},
        )

    def parse(self, text: str) -> int:
        """The integer of a text that matches the pattern; ValueError when it does not."""
        if self._form.search(text) is None:
            raise ValueError(self.fault(text)[1])
        return self.decoded(text)

    def decoded(self, text: str) -> int:
        """As `parse`, for a text that a decoder has already checked against the pattern."""
        return _scaled(text, self.decimals)

    def text(self, value: int) -> str:
        """The shortest exact text with at least `shown` decimals."""
        sign, digits = ("-", -value) if value < 0 else ("", value)
        if self.decimals == 0:
            return f"{sign}{digits}"
        whole, fraction = divmod(digits, self._one)
        kept = str(fraction).zfill(self.decimals).rstrip("0").ljust(self.shown, "0")
        return f"{sign}{whole}.{kept}" if kept else f"{sign}{whole}"

    def parse_optional(self, text: str | None) -> int | None:
        return None if text is None else self.parse(text)

    def decoded_optional(self, text: str | None) -> int | None:
        return None if text is None else self.decoded(text)

    def text_optional(self, value: int | None) -> str | None:
        return None if value is None else self.text(value)

    def fault(self, text: str) -> tuple[str, str]:
        """Code and sentence for a text that does not match the pattern."""
        if _NOT_FINITE.match(text):
            return "not_finite", f"{text[:20]!r} is not a finite number of {self.unit}"
        if _WITH_COMMA.match(text):
            detail = (
                f"{text[:20]!r} has a comma: write a point before the decimals, and nothing between thousands"
            )
            return "decimal_comma", detail
        if not _FINITE.match(text):
            return (
                "not_decimal",
                f"write a plain decimal number of {self.unit} such as {self.example!r}, without exponent",
            )
        if text.startswith("-") and not self.signed:
            return "negative", f"this cannot be below 0 {self.unit}"
        whole, _, fraction = text.removeprefix("-").partition(".")
        if len(fraction) > self.decimals:
            return (
                "over_precise",
                f"write at most {self.decimals} decimals, in {self.unit}: nothing is rounded",
            )
        if whole != "0" and whole.startswith("0"):
            return "not_decimal", "no leading zeros"
        if self.positive and not (whole + fraction).strip("0"):
            return "not_positive", f"this has to be more than 0 {self.unit}"
        most = "at most 100" if self.at_most_hundred else f"below {10**self.digits}"
        return "out_of_range", f"this has to be {most} {self.unit}"


@lru_cache(maxsize=TEXTS_REMEMBERED)
def _scaled(text: str, decimals: int) -> int:
    """Remembered, since what one seller states of its materials is mostly what it stated before."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(decimals, "0"))


TONNES = DecimalKind(unit="t", digits=6, decimals=6, shown=3, example="25.000")
TONNES_POSITIVE = DecimalKind(unit="t", digits=6, decimals=6, shown=3, positive=True, example="25.000")
KILOGRAMS = DecimalKind(unit="kg", digits=9, decimals=3, shown=3, example="5600.000")
KILOGRAMS_POSITIVE = DecimalKind(unit="kg", digits=9, decimals=3, shown=3, positive=True, example="5600.000")
GRAMS_POSITIVE = DecimalKind(unit="g", digits=6, decimals=3, shown=3, positive=True, example="12.500")
MILLIMETRES = DecimalKind(unit="mm", digits=5, decimals=3, example="10.05")
MILLIMETRES_POSITIVE = DecimalKind(unit="mm", digits=5, decimals=3, positive=True, example="40")
MINUTES = DecimalKind(unit="minutes", digits=9, decimals=1, example="2.5")
MINUTES_POSITIVE = DecimalKind(unit="minutes", digits=4, decimals=1, positive=True, example="2.5")
GRAMS = DecimalKind(unit="g", digits=12, decimals=3, shown=3, example="45.000")
PERCENT = DecimalKind(unit="%", digits=3, decimals=7, at_most_hundred=True, example="28")
PERCENT_POSITIVE = DecimalKind(
    unit="%", digits=3, decimals=7, at_most_hundred=True, positive=True, example="85"
)
PART_PERCENT = DecimalKind(
    unit="%", digits=3, decimals=4, at_most_hundred=True, positive=True, example="62.5"
)
VOLUME_KG = DecimalKind(unit="kg", digits=8, decimals=6, shown=3, positive=True, example="1600.000")
SUM_KG = DecimalKind(unit="kg", digits=12, decimals=6, shown=3, signed=True, example="1700.000")
SIGNED_KILOGRAMS = DecimalKind(unit="kg", digits=9, decimals=3, shown=3, signed=True, example="-40.000")
SIGNED_PERCENT = DecimalKind(unit="%", digits=18, decimals=7, signed=True, example="-0.2")
PPM = DecimalKind(unit="ppm", digits=6, decimals=3, example="120")
PERCENT_OF_PLATEAU = DecimalKind(unit="% of plateau", digits=6, decimals=7, example="100")
RATIO = DecimalKind(unit="kg per kg", digits=6, decimals=9, example="0.12")
PRICE = DecimalKind(unit="currency per kg", digits=9, decimals=6, shown=2, example="69.00")
SIGNED_PRICE = DecimalKind(
    unit="currency per kg", digits=9, decimals=6, shown=2, signed=True, example="69.00"
)
EUR_PER_KG = DecimalKind(unit="EUR per kg", digits=5, decimals=6, shown=2, example="62.50")
EUR_PER_KG_POSITIVE = DecimalKind(
    unit="EUR per kg", digits=3, decimals=6, shown=2, positive=True, example="0.50"
)
SIGNED_EUR_PER_KG = DecimalKind(
    unit="EUR per basis kg", digits=9, decimals=6, shown=2, signed=True, example="-1.25"
)
SIGNED_FLOOR_EUR_PER_KG = DecimalKind(
    unit="EUR per basis kg", digits=5, decimals=6, shown=2, signed=True, example="55.00"
)
EUR_PER_TONNE = DecimalKind(unit="EUR per t CO2e", digits=7, decimals=2, shown=2, example="80.00")
EUR_CENTS = DecimalKind(unit="EUR", digits=12, decimals=2, shown=2, example="250000.00")
EUR_PER_CURRENCY = DecimalKind(
    unit="EUR per unit of currency", digits=6, decimals=6, positive=True, example="0.92"
)
BECQUEREL_PER_GRAM = DecimalKind(unit="Bq/g", digits=9, decimals=3, example="0.35")
KG_CO2E_PER_KG = DecimalKind(unit="kg CO2e per kg", digits=9, decimals=3, example="15.000")
WELFARE = DecimalKind(unit="EUR", digits=60, decimals=9, shown=2, signed=True, example="1250000.00")
"""From gram·micro-EUR per kg."""
PIECES = DecimalKind(unit="packages", digits=9, decimals=3, example="25")

INDEX_AMOUNT = DecimalKind(
    unit="currency per unit of the index", digits=9, decimals=6, shown=2, positive=True, example="69.00"
)
SIGNED_CENTS = DecimalKind(
    unit="the invoice's currency", digits=14, decimals=2, shown=2, signed=True, example="720000.00"
)
CENTS = DecimalKind(unit="the invoice's currency", digits=14, decimals=2, shown=2, example="720000.00")
EXACT_CENTS = DecimalKind(
    unit="the invoice's currency", digits=14, decimals=9, shown=2, signed=True, example="0.003200000"
)
"""From gram·micro per kg."""

DecimalText = Annotated[
    str,
    Meta(
        pattern=rf"^-?(0|[1-9][0-9]*)(\.[0-9]+)?{END}",
        description="Decimal string in the unit with which the name ends.",
    ),
]
"""Of answers, which may have more digits than a request takes."""
Tonnes = Annotated[str, TONNES.meta()]
TonnesPositive = Annotated[str, TONNES_POSITIVE.meta()]
Kilograms = Annotated[str, KILOGRAMS.meta()]
KilogramsPositive = Annotated[str, KILOGRAMS_POSITIVE.meta()]
Grams = Annotated[str, GRAMS.meta()]
GramsPositive = Annotated[str, GRAMS_POSITIVE.meta()]
Millimetres = Annotated[str, MILLIMETRES.meta()]
MillimetresPositive = Annotated[str, MILLIMETRES_POSITIVE.meta()]
MinutesPositive = Annotated[str, MINUTES_POSITIVE.meta()]
Percent = Annotated[str, PERCENT.meta()]
PercentPositive = Annotated[str, PERCENT_POSITIVE.meta()]
PartPercent = Annotated[str, PART_PERCENT.meta()]
VolumeKg = Annotated[str, VOLUME_KG.meta()]
SumKg = Annotated[str, SUM_KG.meta()]
Ppm = Annotated[str, PPM.meta()]
PercentOfPlateau = Annotated[str, PERCENT_OF_PLATEAU.meta()]
Ratio = Annotated[str, RATIO.meta()]
SignedKilograms = Annotated[str, SIGNED_KILOGRAMS.meta()]
SignedPercent = Annotated[str, SIGNED_PERCENT.meta()]
SignedCents = Annotated[str, SIGNED_CENTS.meta()]
Cents = Annotated[str, CENTS.meta()]
ExactCents = Annotated[str, EXACT_CENTS.meta()]
IndexAmount = Annotated[str, INDEX_AMOUNT.meta()]
Amount = Annotated[str, PRICE.meta("Decimal string, units of `currency` per kg of `per`.")]
SignedAmount = Annotated[
    str, SIGNED_PRICE.meta("Decimal string, `currency` per kg of `per`; below zero only as a differential.")
]
EurPerKg = Annotated[str, EUR_PER_KG.meta()]
EurPerKgPositive = Annotated[str, EUR_PER_KG_POSITIVE.meta()]
SignedEurPerKg = Annotated[str, SIGNED_EUR_PER_KG.meta()]
SignedFloorEurPerKg = Annotated[str, SIGNED_FLOOR_EUR_PER_KG.meta()]
EurPerTonne = Annotated[str, EUR_PER_TONNE.meta()]
Eur = Annotated[str, EUR_CENTS.meta()]
EurPerCurrency = Annotated[str, EUR_PER_CURRENCY.meta()]
BecquerelPerGram = Annotated[str, BECQUEREL_PER_GRAM.meta()]
KgCo2ePerKg = Annotated[str, KG_CO2E_PER_KG.meta()]
