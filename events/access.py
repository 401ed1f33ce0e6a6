"""Who may log in to Kafka and what they may do there: SCRAM users and ACLs, as the cluster stores them."""

import asyncio
import concurrent.futures
import logging
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from events.brokers import Bootstrap, Password, librdkafka_options
from events.rights import Operation, Resource, Right

REQUEST_SECONDS_MAX: Final = 15.0
SCRAM_ITERATIONS: Final = 4_096
"""The smallest number that Kafka accepts: more iterations would not protect a password of 256 random bits
better."""

TRY_SECONDS_MAX: Final = 0.5
ANY_HOST: Final = "*"
KEYSTORE: Final = "ssl.keystore.location"

T = TypeVar("T")

_RESOURCES: Final[dict[Resource, Any]] = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
_OPERATIONS: Final[dict[Operation, Any]] = {
    "read": AclOperation.READ,
    "write": AclOperation.WRITE,
    "create": AclOperation.CREATE,
    "describe_configs": AclOperation.DESCRIBE_CONFIGS,
}
_PATTERNS: Final = {False: ResourcePatternType.LITERAL, True: ResourcePatternType.PREFIXED}

_quiet = logging.getLogger("lodestone.librdkafka")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
"""Errors are raised here; librdkafka would also print them on stderr, once for each attempt."""


class AccessError(RuntimeError):
    """Kafka refused a request about users or rights; one sentence says why."""


class NoSuchUser(LookupError):
    """Kafka has no SCRAM user of this name."""


class Access:
    """Changes users and rights. Its login has to be a super user, or have Alter and Describe on the
    cluster."""

    def __init__(self, bootstrap: Bootstrap) -> None:
        self._faults: list[KafkaError] = []
        self._bootstrap = bootstrap
        options = librdkafka_options(bootstrap) | {"client.id": "lodestone-access"}
        try:
            self._admin = AdminClient({**options, "error_cb": self._faults.append}, logger=_quiet)
        except KafkaException as error:
            raise AccessError(_told(bootstrap, error.args[0])) from None

    async def topics(self, seconds_max: float = REQUEST_SECONDS_MAX) -> frozenset[str]:
        """The topics that this login may see. AccessError says what is wrong with the address or the
        login."""
        deadline = asyncio.get_running_loop().time() + seconds_max
        while True:
            try:
                found = await asyncio.to_thread(self._admin.list_topics, timeout=TRY_SECONDS_MAX)
                return frozenset(found.topics)
            except KafkaException as error:
                fault = error.args[0]
            self._admin.poll(0)
            telling = [each for each in self._faults if each.code() in _LASTING]
            if telling or asyncio.get_running_loop().time() > deadline:
                raise AccessError(_told(self._bootstrap, (telling or [fault])[0]))

    async def has_user(self, user: str) -> bool:
        await self._check_may_alter()
        try:
            found = self._admin.describe_user_scram_credentials([user], request_timeout=REQUEST_SECONDS_MAX)
            await self._done(found[user])
        except NoSuchUser:
            return False
        return True

    async def users(self) -> frozenset[str]:
        """All users that have a password."""
        await self._check_may_alter()
        return frozenset(
            await self._done(self._admin.describe_user_scram_credentials(request_timeout=REQUEST_SECONDS_MAX))
        )

    async def _check_may_alter(self) -> None:
        """AccessError if the login may not alter users: a refused request for users would make librdkafka
        2.16 end the process."""
        nobody = f"nobody-{secrets.token_hex(16)}"
        try:
            await self.remove_user(nobody)
        except NoSuchUser:
            return

    async def set_password(self, user: str, password: str) -> None:
        """Creates the user, or replaces its password, which applies from its next login on."""
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
        await self._alter(UserScramCredentialUpsertion(user, credential, password.encode()), user)

    async def remove_user(self, user: str) -> None:
        """NoSuchUser if there is no such user."""
        await self._alter(UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512), user)

    async def rights_of(self, user: str) -> frozenset[Right]:
        """The rights of a kind that this module can give; rights for single hosts, and denials, are left
        out."""
        found = await self._done(self._admin.describe_acls(_of(user), request_timeout=REQUEST_SECONDS_MAX))
        return frozenset(right for binding in found if (right := _right(binding)) is not None)

    async def allow(self, user: str, rights: Iterable[Right]) -> None:
        """Adds these rights to those that the user has; a right that it already has stays as it is."""
        bindings = [_binding(user, right) for right in sorted(rights)]
        if bindings:
            await self._all(self._admin.create_acls(bindings, request_timeout=REQUEST_SECONDS_MAX))

    async def take(self, user: str, rights: Iterable[Right]) -> None:
        """Removes these rights and no others: reading that another right allows goes on."""
        filters = [_exactly(_binding(user, right)) for right in sorted(rights)]
        if filters:
            await self._all(self._admin.delete_acls(filters, request_timeout=REQUEST_SECONDS_MAX))

    async def forbid(self, user: str) -> None:
        """Removes every right of this user, whoever gave it."""
        await self._all(self._admin.delete_acls([_of(user)], request_timeout=REQUEST_SECONDS_MAX))

    async def reread_certificates(self) -> tuple[str, ...]:
        """Makes every broker reload changed key and certificate files, on all listeners; returns their
        addresses. AccessError for a broker whose keys are not in a file."""
        await self.topics()
        found = await asyncio.to_thread(self._admin.list_topics, timeout=REQUEST_SECONDS_MAX)
        for number in found.brokers:
            broker = ConfigResource(ConfigResource.Type.BROKER, str(number))
            asked = self._admin.describe_configs([broker], request_timeout=REQUEST_SECONDS_MAX)
            settings = await self._done(asked[broker])
            name, keystore = _keystore(settings)
            if keystore is None:
                raise AccessError(f"broker {number} of {self._bootstrap} has its keys in no file ({name})")
            again = ConfigEntry(name, keystore, incremental_operation=AlterConfigOpType.SET)
            change = ConfigResource(ConfigResource.Type.BROKER, str(number), incremental_configs=[again])
            await self._all(
                self._admin.incremental_alter_configs([change], request_timeout=REQUEST_SECONDS_MAX)
            )
        return tuple(f"{broker.host}:{broker.port}" for broker in found.brokers.values())

    async def _alter(self, change: Any, user: str) -> None:
        done = self._admin.alter_user_scram_credentials([change], request_timeout=REQUEST_SECONDS_MAX)
        await self._done(done[user])

    async def _all(self, asked: Mapping[Any, "concurrent.futures.Future[Any]"]) -> None:
        for each in asked.values():
            await self._done(each)

    async def _done(self, future: "concurrent.futures.Future[T]") -> T:
        try:
            return await asyncio.wrap_future(future)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.RESOURCE_NOT_FOUND:
                raise NoSuchUser from None
            raise AccessError(_told(self._bootstrap, error.args[0])) from None


