#!/bin/sh
# Starts the local stack, with the options that follow the image's name.
set -eu
folder=/data # a volume, if there is one
[ -w "$folder" ] || folder=/tmp
exec /opt/local/bin/python -m stemdrop_local.local --host 0.0.0.0 --models "$MODEL_DIR" \
	--data "$folder/.stemdrop" --drop "$folder/drop" --stems "$folder/stems" "$@"
