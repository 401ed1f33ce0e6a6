"""Defects in a draft's statements about its goods: one class per reason, whose docstring the caller reads."""

from events.refusal import Refusal


class RareEarthOxidesUnstated(Refusal):
    """A price per kg of all rare-earth oxides needs their mass: state TREO, or a figure for {missing}."""

    code = "rare_earth_oxides_unstated"


class MoistureWhole(Refusal):
    """A product of 100 % water has no dry mass."""

    code = "moisture_whole"


class BasisBelowMarketMinimum(Refusal):
    """The product contains {share} of the basis {basis}; this market requires at least {least}."""

    code = "basis_below_market_minimum"


class ValueShareTooLow(Refusal):
    """The basis is {share} of the value at reference prices; the minimum is {least}."""

    code = "value_share_too_low"


class BasisAboveProduct(Refusal):
    """The product would contain {share} of the basis {basis}, more than 100 %: check the composition."""

    code = "basis_above_product"


class FormNotOfMarket(Refusal):
    """The form {form} is not traded in the market basis {basis}."""

    code = "form_not_of_market"


class CoreOfOtherForm(Refusal):
    """A bill of magnets and disassembly steps are for cores, not for the form {form}."""

    code = "core_of_other_form"


class BillAboveLot(Refusal):
    """The bill of {pieces} cores adds up to {magnets} of magnets; the lot weighs {lot}."""

    code = "bill_above_lot"


class BasisAboveBill(Refusal):
    """The lot would contain {contained} of {basis}, but the bill of its cores adds up to {magnets} of
    magnets."""

    code = "basis_above_bill"


class GradeWithoutOrder(Refusal):
    """{grade} is not a grade of NdFeB magnets like N42SH, so it is unknown which grades are better."""

    code = "grade_without_order"


class MagnetsOfOtherForm(Refusal):
    """Grade, size, coating and flux are stated for whole magnets, not for the form {form}."""

    code = "magnets_of_other_form"


class DimensionsNotOfShape(Refusal):
    """A {shape} is measured by {axes}; {given} were given."""

    code = "dimensions_not_of_shape"


class DimensionUnbounded(Refusal):
    """The tolerance of {tolerance} has to be smaller than the size of {size}."""

    code = "dimension_unbounded"


class InnerNotInside(Refusal):
    """The {inner} of {inner_size} has to be below the {outer} of {outer_size}."""

    code = "inner_not_inside"


class AnalyteUnknown(Refusal):
    """{analyte} is not a known analyte: {meant}."""

    code = "analyte_unknown"


class OxideUnknown(Refusal):
    """{analyte} is not reported as {reported_as}, but as one of {known}."""

    code = "oxide_unknown"


class OxideNotOfElement(Refusal):
    """{reported_as} holds {element}, not {analyte}."""

    code = "oxide_not_of_element"


class AnalyteInTwoForms(Refusal):
    """{analyte} is stated {forms}, but one figure of an element counts: if the two add up, like FeO and
    Fe2O3, state their sum; if it was measured twice, keep one."""

    code = "analyte_in_two_forms"


class AssayMissing(Refusal):
    """The assay has no figure for {analyte}, which the market's basis {basis} counts."""

    code = "assay_missing"


class DetectionLimitMissing(Refusal):
    """A cell below detection needs its detection limit, above zero."""

    code = "detection_limit_missing"


class TreoMissing(Refusal):
    """Fractions of TREO and measured rare earths need a TREO share of the sample above zero."""

    code = "treo_missing"


class ReoSplitOutOfRange(Refusal):
    """The rare-earth oxides add up to {sum} of TREO; the accepted range is 95 to 105 %."""

    code = "reo_split_out_of_range"


class CompositionOverWhole(Refusal):
    """The fractions, with the water of a sample as received, add up to {sum}; the maximum is 105 %. Report
    metals as elements, not as oxides."""

    code = "composition_over_whole"


class ElementsOverOxide(Refusal):
    """Converted to oxides, the figures add up to {sum} of {form}, over 105 %. If they are oxides already,
    state reported_as {oxides}: then they are {elements}."""

    code = "elements_over_oxide"


class AssayInFuture(Refusal):
    """The sample cannot have been taken on a day that has not begun anywhere on earth yet: state the right
    day."""

    code = "assay_in_future"


class EwcCodeMissing(Refusal):
    """Waste needs its six-digit code of the European list of waste."""

    code = "ewc_code_missing"


class EwcCodeMalformed(Refusal):
    """{ewc_code} is not a code of the European list of waste: six digits, chapter 01 to 20, as 160213."""

    code = "ewc_code_malformed"


class CnCodeMalformed(Refusal):
    """{cn_code} is not an eight-digit code of the combined nomenclature."""

    code = "cn_code_malformed"


class VerifierMissing(Refusal):
    """A verified footprint needs its verifier."""

    code = "verifier_missing"


class PhysicalLotMissing(Refusal):
    """A recovered lot needs its physical lot: site and lot number, and the passport if it has one. Post
    material that does not exist yet, as a forecast, as a supply offer."""

    code = "physical_lot_missing"


class ElementUnknown(Refusal):
    """There is no element {element}: {meant}."""

    code = "element_unknown"
