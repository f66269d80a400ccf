"""The image that SAM runs zip functions in, made here where no image registry can be reached."""

import sys

from stemdrop_local.template import ROOT

from stemdrop_containers.engine import Engine

FOLDER = ROOT / "infra" / "sam"
IMAGE = "public.ecr.aws/lambda/python:3.11-x86_64"


def provide_runtime(engine: Engine) -> None:
    """Make the stand-in for Lambda's image of Python 3.11.

    The base image has to be there. What is built already takes a second.

    Raises
    ------
    EngineError : it can't be built.
    """
    print(f"Making a stand-in for {IMAGE} ...", file=sys.stderr)
    options = ["--layers", "--format", "docker", "--quiet", "--tag", IMAGE]
    engine.run("build", *options, str(FOLDER))
