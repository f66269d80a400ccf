#!/bin/sh
# Starts the handler that the image's command names: in Lambda for Lambda, elsewhere behind the runtime interface emulator,
# as AWS's own images do.
set -eu
[ -n "${AWS_LAMBDA_RUNTIME_API:-}" ] || exec /opt/aws-lambda-rie /opt/venv/bin/python -m awslambdaric "$@"
exec /opt/venv/bin/python -m awslambdaric "$@"
