"""What a command ends by when a server or a file cannot be used, in the system's words where it said why."""

import errno
import os
import ssl
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError

from events.connections import DATABASE_AWAY, LOGIN_REFUSED, UnsafeDatabase
from events.journal import NotInitialised
from events.refusal import RecordUnavailable
from market.children import LocalServerError

SERVER_AWAY: Final = (KafkaError, RecordUnavailable, *DATABASE_AWAY)
FILE_FAULTS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE)
"""What no server answers with, although the error of a write names no file."""


class Outage(NamedTuple):
    """`away`: a server, or room on this machine; else a file that was named is at fault."""

    told: str
    away: bool = True


def outage_of(error: Exception) -> Outage | None:
    """None: something else has failed. Which server is away is said where that is known."""
    match error:
        case LocalServerError() | NotInitialised() | UnsafeDatabase():
            return Outage(str(error))
        case _ if isinstance(error, LOGIN_REFUSED):
            return Outage(f"PostgreSQL refuses the login: {error}")
        case OSError() if error.filename is not None or error.errno in FILE_FAULTS:
            told = f"{error.filename or 'this machine'}: {reason_of(error)}"
            return Outage(told, away=error.errno in FILE_FAULTS)
        case RecordUnavailable():
            return Outage(str(error))
        case KafkaError():
            return Outage(f"Kafka cannot be used now: {reason_of(error)}")
        case OSError():
            return Outage(f"a server cannot be reached: {reason_of(error)}")
        case _ if isinstance(error, SERVER_AWAY):
            return Outage(f"PostgreSQL cannot be used now: {reason_of(error)}")
    return None


def reason_of(error: BaseException) -> str:
    """Why a file or a server cannot be used, in the words of the system where it said why."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError):
            told = getattr(found, "verify_message", None) or getattr(found, "reason", None)
            return f"TLS fails: {told or found}"
        if isinstance(found, OSError) and found.errno is not None:
            known = found.errno > 0 and found.filename is None
            return os.strerror(found.errno) if known else found.strerror or str(found)
        found = found.__cause__ or found.__context__
    if isinstance(error, KafkaError):
        return ", ".join(map(str, error.args)) or str(getattr(error, "description", type(error).__name__))
    nothing_said = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    return str(error).partition("\n")[0] or nothing_said
