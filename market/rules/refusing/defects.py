"""What can be wrong with a draft: one class per defect; the docstring is the sentence its reader gets."""

from events.refusal import Refusal


class DenominatorNotConvertible(Refusal):
    """A price per kg {per} cannot be converted to this market's basis {basis}: state it per kg {accepted}."""

    code = "denominator_not_convertible"


class RareEarthOxidesUnstated(Refusal):
    """A price per kg of all rare-earth oxides needs their mass: state TREO, or a figure for {missing}."""

    code = "rare_earth_oxides_unstated"


class AmountOutOfRange(Refusal):
    """{value} is outside {least} to {most}: see whether its unit is right, per kg and not per tonne."""

    code = "amount_out_of_range"


class SecondsOutOfRange(Refusal):
    """{value} s is outside {least} s to {most} s."""

    code = "seconds_out_of_range"


class AskNegative(Refusal):
    """A spot ask cannot be negative; only a term differential can."""

    code = "ask_negative"


class LimitNegative(Refusal):
    """A spot limit cannot be negative; only a term differential can."""

    code = "limit_negative"


class AmountNegative(Refusal):
    """This amount cannot be negative; it is {amount}."""

    code = "amount_negative"


class QuantityNotPositive(Refusal):
    """The quantity has to be above zero."""

    code = "quantity_not_positive"


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


class RexRouteNotOfMarket(Refusal):
    """The route {route} does not fit the market basis {basis}: whole magnets are sold to be used again."""

    code = "rex_route_not_of_market"


class RexRouteMissing(Refusal):
    """What was recovered is offered to at least one Re-X route: reuse, refurbish, repurpose or recycle."""

    code = "rex_route_missing"


class RexRouteAboveCondition(Refusal):
    """Condition {condition} of {form} allows {best} at best, so the lot cannot be offered to {route}."""

    code = "rex_route_above_condition"


class StepDownReasonMissing(Refusal):
    """{form}, {condition}, could go to {best}: a lot offered to {offered} at best states why."""

    code = "step_down_reason_missing"


class StepDownNoteMissing(Refusal):
    """Another reason than those of the list is told in a note."""

    code = "step_down_note_missing"


class RouteCeilingsRising(Refusal):
    """A worse condition of {form} may not allow a higher route than a better one."""

    code = "route_ceilings_rising"


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


class MinimumParcelTooLarge(Refusal):
    """The minimum parcel of {parcel} exceeds the quantity of {quantity}."""

    code = "minimum_parcel_too_large"


class MinimumQuantityTooLarge(Refusal):
    """The minimum quantity of {minimum} exceeds the quantity of {quantity}."""

    code = "minimum_quantity_too_large"


class MinimumQuantityUnexpected(Refusal):
    """An order that sells all or nothing states no minimum quantity."""

    code = "minimum_quantity_unexpected"


class PortfolioEmpty(Refusal):
    """Portfolio limits state a recycled share, a share of one third country, or both."""

    code = "portfolio_empty"


class PackageTooLarge(Refusal):
    """One package of {package} exceeds the quantity of {quantity}."""

    code = "package_too_large"


class TranchesNotSum(Refusal):
    """The tranches add up to {sum}, the net mass is {net_wet}."""

    code = "tranches_not_sum"


class TranchesOverlap(Refusal):
    """Tranche {tranche} begins before the one before it has ended."""

    code = "tranches_overlap"


class WindowEmpty(Refusal):
    """The window has to end after it starts."""

    code = "window_empty"


class LicenceKindUnknown(Refusal):
    """A licence is of one of these kinds: {known}{nearest}"""

    code = "licence_kind_unknown"


class ConsentCountriesMissing(Refusal):
    """A consent to ship names the countries that the waste may come from: without any it allows nothing."""

    code = "consent_countries_missing"


class WindowPast(Refusal):
    """The window is over: it ended at {end}."""

    code = "window_past"


class WindowOutsideTerm(Refusal):
    """The window leaves the contract years {first} to {last}."""

    code = "window_outside_term"


class OverlapTooLong(Refusal):
    """A minimum overlap of {overlap_days:day|days} does not fit into the window."""

    code = "overlap_too_long"


class ValidityPast(Refusal):
    """The validity is over: it ended at {valid_until}."""

    code = "validity_past"


class TermStartPast(Refusal):
    """The contract year {start_year} has passed."""

    code = "term_start_past"


class TermStartFar(Refusal):
    """The contract years begin in {start_year}; they have to begin by {last}."""

    code = "term_start_far"


class QuotationPeriodUnknown(Refusal):
    """A contract's quotation period is {periods} (M-1, M and M+1 are the first three), not {period}."""

    code = "quotation_period_unknown"


class ProfileNotPlateau(Refusal):
    """Each contract year is a share of the plateau: between 0 and 100 %, and 100 % in at least one year."""

    code = "profile_not_plateau"


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


class LimitEmpty(Refusal):
    """A limit for {analyte} states a least or a most, and the least is not above the most."""

    code = "limit_empty"


class CoProductIsBasis(Refusal):
    """{analyte} is paid through the market's basis {basis} and cannot be a co-product."""

    code = "co_product_is_basis"


class CoProductReferenceOfOther(Refusal):
    """The reference price {reference} is of {priced}, not of {analyte}."""

    code = "co_product_reference_of_other"


class CoProductPriceAmbiguous(Refusal):
    """A co-product states either a price of its own or a reference code."""

    code = "co_product_price_ambiguous"


class ProfileFloorAboveCap(Refusal):
    """The floor of {floor} is above the cap of {cap}."""

    code = "profile_floor_above_cap"


class RexHierarchyBroken(Refusal):
    """The route {route} may not earn more than {above}, which stands above it in the waste hierarchy."""

    code = "rex_hierarchy_broken"


class CreditLimitMissing(Refusal):
    """Payment on credit states a credit limit above zero."""

    code = "credit_limit_missing"


class CreditLimitUnexpected(Refusal):
    """A prepaid requirement has no credit limit."""

    code = "credit_limit_unexpected"


class FacilityNotOwned(Refusal):
    """The organisation has no such facility."""

    code = "facility_not_owned"


class CertificateNotOwned(Refusal):
    """The organisation has no such certificate."""

    code = "certificate_not_owned"


class PartyNotMember(Refusal):
    """This organisation is not a member of this market."""

    code = "party_not_member"


class AlgorithmUnknown(Refusal):
    """No matcher computes the algorithm {algorithm}: a rule set names {known}."""

    code = "algorithm_unknown"


class InitiativeUnknown(Refusal):
    """No initiative {initiative} is registered, or it was revoked."""

    code = "initiative_unknown"


class CoordinatorUnknown(Refusal):
    """There is no such organisation to coordinate the initiative."""

    code = "coordinator_unknown"


class GroupNotUltimate(Refusal):
    """{parent} belongs to {ultimate}: name the ultimate parent."""

    code = "group_not_ultimate"


class RampMissing(Refusal):
    """A facility that is {status} states for each capacity what share of it is made from which quarter on."""

    code = "ramp_missing"


class RampNotAscending(Refusal):
    """The ramp states {later} after {earlier}: steps follow each other in time."""

    code = "ramp_not_ascending"


class ElementUnknown(Refusal):
    """There is no element {element}: {meant}."""

    code = "element_unknown"
