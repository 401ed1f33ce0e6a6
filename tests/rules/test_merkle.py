"""Trees as RFC 6962 defines them: its vectors, its recursive definition, a second implementation, chance."""

from collections.abc import Callable, Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from events.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    Frontier,
    Span,
    TileId,
    consistency_spans,
    grown,
    inclusion_spans,
    last_tiles,
    leaf_hash,
    node_hash,
    proves_consistency,
    proves_inclusion,
    root_span,
    span_root,
    span_roots,
    tiles_of,
)

# The eight leaves and the roots that implementations of RFC 6962 test with.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_of(bodies: Sequence[bytes], steps: Sequence[int] = ()) -> dict[TileId, bytes]:
    """All tiles; `steps`: how many leaves are appended at a time, the rest at once."""
    tiles: dict[TileId, bytes] = {}
    size = 0
    for step in (*steps, len(bodies)):
        some = bodies[size : size + step]
        kept = {tile: tiles[tile] for tile in last_tiles(size) if tile in tiles}
        tiles |= grown(kept, size, map(leaf_hash, some))
        size += len(some)
    return tiles


def defined_root(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, as it is written there."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(defined_root(hashes[:split]), defined_root(hashes[split:]))


def bodies(count: int) -> list[bytes]:
    return [b"event %d" % number for number in range(count)]


@pytest.mark.parametrize("size", range(9))
def test_the_vectors_of_the_field(size: int) -> None:
    frontier = Frontier()
    for body in LEAVES[:size]:
        frontier.append(leaf_hash(body))
    assert ROOTS[size] == frontier.root().hex()
    assert ROOTS[size] == span_root(root_span(size), tree_of(LEAVES[:size])).hex()


@pytest.mark.parametrize(
    ("index", "size", "expected"),
    [
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            [
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_the_inclusion_proofs_of_the_field(index: int, size: int, expected: list[str]) -> None:
    proof = span_roots(inclusion_spans(index, size), tree_of(LEAVES))
    assert expected == [each.hex() for each in proof]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1, 1, []),
        (
            1,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ],
)
def test_the_consistency_proofs_of_the_field(old: int, new: int, expected: list[str]) -> None:
    proof = span_roots(consistency_spans(old, new), tree_of(LEAVES))
    assert expected == [each.hex() for each in proof]


def test_every_proof_of_small_trees_holds_and_no_other_does() -> None:
    tiles = tree_of(bodies(19))
    roots = [span_root(root_span(size), tiles) for size in range(20)]
    leaves = [leaf_hash(body) for body in bodies(19)]
    for size in range(20):
        assert defined_root(leaves[:size]) == roots[size]
        for index in range(size):
            proof = span_roots(inclusion_spans(index, size), tiles)
            assert proves_inclusion(index, size, leaves[index], proof, roots[size])
            wrong = [other for other in range(size) if other != index]
            assert not any(proves_inclusion(index, size, leaves[i], proof, roots[size]) for i in wrong)
            assert not any(
                proves_inclusion(i, size, leaves[index], proof, roots[size])
                for i in wrong
                if leaves[i] != leaves[index]
            )
        for old in range(size + 1):
            proof = span_roots(consistency_spans(old, size), tiles)
            assert proves_consistency(old, size, roots[old], roots[size], proof)
            for other in range(size + 1):
                if other != old:
                    assert not proves_consistency(old, size, roots[other], roots[size], proof)
                    assert not proves_consistency(other, size, roots[old], roots[size], proof)


sizes = st.one_of(st.integers(1, 520), st.sampled_from([255, 256, 257, 511, 512, 513]))


@settings(max_examples=30)
@given(sizes, st.data())
def test_tiles_make_the_roots_and_proofs_of_a_second_implementation(size: int, data: st.DataObject) -> None:
    some = bodies(size)
    tiles = tree_of(some, data.draw(st.lists(st.integers(0, 300), max_size=4)))
    oracle = InmemoryTree(algorithm="sha256")
    for body in some:
        oracle.append_entry(body)
    old, index = data.draw(st.integers(1, size)), data.draw(st.integers(0, size - 1))
    assert oracle.get_root(old) == span_root(root_span(old), tiles)
    assert oracle.get_root(size) == span_root(root_span(size), tiles)
    spans = inclusion_spans(index, size)
    leaf = leaf_hash(some[index])
    path = oracle.prove_inclusion(index + 1, size).path
    assert sorted(path) == sorted([leaf, *span_roots(spans, tiles)])
    needed = {tile: tiles[tile] for tile in tiles_of([*spans, root_span(size)])}
    proof = span_roots(spans, needed)
    assert proves_inclusion(index, size, leaf, proof, span_root(root_span(size), needed))
    proof = span_roots(consistency_spans(old, size), tiles)
    assert proves_consistency(old, size, oracle.get_root(old), oracle.get_root(size), proof)


@settings(max_examples=40)
@given(st.integers(1, 300), st.data())
def test_a_proof_with_one_bit_changed_proves_nothing(size: int, data: st.DataObject) -> None:
    some = bodies(size)
    tiles = tree_of(some)
    root = span_root(root_span(size), tiles)
    old, index = data.draw(st.integers(1, size)), data.draw(st.integers(0, size - 1))
    checks: list[tuple[tuple[Span, ...], Callable[[Sequence[bytes]], bool]]] = [
        (
            inclusion_spans(index, size),
            lambda proof: proves_inclusion(index, size, leaf_hash(some[index]), proof, root),
        ),
        (
            consistency_spans(old, size),
            lambda proof: proves_consistency(old, size, span_root(root_span(old), tiles), root, proof),
        ),
    ]
    for spans, holds in checks:
        proof = list(span_roots(spans, tiles))
        assert holds(proof)
        assert not holds([*proof, root])
        if proof:
            assert not holds(proof[:-1])
            which, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
            changed = int.from_bytes(proof[which]) ^ 1 << bit
            proof[which] = changed.to_bytes(HASH_BYTES)
            assert not holds(proof)


def test_a_large_tree_is_read_through_few_tiles() -> None:
    size = 70_000
    tiles = tree_of(bodies(size), [1_000] * 70)
    widths = {tile: len(hashes) // HASH_BYTES for tile, hashes in tiles.items()}
    assert 273 == sum(1 for tile, width in widths.items() if tile.level == 0 and width == 256)
    assert {112, 17, 1} == {widths[tile] for tile in last_tiles(size)}
    frontier = Frontier()
    for body in bodies(size):
        frontier.append(leaf_hash(body))
    assert frontier.root() == span_root(root_span(size), tiles)
    assert len(tiles_of([*inclusion_spans(12_345, size), root_span(size)])) <= 6
    assert len(tiles_of(consistency_spans(54_321, size))) <= 6


def test_what_no_tree_has_is_refused() -> None:
    with pytest.raises(ValueError, match="no leaf 3"):
        inclusion_spans(3, 3)
    with pytest.raises(ValueError, match="does not continue"):
        consistency_spans(4, 3)
    with pytest.raises(ValueError, match="no span of a proof"):
        tiles_of([Span(1, 4)])
    with pytest.raises(ValueError, match="does not end before its entry 3"):
        grown({TileId(0, 0): leaf_hash(b"a")}, 3, [leaf_hash(b"b")])
    with pytest.raises(LookupError):
        span_root(root_span(3), {TileId(0, 0): leaf_hash(b"a")})
    assert not proves_inclusion(1, 1, EMPTY_ROOT, [], EMPTY_ROOT)
    assert not proves_consistency(2, 1, EMPTY_ROOT, EMPTY_ROOT, [])
    assert not proves_consistency(0, 1, leaf_hash(b"a"), leaf_hash(b"a"), [])
