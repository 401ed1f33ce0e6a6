"""Why deliveries, weighings, assays and returns refuse: one class per reason, told as its docstring."""

from events.refusal import Refusal


class DeliveryUnknown(Refusal):
    """There is no such delivery."""

    code = "delivery_unknown"


class AgreementIneffective(Refusal):
    """The agreement is {status}: deliveries need one that is effective."""

    code = "agreement_ineffective"


class OutsideContractYears(Refusal):
    """{day} is not within the contract years, which run from {starts_on} to before {ends_on}."""

    code = "outside_contract_years"


class ShippedYearClosed(Refusal):
    """Contract year {year} was assessed and its ledger is final: agree a contract of its own for this lot."""

    code = "shipped_year_closed"


class ShippedQuarterSettled(Refusal):
    """The difference of the quarter from {first} was settled: agree a contract of its own for this lot."""

    code = "shipped_quarter_settled"


class DeliveryStatusUnfit(Refusal):
    """The delivery is {status}; this needs one that is {needed}."""

    code = "delivery_status_unfit"


class BuyerHasSpoken(Refusal):
    """The buyer has declared that the lot never came: that is settled first, and the shipment stands."""

    code = "buyer_has_spoken"


class LotDelivered(Refusal):
    """Lot {lot_number} was shipped under this agreement before, and neither rejected nor withdrawn."""

    code = "lot_delivered"


class ReplacedUnknown(Refusal):
    """What the lot shall replace is no delivery under this agreement."""

    code = "replaced_unknown"


class ReplacedNotRejected(Refusal):
    """What the lot shall replace is {status}: a lot stands in for one that was rejected, or went back."""

    code = "replaced_not_rejected"


class LotRejectedLast(Refusal):
    """Lot {lot_number} was rejected last as {delivery}: presented again it replaces that and nothing else."""

    code = "lot_rejected_last"


class ReplacedInFull(Refusal):
    """{lacking} were rejected or went back, and {sent} have left in their place: ship what is more without
    `replaces`, or name the one of them that was rejected or went back in turn."""

    code = "replaced_in_full"


class LotNotOfMatch(Refusal):
    """The match is of lot {matched}: ship it, parts of it as {matched}-1, or agree another contract."""

    code = "lot_not_of_match"


class QuantityOfMatchPassed(Refusal):
    """{shipped} on top of {before} pass the match's {agreed} by over {tolerance}: agree another contract."""

    code = "quantity_of_match_passed"


class DeliveredFormUnfit(Refusal):
    """{form} is not among the agreed forms: {agreed}."""

    code = "delivered_form_unfit"


class ResultUnknown(Refusal):
    """{analyte} is no analyte: {meant}."""

    code = "result_unknown"


class AnalyteNotExchanged(Refusal):
    """{analyte} is not exchanged under this agreement: {exchanged}."""

    code = "analyte_not_exchanged"


class AnalyteMissing(Refusal):
    """The agreement needs a figure of {analyte}."""

    code = "analyte_missing"


class ResultsOverWhole(Refusal):
    """The results add up to {sum}, more than the whole sample."""

    code = "results_over_whole"


class ResultsOverOxide(Refusal):
    """As oxides they add up to {sum} of {form}, over 105 %. Results of oxides are {elements} as elements."""

    code = "results_over_oxide"


class DeliveryMoistureWhole(Refusal):
    """Moisture has to be below 100 %."""

    code = "delivery_moisture_whole"


class MoistureUnstated(Refusal):
    """The lot has {known} of moisture so far. State what was found: 0 only of a sample that was dry."""

    code = "moisture_unstated"


class MassFarAboveShipped(Refusal):
    """{stated} are more than ten times what was shipped, {shipped}. The mass is in tonnes: of kilograms this
    is {in_tonnes}. What was shipped by a slip its seller withdraws and ships anew."""

    code = "mass_far_above_shipped"


class NothingShipped(Refusal):
    """The lot carries no basis that could be paid for."""

    code = "nothing_shipped"


class RecycledShareTooLow(Refusal):
    """The agreement asks for {least} of post-consumer content; the evidence shows {shown}."""

    code = "recycled_share_too_low"


class ReturnOpen(Refusal):
    """A return of this delivery is declared already: settle it first."""

    code = "return_open"


class ReturnUndeclared(Refusal):
    """No return of this delivery waits for your word."""

    code = "return_undeclared"


class ReturnContestedBefore(Refusal):
    """The return has been contested."""

    code = "return_contested_before"


class ReturnAnswerOpen(Refusal):
    """The {side} has time to answer until {answer_by}; if it keeps silent, ask again from then on."""

    code = "return_answer_open"


class ReturnAnswerUndated(Refusal):
    """It was declared before returns had a day to be answered by: take it back and declare it anew."""

    code = "return_answer_undated"


