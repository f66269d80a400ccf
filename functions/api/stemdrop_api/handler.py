"""The Lambda function: one request of the HTTP API per invocation."""

import gc
import os
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_HTTP
from mangum import Mangum
from mangum.types import LambdaContext

from stemdrop_api.app import create_app
from stemdrop_api.dependencies import Dependencies
from stemdrop_api.http_event import HttpApiEvent
from stemdrop_api.settings import ApiSettings

logger = Logger()
app = create_app(Dependencies.create(ApiSettings.from_env(os.environ)))
adapter = Mangum(app, lifespan="off", custom_handlers=[HttpApiEvent])
gc.freeze()  # nothing that is loaded becomes garbage


@logger.inject_lambda_context(correlation_id_path=API_GATEWAY_HTTP, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a request."""
    return adapter(event, context)
