#!/usr/bin/env bash
# Resolves every requirements.in into a lock file with hashes and without addresses. The tests' lock
# comes first: it holds everything, so that all others agree with it.
set -euo pipefail
cd "$(dirname "$0")/../.."

compile() {
	local folder=$1
	shift
	.venv/bin/uv pip compile --quiet --python-version "${PYTHON_VERSION:-3.11}" --generate-hashes --no-emit-index-url \
		--no-emit-find-links \
		--custom-compile-command "make lock" "$folder.in" --output-file "$folder.txt" "$@"
}

# MiniStack and TensorFlow pin packages more narrowly than they need.
compile tests/requirements --override infra/local/overrides.txt --override functions/separate/model/overrides.txt
compile infra/local/image --constraint tests/requirements.txt --override infra/local/overrides.txt
for folder in functions/api/requirements functions/separate/requirements functions/separate/model/requirements \
	infra/local/uv; do
	compile "$folder" --constraint tests/requirements.txt
done
# TensorFlow's package has another name for Arm processors.
compile functions/separate/model/tensorflow --constraint tests/requirements.txt --universal \
	--override functions/separate/model/overrides.txt
compile functions/separate/model/spleeter --no-deps
compile infra/sam/requirements
compile infra/lint/requirements
compile infra/clients/requirements
PYTHON_VERSION=3.13 compile infra/sam/runtime
