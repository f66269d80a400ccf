"""The gateway of the local stack lets pages do what the HTTP API of template.yaml lets them do."""

from stemdrop_local.http.gateway import Gateway
from stemdrop_local.intrinsics import Resolver, load_template
from stemdrop_local.template import TEMPLATE
from werkzeug.test import Client

ORIGIN = "http://localhost:5000"


def test_cors_is_that_of_the_template() -> None:
    template = load_template(TEMPLATE)
    cors = Resolver(template, {"AllowedOrigin": ORIGIN}).resolve(
        template["Resources"]["Api"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-cors"]
    )
    client = Client(Gateway(lambda _: {}, cors["allowOrigins"]))
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    allowed = client.options("/jobs", headers=asks).headers
    assert allowed["Access-Control-Allow-Origin"] == ORIGIN
    assert allowed["Access-Control-Allow-Methods"] == ",".join(cors["allowMethods"])
    assert allowed["Access-Control-Allow-Headers"] == ",".join(cors["allowHeaders"])
    assert allowed["Access-Control-Max-Age"] == str(cors["maxAge"])
    exposed = client.get("/jobs", headers={"Origin": ORIGIN}).headers
    assert exposed["Access-Control-Expose-Headers"] == ",".join(cors["exposeHeaders"])
