"""A lane's Merkle tree (RFC 6962, section 2.1): roots, inclusion and consistency proofs, tiles. Pure.

Leaf k is the journal row at position k + 1. Nodes are kept in tiles of 256 hashes: entry i of level l is the
root over leaves [i·256^l, (i + 1)·256^l), so that a proof reads a few tiles and no leaf.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

HASH_BYTES: Final = 32
TILE_HEIGHT: Final = 8
TILE_HASHES_MAX: Final = 1 << TILE_HEIGHT
EMPTY_ROOT: Final = sha256(b"").digest()

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


class TileId(NamedTuple):
    """Tile number `place` of a level; level 0 holds leaf hashes."""

    level: int
    place: int


class Span(NamedTuple):
    """Leaves from `first` up to, not including, `after`."""

    first: int
    after: int


Tiles: TypeAlias = Mapping[TileId, bytes]
"""The hashes of each tile, concatenated; a tile may hold more than a tree of a given size needs."""

_Node: TypeAlias = tuple[int, int]
"""Height and number of a complete subtree: leaves [number·2^height, (number + 1)·2^height)."""


def leaf_hash(body: bytes) -> bytes:
    return sha256(_LEAF + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


class Frontier:
    """The complete subtrees of a growing tree, largest first: enough for its root, not for proofs."""

    def __init__(self, subtrees: Iterable[bytes] = (), size: int = 0) -> None:
        """`subtrees` and `size` as in another frontier."""
        self._subtrees = list(subtrees)
        self.size = size

    @property
    def subtrees(self) -> tuple[bytes, ...]:
        return tuple(self._subtrees)

    def append(self, leaf: bytes) -> None:
        """`leaf` is a hash from `leaf_hash`."""
        self._subtrees.append(leaf)
        self.size += 1
        rest = self.size
        while rest % 2 == 0:
            right = self._subtrees.pop()
            self._subtrees.append(node_hash(self._subtrees.pop(), right))
            rest //= 2

    def root(self) -> bytes:
        return _joined(self._subtrees) if self._subtrees else EMPTY_ROOT


def _joined(subtrees: Sequence[bytes]) -> bytes:
    """The root over neighbouring complete subtrees, each larger than the next."""
    *rest, found = subtrees
    for left in reversed(rest):
        found = node_hash(left, found)
    return found


# --- the parts of a proof


def root_span(size: int) -> Span:
    return Span(0, size)


def inclusion_spans(index: int, size: int) -> tuple[Span, ...]:
    """The spans whose roots prove leaf `index` in a tree of `size`, from the leaf's sibling upwards.

    ValueError for a leaf that the tree does not have.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    first, after, found = 0, size, list[Span]()
    while after - first > 1:
        middle = first + _split(after - first)
        if index < middle:
            found.append(Span(middle, after))
            after = middle
        else:
            found.append(Span(first, middle))
            first = middle
    return tuple(reversed(found))


