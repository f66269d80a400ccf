"""The OpenAPI document, and the documentation page."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema_rs
import pytest

import stemdrop
from api_events import ENVIRONMENT, Api, create_handler
from stemdrop.errors import RejectedError, StemdropError
from stemdrop_api import errors, examples
from stemdrop_api.problem_details import MEDIA_TYPE
from stemdrop_api.routes import router
from stemdrop_api.schemas import JobView

CALLS = {
    "createJob",
    "listJobs",
    "showJob",
    "deleteJob",
    "downloadStem",
    "showSong",
    "showOptions",
    "checkHealth",
}
# Of every problem.
FIELDS = {"type", "title", "status", "code", "detail", "request_id"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return Api(create_handler(ENVIRONMENT), token=None)


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/openapi.json").json
    return found


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def test_document_describes_every_operation(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {operation["operationId"] for operation in operations(document)} == CALLS
    for operation in operations(document):
        assert re.fullmatch(r"[A-Z][^\n]*[^.\n]", operation["summary"])
        for parameter in operation.get("parameters", []):
            assert parameter["description"]


def test_document_has_the_version_and_paths_have_none(document: dict[str, Any]) -> None:
    assert document["info"]["version"] == stemdrop.__version__
    assert not [path for path in document["paths"] if re.match(r"/v\d", path)]


def test_guarded_operation_documents_its_credential(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    for operation in operations(document):
        guarded = operation["operationId"] != "checkHealth"
        assert ("security" in operation) == guarded
        assert ("401" in operation["responses"]) == guarded
        assert ("500" in operation["responses"]) == guarded


def test_documented_error_is_a_problem_with_valid_examples(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    validator = jsonschema_rs.validator_for(
        {"$ref": "#/components/schemas/Problem", "components": {"schemas": schemas}}
    )
    codes = set()
    for operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                assert response["content"].keys() == {MEDIA_TYPE}
                content = response["content"][MEDIA_TYPE]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                for code, example in content["examples"].items():
                    validator.validate(example["value"])
                    assert example["value"]["status"] == int(status)
                    assert example["value"]["code"] == code
                    optional = {"errors"} if code == "invalid_request" else set()
                    assert example["value"].keys() == FIELDS | optional
                    codes.add(code)
    assert codes == {kind.code for kind in errors.STATUSES}
    assert "HTTPValidationError" not in str(document)


def test_documented_example_matches_its_schema(document: dict[str, Any]) -> None:
    count = 0
    for operation in operations(document):
        answers = [operation["responses"], {"body": operation.get("requestBody", {})}]
        for response in (response for given in answers for response in given.values()):
            for content in response.get("content", {}).values():
                schema = {**content["schema"], "components": document["components"]}
                for example in content.get("examples", {}).values():
                    jsonschema_rs.validate(schema, example["value"])
                    count += 1
    assert count > 20


@pytest.mark.parametrize(
    "shown",
    [
        examples.AWAITING,
        examples.PROCESSING,
        examples.DONE,
        examples.WITH_LYRICS,
        examples.FAILED,
        examples.DROPPED,
    ],
)
def test_example_of_a_job_has_all_fields_of_a_response(shown: dict[str, Any]) -> None:
    assert JobView.model_validate(shown).model_dump(mode="json") == shown


def test_reference_in_the_document_resolves(document: dict[str, Any]) -> None:
    for reference in set(re.findall(r"#/components/schemas/(\w+)", str(document))):
        assert reference in document["components"]["schemas"]


def test_every_error_has_a_status_and_a_docstring() -> None:
    own = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, StemdropError)
        and kind.__module__ == errors.__name__
    }
    assert own <= errors.STATUSES.keys()
    assert errors.HEADERS.keys() <= errors.STATUSES.keys()
    assert len({kind.code for kind in errors.STATUSES}) == len(errors.STATUSES)
    for kind in errors.STATUSES:
        assert kind.__doc__
        assert kind.code in (errors.__doc__ or "") or kind not in own
        assert issubclass(kind, RejectedError) <= (400 <= errors.STATUSES[kind] < 500)


class SourceParser(HTMLParser):
    """Collects the files that a page loads, and its inline scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self._is_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._is_script = tag == "script"
        if tag in {"script", "link", "img"}:
            self.urls.append(given.get("src") or given.get("href") or "")
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        self.inline += [tag for tag in (tag,) if tag in {"style", "iframe", "base"}]

    def handle_data(self, data: str) -> None:
        if self._is_script and data.strip():
            self.inline.append(data)


def test_documentation_page_loads_from_this_host_only(api: Api) -> None:
    page = api.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    sources = SourceParser(page.body.decode())
    assert len(sources.urls) == 4
    assert not sources.inline
    for url in sources.urls:
        assert re.fullmatch(r"docs/[\w.-]+", url)
        asset = api.get(f"/{url}")
        assert asset.status == 200
        assert asset.headers["content-security-policy"] == page.headers["content-security-policy"]
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy


def test_documentation_script_calls_this_host_only(api: Api) -> None:
    script = api.get("/docs/init.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    text = script.body.decode()
    assert "http" not in text
    assert "validatorUrl: null" in text


@pytest.mark.parametrize("name", ["nothing.js", "docs.html", "../settings.py", "__init__.py", ""])
def test_unknown_documentation_file_is_not_found(api: Api, name: str) -> None:
    assert api.get(f"/docs/{name}").status == 404


def test_largest_file_fits_into_a_lambda_response(api: Api) -> None:
    assert len(api.get("/docs/swagger-ui-bundle.js").body) < 6_000_000


def test_key_with_line_breaks_matches_its_route() -> None:
    (path,) = (route for route in router.routes if getattr(route, "name", "") == "show_song")
    pattern: re.Pattern[str] = vars(path)["path_regex"]
    for key in ("a", "a/b", "\n", "a\nb\r\n", "//", "a?b"):
        match = pattern.match(f"/drop/{key}")
        assert match
        assert match["key"] == key
    assert not pattern.match("/drop/")
