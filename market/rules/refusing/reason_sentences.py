"""The sentence of a reason against a pair, as a trader reads it; figures stand beside it, by side."""

SENTENCES: dict[str, str] = {
    "above_max": "The assay finds more {subject} than the requirement takes.",
    "assay_missing": "The assay has no figure for {subject}, which the requirement asks for.",
    "below_min": "The assay finds less {subject} than the requirement asks for.",
    "carriage_not_stated": "The requirement states no cost of fetching from {subject}.",
    "certificate_missing": (
        "The offer names no certificate {subject} of its site that is valid to the end of delivery."
    ),
    "condition_missing": "Nobody has graded the lot, so it may not go to the route that the buyer will run.",
    "condition_too_low": "The lot's condition does not allow the route that the buyer will run.",
    "credit_exceeded": "The buyer's credit limit does not pay for the smallest parcel.",
    "export_licence_pending": "The export licence has not been granted yet.",
    "footprint_above_max": "The carbon footprint is above what the requirement takes.",
    "forecast_refused": "The supply is only forecast, and the requirement takes none that is not there yet.",
    "form_not_accepted": "The requirement does not take the form {subject}.",
    "horizon_differs": "One is spot and the other for years, or their index or start year differ.",
    "initiative_closed": "One of both is open to members of certain initiatives only.",
    "magnet_coating_not_accepted": "The magnets have a coating that the buyer cannot use.",
    "magnet_coercivity_below_min": "The coercivity {subject} of the magnets is below what the buyer needs.",
    "magnet_energy_below_min": "The energy product {subject} of the magnets is below what the buyer needs.",
    "magnet_flux_below_min": "The magnets have less flux left than the buyer needs.",
    "magnet_grade_not_accepted": "The magnets are of a grade that the buyer cannot use.",
    "magnet_shape_differs": "The magnets have another shape than the buyer needs.",
    "magnet_size_outside": "The {subject} of the magnets leaves the buyer's tolerance.",
    "magnets_not_stated": "The lot states no grade, size, coating and flux of its magnets.",
    "not_available": "The order is not available.",
    "not_qualified": "The buyer has not qualified the seller's site for this form as far as it asks for.",
    "origin_excluded": "The requirement takes nothing from {subject}.",
    "origin_step_excluded": (
        "The requirement excludes the country of a step that the lot went through before the last: {subject}."
    ),
    "origin_step_untold": (
        "The requirement excludes countries, and nobody states every step of {subject} that the lot went "
        "through."
    ),
    "origin_unstated": "The requirement excludes countries, and the origin leaves out {subject}.",
    "parcel_too_large": "The {subject}'s smallest parcel is more than both orders could trade together.",
    "pcf_missing": "There is no carbon footprint that is valid to the end of delivery.",
    "pcf_not_comparable": "The carbon footprint is not stated as the benchmark of the form is.",
    "profile_incompatible": "The terms of the contract years do not agree in {subject}.",
    "recycled_below_min": "The recycled share is below what the requirement asks for.",
    "recycled_above_max": "The recycled share is above what the requirement takes.",
    "route_not_offered": "The lot is not offered to the Re-X route that the buyer will run.",
    "same_group": "Both orders belong to one group of companies.",
    "sanctions_screening_expired": "The sanctions screening of one of both has expired.",
    "shipment_consent_missing": (
        "The buyer's site has no consent to ship this waste ({subject}) that is valid to the end of delivery."
    ),
    "value_out_of_range": "Price or amount of the pair leave what a round can hold.",
    "waste_licence_missing": (
        "The lot is waste (code {subject}), and the buyer's site has no permit for it to the end of delivery."
    ),
    "waste_route_unlicensed": (
        "The lot is waste, and no permit of the buyer's site allows the requirement's Re-X route ({subject})."
    ),
    "window_disjoint": "Delivery and window overlap by less than the requirement asks for.",
}


def told(code: str, subject: str | None) -> str:
    """KeyError for a code without a sentence."""
    return SENTENCES[code].format(subject=subject or "not stated")
