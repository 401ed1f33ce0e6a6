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
    """{sold} of this lot are sold or on their way to their buyer, who gets title to them; {free} are free."""

    code = "lot_sold"


class FacilityRevoked(Refusal):
    """The facility was revoked, so nothing can be made there."""

    code = "facility_revoked"


class StageNotOfFacility(Refusal):
    """The facility works at {stages}, not at {stage}."""

    code = "stage_not_of_facility"


class LotNumberTaken(Refusal):
    """The facility has issued a passport for the lot {lot_number} already."""

    code = "lot_number_taken"


class LotNumberDelivered(Refusal):
    """{lot_number} was shipped on {shipped_on} as a part of a lot that is drawn on, and belongs to its buyer.
    Give the rest another number: once all of it is drawn, the lot's passport goes to the buyer
    automatically."""

    code = "lot_number_delivered"


class ClaimWithoutEvidence(Refusal):
    """A claim of {claim} needs at least one document that supports it."""

    code = "claim_without_evidence"


class ClaimedElementUnknown(Refusal):
    """Recycled shares are not counted for {element}, only for these: {counted}."""

    code = "claimed_element_unknown"


class ClaimedElementAbsent(Refusal):
    """A share of {element} is claimed, but the assay has no figure for it."""

    code = "claimed_element_absent"


class BookedApart(Refusal):
    """Book and claim belongs to no material: state it only as booked, in a passport with that custody
    model."""

    code = "booked_apart"


class OriginOverWhole(Refusal):
    """The shares of {stage} add up to {sum}; 100 % is the whole, and less where a supplier did not answer."""

    code = "origin_over_whole"


class PathsNotWhole(Refusal):
    """The parts of {stage} add up to {sum}, but have to be the whole lot. Mark a part whose steps are not all
    known with `untold`; a part without any step has no `steps`."""

    code = "paths_not_whole"


class PathsLackOrigin(Refusal):
    """The origin names {stage} in {country}, but no part of the paths ends there: add it as a last step."""

    code = "paths_lack_origin"


class OriginLacksPaths(Refusal):
    """A part of the paths ends with {stage} in {country}, which the origin does not name: add it to the
    origin; earlier steps are named in the paths only."""

    code = "origin_lacks_paths"


class OriginSourceMissing(Refusal):
    """An origin needs its facility or its source."""

    code = "origin_source_missing"


class OriginFacilityUnknown(Refusal):
    """No site is registered under this id: for a site that is not registered here use `source`."""

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
    """{scheme} {reference} is not in every input, so no {custody} output can have it."""

    code = "certificate_not_inherited"


class FootprintExpired(Refusal):
    """The footprint was valid until {valid_until}."""

    code = "footprint_expired"


class MagnetsHeavierThanLot(Refusal):
    """The magnets weigh {magnets} kg, the lot {lot} kg."""

    code = "magnets_heavier_than_lot"


class MagnetEmpty(Refusal):
    """A magnet needs a mass above zero."""

    code = "magnet_empty"


class TransferToSelf(Refusal):
    """Owner and holder stay the same: there is nothing to transfer."""

    code = "transfer_to_self"


class GoodsHeldByOther(Refusal):
    """Another organisation has acknowledged holding these goods, and has to hand them back to their owner
    first. To pass title alone, name it as `holder`."""

    code = "goods_held_by_other"


class GoodsNotBack(Refusal):
    """Another organisation has acknowledged holding these goods: it has to hand them back before their owner
    retires the lot."""

    code = "goods_not_back"


class TransferInFuture(Refusal):
    """{day} has not begun anywhere on earth yet: at UTC+14, where days begin first, it is {today}."""

    code = "day_in_future"


class DocumentInFuture(Refusal):
    """The document is dated {day}, which has not begun anywhere on earth yet: state the date on the
    document."""

    code = "document_in_future"


class DayBeforeLot(Refusal):
    """{day} is before {earliest}, when the lot of {passport} {happened}: state that day or a later one."""

    code = "day_before_lot"


class DeliveryNotOfPassport(Refusal):
    """No delivery of this lot was accepted from its owner."""

    code = "delivery_not_of_passport"


class LotReturnedInPart(Refusal):
    """{stated} of a lot of {proven} would be returned: first make the part a lot, by a transformation."""

    code = "lot_returned_in_part"


class ReturnUnproven(Refusal):
    """The lot has a passport: name it, or for a part the passport that a transformation gave it."""

    code = "return_unproven"


class LotDeliveredInPart(Refusal):
    """{delivered} were delivered of a lot of {remaining}: its parts need passports of their own."""

    code = "lot_delivered_in_part"


class CorrectsOther(Refusal):
    """The newest statement of this passport is {standing}: a correction has to refer to it."""

    code = "corrects_other"


class CorrectionOfBalance(Refusal):
    """A transformation is based on this figure, so it cannot change: say in a public note what is wrong."""

    code = "correction_of_balance"