async def give_exactly(access: Access, user: str, rights: Collection[Right]) -> None:
    """As `Access.allow`; a user that has others than `rights` first loses all of its own."""
    if await access.rights_of(user) - frozenset(rights):
        await access.forbid(user)
    await access.allow(user, rights)


def _keystore(settings: Mapping[str, ConfigEntry]) -> tuple[str, str | None]:
    """The name and value of the setting for a listener's key file: when it is set again to the same value, a
    broker reloads all key and certificate files that have changed."""
    between = settings["inter.broker.listener.name"].value or settings["security.inter.broker.protocol"].value
    name = f"listener.name.{between.lower()}.{KEYSTORE}"
    own = settings.get(name)
    return name, (None if own is None else own.value) or settings[KEYSTORE].value


def _of(user: str) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        f"User:{user}",
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _exactly(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _binding(user: str, right: Right) -> AclBinding:
    return AclBinding(
        _RESOURCES[right.resource],
        right.name,
        _PATTERNS[right.prefixed],
        f"User:{user}",
        ANY_HOST,
        _OPERATIONS[right.operation],
        AclPermissionType.ALLOW,
    )


def _right(binding: AclBinding) -> Right | None:
    resource = _names(_RESOURCES).get(binding.restype)
    operation = _names(_OPERATIONS).get(binding.operation)
    if resource is None or operation is None:
        return None
    prefixed = binding.resource_pattern_type == ResourcePatternType.PREFIXED
    right = Right(resource=resource, name=binding.name, operation=operation, prefixed=prefixed)
    mine = _binding(binding.principal.removeprefix("User:"), right)
    return right if mine == binding else None


def _names(table: Mapping[T, Any]) -> dict[Any, T]:
    return {value: name for name, value in table.items()}


_IN_WORDS: Final = {
    KafkaError._AUTHENTICATION: "{servers} refuses the login of {who}: unknown user or wrong password",
    KafkaError._SSL: "no TLS with {servers}: its certificate is of an authority that is not trusted here, "
    "or not for this name, or it takes none ({fault})",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "{who} may not change users and rights at {servers}",
    KafkaError.SECURITY_DISABLED: "{servers} has no authorizer: rights cannot be kept there",
    KafkaError._TRANSPORT: "nothing answers at {servers} in the protocol that is set",
    KafkaError._TIMED_OUT: "{servers} did not answer in time",
}


_LASTING: Final = (KafkaError._AUTHENTICATION, KafkaError._SSL)
"""Errors that a retry does not cure."""


def _told(bootstrap: Bootstrap, fault: KafkaError) -> str:
    login = None if isinstance(bootstrap, str) else bootstrap.login
    who = login.user if isinstance(login, Password) else "this login"
    sentence = _IN_WORDS.get(fault.code(), "{servers} refuses: {fault}")
    return sentence.format(servers=bootstrap, who=who, fault=fault.str())
