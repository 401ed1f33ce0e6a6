"""What can be wrong with what a draft says of its goods: one class per defect, told as its docstring."""

from events.refusal import Refusal


class RareEarthOxidesUnstated(Refusal):
    """A price per kg of all rare-earth oxides needs their mass: state TREO, or a figure for {missing}."""

    code = "rare_earth_oxides_unstated"


class MoistureWhole(Refusal):
    """A product that is all water has no dry mass."""

    code = "moisture_whole"


class BasisBelowMarketMinimum(Refusal):
    """The product carries {share} of the basis {basis}; this market takes {least} and more."""

    code = "basis_below_market_minimum"


class ValueShareTooLow(Refusal):
    """The basis carries {share} of the value at reference prices; the least is {least}."""

    code = "value_share_too_low"


class BasisAboveProduct(Refusal):
    """The product would carry {share} of the basis {basis}: more than the whole cannot be."""

    code = "basis_above_product"


class FormNotOfMarket(Refusal):
    """The form {form} is not traded in the market basis {basis}."""

    code = "form_not_of_market"


class CoreOfOtherForm(Refusal):
    """A bill of magnets and disassembly steps belong to cores, not to the form {form}."""

    code = "core_of_other_form"


class BillAboveLot(Refusal):
    """The bill of {pieces} cores adds up to {magnets} of magnets; the lot weighs {lot}."""

    code = "bill_above_lot"


class BasisAboveBill(Refusal):
    """The lot would carry {contained} of {basis}, the bill of its cores adds up to {magnets} of magnets."""

    code = "basis_above_bill"


class GradeWithoutOrder(Refusal):
    """{grade} is no grade of NdFeB magnets, such as N42SH: nothing is known to be better."""

    code = "grade_without_order"


class MagnetsOfOtherForm(Refusal):
    """Grade, size, coating and flux are stated of whole magnets, not of the form {form}."""

    code = "magnets_of_other_form"


class DimensionsNotOfShape(Refusal):
    """A {shape} is measured by {axes}; {given} were given."""

    code = "dimensions_not_of_shape"


class DimensionUnbounded(Refusal):
    """The tolerance of {tolerance} leaves nothing of {size}."""

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
    """{analyte} is stated {forms}. One figure of an element counts: of two that add up, as FeO and Fe2O3 do,
    state the sum; of one that was measured twice, leave one."""

    code = "analyte_in_two_forms"


class AssayMissing(Refusal):
    """The assay has no figure for {analyte}, which the market's basis {basis} counts."""

    code = "assay_missing"


class DetectionLimitMissing(Refusal):
    """A cell below detection states its detection limit, above zero."""

    code = "detection_limit_missing"


class TreoMissing(Refusal):
    """Fractions of TREO and measured rare earths need a TREO share of the sample above zero."""

    code = "treo_missing"


class ReoSplitOutOfRange(Refusal):
    """The rare-earth oxides add up to {sum} of TREO; the accepted range is 95 to 105 %."""

    code = "reo_split_out_of_range"


class CompositionOverWhole(Refusal):
    """The fractions, with the water of a sample as received, add up to {sum}; 105 % is the most.
    What is metal is reported as the element, not as its oxide."""

    code = "composition_over_whole"


class ElementsOverOxide(Refusal):
    """As oxides they add up to {sum} of {form}, over 105 %. With reported_as {oxides} they are {elements}."""

    code = "elements_over_oxide"


class AssayInFuture(Refusal):
    """The sample cannot have been taken on a day that has begun nowhere yet: state when it was."""

    code = "assay_in_future"


class EwcCodeMissing(Refusal):
    """Waste needs its six-digit code of the European list of waste."""

    code = "ewc_code_missing"


class EwcCodeMalformed(Refusal):
    """{ewc_code} is no code of the European list of waste: six digits, chapter 01 to 20, as 160213."""

    code = "ewc_code_malformed"


class CnCodeMalformed(Refusal):
    """{cn_code} is no eight-digit code of the combined nomenclature."""

    code = "cn_code_malformed"


class VerifierMissing(Refusal):
    """A verified footprint names its verifier."""

    code = "verifier_missing"


class PhysicalLotMissing(Refusal):
    """A recovered lot names its physical lot: its site and lot number, and its passport where it has one.
    What is not there yet, as a forecast, is posted as a supply offer."""

    code = "physical_lot_missing"


class ElementUnknown(Refusal):
    """There is no element {element}: {meant}."""

    code = "element_unknown"
