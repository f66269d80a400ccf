"""SAM's transform as CloudFormation has it: a template and its parameters in, the result out.

It runs in .venv-sam, where SAM's own translator is.
"""

import json
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

given = json.load(sys.stdin)
session = boto3.Session(region_name="eu-central-1")
translator = Translator({}, Parser(), boto_session=session)
json.dump(translator.translate(yaml_parse(given["template"]), given["parameters"]), sys.stdout)
