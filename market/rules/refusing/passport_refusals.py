"""Why a passport or a transformation is not accepted: one class per reason, with the figures."""

from events.refusal import Refusal


class PassportUnknown(Refusal):
    """There is no such passport, or it is not yours."""

    code = "passport_unknown"


class PassportOfOther(Refusal):
    """Only the {party} of the passport may do this."""

    code = "passport_of_other"


class PassportOver(Refusal):
    """The passport is {status}: nothing can be done with its lot any more."""

    code = "passport_over"


class PassportInOrder(Refusal):
    """An open order or an unsettled sale offers this lot: withdraw the order first."""

    code = "passport_in_order"


class LotSold(Refusal):
    """{sold} of this lot are sold or on their way, and title to them goes to their buyer; {free} are free."""

    code = "lot_sold"


class FacilityRevoked(Refusal):
    """The facility was revoked and makes nothing any more."""

    code = "facility_revoked"


class StageNotOfFacility(Refusal):
    """The facility works at {stages}, not at {stage}."""

    code = "stage_not_of_facility"


class LotNumberTaken(Refusal):
    """The facility has issued a passport for the lot {lot_number} already."""

    code = "lot_number_taken"


class LotNumberDelivered(Refusal):
    """{lot_number} left on {shipped_on} as a part of a lot that is drawn on, and is what its buyer has. Give
    what stays another number: once all of it is drawn, the lot's passport goes to the buyer by itself."""

    code = "lot_number_delivered"


class ClaimWithoutEvidence(Refusal):
    """A claim of {claim} names at least one document that supports it."""

    code = "claim_without_evidence"


class ClaimedElementUnknown(Refusal):
    """{element} is no element whose recycled share is counted: {counted}."""

    code = "claimed_element_unknown"


class ClaimedElementAbsent(Refusal):
    """A share of {element} is claimed, but the assay has no figure for it."""

    code = "claimed_element_absent"


class BookedApart(Refusal):
    """Book and claim is of no material: state it as booked, in a passport of that custody, and only so."""

    code = "booked_apart"


class OriginOverWhole(Refusal):
    """The shares of {stage} add up to {sum}; 100 % is the whole, and less where a supplier did not answer."""

    code = "origin_over_whole"


class PathsNotWhole(Refusal):
    """The parts of {stage} add up to {sum}; together they are all of the lot. A part of which nobody tells
    all steps is one with `untold`, a part that went through none one without `steps`."""

    code = "paths_not_whole"


class PathsLackOrigin(Refusal):
    """The origin names {stage} in {country}, where no part of the paths ends: name it as their last step."""

    code = "paths_lack_origin"


class OriginLacksPaths(Refusal):
    """The last step of a part of the paths is {stage} in {country}, which the origin does not name: state
    there what was done last, in the paths what came before."""

    code = "origin_lacks_paths"


class OriginSourceMissing(Refusal):
    """An origin names its facility or its source."""

    code = "origin_source_missing"


class OriginFacilityUnknown(Refusal):
    """No site is registered under this id: name one that is not registered here by `source`."""

    code = "origin_facility_unknown"


class CertificateNotYetValid(Refusal):
    """The certificate is valid from {valid_from} only."""

    code = "certificate_not_yet_valid"


class CertificatePeriodEmpty(Refusal):
    """The certificate ends at {valid_until}, before it begins."""

    code = "certificate_period_empty"


class CertificateOfOtherSite(Refusal):
    """The certificate is of another site than the one that makes the lot."""

    code = "certificate_of_other_site"


class CertificateNotInherited(Refusal):
    """{scheme} {reference} does not stand in every input, so no {custody} output has it."""

    code = "certificate_not_inherited"


class FootprintExpired(Refusal):
    """The footprint was valid until {valid_until}."""

    code = "footprint_expired"


class MagnetsHeavierThanLot(Refusal):
    """The magnets weigh {magnets} kg, the lot {lot} kg."""

    code = "magnets_heavier_than_lot"


class MagnetEmpty(Refusal):
    """A magnet has a mass above zero."""

    code = "magnet_empty"


class TransferToSelf(Refusal):
    """Owner and holder stay the same: there is nothing to transfer."""

    code = "transfer_to_self"


class GoodsHeldByOther(Refusal):
    """Another holds these goods by its own word: it hands them back to their owner. To pass title alone, name
    it as `holder`."""

    code = "goods_held_by_other"


class GoodsNotBack(Refusal):
    """Another holds these goods by its own word: it hands them back before their owner retires the lot."""

    code = "goods_not_back"


class TransferInFuture(Refusal):
    """{day} has begun nowhere yet: at UTC+14, where days begin first, it is {today}."""

    code = "day_in_future"


class DocumentInFuture(Refusal):
    """The document is dated {day}, which has begun nowhere yet: state the day that it bears."""

    code = "document_in_future"


class DayBeforeLot(Refusal):
    """{day} is before {earliest}, when the lot of {passport} {happened}: state that day or a later one."""

    code = "day_before_lot"


class DeliveryNotOfPassport(Refusal):
    """No delivery of this lot was accepted from its owner."""

    code = "delivery_not_of_passport"


class LotReturnedInPart(Refusal):
    """{stated} of a lot of {proven} go back: a transformation makes a lot of a part, with a passport that
    goes along."""

    code = "lot_returned_in_part"


class ReturnUnproven(Refusal):
    """The lot has a passport: name that, or of a part the one that a transformation gave it."""

    code = "return_unproven"


