from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from fedcore import tokens

OLD, NEW = b"o" * 32, b"n" * 32


def test_tokens_of_different_purposes_never_match() -> None:
    made = [
        tokens.operator_token(NEW),
        tokens.enrolment_token(NEW),
        tokens.enrolment_token(NEW, "a"),
        tokens.enrolment_token(NEW, ""),
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
    assert tokens.may_enrol([NEW], token, "ward-7")
    assert not tokens.may_enrol([NEW], token, "ward-8")


def test_both_secrets_are_valid_while_one_replaces_the_other() -> None:
    token = tokens.operator_token(OLD)
    assert tokens.is_operator([NEW, OLD], token)
    assert not tokens.is_operator([NEW], token)


@given(st.text())
def test_no_text_passes_for_a_token(text) -> None:
    assert not tokens.is_operator([NEW], text)
    assert not tokens.is_client([NEW], text, "e", 0)


def test_a_token_does_not_tell_its_secret() -> None:
    assert "n" * 8 not in tokens.operator_token(NEW)