class CorrectionOfDelivery(Refusal):
    """A delivery of this lot was settled by this figure, and title has passed, so it cannot change: say in a
    public note what is wrong."""

    code = "correction_of_delivery"


class CorrectionNotProposed(Refusal):
    """No correction of this passport waits for its owner's answer."""

    code = "correction_not_proposed"


class PassportNotAwaited(Refusal):
    """No acknowledgement of this lot is expected from you: no transfer outside a delivery brought it, or you
    gave it."""

    code = "passport_not_awaited"


class PassportNotesUsed(Refusal):
    """A passport can have {most:note|notes} at most."""

    code = "passport_notes_used"


class CorrectionMoves(Refusal):
    """A correction cannot change facility or lot number: issue a separate passport for another lot."""

    code = "correction_moves"


class LineageCycle(Refusal):
    """The passport {passport} would be made of itself."""

    code = "lineage_cycle"


class DrawnTwice(Refusal):
    """{asked} kg are taken from passport {passport}, but only {remaining} kg of {whole} kg are left."""

    code = "drawn_twice"


class DrawnEmpty(Refusal):
    """Each input and output needs a mass above zero."""

    code = "drawn_empty"


class OwnersDiffer(Refusal):
    """The inputs belong to {owners} owners, so it is unclear who owns the outputs."""

    code = "owners_differ"


class ElementUnbalanced(Refusal):
    """{element}: inputs {inputs} g, outputs {outputs} g and losses {losses} g; tolerance {tolerance} g."""

    code = "element_unbalanced"


class ElementUnmeasured(Refusal):
    """{element}: {lots} state no figure of it, but {outputs} g come out. If it was added, like ferroboron to
    an alloy, it is an input too: issue a passport for it, and draw on that. If it came with a lot in
    which it was not measured, the lot's issuer adds a figure of {element} by a correction."""

    code = "element_unmeasured"


class ElementNotBalanced(Refusal):
    """{element} is not balanced: state losses of these only: {balanced}."""

    code = "element_not_balanced"


class ToleranceTooWide(Refusal):
    """A tolerance of {stated} ppm is more than the {most} ppm that an assay can explain."""

    code = "tolerance_too_wide"


class IdentityMixed(Refusal):
    """{inputs} lots in one batch cannot keep their identity: state another custody model."""

    code = "identity_mixed"


class MassBalanceMethodMissing(Refusal):
    """With these inputs the custody model is mass balance: state its method and its period."""

    code = "mass_balance_method_missing"


class MassBalanceMethodUnexpected(Refusal):
    """The custody is {custody}: only mass balance has a method and a period."""

    code = "mass_balance_method_unexpected"


class ClaimAboveInputs(Refusal):
    """{element}, {claim}: {stated} is claimed; with {custody} the inputs support only {most}."""

    code = "claim_above_inputs"


class ClaimMassAboveInputs(Refusal):
    """{element}, {claim}: outputs claim {stated} g, but the inputs only {most} g."""

    code = "claim_mass_above_inputs"


class CreditShort(Refusal):
    """{element}, {claim}: outputs claim {wanted} g, but the facility's account holds {available} g."""

    code = "credit_short"


class LotNumberInOrder(Refusal):
    """An open order or an unsettled sale offers lot {lot_number} by its number: withdraw the order first."""

    code = "lot_number_in_order"


class LotHasPassport(Refusal):
    """Lot {lot_number} has the passport {passport}: offer it with that."""

    code = "lot_has_passport"


class LotNumberNotOfPassport(Refusal):
    """Lot {stated} is stated, but the passport is for {proven}; make a rest a lot by a transformation."""

    code = "lot_number_not_of_passport"


class FormNotOfPassport(Refusal):
    """{stated} is stated, but the passport has {proven}."""

    code = "form_not_of_passport"


class LotAbovePassport(Refusal):
    """{stated} are stated, but only {proven} of the passport's lot are left."""

    code = "lot_above_passport"


class BasisAbovePassport(Refusal):
    """{stated} of the basis {basis} are stated, but the passport has {proven}."""

    code = "basis_above_passport"


class AnalyteNotOfPassport(Refusal):
    """The order states {stated} of {analyte} in the dry material, but its passport {proven}: state the
    same."""

    code = "analyte_not_of_passport"


class FootprintNotOfPassport(Refusal):
    """{stated} g CO2e per kg are stated, but the passport has {proven}: leave it out, or state the same."""

    code = "footprint_not_of_passport"


class RecycledAbovePassport(Refusal):
    """{stated} {claim} is stated, but the passport proves only {proven} of the basis."""

    code = "recycled_above_passport"


class OriginNotOfPassport(Refusal):
    """{stated} is stated, but the passport has {proven}: state exactly that."""

    code = "origin_not_of_passport"


class ResponsibleNotIssuer(Refusal):
    """A label is issued by the organisation that is responsible itself: name no other."""

    code = "responsible_not_issuer"


class DataCarrierNoLink(Refusal):
    """A data carrier has to lead to an https:// address without a login, or to a GS1 Digital Link."""

    code = "data_carrier_no_link"
