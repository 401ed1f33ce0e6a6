"""Defects in the terms of a draft: one class per reason, whose docstring the caller reads."""

from events.refusal import Refusal


class DenominatorNotConvertible(Refusal):
    """A price per kg {per} cannot be converted to this market's basis {basis}: state it per kg {accepted}."""

    code = "denominator_not_convertible"


class AmountOutOfRange(Refusal):
    """{value} is outside {least} to {most}: check its unit, per kg and not per tonne."""

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


class RexRouteNotOfMarket(Refusal):
    """The route {route} does not fit the market basis {basis}: whole magnets are sold for reuse."""

    code = "rex_route_not_of_market"


class RexRouteMissing(Refusal):
    """Recovered material needs at least one Re-X route: reuse, refurbish, repurpose or recycle."""

    code = "rex_route_missing"


class RexRouteAboveCondition(Refusal):
    """Condition {condition} of {form} allows {best} at best, so the lot cannot be offered to {route}."""

    code = "rex_route_above_condition"


class StepDownReasonMissing(Refusal):
    """{form}, {condition}, could go to {best}, but the highest route offered is {offered}: state why."""

    code = "step_down_reason_missing"


class StepDownNoteMissing(Refusal):
    """The reason `other` has to be explained in a note."""

    code = "step_down_note_missing"


class RouteCeilingsRising(Refusal):
    """A worse condition of {form} may not allow a higher route than a better one."""

    code = "route_ceilings_rising"


class MinimumParcelTooLarge(Refusal):
    """The minimum parcel of {parcel} exceeds the quantity of {quantity}."""

    code = "minimum_parcel_too_large"


class MinimumQuantityTooLarge(Refusal):
    """The minimum quantity of {minimum} exceeds the quantity of {quantity}."""

    code = "minimum_quantity_too_large"


class MinimumQuantityUnexpected(Refusal):
    """An all-or-nothing order has no minimum quantity: leave it out."""

    code = "minimum_quantity_unexpected"


class PortfolioEmpty(Refusal):
    """Portfolio limits need a recycled share, a share of one third country, or both."""

    code = "portfolio_empty"


class PackageTooLarge(Refusal):
    """One package of {package} exceeds the quantity of {quantity}."""

    code = "package_too_large"


class TranchesNotSum(Refusal):
    """The tranches add up to {sum}, but the net mass is {net_wet}: they have to be equal."""

    code = "tranches_not_sum"


class TranchesOverlap(Refusal):
    """Tranche {tranche} begins before the previous one has ended."""

    code = "tranches_overlap"


class WindowEmpty(Refusal):
    """The window has to end after it starts."""

    code = "window_empty"


class LicenceKindUnknown(Refusal):
    """A licence is of one of these kinds: {known}{nearest}"""

    code = "licence_kind_unknown"


class ConsentCountriesMissing(Refusal):
    """A consent to ship has to name the countries that the waste may come from; without any it allows
    nothing."""

    code = "consent_countries_missing"


class WindowPast(Refusal):
    """The window is over: it ended at {end}."""

    code = "window_past"


class WindowOutsideTerm(Refusal):
    """The window is outside the contract years {first} to {last}."""

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


class LimitEmpty(Refusal):
    """A limit for {analyte} needs a minimum or a maximum, and the minimum cannot be above the maximum."""

    code = "limit_empty"


class CoProductIsBasis(Refusal):
    """{analyte} is paid through the market's basis {basis} and cannot be a co-product."""

    code = "co_product_is_basis"


class CoProductReferenceOfOther(Refusal):
    """The reference price {reference} is for {priced}, not for {analyte}."""

    code = "co_product_reference_of_other"


class CoProductPriceAmbiguous(Refusal):
    """A co-product needs either a price of its own or a reference code."""

    code = "co_product_price_ambiguous"


class ProfileFloorAboveCap(Refusal):
    """The floor of {floor} is above the cap of {cap}."""

    code = "profile_floor_above_cap"


class RexHierarchyBroken(Refusal):
    """The route {route} may not earn more than {above}, which stands above it in the waste hierarchy."""

    code = "rex_hierarchy_broken"


class CreditLimitMissing(Refusal):
    """Payment on credit needs a credit limit above zero."""

    code = "credit_limit_missing"


class CreditLimitUnexpected(Refusal):
    """A prepaid requirement has no credit limit: leave it out."""

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
    """The algorithm {algorithm} is not supported: a rule set can name {known}."""

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
    """A facility that is {status} needs a ramp for each capacity: the share that is reached, by quarter."""

    code = "ramp_missing"


class RampNotAscending(Refusal):
    """The ramp has {later} after {earlier}: state its steps in order of time."""

    code = "ramp_not_ascending"