class LotDeliveredInPart(Refusal):
    """{delivered} were delivered of a lot of {remaining}: its parts need passports of their own."""

    code = "lot_delivered_in_part"


class CorrectsOther(Refusal):
    """The newest statement of this passport is {standing}: a correction refers to it."""

    code = "corrects_other"


class CorrectionOfBalance(Refusal):
    """A transformation rests on this figure, which stays; a public note can say beside it what is wrong."""

    code = "correction_of_balance"


class CorrectionOfDelivery(Refusal):
    """A delivery of this lot has settled this figure, and title has passed on it: what was received stays. A
    public note can say beside it what is wrong."""

    code = "correction_of_delivery"


class CorrectionNotProposed(Refusal):
    """No correction of this passport waits for the word of its owner."""

    code = "correction_not_proposed"


class PassportNotAwaited(Refusal):
    """Your word on this lot is not awaited: no transfer outside a delivery brought it, or you gave it."""

    code = "passport_not_awaited"


class PassportNotesUsed(Refusal):
    """A passport takes {most:note|notes}."""

    code = "passport_notes_used"


class CorrectionMoves(Refusal):
    """A correction leaves the facility and the lot number: issue a passport of its own for another lot."""

    code = "correction_moves"


class LineageCycle(Refusal):
    """The passport {passport} would come of itself."""

    code = "lineage_cycle"


class DrawnTwice(Refusal):
    """Of passport {passport} {asked} kg are taken; {remaining} kg of {whole} kg are left."""

    code = "drawn_twice"


class DrawnEmpty(Refusal):
    """What is taken or made has a mass above zero."""

    code = "drawn_empty"


class OwnersDiffer(Refusal):
    """The inputs belong to {owners} owners: title to what is made of them would be nobody's."""

    code = "owners_differ"


class ElementUnbalanced(Refusal):
    """{element}: inputs {inputs} g, outputs {outputs} g and losses {losses} g; tolerance {tolerance} g."""

    code = "element_unbalanced"


class ElementUnmeasured(Refusal):
    """{element}: {lots} state no figure of it, and {outputs} g come out. What was added, as ferroboron to an
    alloy, is an input too: issue a passport for it, and draw on that. What came with a lot that nobody had
    measured for it is a figure of {element} that the lot's issuer adds by a correction."""

    code = "element_unmeasured"


class ElementNotBalanced(Refusal):
    """No balance is kept of {element}: losses are stated of {balanced}."""

    code = "element_not_balanced"


class ToleranceTooWide(Refusal):
    """A tolerance of {stated} ppm is more than the {most} ppm that an assay can explain."""

    code = "tolerance_too_wide"


class IdentityMixed(Refusal):
    """{inputs} lots in one batch keep no identity: state another custody model."""

    code = "identity_mixed"


class MassBalanceMethodMissing(Refusal):
    """By what takes part the custody is mass balance: state its method and its period."""

    code = "mass_balance_method_missing"


class MassBalanceMethodUnexpected(Refusal):
    """The custody is {custody}: only mass balance has a method and a period."""

    code = "mass_balance_method_unexpected"


class ClaimAboveInputs(Refusal):
    """{element}, {claim}: {stated} is claimed; by {custody} the inputs carry {most}."""

    code = "claim_above_inputs"


class ClaimMassAboveInputs(Refusal):
    """{element}, {claim}: outputs claim {stated} g; of the inputs {most} g are claimed."""

    code = "claim_mass_above_inputs"


class CreditShort(Refusal):
    """{element}, {claim}: outputs claim {wanted} g; the account of the facility holds {available} g."""

    code = "credit_short"


class LotNumberInOrder(Refusal):
    """An open order or an unsettled sale offers lot {lot_number} by its number: withdraw the order first."""

    code = "lot_number_in_order"


class LotHasPassport(Refusal):
    """Lot {lot_number} has the passport {passport}: offer it by that."""

    code = "lot_has_passport"


class LotNumberNotOfPassport(Refusal):
    """Lot {stated} is stated, the passport is of {proven}; a transformation makes a lot of a rest."""

    code = "lot_number_not_of_passport"


class FormNotOfPassport(Refusal):
    """{stated} is stated, in the passport {proven}."""

    code = "form_not_of_passport"


class LotAbovePassport(Refusal):
    """{stated} are stated, of the passport's lot {proven} are left."""

    code = "lot_above_passport"


class BasisAbovePassport(Refusal):
    """{stated} of the basis {basis} are stated, in the passport {proven}."""

    code = "basis_above_passport"


class AnalyteNotOfPassport(Refusal):
    """The order states {stated} of {analyte} in the dry material, its passport {proven}: state it alike."""

    code = "analyte_not_of_passport"


class FootprintNotOfPassport(Refusal):
    """{stated} g CO2e per kg are stated, in the passport {proven}: leave it out, or state it alike."""

    code = "footprint_not_of_passport"


class RecycledAbovePassport(Refusal):
    """{stated} {claim} is stated, the passport proves {proven} of the basis."""

    code = "recycled_above_passport"


class OriginNotOfPassport(Refusal):
    """{stated} is stated; the passport says {proven}: name all of it and no more."""

    code = "origin_not_of_passport"


class ResponsibleNotIssuer(Refusal):
    """A label is issued by the organisation that is responsible, and names no other."""

    code = "responsible_not_issuer"


class DataCarrierNoLink(Refusal):
    """A data carrier leads to an https:// address without a login, or to a GS1 Digital Link."""

    code = "data_carrier_no_link"
