#!/bin/sh
# Starts the local stack, with the options that follow the image's name.
set -eu
folder=/data # a volume, if there is one
if [ ! -w "$folder" ]; then
	if mountpoint -q "$folder"; then
		echo "stemdrop: The volume $folder isn't writable: let user $(id -u) write to it." >&2
		exit 1
	fi
	folder=/tmp
fi
exec /opt/local/bin/python -m stemdrop_local.local --host 0.0.0.0 --models "$MODEL_DIR" \
	--data "$folder/.stemdrop" --drop "$folder/drop" --stems "$folder/stems" "$@"
