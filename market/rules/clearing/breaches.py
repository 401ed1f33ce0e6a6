"""Statements of a certificate that are wrong."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

BREACHES_MAX = 100


class Breach(Struct, frozen=True, kw_only=True):
    """One wrong statement of a certificate: `field` in `section` is `found`, but `rule` requires `required`.

    field: a path, as in `duals/3/rank_dual`; several paths if they only contradict each other.
    """

    section: str
    field: str
    rule: str
    found: str
    required: str

    def sentence(self) -> str:
        place = f"{self.section}: " if self.section else ""
        return f"{place}{self.field} is {self.found}, {self.rule} requires {self.required}"


class CertificateBroken(Exception):
    """The record does not prove a round of this book. `breaches`: at most BREACHES_MAX, of one section."""

    def __init__(self, breaches: Sequence[Breach]) -> None:
        super().__init__("; ".join(breach.sentence() for breach in breaches[:3]))
        self.breaches = tuple(breaches[:BREACHES_MAX])


def refuse(breaches: Iterator[Breach]) -> None:
    """Raises CertificateBroken with the first breaches, if there are any."""
    found = [breach for breach, _ in zip(breaches, range(BREACHES_MAX), strict=False)]
    if found:
        raise CertificateBroken(found)


def breach_of(section: str, field: str, rule: str, found: object, required: object) -> Breach:
    return Breach(section=section, field=field, rule=rule, found=str(found), required=str(required))
