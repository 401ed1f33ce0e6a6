"""Defects in forecast supply."""

from events.refusal import Refusal


class ForecastOfYears(Refusal):
    """A forecast is for one quarter: leave it out of an order over contract years."""

    code = "forecast_of_years"


class ForecastOfPassport(Refusal):
    """Material with a passport already exists, so it is no forecast: leave out one of the two."""

    code = "forecast_of_passport"


class ForecastWindowEarly(Refusal):
    """The material is expected in {quarter}: a delivery that starts on {start} is too early."""

    code = "forecast_window_early"


class ForecastOutlived(Refusal):
    """The forecast is for {quarter}: the order can be valid until {end} at most, not until {valid_until}."""

    code = "forecast_outlived"


class ForecastNotOfBasis(Refusal):
    """With a share of reuse a forecast counts whole magnets, not this market's {basis}."""

    code = "forecast_not_of_basis"


class ReuseShareMissing(Refusal):
    """A forecast of whole magnets needs the share of disassembled units whose magnets can be reused: state
    it."""

    code = "reuse_share_missing"


class ForecastBeforePlaced(Refusal):
    """Nothing comes back in {quarter}: the first units are placed on the market in {placed}, and return
    later."""

    code = "forecast_before_placed"


class ForecastExceeded(Refusal):
    """The {quantile} figure of {product} for {quarter} is {figure}, but {offered} are offered."""

    code = "forecast_exceeded"


class ForecastShared(Refusal):
    """The {quantile} figure of {product} in {quarter} is {figure}: {others} are already offered, {offered}
    more are too much."""

    code = "forecast_shared"


class RampNotStated(Refusal):
    """The facility has no ramp for {form}, on which a forecast could be based: state the ramp first."""

    code = "ramp_not_stated"


class SharesAboveMagnet(Refusal):
    """The shares of the magnet's elements, at the middle of each, add up to {share} of its mass, more than
    100 %."""

    code = "shares_above_magnet"
