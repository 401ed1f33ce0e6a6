"""The sentence of a reason against a pair, as traders read it; its figures are shown separately, by side."""

SENTENCES: dict[str, str] = {
    "above_max": "The assay shows more {subject} than the requirement allows.",
    "assay_missing": "The assay has no figure for {subject}, which the requirement asks for.",
    "below_min": "The assay shows less {subject} than the requirement asks for.",
    "carriage_not_stated": "The requirement states no transport cost from {subject}.",
    "certificate_missing": (
        "The offer names no certificate {subject} of its site that is valid to the end of delivery."
    ),
    "condition_missing": "The lot has not been graded, so it cannot go to the buyer's Re-X route.",
    "condition_too_low": "The lot's condition does not allow the Re-X route that the buyer will use.",
    "credit_exceeded": "The buyer's credit limit is below the price of the smallest parcel.",
    "export_licence_pending": "The export licence has not been granted yet.",
    "footprint_above_max": "The carbon footprint is above the maximum of the requirement.",
    "forecast_refused": "The supply is only a forecast, and the requirement accepts no forecast supply.",
    "form_not_accepted": "The requirement does not accept the form {subject}.",
    "horizon_differs": "One order is spot and the other for years, or their index or start year differ.",
    "initiative_closed": "One of the two orders is only open to members of certain initiatives.",
    "magnet_coating_not_accepted": "The magnets have a coating that the buyer does not accept.",
    "magnet_coercivity_below_min": "The coercivity {subject} of the magnets is below what the buyer needs.",
    "magnet_energy_below_min": "The energy product {subject} of the magnets is below what the buyer needs.",
    "magnet_flux_below_min": "The remaining flux of the magnets is below what the buyer needs.",
    "magnet_grade_not_accepted": "The magnets have a grade that the buyer does not accept.",
    "magnet_shape_differs": "The magnets have another shape than the buyer needs.",
    "magnet_size_outside": "The {subject} of the magnets is outside the buyer's tolerance.",
    "magnets_not_stated": "The lot does not state grade, size, coating and flux of its magnets.",
    "not_available": "The order is not available.",
    "not_qualified": (
        "The buyer has not qualified the seller's site for this form to the level that it asks for."
    ),
    "origin_excluded": "The requirement excludes material from {subject}.",
    "origin_step_excluded": (
        "The requirement excludes the country of an earlier processing step of the lot: {subject}."
    ),
    "origin_step_untold": (
        "The requirement excludes countries, and not every {subject} step of the lot is stated."
    ),
    "origin_unstated": "The requirement excludes countries, and the origin does not state {subject}.",
    "parcel_too_large": "The {subject}'s smallest parcel is more than the two orders could trade.",
    "pcf_missing": "There is no carbon footprint that is valid to the end of delivery.",
    "pcf_not_comparable": "The carbon footprint is not stated in the same way as the benchmark of the form.",
    "profile_incompatible": "The terms of the contract years differ in {subject}.",
    "recycled_below_min": "The recycled share is below what the requirement asks for.",
    "recycled_above_max": "The recycled share is above the maximum of the requirement.",
    "route_not_offered": "The lot is not offered for the Re-X route that the buyer will use.",
    "same_group": "Both orders belong to the same group of companies.",
    "sanctions_screening_expired": "The sanctions screening of one of the two parties has expired.",
    "shipment_consent_missing": (
        "The buyer's site has no consent to ship this waste ({subject}) that is valid to the end of delivery."
    ),
    "value_out_of_range": "Price or amount of the pair are outside what a round can record.",
    "waste_licence_missing": (
        "The lot is waste (code {subject}), and the buyer's site has no permit for it to the end of delivery."
    ),
    "waste_route_unlicensed": (
        "The lot is waste, and no permit of the buyer's site allows the requirement's Re-X route ({subject})."
    ),
    "window_disjoint": "Delivery period and requested window overlap by less than the requirement asks for.",
}


def told(code: str, subject: str | None) -> str:
    """KeyError for a code without a sentence."""
    return SENTENCES[code].format(subject=subject or "not stated")
