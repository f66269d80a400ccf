#!/bin/sh
# What the image does with its words. Lambda gives the handler's name; `local`, and options behind it, run the whole
# application; a handler outside of Lambda gets the runtime interface emulator, as in AWS's own images.
set -eu
if [ "${1:-}" = local ]; then
	shift
	folder=/data # a volume, if there is one
	[ -w "$folder" ] || folder=/tmp
	exec /opt/local/bin/python -m stemdrop_local.local --host 0.0.0.0 --models "$MODEL_DIR" \
		--data "$folder/.stemdrop" --drop "$folder/drop" --stems "$folder/stems" "$@"
fi
[ -n "${AWS_LAMBDA_RUNTIME_API:-}" ] || exec /opt/local/bin/aws-lambda-rie /opt/venv/bin/python -m awslambdaric "$@"
exec /opt/venv/bin/python -m awslambdaric "$@"
