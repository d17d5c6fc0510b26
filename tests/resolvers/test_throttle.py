"""Guessing is slowed down, per user at an address and per address; nobody is locked out."""

import pytest

from resolvers.errors import RateLimited
from resolvers.throttle import MOST_KEYS, LoginThrottle
from tests.support.desk import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> LoginThrottle:
    return LoginThrottle(clock=clock, free_tries=3, free_tries_of_address=10)


def must_wait(throttle: LoginThrottle, name: str = "ada", address: str = "192.0.2.1") -> int:
    """The seconds that a try now has to wait."""
    try:
        throttle.check(name, address)
    except RateLimited as error:
        return error.retry_after
    return 0


def failed(throttle: LoginThrottle, times: int, name: str = "ada", address: str = "192.0.2.1") -> None:
    for _ in range(times):
        throttle.begin(name, address)


def test_the_first_tries_are_free_and_then_each_waits_longer(throttle: LoginThrottle, clock: Clock) -> None:
    failed(throttle, 3)
    waits = []
    for _ in range(12):
        waits.append(must_wait(throttle))
        clock.forward(waits[-1])
        failed(throttle, 1)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_try_too_early_is_refused_and_makes_nothing_worse(throttle: LoginThrottle, clock: Clock) -> None:
    failed(throttle, 3)
    clock.forward(1)
    failed(throttle, 1)
    for _ in range(50):
        with pytest.raises(RateLimited):
            throttle.begin("ada", "192.0.2.1")
    assert must_wait(throttle) == 2
    clock.forward(0.5)
    assert must_wait(throttle) == 2
    clock.forward(1)
    assert must_wait(throttle) == 1
    clock.forward(0.5)
    assert must_wait(throttle) == 0


def test_many_tries_at_once_are_no_way_around_the_wait(throttle: LoginThrottle) -> None:
    begun = 0
    for _ in range(100):
        try:
            throttle.begin("ada", "192.0.2.1")
            begun += 1
        except RateLimited:
            pass
    assert begun == 3


def test_one_users_failures_are_not_anothers(throttle: LoginThrottle) -> None:
    failed(throttle, 3)
    assert must_wait(throttle, "grace") == 0
    assert must_wait(throttle, address="192.0.2.2") == 0
    assert must_wait(throttle, "ADA") > 0


def test_an_address_that_tries_many_users_waits_too(throttle: LoginThrottle) -> None:
    for n in range(10):
        failed(throttle, 1, f"user {n}")
    assert must_wait(throttle, "somebody else") == 1
    assert must_wait(throttle, "somebody else", "192.0.2.2") == 0


def test_success_clears_the_users_failures_and_not_the_others_of_the_address(throttle: LoginThrottle) -> None:
    for n in range(8):
        failed(throttle, 1, f"user {n}")
    failed(throttle, 1)
    throttle.record_success("ada", "192.0.2.1")
    assert must_wait(throttle) == 0
    failed(throttle, 1)
    assert must_wait(throttle, "somebody else") == 0
    failed(throttle, 1)
    assert must_wait(throttle, "somebody else") > 0


def test_a_try_that_could_not_be_decided_does_not_count(throttle: LoginThrottle) -> None:
    for _ in range(20):
        throttle.begin("ada", "192.0.2.1")
        throttle.discard_try("ada", "192.0.2.1")
    assert must_wait(throttle) == 0


def test_after_fifteen_minutes_it_is_forgotten(throttle: LoginThrottle, clock: Clock) -> None:
    failed(throttle, 3)
    clock.forward(900)
    failed(throttle, 3)
    assert must_wait(throttle) == 1


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("testclient", "192.0.2.1", False),
    ],
)
def test_what_one_machine_can_choose_from_is_one_address(
    throttle: LoginThrottle, first: str, second: str, same: bool
) -> None:
    failed(throttle, 3, address=first)
    assert (must_wait(throttle, address=second) > 0) is same


def test_it_remembers_a_bounded_number(throttle: LoginThrottle) -> None:
    for n in range(MOST_KEYS):
        throttle.begin(f"user {n}", f"192.0.{n // 256}.{n % 256}")
    assert len(throttle._failures) == MOST_KEYS
