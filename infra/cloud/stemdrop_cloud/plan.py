"""What a deployment will do, once all that it needs has been looked at."""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import SetupError
from stemdrop_cloud import conditions, parameters, prerequisites
from stemdrop_cloud.access_token import given_token
from stemdrop_cloud.account import Account, Stack, open_account
from stemdrop_cloud.bootstrap import adopt, find_bootstrap
from stemdrop_cloud.configuration import Environment, load_environment, parse_overrides
from stemdrop_cloud.errors import UnpreparedError, translated
from stemdrop_containers.engine import Engine, find_engine

Answer = TypeVar("Answer")
# Arguments of the command line to parameters of the template.
SHORTHANDS = {
    "models": "Models",
    "architecture": "Architecture",
    "alarm_address": "AlarmAddress",
}


@dataclass(slots=True)
class Findings:
    """Collects what is wrong, so that people are told all of it at once."""

    problems: list[str] = field(default_factory=list)

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Return an answer, or None if there is a problem instead."""
        try:
            return question()
        except UnpreparedError as error:
            self.problems += error.problems
        except SetupError as error:
            self.problems.append(error.message)
        except (BotoCoreError, ClientError) as error:
            self.problems.append(translated(error).message)
        return None

    def note(self, found: Iterator[str]) -> None:
        """Collect problems as they are found."""
        self.ask(lambda: self.problems.extend(found))


@dataclass(frozen=True, slots=True)
class Site:
    """What there is in the account.

    Attributes
    ----------
    stack : the application's; None if it is to be made.
    bootstrap : that of infra/bootstrap.yaml for this stack, if there is one.
    """

    stack: Stack | None = None
    bootstrap: Stack | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment that can begin.

    Attributes
    ----------
    name : of the stack.
    overrides : parameters to set, without secrets; all others stay as they are.
    values : parameters that this leads to, without secrets.
    given_token : of the environment; None if there is none.
    warnings : what may go wrong though nobody can tell.
    """

    environment: Environment
    account: Account
    engine: Engine
    name: str
    site: Site
    overrides: Mapping[str, str]
    values: Mapping[str, str]
    given_token: str | None
    warnings: tuple[str, ...]

    @property
    def needs_no_token(self) -> bool:
        """Return whether users come with JSON web tokens."""
        return bool(self.values["JwtIssuer"])


def make_plan(parsed: argparse.Namespace) -> Plan:
    """Look at everything that a deployment needs.

    Raises
    ------
    UnpreparedError : with a sentence for each thing that is missing or wrong.
    """
    findings = Findings()
    environment = findings.ask(lambda: load_environment(parsed.environment)) or Environment("dev")
    given = findings.ask(lambda: given_parameters(parsed)) or {}
    token = findings.ask(lambda: given_token(os.environ))
    name = parsed.stack or environment.stack
    findings.note(prerequisites.stack_problems(name))
    findings.note(prerequisites.sam_problems(environment))
    engine = findings.ask(find_engine)
    account = findings.ask(lambda: open_account(parsed.region or environment.region))
    site = _look_at_site(findings, account, name) if account else Site()
    environment = findings.ask(lambda: adopt(environment, site.bootstrap)) or environment
    overrides = {**environment.parameters, **given}
    values = _look_at_values(findings, overrides, site.stack)
    if account and values:
        findings.note(conditions.limit_problems(account, values, site.stack))
    if findings.problems or not (account and engine):
        raise UnpreparedError(*findings.problems)
    warnings = tuple(conditions.limit_warnings(account, values, site.stack))
    return Plan(environment, account, engine, name, site, overrides, values, token, warnings)


def given_parameters(parsed: argparse.Namespace) -> dict[str, str]:
    """Return the template's parameters that the command line has.

    Raises
    ------
    UnpreparedError : one of them is not written as Name=value.
    """
    given = parse_overrides(parsed.parameters)
    for argument, name in SHORTHANDS.items():
        value = getattr(parsed, argument)
        if value is not None:
            given[name] = value
    return given


def _look_at_values(
    findings: Findings, overrides: Mapping[str, str], stack: Stack | None
) -> dict[str, str]:
    """Return the parameters in force; nothing if they are wrong."""
    declared = parameters.load_declared()
    wrong = list(parameters.problems(declared, overrides))
    values = parameters.in_force(declared, overrides, stack)
    if not wrong and values["JwtIssuer"] and not values["JwtAudience"]:
        wrong.append("JwtIssuer needs JwtAudience: say whom its tokens have to be for.")
    findings.problems += wrong
    findings.note(prerequisites.processor_problems(values["Architecture"]))
    return {} if wrong else values


def _look_at_site(findings: Findings, account: Account, name: str) -> Site:
    stack: Stack | None = findings.ask(lambda: account.find_stack(name))
    stack = None if stack and stack.status == "REVIEW_IN_PROGRESS" else stack
    findings.note(conditions.stack_problems(stack, name))
    if stack is None and prerequisites.STACK.fullmatch(name):
        findings.note(conditions.bucket_problems(account, name))
    return Site(stack, findings.ask(lambda: find_bootstrap(account, name)))
