"""The console form of each template has every parameter once, with a group and a label."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_local.template_file import load_template

TEMPLATES = ["template.yaml", "infra/bootstrap.yaml"]
WHOLE = re.compile(r"Use a whole number from (\d+) to (\d+)\.")
MAX_LABEL_LETTERS = 60


@pytest.fixture(scope="module", params=TEMPLATES)
def form(request: pytest.FixtureRequest, root: Path) -> dict[str, Any]:
    return load_template(root / request.param)


def test_every_parameter_is_in_one_group(form: dict[str, Any]) -> None:
    groups = form["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(form["Parameters"])
    assert all(group["Label"]["default"] for group in groups)


def test_every_parameter_has_a_label_of_its_own(form: dict[str, Any]) -> None:
    labels = form["Metadata"]["AWS::CloudFormation::Interface"]["ParameterLabels"]
    assert labels.keys() == form["Parameters"].keys()
    texts = [label["default"] for label in labels.values()]
    assert len(set(texts)) == len(texts)
    assert all(0 < len(text) <= MAX_LABEL_LETTERS for text in texts)


def test_labels_have_the_units_of_their_parameters(form: dict[str, Any]) -> None:
    labels = form["Metadata"]["AWS::CloudFormation::Interface"]["ParameterLabels"]
    units = {"Mb": "(MB)", "S": "(s)", "Days": "(days)", "Usd": "(USD)", "Percent": "(%)"}
    for name, label in labels.items():
        unit = re.search(r"(?<=[a-z])(Mb|S|Days|Usd|Percent)$", name)
        assert unit is None or label["default"].endswith(units[unit[1]]), name


def test_every_parameter_is_described_and_limited(form: dict[str, Any]) -> None:
    for name, parameter in form["Parameters"].items():
        assert parameter["Description"].endswith("."), name
        assert "Default" in parameter, name
        assert {"AllowedValues", "AllowedPattern"} & parameter.keys() or {
            "MinValue",
            "MaxValue",
        } <= parameter.keys(), name


def test_defaults_are_allowed_values(form: dict[str, Any]) -> None:
    for name, parameter in form["Parameters"].items():
        default = parameter.get("Default")
        if default is None:
            continue
        if "MinValue" in parameter:
            assert parameter["MinValue"] <= default <= parameter["MaxValue"], name
        assert default in parameter.get("AllowedValues", [default]), name
        assert re.search(parameter.get("AllowedPattern", ""), str(default)), name


def test_whole_numbers_are_limited_to_their_range(form: dict[str, Any]) -> None:
    """A parameter of type Number would accept 1.5, so integers are strings with a pattern."""
    ranges = 0
    for name, parameter in form["Parameters"].items():
        if found := WHOLE.fullmatch(parameter.get("ConstraintDescription", "")):
            pattern = re.compile(parameter["AllowedPattern"])
            accepted = [number for number in range(100_000) if pattern.search(str(number))]
            assert accepted == list(range(int(found[1]), int(found[2]) + 1)), name
            ranges += 1
    assert ranges


@pytest.fixture(scope="module")
def whole_numbers(template: dict[str, Any]) -> dict[str, re.Pattern[str]]:
    """Return the patterns of the whole numbers by the names of their parameters."""
    return {
        name: re.compile(parameter["AllowedPattern"])
        for name, parameter in template["Parameters"].items()
        if WHOLE.fullmatch(parameter.get("ConstraintDescription", ""))
    }


@given(text=st.text("0123456789.,eE+-_ \n") | st.floats().map(str) | st.text())
def test_invalid_whole_number_is_refused(
    whole_numbers: dict[str, re.Pattern[str]], text: str
) -> None:
    assert whole_numbers
    for name, pattern in whole_numbers.items():
        accepted = pattern.fullmatch(text)
        assert accepted is None or re.fullmatch("[1-9][0-9]{0,4}", text), name


def test_other_numbers_may_have_fractions(template: dict[str, Any]) -> None:
    numbers = {name for name, each in template["Parameters"].items() if each["Type"] == "Number"}
    assert numbers == {"ApiRateLimit", "DailyCostUsd"}


def test_no_secret_has_a_default(template: dict[str, Any]) -> None:
    secrets = {name for name, entry in template["Parameters"].items() if entry.get("NoEcho")}
    assert secrets == {"AccessToken", "WebhookSecret"}
    assert not any(template["Parameters"][name]["Default"] for name in secrets)


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("AlarmAddress", "you@example.org", True),
        ("AlarmAddress", "you", False),
        ("AlarmAddress", "you@example.org, me@example.org", False),
        ("WebhookHosts", "hooks.example.org,example.com:8443,192.0.2.7", True),
        ("WebhookHosts", "https://hooks.example.org", False),
        ("WebhookHosts", "hooks.example.org, example.com", False),
        ("WebhookSecret", f"whsec_{'a' * 43}=", True),
        ("WebhookSecret", f"whsec_{'a' * 43}=,whsec_{'b' * 32}", True),
        ("WebhookSecret", f"whsec_{'a' * 32}", True),
        ("WebhookSecret", f"whsec_{'a' * 86}==", True),
        ("WebhookSecret", f"whsec_{'a' * 30}==", False),
        ("WebhookSecret", f"whsec_{'a' * 43}", False),
        ("WebhookSecret", f"whsec_{'a' * 87}=", False),
        ("WebhookSecret", "a" * 40, False),
        ("WebhookSecret", "whsec_short", False),
        ("PermissionsBoundary", "arn:aws:iam::123456789012:policy/a/b", True),
        ("PermissionsBoundary", "arn:aws:iam::123456789012:role/a", False),
    ],
)
def test_pattern_accepts_valid_values_only(
    template: dict[str, Any], parameter: str, value: str, allowed: bool
) -> None:
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert bool(re.search(pattern, value)) is allowed
