"""The input for pricing a delivered lot: its mass, figures and proved claims."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from msgspec import Struct

from contracts.rules.price_lines import Claims
from contracts.rules.price_terms import listed_origins, origin_in_full, round_to, stages_unstated
from events.contract_terms import AnalyteResult, DeliveryEvidence
from events.price_clauses import SustainabilityClause
from events.vocabulary import BASIS_ELEMENTS, OXIDES, PPB, TRADED_OXIDE, Denominator, MarketBasis, ProductForm


class Material(Struct, frozen=True, kw_only=True):
    """`fractions_ppb`: analyte → element in the dry sample. Documents have to be valid until `papers_until`.
    `silence_paid`: priced by the rule of earlier versions, for which an unstated origin is European."""

    basis: MarketBasis
    form: ProductForm
    net_wet_g: int
    moisture_ppb: int
    fractions_ppb: dict[str, int]
    evidence: DeliveryEvidence
    papers_until: datetime
    silence_paid: bool = False

    @property
    def basis_g(self) -> int:
        """Grams of basis, rounded down; whole magnets count by their net mass."""
        return round_to(self.net_wet_g * self.basis_share, "down")

    @property
    def basis_share(self) -> Fraction:
        """Mass of basis per mass of wet product."""
        elements = BASIS_ELEMENTS[self.basis]
        if not elements:
            return Fraction(1)
        metal_ppb = sum(self.fractions_ppb.get(element, 0) for element in elements)
        return Fraction(metal_ppb * (PPB - self.moisture_ppb), PPB**2)

    def kg_per_basis_kg(self) -> dict[Denominator, Fraction | None]:
        """Kilograms of each denominator that contain one kg of basis; None if unknown."""
        share, elements = self.basis_share, BASIS_ELEMENTS[self.basis]
        wet = 1 / share if share else None
        metal_ppb = sum(self.fractions_ppb.get(element, 0) for element in elements)
        oxide_ppb = sum((self._oxide_ppb(element) for element in elements), Fraction(0))
        return {
            "wet": wet,
            "dry": None if wet is None else wet * Fraction(PPB - self.moisture_ppb, PPB),
            "oxide": oxide_ppb / metal_ppb if metal_ppb else None,
            "element": Fraction(1) if elements else None,
        }

    def _oxide_ppb(self, element: str) -> Fraction:
        return Fraction(self.fractions_ppb.get(element, 0) * PPB, OXIDES[TRADED_OXIDE[element]][1])

    def ratio_ppb(self) -> dict[str, int]:
        """Kilograms of each analyte per kg of basis, in ppb, rounded down; empty if there is no basis."""
        dry = self.kg_per_basis_kg()["dry"]
        if dry is None:
            return {}
        return {analyte: round_to(ppb * dry, "down") for analyte, ppb in self.fractions_ppb.items()}

    def purity_ppb(self, elements: Iterable[str]) -> int | None:
        """Share of these rare earths in all rare earths with a figure, as traded oxides; None without any
        figure."""
        oxides = {element: self._oxide_ppb(element) for element in TRADED_OXIDE}
        whole = sum(oxides.values(), Fraction(0))
        named = sum((oxides[element] for element in elements if element in oxides), Fraction(0))
        return round_to(named / whole * PPB, "down") if whole else None

    def claims(self, clause: SustainabilityClause) -> Claims:
        """The claims as the market's rules read them."""

        def certificates(scheme: str) -> tuple[str, ...]:
            held = (
                certificate.certificate
                for certificate in self.evidence.certificates
                if certificate.scheme == scheme and certificate.valid_until >= self.papers_until
            )
            return tuple(map(str, sorted(held)))

        return Claims(
            form=self.form,
            footprint=self.evidence.footprint,
            recycled=self.evidence.recycled,
            origin=self.evidence.origin,
            concentrated=self._concentrated(clause),
            concentrated_evidence=(),
            certificates=certificates,
            rex_route=clause.rex_route,
            rex_routes=self.evidence.rex_routes,
            kg_per_basis_kg=self.kg_per_basis_kg(),
            papers_until=self.papers_until,
            silence_paid=self.silence_paid,
            steps=self.evidence.steps,
        )

    def _concentrated(self, clause: SustainabilityClause) -> tuple[str, ...]:
        """Listed countries that count; unstated origin counts as all of them, since silence must not pay
        better than honesty."""
        told, rule_set = self.evidence.steps, clause.rule_set
        steps = origin_in_full(self.evidence.origin, told, rule_set)
        silent = not steps or stages_unstated(self.form, steps, self.evidence.recycled, rule_set, told)
        if silent and clause.profile.concentrated_origin_deduction_ueur_per_kg:
            return tuple(sorted(clause.concentrated_origins))
        return listed_origins(steps, clause.concentrated_origins)


def figures(stated: Iterable[AnalyteResult]) -> dict[str, int]:
    return {result.analyte: result.fraction_ppb for result in stated}
