"""Users and rights on a secured Kafka, for the project's services and for single partners."""

from uuid import UUID

import structlog
from msgspec import Struct

from events.access import Access, AccessError, give_exactly
from events.brokers import SCRAM, Bootstrap
from market.broker_files import new_password
from market.broker_logins import acting_as, service_password, services_folder
from market.children import LocalServerError
from market.rules.streams.streams import partner_topic
from market.rules.streams.topic_rights import (
    SERVICES,
    organisation_of_user,
    partner_group_prefix,
    partner_rights,
    partner_user,
    service_rights,
    service_user,
)
from market.settings import Settings

log = structlog.get_logger("topic-access")


class AlreadyGranted(Exception):
    """The organisation already has a user; `lodestone streams rotate` replaces a lost password."""


class NotGranted(Exception):
    """The organisation has no user; `lodestone streams grant` makes one."""


class Granted(Struct, frozen=True, kw_only=True):
    """A partner's login; the password is not stored anywhere."""

    protocol: str
    mechanism: str
    user: str
    password: str
    topic: str
    group_prefix: str


async def prepare_logins(settings: Settings, bootstrap: Bootstrap) -> None:
    """Makes users and rights of the services as they are to be, where services have logins of their own, and
    brings the rights of partners that have a login to what a partner has."""
    folder = services_folder(settings, bootstrap)
    if folder is None:
        return
    access, prefix = Access(bootstrap), settings.topic_prefix
    for service in SERVICES:
        user = service_user(prefix, service)
        await give_exactly(access, user, service_rights(prefix, service))
        await access.set_password(user, service_password(folder, service))
    await _renew_partners(access, prefix)


async def _renew_partners(access: Access, topic_prefix: str) -> None:
    """Updates the partners' rights; passwords stay, and so do connections that read what is still allowed."""
    for user in await access.users():
        organisation = organisation_of_user(topic_prefix, user)
        if organisation is None:
            continue
        due, given = partner_rights(topic_prefix, organisation), await access.rights_of(user)
        await access.allow(user, due - given)
        await access.take(user, given - due)
        if given != due:
            log.info("partner_rights_renewed", user=user)


async def seen_by_services(settings: Settings, bootstrap: Bootstrap) -> dict[str, frozenset[str] | str]:
    """The topics that each service is shown once it has logged in, or in words why it cannot.

    Nothing where services have no logins of their own.
    """
    seen: dict[str, frozenset[str] | str] = {}
    for service in SERVICES:
        try:
            login = acting_as(settings, bootstrap, service)
            if login is bootstrap:
                return {}
            seen[service] = await Access(login).topics()
        except (AccessError, LocalServerError) as error:
            seen[service] = str(error)
    return seen


async def grant(access: Access, topic_prefix: str, organisation: UUID) -> Granted:
    """Creates a partner's user. AlreadyGranted if it exists, since its password would silently stop
    working."""
    if await access.has_user(partner_user(topic_prefix, organisation)):
        raise AlreadyGranted
    return await _give(access, topic_prefix, organisation)


async def rotate(access: Access, topic_prefix: str, organisation: UUID) -> Granted:
    """Sets a new password. An open connection works until its login has to be repeated."""
    if not await access.has_user(partner_user(topic_prefix, organisation)):
        raise NotGranted
    return await _give(access, topic_prefix, organisation)


async def revoke(access: Access, topic_prefix: str, organisation: UUID) -> None:
    """Removes rights first, so that open connections read nothing more, then the user."""
    user = partner_user(topic_prefix, organisation)
    await access.forbid(user)
    if not await access.has_user(user):
        raise NotGranted
    await access.remove_user(user)


async def _give(access: Access, topic_prefix: str, organisation: UUID) -> Granted:
    user, password = partner_user(topic_prefix, organisation), new_password()
    await give_exactly(access, user, partner_rights(topic_prefix, organisation))
    await access.set_password(user, password)
    return Granted(
        protocol="SASL_SSL",
        mechanism=SCRAM,
        user=user,
        password=password,
        topic=partner_topic(topic_prefix, organisation),
        group_prefix=partner_group_prefix(topic_prefix, organisation),
    )
