"""Orders as numpy columns: codes for words, bits for sets, slots for lists, microseconds for times."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, count
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from market.rules.optimum.problem import Int64s, Mask, Places

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS_PER_DAY = 86_400
MICROSECONDS_PER_SECOND = 10**6
NEVER = -(1 << 62)
BEYOND = 1 << 62
BITS_PER_WORD = 62
ROWS_AT_ONCE = 1 << 10
ALL = slice(None)
Value = TypeVar("Value", bound=Hashable)
Keys = NDArray[np.void]


def microseconds(moment: datetime) -> int:
    """Since 1970, UTC."""
    since = moment - EPOCH
    return (since.days * SECONDS_PER_DAY + since.seconds) * MICROSECONDS_PER_SECOND + since.microseconds


def int64s(values: Iterable[int], count: int) -> Int64s:
    """An int64 array; from a list it takes three quarters of the time of a generator."""
    return np.fromiter(values, np.int64, count)


def half_even(numerator: Int64s, denominator: Int64s | int) -> Int64s:
    """`round_half_even` of each; the denominators are positive, and below a quarter of what int64 holds."""
    found, rest = np.divmod(numerator, denominator)
    doubled = 2 * rest
    found += (doubled > denominator) | ((doubled == denominator) & (found % 2 == 1))
    return found


def cells(table: Int64s, row: Int64s | int, place: Int64s) -> Int64s:
    """table[row, place]: of a flat table or of one row numpy takes entries in a fraction of the time."""
    found: Int64s = (
        table[row].take(place)
        if isinstance(row, int)
        else table.reshape(-1).take(row * table.shape[1] + place)
    )
    return found


def rows(columns: Sequence[Places]) -> Iterator[tuple[int, ...]]:
    """Iterates over the rows of all columns as Python integers, converting a limited number of rows at a
    time."""
    for start in range(0, len(columns[0]), ROWS_AT_ONCE):
        yield from zip(*(column[start : start + ROWS_AT_ONCE].tolist() for column in columns), strict=True)


def numbers() -> "defaultdict[Any, int]":
    """A mapping that numbers distinct keys in the order of their first use."""
    return defaultdict(count().__next__)


class Codes:
    """Numbers distinct words in the order in which they were first seen."""

    def __init__(self) -> None:
        self.known: dict[Hashable, int] = numbers()

    def of(self, words: Collection[Hashable]) -> Int64s:
        return int64s(map(self.known.__getitem__, words), len(words))


def alike(values: Collection[Value]) -> tuple[list[Value], Int64s]:
    """The distinct values, in the order in which they were first seen, and the index of each entry among
    them."""
    known = numbers()
    which = int64s(map(known.__getitem__, values), len(values))
    return list(known), which


def alike_rows(*columns: Int64s) -> Int64s:
    """A number per entry, equal for entries with equal values in all columns; at most three columns."""
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        distinct, place = np.unique(column, return_inverse=True)
        found = found * len(distinct) + place
    return found


def bit_words(sets: Sequence[Collection[str]], names: dict[str, int]) -> Int64s:
    """int64[w, n]: bit b of word w is set where name 62·w + b is in the set; other names are left out."""
    words = np.zeros((-(-len(names) // BITS_PER_WORD), len(sets)), dtype=np.int64)
    for index, members in enumerate(sets):
        for name in members:
            place = names.get(name)
            if place is not None:
                words[place // BITS_PER_WORD, index] |= 1 << place % BITS_PER_WORD
    return words


def numbered(sets: Iterable[Collection[str]]) -> dict[str, int]:
    """An index for each name that occurs."""
    names: dict[str, int] = {}
    for members in sets:
        for name in members:
            names.setdefault(name, len(names))
    return names


def share_a_bit(left: Int64s, left_index: Int64s, right: Int64s, right_index: Int64s) -> Mask:
    found = np.zeros(len(left_index), dtype=np.bool_)
    for word in range(len(left)):
        found |= (left[word].take(left_index) & right[word].take(right_index)) != 0
    return found


class Slots:
    """Lists of rows of integers, one list an order, as columns: slot k holds the k-th row of each list."""

    def __init__(self, count: Int64s, columns: Sequence[Int64s]) -> None:
        """count: rows of each order; columns: of the rows, the first order's before the next one's."""
        self._count = count
        most = int(count.max(initial=0))
        self._least = int(count.min(initial=most))
        self._cells = np.zeros((most, len(columns), len(count)), dtype=np.int64)
        order = np.repeat(np.arange(len(count)), count)
        slot = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
        for place, column in enumerate(columns):
            self._cells[slot, place, order] = column
        self._same = [
            [_same_for_all(column[count > slot]) for column in of_slot]
            for slot, of_slot in enumerate(self._cells)
        ]

    @classmethod
    def of_lists(cls, lists: Sequence[Sequence[tuple[int, ...]]], width: int) -> "Slots":
        count = int64s(map(len, lists), len(lists))
        entries = int64s(chain.from_iterable(chain.from_iterable(lists)), width * int(count.sum()))
        return cls(count, list(entries.reshape(-1, width).T))

    def __len__(self) -> int:
        return len(self._cells)

    def of(self, order: Int64s) -> Iterator[tuple[Int64s | slice, list[Int64s | int]]]:
        """Slot by slot: the places of `order` whose list reaches so far, and the columns of their rows.

        What is the same in all lists that reach so far is one integer: with it, numpy is faster.
        """
        for slot, columns in enumerate(self._cells):
            places = ALL if slot < self._least else np.flatnonzero(self._count.take(order) > slot)
            reached = order[places]
            yield (
                places,
                [
                    column.take(reached) if same is None else same
                    for column, same in zip(columns, self._same[slot], strict=True)
                ],
            )


def _same_for_all(column: Int64s) -> int | None:
    least, most = int(column.min()), int(column.max())
    return least if least == most else None


def among(keys: Int64s, ascending: Int64s) -> Mask:
    """Which of `keys` occur in `ascending`."""
    if not len(ascending):
        return np.zeros(len(keys), dtype=np.bool_)
    place = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
    found: Mask = ascending[place] == keys
    return found


class Lookup:
    """A table from integers to integers, read by column; `otherwise` for missing keys."""

    def __init__(self, table: dict[int, int], otherwise: int) -> None:
        self._keys = int64s(sorted(table), len(table))
        self._values = int64s([table[key] for key in sorted(table)], len(table))
        self._otherwise = otherwise

    def of(self, keys: Int64s) -> Int64s:
        if not len(self._keys):
            return np.full(len(keys), self._otherwise, dtype=np.int64)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[place] == keys, self._values[place], self._otherwise)