def consistency_spans(old: int, new: int) -> tuple[Span, ...]:
    """The spans whose roots prove that the tree of `old` leaves is the beginning of that of `new`. Empty for
    equal sizes and for the empty tree. ValueError if `new` is smaller than `old`."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves does not continue one of {old}")
    if old in (0, new):
        return ()
    first, after, found = 0, new, list[Span]()
    while after != old:
        middle = first + _split(after - first)
        if old <= middle:
            found.append(Span(middle, after))
            after = middle
        else:
            found.append(Span(first, middle))
            first = middle
    if first:
        found.append(Span(first, after))
    return tuple(reversed(found))


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


# --- tiles


def tiles_of(spans: Iterable[Span]) -> frozenset[TileId]:
    """The tiles that `span_root` reads for these spans."""
    return frozenset(_tile_of(node)[0] for span in spans for node in _complete(span))


def last_tiles(size: int) -> tuple[TileId, ...]:
    """The tiles that change when a tree of `size` leaves grows, including those without an entry yet."""
    found, count, level = list[TileId](), size, 0
    while count or not level:
        found.append(TileId(level, count // TILE_HASHES_MAX))
        count, level = count // TILE_HASHES_MAX, level + 1
    return tuple(found)


def grown(tiles: Tiles, size: int, leaves: Iterable[bytes]) -> dict[TileId, bytes]:
    """The tiles that change when leaf hashes are appended to a tree of `size`; `tiles` holds `last_tiles`."""
    changed: dict[TileId, bytearray] = {}

    def append(level: int, number: int, value: bytes) -> None:
        tile = TileId(level, number // TILE_HASHES_MAX)
        if tile not in changed:
            kept = tiles.get(tile, b"")[: number % TILE_HASHES_MAX * HASH_BYTES]
            changed[tile] = bytearray(kept)
        hashes = changed[tile]
        if len(hashes) != number % TILE_HASHES_MAX * HASH_BYTES:
            raise ValueError(f"tile {tile.place} of level {level} does not end before its entry {number}")
        hashes += value
        if len(hashes) == TILE_HASHES_MAX * HASH_BYTES:
            append(level + 1, tile.place, _subtree(bytes(hashes)))

    for number, leaf in enumerate(leaves, start=size):
        append(0, number, leaf)
    return {tile: bytes(hashes) for tile, hashes in changed.items()}


def span_root(span: Span, tiles: Tiles) -> bytes:
    """The root over the leaves of a span of `root_span`, `inclusion_spans` or `consistency_spans`.

    LookupError when a tile, or a hash in it, is missing.
    """
    nodes = _complete(span)
    return _joined([_node(node, tiles) for node in nodes]) if nodes else EMPTY_ROOT


def span_roots(spans: Iterable[Span], tiles: Tiles) -> tuple[bytes, ...]:
    return tuple(span_root(span, tiles) for span in spans)


def _complete(span: Span) -> list[_Node]:
    """A span as complete subtrees, largest first; it begins where the largest may begin."""
    found, first = list[_Node](), span.first
    while first < span.after:
        height = (span.after - first).bit_length() - 1
        if first & ((1 << height) - 1):
            raise ValueError(f"the leaves from {span.first} to {span.after} are no span of a proof")
        found.append((height, first >> height))
        first += 1 << height
    return found


def _tile_of(node: _Node) -> tuple[TileId, int, int]:
    """The tile that holds a node, its first entry there and the number of entries under it."""
    height, number = node
    level, inner = divmod(height, TILE_HEIGHT)
    entry = number << inner
    return TileId(level, entry // TILE_HASHES_MAX), entry % TILE_HASHES_MAX, 1 << inner


def _node(node: _Node, tiles: Tiles) -> bytes:
    tile, entry, count = _tile_of(node)
    hashes = tiles[tile][entry * HASH_BYTES : (entry + count) * HASH_BYTES]
    if len(hashes) != count * HASH_BYTES:
        raise LookupError(f"tile {tile.place} of level {tile.level} ends before its entry {entry + count}")
    return _subtree(hashes)


def _subtree(hashes: bytes) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > HASH_BYTES:
        hashes = b"".join(
            sha256(_NODE + hashes[at : at + 2 * HASH_BYTES]).digest()
            for at in range(0, len(hashes), 2 * HASH_BYTES)
        )
    return hashes


# --- checking proofs, which needs only sizes, roots and hashes


def proves_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is leaf `index` of the tree with `size` leaves and `root`."""
    if not 0 <= index < size or len(proof) != len(inclusion_spans(index, size)):
        return False
    found, number, last = leaf, index, size - 1
    for other in proof:
        if number % 2 or number == last:
            found = node_hash(other, found)
            number, last = _past_right_edge(number, last)
        else:
            found = node_hash(found, other)
        number, last = number // 2, last // 2
    return found == root


def proves_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `old` leaves and `old_root` is the beginning of the new one."""
    if not 0 <= old <= new or len(proof) != len(consistency_spans(old, new)):
        return False
    if old in (0, new):
        return old_root == (new_root if old else EMPTY_ROOT)
    number, last = old - 1, new - 1
    while number % 2:
        number, last = number // 2, last // 2
    first, *rest = proof if number else (old_root, *proof)
    was = now = first
    for other in rest:
        if number % 2 or number == last:
            was, now = node_hash(other, was), node_hash(other, now)
            number, last = _past_right_edge(number, last)
        else:
            now = node_hash(now, other)
        number, last = number // 2, last // 2
    return was == old_root and now == new_root


def _past_right_edge(number: int, last: int) -> tuple[int, int]:
    """Both numbers at the lowest level, from here upwards, at which node `number` has a left sibling."""
    while number and number % 2 == 0:
        number, last = number // 2, last // 2
    return number, last
