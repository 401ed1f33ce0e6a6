"""Why the register says no: members, organisations, papers, keys, webhooks, initiatives; one class per
reason, whose docstring the caller reads."""

from events.refusal import Refusal


class AlreadyMember(Refusal):
    """The organisation is a member of this market already."""

    code = "already_member"


class SuspendedBefore(Refusal):
    """The organisation is already suspended in this market; to end the suspension, admit it again."""

    code = "suspended_before"


class ReadmissionUnstated(Refusal):
    """The organisation is {how} this market: to admit it again from a file, state readmit in its row."""

    code = "readmission_unstated"


class OrdersOpen(Refusal):
    """{count:order is|orders are} open; withdraw first: {names}."""

    code = "orders_open"


class MatchesOpen(Refusal):
    """{count:match waits for its answer|matches wait for their answers}; confirm or decline first:
    {names}."""

    code = "matches_open"


class ContractsToCome(Refusal):
    """Binding contracts of these matches are still being created: {names}."""

    code = "contracts_to_come"


class AgreementsOpen(Refusal):
    """{count:agreement binds the organisation, or has|agreements bind the organisation, or have} its binding
    signature on an open proposal: {names}."""

    code = "agreements_open"


class DeliveriesOpen(Refusal):
    """{count:delivery is|deliveries are} not yet accepted, rejected or lost, or have an open return:
    {names}."""

    code = "deliveries_open"


class PoliciesOpen(Refusal):
    """{count:procurement policy is|procurement policies are} in force; retire first: {names}."""

    code = "policies_open"


class PassportsOpen(Refusal):
    """The organisation owns or holds {count:live passport|live passports}; transfer or retire first:
    {names}."""

    code = "passports_open"


class WithdrawalsMax(Refusal):
    """More than {most:order is|orders are} open, too many for one transaction: withdraw some of them
    first."""

    code = "withdrawals_max"


class FacilityUnknown(Refusal):
    """The organisation has no such facility."""

    code = "facility_unknown"


class CertificateUnknown(Refusal):
    """The organisation has no such certificate."""

    code = "certificate_unknown"


class CertificateExpired(Refusal):
    """The certificate was valid until {valid_until}."""

    code = "certificate_expired"


class LicenceUnknown(Refusal):
    """The organisation has no such licence."""

    code = "licence_unknown"


class OrganisationUnknown(Refusal):
    """There is no such organisation."""

    code = "organisation_unknown"


class OrganisationIsClosed(Refusal):
    """The organisation is closed permanently."""

    code = "organisation_closed"


class ClosingNotAsked(Refusal):
    """No admin of the organisation has asked that it be closed."""

    code = "closing_not_asked"


class ClosingAskedBefore(Refusal):
    """The organisation's closing is asked for already."""

    code = "closing_asked_before"


class ClosedByItself(Refusal):
    """An operator of another organisation has to close this one: closing takes two."""

    code = "closed_by_itself"


class OrganisationExists(Refusal):
    """This organisation is registered already."""

    code = "organisation_exists"


class InitiativeExists(Refusal):
    """The code {initiative} is or was used by another initiative: choose another code."""

    code = "initiative_exists"


class InitiativeAbsent(Refusal):
    """There is no such initiative, or it was revoked."""

    code = "initiative_absent"


class AlreadyPartner(Refusal):
    """The organisation is a partner of {initiative} already."""

    code = "already_partner"


class NotAPartner(Refusal):
    """The organisation is no partner of {initiative}."""

    code = "not_a_partner"


class InvitedBefore(Refusal):
    """The organisation is invited into {initiative} already, and has not answered."""

    code = "invited_before"


class InvitationUnknown(Refusal):
    """No invitation of the organisation into {initiative} is open."""

    code = "invitation_unknown"


class QuarterNotOver(Refusal):
    """Figures can only be stated for a quarter that is over; name it by its first day."""

    code = "quarter_not_over"


class FiguresStatedBefore(Refusal):
    """The figures of {initiative} for that quarter have already been stated and are final."""

    code = "figures_stated_before"


class FiguresWouldDiffer(Refusal):
    """The partners of {other}, which the same company coordinates, differ by fewer than {least} groups of
    companies, so figures of single groups could be computed."""

    code = "figures_would_differ"


class FacilityInUse(Refusal):
    """This facility still has certificates or licences: revoke them first."""

    code = "facility_in_use"


class EntriesMax(Refusal):
    """The organisation already has the maximum number of {kind}: {most}."""

    code = "entries_max"


class WebhookUnknown(Refusal):
    """The organisation has no such webhook."""

    code = "webhook_unknown"


class WebhookUrlUnusable(Refusal):
    """Webhooks cannot use this address: {why}."""

    code = "webhook_url_unusable"


class AddressForbidden(Refusal):
    """{host} has an IP address that is not public; webhooks need a public one."""

    code = "address_forbidden"


class EventTypesUnknown(Refusal):
    """These are not event types of the feed: {unknown}."""

    code = "event_types_unknown"


class KeyUnknown(Refusal):
    """The organisation has no such key."""

    code = "key_unknown"


class KeysMax(Refusal):
    """{live:key with this label is|keys with this label are} live, the maximum is {most}: revoke one
    first."""

    code = "keys_max"


class ExpiryPast(Refusal):
    """The expiry {until} is in the past: state a later one."""

    code = "expiry_past"
