from contextlib import nullcontext

import pytest

from fedclient.transport import Message, NoAnswer, Reply
from fedwhisk import faults
from fedwhisk.errors import InputError
from fedwhisk.faults import ClientFaults, FaultRates, HostFaults, parse

MESSAGE = Message("check_in", "POST")


class Federation:
    """A transport that always answers, and counts what reached it."""

    def __init__(self) -> None:
        self.heard = 0

    def send(self, message: Message) -> Reply:
        self.heard += 1
        return Reply(200)


class Client:
    """A client in chaos: what it was told, what it slept, what reached the server."""

    def __init__(self, rates: FaultRates, name: str = "client-0") -> None:
        self.noted: list[str] = []
        self.slept: list[float] = []
        self.federation = Federation()
        self.faults = ClientFaults(rates, name, self.noted.append)
        self._transport = self.faults.transport(self.federation, self.slept.append)

    def send(self, times: int = 1) -> int:
        """Send so many messages; return how many were answered."""
        answered = 0
        for _ in range(times):
            try:
                self._transport.send(MESSAGE)
                answered += 1
            except NoAnswer:
                pass
        return answered


def test_rates_are_read_from_the_option_and_from_a_mapping_alike() -> None:
    read = parse("drop=0.05, crash=1,seed=7")
    assert read == FaultRates(drop=0.05, crash=1.0, seed=7)
    assert read == parse({"drop": 0.05, "crash": 1, "seed": 7})
    assert read.words() == "drop=0.05,crash=1,seed=7"
    assert not read.are_zero
    assert parse("").are_zero
    assert parse("seed=7").are_zero


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ("drip=0.1", "drip"),
        ("drop", "found 'drop', expected NAME=RATE"),
        ("drop=", "found 'drop', expected NAME=RATE"),
        ("drop=often", "drop"),
        ("drop=1.5", r"chaos\.drop: found 1\.5, expected 0 to 1"),
        ("slow=-1", r"chaos\.slow: found -1"),
        ("delay=nan", r"chaos\.delay: found nan"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_a_wrong_rate_is_named(raw, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        parse(raw)


def test_on_a_calm_day_every_call_is_made_once() -> None:
    client = Client(FaultRates())
    assert client.send(100) == client.federation.heard == 100
    assert client.noted == client.slept == []


def test_a_dropped_call_is_lost_on_its_way_there_or_back() -> None:
    client = Client(FaultRates(drop=1.0))
    assert client.send(100) == 0
    lost = client.noted.count(faults.LOST_REQUEST)
    assert (
        client.federation.heard == client.noted.count(faults.LOST_ANSWER) == 100 - lost
    )
    assert 0 < lost < 100


def test_a_doubled_call_arrives_twice() -> None:
    client = Client(FaultRates(double=1.0))
    assert client.send(10) == 10
    assert client.federation.heard == 20
    assert client.noted == [faults.DOUBLED] * 10


def test_a_delayed_call_arrives_all_the_same() -> None:
    client = Client(FaultRates(delay=1.0))
    assert client.send(10) == client.federation.heard == 10
    assert len(client.slept) == 10
    assert all(0 <= seconds <= faults.LONGEST_DELAY_S for seconds in client.slept)


def test_a_slow_training_takes_longer_once_its_place_is_free() -> None:
    client = Client(FaultRates(slow=1.0))
    order: list[str] = []

    class Place(nullcontext):
        def __exit__(self, *unused: object) -> None:
            order.append("left")

    training = client.faults.training(Place, lambda seconds: order.append("slept"))
    with training():
        order.append("trained")
    assert order == ["trained", "left", "slept"]
    assert client.noted == [faults.SLOWED]


def test_the_seed_and_the_client_fix_the_dice() -> None:
    rates = FaultRates(drop=0.3, delay=0.3, double=0.3, seed=1)

    def story(rates: FaultRates, name: str) -> list[str]:
        client = Client(rates, name)
        client.send(50)
        return client.noted

    assert story(rates, "a") == story(rates, "a")
    assert story(rates, "a") != story(rates, "b")
    assert story(rates, "a") != story(FaultRates(drop=0.3, delay=0.3, double=0.3), "a")


def test_the_host_kills_as_often_as_it_is_told() -> None:
    assert not any(HostFaults(FaultRates(drop=1.0))() is not None for _ in range(100))
    host = HostFaults(FaultRates(crash=1.0))
    moments = [host() for _ in range(100)]
    assert None not in moments
    assert host.counts.total() == 100
    assert host.counts[faults.CRASHED_BEFORE] == moments.count(0.0) > 0
