"""Why deliveries, weighings, assays and returns refuse: one class per reason, whose docstring the caller
reads."""

from events.refusal import Refusal


class DeliveryUnknown(Refusal):
    """There is no such delivery."""

    code = "delivery_unknown"


class AgreementIneffective(Refusal):
    """The agreement is {status}: a delivery needs one that is effective."""

    code = "agreement_ineffective"


class OutsideContractYears(Refusal):
    """{day} is outside the contract years, which run from {starts_on} to the day before {ends_on}."""

    code = "outside_contract_years"


class ShippedYearClosed(Refusal):
    """Contract year {year} was assessed and its ledger is final: agree a separate contract for this lot."""

    code = "shipped_year_closed"


class ShippedQuarterSettled(Refusal):
    """The difference of the quarter from {first} was settled: agree a separate contract for this lot."""

    code = "shipped_quarter_settled"


class DeliveryStatusUnfit(Refusal):
    """The delivery is {status}; this step needs one that is {needed}."""

    code = "delivery_status_unfit"


class BuyerHasSpoken(Refusal):
    """The buyer has declared that the lot never arrived: settle that first; until then the shipment cannot be
    withdrawn."""

    code = "buyer_has_spoken"


class LotDelivered(Refusal):
    """Lot {lot_number} was already shipped under this agreement, and was neither rejected nor withdrawn."""

    code = "lot_delivered"


class ReplacedUnknown(Refusal):
    """The delivery to be replaced is not one under this agreement."""

    code = "replaced_unknown"


class ReplacedNotRejected(Refusal):
    """The delivery to be replaced is {status}: only one that was rejected or returned can be replaced."""

    code = "replaced_not_rejected"


class LotRejectedLast(Refusal):
    """Lot {lot_number} was last rejected as {delivery}: shipped again, it can only replace that."""

    code = "lot_rejected_last"


class ReplacedInFull(Refusal):
    """{lacking} were rejected or returned, and {sent} were shipped in their place: ship more without
    `replaces`, or name a replacement that was rejected or returned itself."""

    code = "replaced_in_full"


class LotNotOfMatch(Refusal):
    """The match is for lot {matched}: ship that, its parts as {matched}-1 and so on, or agree another
    contract."""

    code = "lot_not_of_match"


class QuantityOfMatchPassed(Refusal):
    """{shipped} on top of {before} exceed the match's {agreed} by over {tolerance}: agree another
    contract."""

    code = "quantity_of_match_passed"


class DeliveredFormUnfit(Refusal):
    """{form} is not among the agreed forms: {agreed}."""

    code = "delivered_form_unfit"


class ResultUnknown(Refusal):
    """{analyte} is not a known analyte: {meant}."""

    code = "result_unknown"


class AnalyteNotExchanged(Refusal):
    """{analyte} is not exchanged under this agreement: {exchanged}."""

    code = "analyte_not_exchanged"


class AnalyteMissing(Refusal):
    """The agreement requires a figure for {analyte}."""

    code = "analyte_missing"


class ResultsOverWhole(Refusal):
    """The results add up to {sum}, more than 100 % of the sample."""

    code = "results_over_whole"


class ResultsOverOxide(Refusal):
    """Converted to oxides, the results add up to {sum} of {form}, over 105 %. If they are oxides already, as
    elements they are {elements}."""

    code = "results_over_oxide"


class DeliveryMoistureWhole(Refusal):
    """Moisture has to be below 100 %."""

    code = "delivery_moisture_whole"


class MoistureUnstated(Refusal):
    """The lot has {known} of moisture so far. State what was found; 0 only if the sample was dry."""

    code = "moisture_unstated"


class MassFarAboveShipped(Refusal):
    """{stated} are more than ten times the {shipped} that were shipped. State the mass in tonnes: if it was
    kilograms, it is {in_tonnes}. If the shipment was wrong, its seller withdraws it and ships anew."""

    code = "mass_far_above_shipped"


class NothingShipped(Refusal):
    """The lot contains no basis that could be paid for."""

    code = "nothing_shipped"


class RecycledShareTooLow(Refusal):
    """The agreement requires {least} of post-consumer content; the evidence shows {shown}."""

    code = "recycled_share_too_low"


class ReturnOpen(Refusal):
    """A return of this delivery is declared already: settle it first."""

    code = "return_open"


class ReturnUndeclared(Refusal):
    """No return of this delivery waits for your answer."""

    code = "return_undeclared"


class ReturnContestedBefore(Refusal):
    """The return has already been contested."""

    code = "return_contested_before"


class ReturnAnswerOpen(Refusal):
    """The {side} has time to answer until {answer_by}; without an answer, try again after that."""

    code = "return_answer_open"


class ReturnAnswerUndated(Refusal):
    """The return was declared before returns had a deadline: withdraw it and declare it again."""

    code = "return_answer_undated"


class ReturnAboveDelivery(Refusal):
    """{stated} dry would be returned, but only {left} of the delivery are left."""

    code = "return_above_delivery"


