import pytest

from fedwhisk.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (9.6, "10 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3 * 3600, "3 h"),
        (2 * 86_400, "2 d"),
    ],
)
def test_a_duration_is_said_in_the_largest_unit_that_fits_twice(seconds, words):
    assert in_words(seconds) == words


def test_short_ones_may_have_digits_after_the_point() -> None:
    assert in_words(1.25, digits=1) == "1.2 s"
    assert in_words(12.5, digits=1) == "12 s"
