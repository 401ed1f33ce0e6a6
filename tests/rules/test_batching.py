"""Which waiting commands go together: nothing that depends on each other does, and its order is kept."""

from typing import NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from events.batching import choose
from events.decision import LaneKey, Request

ORGANISATION = UUID(int=1)


class Waiting(NamedTuple):
    number: int
    lanes: tuple[LaneKey, ...]
    alone: bool
    reads: frozenset[str]
    adds: frozenset[str]
    request: Request | None


def depends(earlier: Waiting, later: Waiting) -> bool:
    if earlier.request is not None and later.request is not None and earlier.request.key == later.request.key:
        return True
    if earlier.alone or later.alone:
        return not set(earlier.lanes).isdisjoint(later.lanes)
    return not (earlier.reads.isdisjoint(later.adds) and earlier.adds.isdisjoint(later.reads))


@st.composite
def queues(draw: st.DrawFn) -> list[Waiting]:
    lanes = st.lists(st.integers(0, 3), min_size=1, max_size=2, unique=True).map(
        lambda numbers: tuple(LaneKey("market", number) for number in sorted(numbers))
    )
    alone = st.sampled_from((False, False, True))
    keys = st.frozensets(st.sampled_from("abcdef"), max_size=2)
    requests = st.none() | st.sampled_from("xyz").map(
        lambda key: Request(organisation=ORGANISATION, route="r", key=key, body_hash=b"")
    )
    return [
        Waiting(number, draw(lanes), draw(alone), draw(keys), draw(keys), draw(requests))
        for number in range(draw(st.integers(0, 12)))
    ]


@given(queues(), st.integers(1, 8), st.integers(1, 12))
def test_a_batch_holds_nothing_that_depends_on_what_waits_before_it(
    queue: list[Waiting], batch_max: int, look_max: int
) -> None:
    batch, deferred = choose(queue, batch_max, look_max)
    looked = sorted([*batch, *deferred])
    assert queue[: len(looked)] == looked
    assert len(batch) <= batch_max
    assert len(looked) <= look_max
    for later in batch:
        assert not any(depends(earlier, later) for earlier in queue[: later.number])
    for later in deferred:
        assert any(depends(earlier, later) for earlier in queue[: later.number])


@given(queues(), st.sets(st.integers(0, 3)))
def test_only_held_lanes_are_boarded_and_what_stays_keeps_its_place(
    queue: list[Waiting], numbers: set[int]
) -> None:
    held = {LaneKey("market", number) for number in numbers}
    batch, deferred = choose(queue, 8, 12, held)
    for later in batch:
        assert held.issuperset(later.lanes)
        assert not any(depends(earlier, later) for earlier in queue[: later.number])
    for later in deferred:
        assert not held.issuperset(later.lanes) or any(
            depends(earlier, later) for earlier in queue[: later.number]
        )


@given(queues(), queues())
def test_nothing_is_taken_that_depends_on_what_is_under_way_or_wants_its_lane(
    under_way: list[Waiting], queue: list[Waiting]
) -> None:
    batch, deferred = choose(queue, 8, 12, None, under_way)
    taken = {lane for earlier in under_way for lane in earlier.lanes}
    for later in sorted([*batch, *deferred]):
        waits = not taken.isdisjoint(later.lanes)
        if waits:
            taken.update(later.lanes)
        assert (later in deferred) == (
            waits or any(depends(earlier, later) for earlier in [*under_way, *queue[: later.number]])
        )


def test_who_wants_lanes_of_two_that_take_turns_is_not_passed_over_for_ever() -> None:
    first, second = LaneKey("market", 0), LaneKey("market", 1)
    none = frozenset[str]()

    def waiting(number: int, *lanes: LaneKey) -> Waiting:
        return Waiting(number, lanes, alone=False, reads=none, adds=none, request=None)

    both, again = waiting(2, first, second), waiting(3, first)
    assert ([], [both, again]) == choose([both, again], 8, 8, None, [waiting(1, second)])
    assert ([both, again], []) == choose([both, again], 8, 8)


def test_who_is_alone_on_lanes_under_way_keeps_others_from_no_key() -> None:
    key, none = frozenset({"a"}), frozenset[str]()
    alone = Waiting(0, (LaneKey("market", 0),), alone=True, reads=key, adds=key, request=None)
    other = Waiting(1, (LaneKey("market", 1),), alone=False, reads=key, adds=none, request=None)
    assert ([other], []) == choose([other], 8, 8, None, [alone])


@given(queues())
def test_taking_batches_ends_and_keeps_the_order_of_what_depends(queue: list[Waiting]) -> None:
    rest, order = list(queue), []
    while rest:
        batch, deferred = choose(rest, 4, 8)
        assert batch
        rest = deferred + rest[len(batch) + len(deferred) :]
        order += batch
    assert sorted(order) == queue
    places = {waiting.number: place for place, waiting in enumerate(order)}
    for later in queue:
        for earlier in queue[: later.number]:
            if depends(earlier, later):
                assert places[earlier.number] < places[later.number]


def test_without_dependencies_everything_goes_at_once() -> None:
    lane = (LaneKey("market", 0),)
    queue = [
        Waiting(number, lane, alone=False, reads=own, adds=own, request=None)
        for number in range(5)
        for own in [frozenset({str(number)})]
    ]
    assert (queue, []) == choose(queue, 128, 1024)


def test_who_only_reads_and_who_only_adds_go_together_but_not_with_each_other() -> None:
    lane, key, none = (LaneKey("market", 0),), frozenset({"failings"}), frozenset[str]()
    readers = [Waiting(number, lane, alone=False, reads=key, adds=none, request=None) for number in (0, 1)]
    adders = [Waiting(number, lane, alone=False, reads=none, adds=key, request=None) for number in (2, 3)]
    assert (readers, adders) == choose([*readers, *adders], 128, 1024)
    assert (adders, readers) == choose([*adders, *readers], 128, 1024)
