import hmac
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedcore import tokens
from fedcore.tokens import Enrolment

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.mark.parametrize("secret", ["s" * 64, "ab" * 16, "0123456" * 8])
def test_a_secret_of_few_distinct_bytes_is_refused_unsaid(secret) -> None:
    fault = tokens.secret_fault(secret)
    assert fault
    assert "distinct bytes, expected at least 8" in fault
    assert secret[:7] not in fault


@given(st.binary(min_size=32, max_size=32).filter(lambda made: len(set(made)) > 24))
def test_a_secret_of_random_bytes_in_hexadecimal_is_taken(made) -> None:
    assert tokens.secret_fault(made.hex()) is None


def test_tokens_of_different_purposes_never_match() -> None:
    made = [
        tokens.operator_token(NEW),
        tokens.enrolment_token(NEW),
        tokens.enrolment_token(NEW, "a"),
        tokens.enrolment_token(NEW, ""),
        tokens.enrolment_token(NEW, expires=1),
        tokens.enrolment_token(NEW, "a", expires=1),
        tokens.enrolment_token(NEW, experiment="a"),
        tokens.enrolment_token(NEW, experiment=""),
        tokens.enrolment_token(NEW, "a", experiment="a"),
        tokens.enrolment_token(NEW, "", experiment="a"),
        tokens.enrolment_token(NEW, experiment="a", expires=1),
        tokens.enrolment_token(NEW, "a", experiment="a", expires=1),
        tokens.client_token(NEW, "e", 0),
        tokens.client_token(NEW, "e", 1),
        tokens.client_token(NEW, "e1", 0),
    ]
    assert all(one != other for one, other in combinations(made, 2))


@given(st.text(max_size=8), st.text(max_size=8), st.integers(0, 99))
def test_fields_cannot_be_shifted_into_one_another(left, right, index) -> None:
    one = tokens.client_token(NEW, left + right, index)
    other = tokens.client_token(NEW, left, index)
    assert (one == other) == (right == "")


def test_a_named_token_enrols_its_name_alone() -> None:
    token = tokens.enrolment_token(NEW, "ward-7")
    assert tokens.enrols([NEW], token, "ward-7", 0) is Enrolment.NAMED
    assert tokens.enrols([NEW], token, "ward-8", 0) is None


def test_the_open_token_enrols_any_name() -> None:
    token = tokens.enrolment_token(NEW)
    assert tokens.enrols([NEW], token, "ward-7", 0) is Enrolment.OPEN
    assert tokens.enrols([OLD], token, "ward-7", 0) is None


@pytest.mark.parametrize("expires", [None, 1000])
@pytest.mark.parametrize("name", [None, "ward-7"])
def test_a_token_for_an_experiment_enrols_where_that_is_named(name, expires) -> None:
    token = tokens.enrolment_token(NEW, name, experiment="e1", expires=expires)
    kind = Enrolment.OPEN if name is None else Enrolment.NAMED
    assert tokens.enrols([OLD, NEW], token, "ward-7", 0, "e1") is kind
    for other in (None, "e", "e2", "", "ward-7"):
        assert tokens.enrols([NEW], token, "ward-7", 0, other) is None
    assert tokens.enrols([NEW], token, "e1", 0, "ward-7") is None
    assert (tokens.enrols([NEW], token, "ward-8", 0, "e1") is None) == bool(name)
    late = tokens.enrols([NEW], token, "ward-7", 1000, "e1")
    assert late is (kind if expires is None else None)


@pytest.mark.parametrize("name", [None, "ward-7"])
def test_a_token_for_no_experiment_enrols_in_every_one(name) -> None:
    token = tokens.enrolment_token(NEW, name)
    for where in (None, "e1", "e2"):
        assert tokens.enrols([NEW], token, "ward-7", 0, where)


@pytest.mark.parametrize("name", [None, "ward-7"])
def test_an_enrolment_token_may_end(name) -> None:
    token = tokens.enrolment_token(NEW, name, expires=1000)
    assert tokens.enrols([NEW], token, "ward-7", 999.9)
    assert tokens.enrols([NEW], token, "ward-7", 1000) is None


def test_the_end_of_a_token_cannot_be_moved() -> None:
    key, _, mac = tokens.enrolment_token(NEW, expires=1000).split(".")
    for forged in (f"{key}.2000.{mac}", f"{key}.01000.{mac}", f"{key}.{mac}"):
        assert tokens.enrols([NEW], forged, "ward-7", 0) is None


def test_each_comparison_is_in_constant_time_and_none_is_left_out(monkeypatch) -> None:
    compared = []
    genuine = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda *two: compared.append(two) or genuine(*two)
    )
    for token in (tokens.operator_token(NEW), tokens.operator_token(OLD), "nonsense"):
        compared.clear()
        tokens.is_operator([NEW, OLD], token)
        assert len(compared) == 2  # one a secret, whichever matches


def test_both_secrets_are_valid_while_one_replaces_the_other() -> None:
    token = tokens.operator_token(OLD)
    assert tokens.is_operator([NEW, OLD], token)
    assert not tokens.is_operator([NEW], token)


@given(st.text())
def test_no_text_passes_for_a_token(text) -> None:
    assert not tokens.is_operator([NEW], text)
    assert not tokens.is_client([NEW], text, "e", 0)
    assert tokens.enrols([NEW], text, "a", 0) is None


def test_a_token_does_not_tell_its_secret() -> None:
    assert "n" * 8 not in tokens.operator_token(NEW)