class ReturnAboveDelivery(Refusal):
    """{stated} dry shall go back; of the delivery {left} are left."""

    code = "return_above_delivery"


class NothingReturned(Refusal):
    """What shall go back carries no basis that was paid for."""

    code = "nothing_returned"


class ReturnedQuarterSettled(Refusal):
    """The difference of the quarter from {first} was settled: agree a contract of its own for this return."""

    code = "returned_quarter_settled"


class AssayLodgedBefore(Refusal):
    """The {side} has lodged this very assay before."""

    code = "assay_lodged_before"


class ExchangeOver(Refusal):
    """The exchange was over at {exchange_by}: the other side's assay binds."""

    code = "exchange_over"


class ExchangeNotDue(Refusal):
    """The {silent} may still lodge an assay until {exchange_by}."""

    code = "exchange_not_due"


class NothingForUmpire(Refusal):
    """{analyte} does not stand before the umpire."""

    code = "nothing_for_umpire"


class UmpireNotAgreed(Refusal):
    """The agreed umpire is {umpire}."""

    code = "umpire_not_agreed"


class UmpireNotNamed(Refusal):
    """No umpire is named yet: both sign an amendment that names one, and it counts for this delivery too."""

    code = "umpire_not_named"


class UmpireOfParties(Refusal):
    """A party hands in the umpire's assay; the operator does after an objection, or where none is named."""

    code = "umpire_of_parties"


class UmpireContested(Refusal):
    """The {side} objected to what was handed in: the operator asks the laboratory and hands it in."""

    code = "umpire_contested"


class UmpireFinal(Refusal):
    """The umpire's figures are final: there is nothing to object to."""

    code = "umpire_final"


class UmpireHandedIn(Refusal):
    """The {side} handed in the umpire's assay: the other side may object to it."""

    code = "umpire_handed_in"


class ObjectionUnfounded(Refusal):
    """An objection names a document that shows other figures, another bill or another certificate: one's own
    copy of the certificate, or what the laboratory says of it."""

    code = "objection_unfounded"


class ObjectionOver(Refusal):
    """Objections were open until {object_by}."""

    code = "objection_over"


class ObjectionOpen(Refusal):
    """The {side} may object to the umpire's assay, which this side handed in, until {object_by}."""

    code = "objection_open"


class MassContested(Refusal):
    """The mass received is contested: a side takes the other's figure, the buyer weighs again, or a surveyor
    settles it."""

    code = "mass_contested"


class MassUncontested(Refusal):
    """Nobody has objected to the mass received, or it is settled."""

    code = "mass_uncontested"


class MassOpen(Refusal):
    """The {side} may object to the mass received until {object_by}."""

    code = "mass_open"


class MassFinal(Refusal):
    """The mass received is final: there is nothing to object to."""

    code = "mass_final"


class SurveyHandedIn(Refusal):
    """The {side} handed in the surveyor's certificate: the other side may object to it."""

    code = "survey_handed_in"


class SurveyContested(Refusal):
    """The {side} objected to what was handed in: the operator asks the surveyor and hands it in."""

    code = "survey_contested"


class SurveyOfParties(Refusal):
    """A party hands in the surveyor's certificate; the operator does after an objection to it, or where no
    surveyor is named."""

    code = "survey_of_parties"


class SurveyorNotNamed(Refusal):
    """No surveyor is named yet: both sign an amendment that names one; it counts for this delivery too."""

    code = "surveyor_not_named"


class SurveyorNotAgreed(Refusal):
    """The agreed surveyor is {surveyor}."""

    code = "surveyor_not_agreed"


class NonArrivalUndeclared(Refusal):
    """Nobody says that this lot never came, or it is settled; the operator settles what is contested."""

    code = "non_arrival_undeclared"


class NonArrivalDeclaredBefore(Refusal):
    """This was declared before: weigh the lot."""

    code = "non_arrival_declared_before"


class LossUnproven(Refusal):
    """Before {day} a lot is declared lost with a document only, such as the carrier's."""

    code = "loss_unproven"


class NonArrivalContestedBefore(Refusal):
    """The seller has contested this."""

    code = "non_arrival_contested_before"


class BuyerActOver(Refusal):
    """The buyer was called upon, and its {act} is deemed done from {act_by} on."""

    code = "buyer_act_over"


class GoodsNotAgreed(Refusal):
    """The agreement names no pieces, magnets, cores or condition: nothing found of them can break it."""

    code = "goods_not_agreed"


class FindingsUnproven(Refusal):
    """What was found of the goods, or of what was stated of them, is one side's word: name the document."""

    code = "findings_unproven"


class ClaimNotPaid(Refusal):
    """{claim} was not stated, or neither price nor contract rests on it; a rejection may name {paid}."""

    code = "claim_not_paid"


class WithinSpecification(Refusal):
    """Nothing that is settled, stated or found breaks what is agreed: the delivery cannot be rejected."""

    code = "within_specification"
