"""The HTTP API lets nobody in without a credential, and names every route that needs one."""

import re
from typing import Any

import pytest
from stemdrop_local.intrinsics import Resolver

from api_events import ENVIRONMENT, Api, handler_of

Template = dict[str, Any]
JWT = {"JwtIssuer": "https://issuer.example", "JwtAudience": "stemdrop"}
OPEN = {"/", "/healthz", "/openapi.json"}
METHODS = {"get", "post", "put", "delete", "patch", "head", "options"}


def definition(template: Template, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the API's OpenAPI document with references resolved, but for those to the function."""
    body = dict(template["Resources"]["Api"]["Properties"]["DefinitionBody"])
    text_of_uri = body["paths"]["/jobs"]["post"]["x-amazon-apigateway-integration"]["uri"]
    assert "${ApiFunction.Arn}/invocations" in text_of_uri["Fn::Sub"]
    without_uris = _without(body, "uri")
    resolved: dict[str, Any] = Resolver(template, parameters).resolve(without_uris)
    return resolved


def _without(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, name) for key, item in value.items() if key != name}
    return [_without(item, name) for item in value] if isinstance(value, list) else value


def routes(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): route
        for path, methods in document["paths"].items()
        for method, route in methods.items()
    }


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the OpenAPI document of the application behind the API."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    document: dict[str, Any] = Api(handler_of(ENVIRONMENT)).get("/openapi.json").json
    return document


def test_every_guarded_route_of_the_app_is_named(template: Template, app: dict[str, Any]) -> None:
    named = set(routes(definition(template, JWT))) - {
        ("x-amazon-apigateway-any-method", "$default")
    }
    guarded = {
        (method, re.sub(r"\{key(:path)?\}", "{key+}", path))
        for path, methods in app["paths"].items()
        for method, route in methods.items()
        if method in METHODS and route.get("security", app.get("security"))
    }
    assert guarded == named


def test_open_routes_give_nothing_away(app: dict[str, Any]) -> None:
    unguarded = {
        path
        for path, methods in app["paths"].items()
        for route in methods.values()
        if not route.get("security", app.get("security"))
    }
    assert unguarded <= OPEN


def test_named_routes_need_a_web_token_if_there_is_an_issuer(template: Template) -> None:
    document = definition(template, JWT)
    schemes = document["components"]["securitySchemes"]
    assert schemes["jwt"]["x-amazon-apigateway-authorizer"] == {
        "type": "jwt",
        "identitySource": "$request.header.Authorization",
        "jwtConfiguration": {"issuer": JWT["JwtIssuer"], "audience": [JWT["JwtAudience"]]},
    }
    for (_, path), route in routes(document).items():
        assert route.get("security") == (None if path == "$default" else [{"jwt": []}])


def test_without_an_issuer_there_is_no_authorizer(template: Template) -> None:
    document = definition(template, {})
    assert document["components"]["securitySchemes"] == {}
    assert not [route for route in routes(document).values() if route.get("security")]


def test_no_stack_is_made_without_a_credential(template: Template) -> None:
    (assertion,) = template["Rules"]["NobodyWithoutACredential"]["Assertions"]

    def is_set(name: str) -> dict[str, Any]:
        return {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}

    assert assertion["Assert"] == {
        "Fn::Or": [
            is_set("AccessToken"),
            {"Fn::And": [is_set("JwtIssuer"), is_set("JwtAudience")]},
        ]
    }
    assert template["Parameters"]["AccessToken"]["NoEcho"] is True


@pytest.mark.parametrize(
    ("token", "allowed"),
    [("", True), ("a" * 31, False), ("a" * 32, True), ("a" * 31 + " ", False), ("ü" * 32, False)],
)
def test_a_token_is_long(template: Template, token: str, allowed: bool) -> None:
    pattern = template["Parameters"]["AccessToken"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, token)) is allowed


def test_no_origin_is_any_origin(template: Template) -> None:
    assert "x-amazon-apigateway-cors" not in definition(template, {})
    named = definition(template, {"AllowedOrigin": "https://songs.example.org"})
    cors = named["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == ["https://songs.example.org"]
    assert "*" not in str(cors)
    pattern = template["Parameters"]["AllowedOrigin"]["AllowedPattern"]
    assert not re.fullmatch(pattern, "*")
    assert not re.fullmatch(pattern, "https://*.example.org")


def test_calls_are_throttled(template: Template) -> None:
    settings = template["Resources"]["Api"]["Properties"]["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "ApiRateLimit"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ApiBurstLimit"}


def test_the_log_of_calls_has_no_query_and_no_header(template: Template) -> None:
    log = template["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"]
    variables = set(re.findall(r"\$context\.([A-Za-z.]+)", log))
    assert variables == {
        "requestId",
        "requestTime",
        "routeKey",
        "status",
        "responseLatency",
        "responseLength",
        "error.message",  # messageString has quotes of its own
        "authorizer.error",
    }


def test_only_this_api_invokes_the_function(template: Template) -> None:
    permission = template["Resources"]["ApiPermission"]["Properties"]
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["SourceArn"]["Fn::Sub"].endswith(":${Api}/*")
