"""The HTTP API requires a credential, and names every route that needs one."""

import re
from typing import Any

import pytest

from api_events import ENVIRONMENT, Api, create_handler
from templates import Resolver, Template

JWT = {"JwtIssuer": "https://issuer.example", "JwtAudience": "stemdrop"}
OPEN = {"/", "/healthz", "/openapi.json"}
METHODS = {"get", "post", "put", "delete", "patch", "head", "options"}


def routes(template: Template, **parameters: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all routes, by their keys."""
    resolver = Resolver(template, parameters)
    found = [
        resolver.properties(name)
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::ApiGatewayV2::Route"
    ]
    by_key = {route["RouteKey"]: route for route in found}
    assert len(by_key) == len(found)
    return by_key


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the OpenAPI document of the application behind the API."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    document: dict[str, Any] = Api(create_handler(ENVIRONMENT)).get("/openapi.json").json
    return document


def test_every_guarded_operation_has_its_own_route(template: Template, app: dict[str, Any]) -> None:
    guarded = {
        (method.upper(), re.sub(r"\{key(:path)?\}", "{key+}", path))
        for path, methods in app["paths"].items()
        for method, route in methods.items()
        if method in METHODS and route.get("security", app.get("security"))
    }
    # The document omits HEAD, which every GET route supports.
    guarded |= {("HEAD", path) for method, path in guarded if method == "GET"}
    assert {" ".join(route) for route in guarded} == routes(template).keys() - {"$default"}


def test_only_public_operations_are_unguarded(app: dict[str, Any]) -> None:
    unguarded = {
        path
        for path, methods in app["paths"].items()
        for route in methods.values()
        if not route.get("security", app.get("security"))
    }
    assert unguarded <= OPEN


def test_named_routes_need_a_web_token_if_there_is_an_issuer(template: Template) -> None:
    resolver = Resolver(template, JWT)
    authorizer = resolver.properties("ApiAuthorizer")
    assert resolver.exists("ApiAuthorizer")
    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]
    assert authorizer["JwtConfiguration"] == {
        "Issuer": JWT["JwtIssuer"],
        "Audience": [JWT["JwtAudience"]],
    }
    found = routes(template, **JWT)
    assert not {"AuthorizationType", "AuthorizerId"} & found.pop("$default").keys()
    for route in found.values():
        assert (route["AuthorizationType"], route["AuthorizerId"]) == ("JWT", "ApiAuthorizer")


def test_a_preflight_request_needs_no_web_token(template: Template) -> None:
    assert not [key for key in routes(template) if key.split()[0] in {"OPTIONS", "ANY"}]


def test_without_an_issuer_there_is_no_authorizer(template: Template) -> None:
    assert not Resolver(template).exists("ApiAuthorizer")
    for route in routes(template).values():
        assert route.get("AuthorizationType", "NONE") == "NONE"
        assert "AuthorizerId" not in route


def test_all_routes_invoke_the_function(template: Template, resolver: Resolver) -> None:
    integration = resolver.properties("ApiIntegration")
    function = resolver.resolve({"Fn::GetAtt": ["ApiFunction", "Arn"]})
    assert (integration["IntegrationUri"], integration["PayloadFormatVersion"]) == (function, "2.0")
    assert {route["Target"] for route in routes(template).values()} == {
        "integrations/ApiIntegration"
    }


@pytest.mark.parametrize(
    ("given", "is_accepted"),
    [
        ({}, False),
        ({"AccessToken": "a" * 32}, True),
        ({"JwtIssuer": "https://id.example.org"}, False),
        ({"JwtIssuer": "https://id.example.org", "AccessToken": "a" * 32}, False),
        ({"JwtIssuer": "https://id.example.org", "JwtAudience": "stemdrop"}, True),
        ({"JwtAudience": "stemdrop"}, False),
    ],
)
def test_stack_without_a_credential_is_refused(
    template: Template, given: dict[str, str], is_accepted: bool
) -> None:
    resolver = Resolver(template, given)
    rules = [template["Rules"][name] for name in ("RequireCredential", "IssuerWithAnAudience")]
    assert is_accepted is all(
        resolver.resolve(assertion["Assert"])
        for rule in rules
        if resolver.resolve(rule.get("RuleCondition", True))
        for assertion in rule["Assertions"]
    )


def test_token_is_hidden(template: Template) -> None:
    assert template["Parameters"]["AccessToken"]["NoEcho"] is True


@pytest.mark.parametrize(
    ("token", "allowed"),
    [("", True), ("a" * 31, False), ("a" * 32, True), ("a" * 31 + " ", False), ("ü" * 32, False)],
)
def test_short_token_is_refused(template: Template, token: str, allowed: bool) -> None:
    pattern = template["Parameters"]["AccessToken"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, token)) is allowed


def test_allowed_origin_is_exact(template: Template) -> None:
    assert "CorsConfiguration" not in Resolver(template).properties("Api")
    named = Resolver(template, {"AllowedOrigin": "https://songs.example.org"}).properties("Api")
    cors = named["CorsConfiguration"]
    assert cors["AllowOrigins"] == ["https://songs.example.org"]
    assert "*" not in str(cors)
    pattern = template["Parameters"]["AllowedOrigin"]["AllowedPattern"]
    assert not re.fullmatch(pattern, "*")
    assert not re.fullmatch(pattern, "https://*.example.org")


def test_calls_are_throttled(template: Template) -> None:
    settings = template["Resources"]["ApiStage"]["Properties"]["DefaultRouteSettings"]
    assert settings["ThrottlingRateLimit"] == {"Ref": "ApiRateLimit"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "ApiBurstLimit"}


def test_access_log_has_no_query_and_no_header(template: Template) -> None:
    log = template["Resources"]["ApiStage"]["Properties"]["AccessLogSettings"]["Format"]
    variables = set(re.findall(r"\$context\.([A-Za-z.]+)", log))
    assert variables == {
        "requestId",
        "requestTime",
        "routeKey",
        "status",
        "responseLatency",
        "responseLength",
        "error.message",  # messageString includes quotes
        "authorizer.error",
    }


def test_only_this_api_invokes_the_function(template: Template) -> None:
    permission = template["Resources"]["ApiPermission"]["Properties"]
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["SourceArn"]["Fn::Sub"].endswith(":${Api}/*")
