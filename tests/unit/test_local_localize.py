"""The template for the local stack, which differs only in its functions."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_local.deployment import TEMPLATE
from stemdrop_local.localize import FUNCTION, LAYER, RUNTIME, LocalCode, localize
from stemdrop_local.template_file import load_template

Template = dict[str, Any]

# Names of CloudFormation, and names that are special in Python or JSON.
NAMES = st.text("ABCabc019", min_size=1, max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from(["AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::IAM::Role", FUNCTION])
RESOURCES = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {
            "Type": TYPES,
            "Properties": st.dictionaries(NAMES, VALUES, max_size=3).map(
                lambda properties: {**properties, "Handler": "a.b"}
            ),
        },
        optional={"Metadata": VALUES, "DependsOn": NAMES, "Condition": NAMES},
    ),
    max_size=5,
)
TEMPLATES = st.fixed_dictionaries(
    {"Resources": RESOURCES},
    optional={
        "Parameters": st.dictionaries(NAMES, VALUES, max_size=3),
        "Mappings": st.dictionaries(NAMES, VALUES, max_size=3),
        "Conditions": st.dictionaries(NAMES, VALUES, max_size=3),
    },
)
CODE = LocalCode(
    "code", "bootstrap.zip", {"SeparateFunction": {"MODEL_DIR": "/m"}}, {"Other": "tests.handler"}
)


def of_type(template: Template, *types: str) -> Template:
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] in types
    }


def others(template: Template) -> Template:
    """Return a template without its functions, layers, and outputs."""
    local = set(of_type(template, FUNCTION, LAYER))
    resources = template["Resources"]
    kept = {name: resource for name, resource in resources.items() if name not in local}
    return {**template, "Resources": kept, "Outputs": None}


@pytest.fixture(scope="module")
def template() -> Template:
    parsed: Template = load_template(TEMPLATE)
    return parsed


@given(TEMPLATES)
def test_localize_changes_functions_only_and_copies_input(template: Template) -> None:
    before = copy.deepcopy(template)
    local = localize(template, CODE)
    assert template == before
    assert others(local) == others(template)
    assert of_type(local, FUNCTION).keys() == of_type(template, FUNCTION).keys()


@given(TEMPLATES)
def test_localized_template_shares_nothing_with_input(template: Template) -> None:
    before = copy.deepcopy(template)
    for resource in localize(template, CODE)["Resources"].values():
        if resource["Type"] != FUNCTION:
            resource["Properties"].clear()
    assert template == before


def test_localize_keeps_all_but_functions_of_template_yaml(template: Template) -> None:
    before = copy.deepcopy(template)
    local = localize(template, CODE)
    assert template == before
    assert others(local) == others(template)
    assert of_type(template, LAYER)
    assert not of_type(local, LAYER)


def test_localize_removes_outputs_of_layers_only(template: Template) -> None:
    template = copy.deepcopy(template)
    template["Outputs"]["Layer"] = {"Value": {"Ref": "CoreLayer"}}
    local = localize(template, CODE)
    assert template["Outputs"].keys() - local["Outputs"].keys() == {"Layer"}
    assert all(template["Outputs"][name] == output for name, output in local["Outputs"].items())
    text = json.dumps(local)
    assert not any(f'"{layer}"' in text for layer in of_type(template, LAYER))


def test_localized_functions_keep_events_roles_limits_and_variables(template: Template) -> None:
    local = localize(template, CODE)
    changed = {"PackageType", "Architectures", "Layers", "Handler", "CodeUri", "Runtime"}
    for name, resource in of_type(template, FUNCTION).items():
        given, properties = resource["Properties"], local["Resources"][name]["Properties"]
        kept = given.keys() - changed - {"Environment"}
        assert {key: properties[key] for key in kept} == {key: given[key] for key in kept}
        variables = properties["Environment"]["Variables"]
        assert variables == {
            **given["Environment"]["Variables"],
            **CODE.environment.get(name, {}),
        }


def test_localized_functions_run_local_code(template: Template) -> None:
    functions = of_type(localize(template, CODE), FUNCTION)
    assert {name: each["Properties"]["Handler"] for name, each in functions.items()} == {
        "SeparateFunction": "stemdrop_separate.handler.handler",
        "ApiFunction": "stemdrop_api.handler.handler",
        "LyricsFunction": "stemdrop_lyrics.handler.handler",
        "WebhookFunction": "stemdrop_webhook.handler.handler",
    }
    for function in functions.values():
        assert function["Properties"]["Runtime"] == RUNTIME
        assert function["Properties"]["CodeUri"] == {"Bucket": "code", "Key": "bootstrap.zip"}
        assert "Metadata" not in function


def test_localize_replaces_a_handler(template: Template) -> None:
    code = LocalCode("code", "key", {}, {"SeparateFunction": "tests.handler"})
    function = localize(template, code)["Resources"]["SeparateFunction"]
    assert function["Properties"]["Handler"] == "tests.handler"
