"""SAM on this machine finds what it needs in the template."""

import pytest
from stemdrop_local.template import API_FUNCTION, FUNCTION, Application

<<<<<<< HEAD
from stemdrop_containers.sam.base import IMAGE
from stemdrop_containers.sam.cli import FOLDER
from stemdrop_containers.sam.functions import TOPICS, values_of
=======
from templates import Resolver, Template
>>>>>>> ef5cc34f161cf54de8fe28e7a8a3d4cf590610c8

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
