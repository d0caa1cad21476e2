import socket

import pytest

from fedwhisk.clients.training_slots import Keeper, TrainingSlot


class Workers:
    """Some workers and their keeper, joined by real sockets."""

    def __init__(self, count: int, places: int) -> None:
        pairs = [socket.socketpair() for _ in range(count)]
        self.keeper = Keeper(places)
        self.kept = [ours for ours, _ in pairs]
        self.ends = [theirs for _, theirs in pairs]
        self.slots = [TrainingSlot(theirs) for theirs in self.ends]
        for ours in self.kept:
            ours.settimeout(0)

    def listen(self) -> None:
        for ours in self.kept:
            try:
                self.keeper.heard(ours, ours.recv(64))
            except BlockingIOError:
                continue

    def try_to_take(self, number: int) -> bool:
        taken = self.slots[number].acquire(True, 0)
        self.listen()
        return taken or self.slots[number].acquire(True, 0)

    def close(self) -> None:
        for end in [*self.kept, *self.ends]:
            end.close()


@pytest.fixture
def three():
    workers = Workers(3, places=2)
    yield workers
    workers.close()


def test_no_more_work_at_once_than_there_are_places(three) -> None:
    assert [three.try_to_take(n) for n in (0, 1, 2)] == [True, True, False]


def test_a_place_given_back_goes_to_the_one_that_waits(three) -> None:
    assert [three.try_to_take(n) for n in (0, 1, 2)] == [True, True, False]
    three.slots[0].release()
    three.listen()
    assert three.slots[2].acquire(True, 0)


def test_the_place_of_a_worker_that_dies_is_free_again(three) -> None:
    assert [three.try_to_take(n) for n in (0, 1, 2)] == [True, True, False]
    three.ends[1].close()
    three.listen()
    assert three.slots[2].acquire(True, 0)


def test_a_worker_that_dies_while_it_waits_is_passed_over(three) -> None:
    assert [three.try_to_take(n) for n in (0, 1, 2)] == [True, True, False]
    three.ends[2].close()
    three.slots[0].release()
    three.listen()
    assert three.try_to_take(0)


def test_a_worker_whose_keeper_is_gone_does_not_wait_for_ever(three) -> None:
    three.kept[0].close()
    with pytest.raises(ConnectionError):
        three.slots[0].acquire(True, 5)
