"""Members of a draft that could not be read: checks that do not depend on them still run."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn, TypeVar

from events.refusal import Refusal

C = TypeVar("C")


class UnreadError(Exception):
    """A check needs a member that could not be read: it has no verdict."""


class _Unread:
    """Stands for such a member: it is not None, and any use of it raises UnreadError."""

    __slots__ = ()

    def _raise(self, *_: object) -> NoReturn:
        raise UnreadError

    __getattr__ = __bool__ = __hash__ = __str__ = __format__ = __int__ = __index__ = _raise
    __len__ = __iter__ = __contains__ = __getitem__ = _raise
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _raise
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _raise
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __neg__ = __abs__ = _raise


UNREAD: Final[Any] = _Unread()


def judged(checks: Iterable[Callable[[C], Iterable[Refusal]]], case: C) -> list[Refusal]:
    """The refusals of all checks; a check stops silently when it needs a member that could not be read."""
    reasons: list[Refusal] = []
    for check in checks:
        try:
            reasons += check(case)  # what came before an UnreadError stays
        except UnreadError:
            continue
    return reasons
