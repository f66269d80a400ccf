"""SAM on this machine finds what it needs in the template."""

import pytest

from templates import Resolver, Template

ENDPOINTS = {
    "SeparateFunction": {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT_URL_SQS"},
    "ApiFunction": {"AWS_ENDPOINT_URL_S3"},
}


@pytest.mark.parametrize("function", ENDPOINTS)
def test_endpoints_are_named_for_sam_and_do_not_exist_on_aws(
    template: Template, resolver: Resolver, function: str
) -> None:
    # SAM sets no variable that the template doesn't name.
    named = template["Resources"][function]["Properties"]["Environment"]["Variables"]
    assert {name for name in named if name.startswith("AWS_")} == ENDPOINTS[function]
    assert not ENDPOINTS[function] & resolver.environment(function).keys()