class NothingReturned(Refusal):
    """The returned material contains no basis that was paid for."""

    code = "nothing_returned"


class ReturnedQuarterSettled(Refusal):
    """The difference of the quarter from {first} was settled: agree a separate contract for this return."""

    code = "returned_quarter_settled"


class AssayLodgedBefore(Refusal):
    """The {side} has already submitted this assay."""

    code = "assay_lodged_before"


class ExchangeOver(Refusal):
    """The exchange of assays ended at {exchange_by}: the other side's assay is binding."""

    code = "exchange_over"


class ExchangeNotDue(Refusal):
    """The {silent} can still submit an assay until {exchange_by}."""

    code = "exchange_not_due"


class NothingForUmpire(Refusal):
    """{analyte} is not for the umpire to decide."""

    code = "nothing_for_umpire"


class UmpireNotAgreed(Refusal):
    """The agreed umpire is {umpire}."""

    code = "umpire_not_agreed"


class UmpireNotNamed(Refusal):
    """No umpire is named yet: both sign an amendment that names one, which counts for this delivery too."""

    code = "umpire_not_named"


class UmpireOfParties(Refusal):
    """One of the parties submits the umpire's assay; the operator does so only after an objection, or if no
    umpire is named."""

    code = "umpire_of_parties"


class UmpireContested(Refusal):
    """The {side} objected to the certificate that was submitted: now the operator asks the laboratory and
    submits it."""

    code = "umpire_contested"


class UmpireFinal(Refusal):
    """The umpire's figures are final: there is nothing to object to."""

    code = "umpire_final"


class UmpireHandedIn(Refusal):
    """The {side} submitted the umpire's assay itself: only the other side can object to it."""

    code = "umpire_handed_in"


class ObjectionUnfounded(Refusal):
    """An objection needs a document that shows other figures, another bill or another certificate: your own
    copy of the certificate, or a statement of the laboratory."""

    code = "objection_unfounded"


class ObjectionOver(Refusal):
    """The time for objections ended at {object_by}."""

    code = "objection_over"


class ObjectionOpen(Refusal):
    """The {side} can object to the umpire's assay, which this side submitted, until {object_by}."""

    code = "objection_open"


class MassContested(Refusal):
    """The mass received is contested: one side accepts the other's figure, the buyer weighs again, or a
    surveyor settles it."""

    code = "mass_contested"


class MassUncontested(Refusal):
    """Nobody has objected to the mass received, or it is already settled."""

    code = "mass_uncontested"


class MassOpen(Refusal):
    """The {side} can object to the mass received until {object_by}."""

    code = "mass_open"


class MassFinal(Refusal):
    """The mass received is final: there is nothing to object to."""

    code = "mass_final"


class SurveyHandedIn(Refusal):
    """The {side} submitted the surveyor's certificate itself: only the other side can object to it."""

    code = "survey_handed_in"


class SurveyContested(Refusal):
    """The {side} objected to the certificate that was submitted: now the operator asks the surveyor and
    submits it."""

    code = "survey_contested"


class SurveyOfParties(Refusal):
    """One of the parties submits the surveyor's certificate; the operator does so only after an objection to
    it, or if no surveyor is named."""

    code = "survey_of_parties"


class SurveyorNotNamed(Refusal):
    """No surveyor is named yet: both sign an amendment that names one, which counts for this delivery too."""

    code = "surveyor_not_named"


class SurveyorNotAgreed(Refusal):
    """The agreed surveyor is {surveyor}."""

    code = "surveyor_not_agreed"


class NonArrivalUndeclared(Refusal):
    """Nobody has declared that this lot never arrived, or it is settled; the operator settles contested
    ones."""

    code = "non_arrival_undeclared"


class NonArrivalDeclaredBefore(Refusal):
    """This has already been declared: weigh the lot if it arrives."""

    code = "non_arrival_declared_before"


class LossUnproven(Refusal):
    """Before {day} a lot can only be declared lost with a document, such as the carrier's."""

    code = "loss_unproven"


class NonArrivalContestedBefore(Refusal):
    """The seller has already contested this."""

    code = "non_arrival_contested_before"


class BuyerActOver(Refusal):
    """The buyer was called upon, and its {act} has been deemed done since {act_by}."""

    code = "buyer_act_over"


class GoodsNotAgreed(Refusal):
    """The agreement names no pieces, magnets, cores or condition, so no finding about them can break it."""

    code = "goods_not_agreed"


class FindingsUnproven(Refusal):
    """Findings about the goods, or about statements of them, need a document: name it."""

    code = "findings_unproven"


class ClaimNotPaid(Refusal):
    """{claim} was not stated, or neither price nor contract depends on it; a rejection can name {paid}."""

    code = "claim_not_paid"


class WithinSpecification(Refusal):
    """Nothing settled, stated or found breaks the agreement, so the delivery cannot be rejected."""

    code = "within_specification"
