"""Results of invocations in responses of Lambda's emulator."""

import pytest

from benchmarks.lambda_container import InvocationError, read_answer


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (200, '{"errorType": "TransientError", "errorMessage": "later"}', "TransientError"),
        (200, "Task timed out after 3.00 seconds", "Sandbox.Timedout"),
        (200, "", "Runtime.ExitError"),
        (502, '{"errorType": "Runtime.ExitError", "errorMessage": "killed"}', "Runtime.ExitError"),
        (502, "{}", "Runtime.ExitError"),
    ],
)
def test_failure_has_its_kind(status: int, text: str, kind: str) -> None:
    with pytest.raises(InvocationError) as caught:
        read_answer(status, text)
    assert caught.value.kind == kind


@pytest.mark.parametrize(("text", "value"), [("{}", {}), ("null", None), ('["a"]', ["a"])])
def test_result_of_the_handler_is_returned(text: str, value: object) -> None:
    assert read_answer(200, text) == value
