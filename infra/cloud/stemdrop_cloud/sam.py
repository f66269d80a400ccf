"""The SAM command line, run so that nobody sees a secret: not in arguments, output or logs."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stemdrop_cloud.access_token import VARIABLE
from stemdrop_cloud.builders import end
from stemdrop_cloud.configuration import CONFIGURATION, ROOT, Environment
from stemdrop_cloud.errors import CloudError
from stemdrop_cloud.prerequisites import PYTHONS, SAM

BUILT = ROOT / ".aws-sam" / "build"
# With SAM_DEBUG it would log all parameters.
DROPPED = {VARIABLE, "SAM_DEBUG"}
# Of `sam deploy`, where samconfig.toml doesn't say it.
BY_ITSELF = {
    "resolve_s3": ["--resolve-s3"],
    "resolve_image_repos": ["--resolve-image-repos"],
    "capabilities": ["--capabilities", "CAPABILITY_IAM"],
}


@dataclass(frozen=True, slots=True)
class Sam:
    """The command line, for one stack.

    Attributes
    ----------
    variables : of its environment, in addition to ours; they lead to the container engine.
    bootstrap : arguments of `sam deploy` that an account's bootstrap stack asks for.
    built : the folder of what is built; `sam deploy` looks into the default one.
    """

    environment: Environment
    stack: str
    region: str
    variables: Mapping[str, str]
    bootstrap: Sequence[str] = field(default_factory=list)
    program: Path = SAM
    built: Path = BUILT

    def build(self, parameters: str) -> None:
        """Build both functions.

        Parameters
        ----------
        parameters : as `parameters.write` returns them; the image is built with them.

        Raises
        ------
        CloudError : it failed.
        """
        where = ["--build-dir", str(self.built)]
        self._run("build", [*where, "--parameter-overrides", parameters])

    def deploy(self, parameters: str) -> None:
        """Deploy what was built.

        Raises
        ------
        CloudError : it failed.
        """
        arguments = ["--stack-name", self.stack, "--parameter-overrides", parameters]
        arguments += ["--no-fail-on-empty-changeset", "--no-progressbar", *self.bootstrap]
        arguments += ["--s3-prefix", self.stack]
        if not self.environment.is_known:
            arguments += [word for words in BY_ITSELF.values() for word in words]
        self._run("deploy", arguments)

    def _run(self, task: str, arguments: Sequence[str]) -> None:
        command = [str(self.program), task, "--region", self.region, *arguments]
        if self.environment.is_known:
            command += ["--config-file", str(CONFIGURATION), "--config-env", self.environment.name]
        # In a session of its own, since SAM takes Ctrl-C for a crash; we end it instead.
        process = subprocess.Popen(command, cwd=ROOT, env=self._variables(), start_new_session=True)
        try:
            status = process.wait()
        except BaseException:
            end(process)
            if task == "deploy":
                print("CloudFormation may go on by itself: deploy again to see.", file=sys.stderr)
            raise
        if status:
            raise CloudError(f"`sam {task}` ended with {status}; what is wrong is above.")

    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
        path = os.pathsep.join([str(PYTHONS), kept.get("PATH", os.defpath)])
        ours = {"SAM_CLI_TELEMETRY": "0", "PATH": path, "AWS_DEFAULT_REGION": self.region}
        return kept | dict(self.variables) | ours
