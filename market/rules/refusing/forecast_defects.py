"""What can be wrong with supply that is offered ahead as a forecast."""

from events.refusal import Refusal


class ForecastOfYears(Refusal):
    """A forecast stands for one quarter: an order over contract years carries none."""

    code = "forecast_of_years"


class ForecastOfPassport(Refusal):
    """What has a passport is there: it is no forecast."""

    code = "forecast_of_passport"


class ForecastWindowEarly(Refusal):
    """The material is expected in {quarter}: a delivery that starts on {start} is before it is there."""

    code = "forecast_window_early"


class ForecastOutlived(Refusal):
    """The forecast is of {quarter}: it is valid until {end} at most, not until {valid_until}."""

    code = "forecast_outlived"


class ForecastNotOfBasis(Refusal):
    """With a share of reuse a forecast counts whole magnets, and nothing of this market's {basis}."""

    code = "forecast_not_of_basis"


class ReuseShareMissing(Refusal):
    """Whole magnets are forecast by the share of the units taken apart that can be used again: state it."""

    code = "reuse_share_missing"


class ForecastBeforePlaced(Refusal):
    """Nothing comes back in {quarter}: the first units are placed in {placed}, and return later."""

    code = "forecast_before_placed"


class ForecastExceeded(Refusal):
    """The {quantile} figure of {product} for {quarter} is {figure}: {offered} are offered."""

    code = "forecast_exceeded"


class ForecastShared(Refusal):
    """The {quantile} figure of {product} in {quarter} is {figure}: {others} are offered, {offered} added."""

    code = "forecast_shared"


class RampNotStated(Refusal):
    """The facility states no ramp for {form}: there is nothing to forecast from."""

    code = "ramp_not_stated"


class SharesAboveMagnet(Refusal):
    """The elements of the magnet are {share} of its mass, at the middle of each: more than all of it."""

    code = "shares_above_magnet"
