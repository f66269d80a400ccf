"""Values of environment variables are returned, or refused by an error that names the variable."""

import pytest

from stemdrop.env import choice, positive, require, retry_delays_s, topic_arn
from stemdrop.errors import SetupError

ARN = "arn:aws:sns:eu-central-1:123456789012:stemdrop-completed"


def test_required_variables_are_returned() -> None:
    assert require({"A": "1", "B": " 2", "C": ""}, {"A", "B"}) == {"A": "1", "B": " 2"}


@pytest.mark.parametrize("environment", [{}, {"NAME": ""}, {"NAME": " \n"}])
def test_missing_variable_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="NAME is missing"):
        require({"OTHER": "1"} | environment, {"NAME", "OTHER"})


def test_choice_is_one_of_the_allowed_values() -> None:
    assert choice("NAME", "onnx", ("onnx", "tensorflow")) == "onnx"
    for value in ("torch", "ONNX", ""):
        with pytest.raises(SetupError, match=f"NAME can't be '{value}': use one of onnx, tens"):
            choice("NAME", value, ("onnx", "tensorflow"))


@pytest.mark.parametrize("value", ["1", "007", "9" * 15])
def test_positive_number_is_returned(value: str) -> None:
    assert positive("NAME", value) == int(value)


@pytest.mark.parametrize(
    "value",
    ["", "0", "-1", "1.5", "1e9", " 5", "5\n", "ten", "²", "\u0665", "1_000", "9" * 5000],
)
def test_anything_else_is_not_a_positive_number(value: str) -> None:
    with pytest.raises(SetupError) as raised:
        positive("NAME", value)
    assert raised.value.message.startswith(f"NAME can't be {value!r}: ")


def test_retry_delays_are_those_of_the_variable_or_the_default() -> None:
    assert retry_delays_s({"RETRY_DELAYS_S": "1 2"}, (30, 120)) == (1, 2)
    for missing in ({}, {"RETRY_DELAYS_S": ""}):
        assert retry_delays_s(missing, (30, 120)) == (30, 120)
    with pytest.raises(SetupError, match="RETRY_DELAYS_S can't be 'soon'"):
        retry_delays_s({"RETRY_DELAYS_S": "1 soon"}, (30, 120))


@pytest.mark.parametrize("value", [ARN, ARN.replace("arn:aws", "arn:aws-cn")])
def test_topic_arn_is_valid(value: str) -> None:
    assert topic_arn("NAME", value) == value


@pytest.mark.parametrize(
    "value", ["CompletionTopic", "stemdrop-completed", ARN.replace(":sns:", ":sqs:"), ARN + ":x"]
)
def test_invalid_topic_arn_is_rejected(value: str) -> None:
    with pytest.raises(SetupError, match="NAME can't be"):
        topic_arn("NAME", value)
