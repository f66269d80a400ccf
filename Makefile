# All tasks of the project; `make help` lists them.
SHELL := /bin/bash -eu -o pipefail
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: $(shell sed -nE 's/^([a-z0-9-]+):.*\#\#.*/\1/p' $(MAKEFILE_LIST))

SONG ?=
OUT ?= out
MODELS ?= 2stems
PORT ?= 5000
URL ?= http://localhost:$(PORT)/
SONGS ?= 1
DIR ?=
QUALITIES ?= spleeter high
CODECS ?= wav
PYTHON ?= $(or $(foreach minor,11 12 13 14,$(shell command -v python3.$(minor))),python3)
BACKEND ?= onnx
LYRICS ?= none
MEMORY ?= 3008
OFFLINE ?=
BASE ?=
TARGET ?= function
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
# Programs keep the code that they compile, or else each one compiles its packages again.
export PYTHONDONTWRITEBYTECODE :=
output = $(AWS) cloudformation describe-stacks --stack-name "$(STACK)" --output text \
	--query "Stacks[0].Outputs[?OutputKey=='$(1)'].OutputValue"

BIN := .venv/bin
READY := .venv/.ready
TEST_READY := .venv/.test-ready
LYRICS_READY := .venv/.lyrics-ready
# The Whisper model that LYRICS names.
WHISPER := $(filter-out none transcribe,$(LYRICS))
SAM_READY := .venv-sam/.ready
LINT_READY := .venv-lint/.ready
NODE_READY := .venv-node/.ready
SHERPA_READY := .venv-sherpa/.ready
LIBROSA_READY := .venv-librosa/.ready
NPM := $(or $(shell command -v npm),$(CURDIR)/.venv-node/bin/npm)
PAGE_LIBRARIES := $(addprefix functions/api/stemdrop_api/web/libraries/,signalsmith-stretch.mjs wasm-media-encoders.mjs mp3.wasm)
CLIENTS_READY := tests/clients_js/node_modules/.package-lock.json
TEMPLATES := template.yaml $(wildcard infra/*.yaml)
LIGHTHOUSE := lighthouse@13.5.0
BROWSERS := firefox-esr webkit2gtk-driver xvfb pulseaudio gstreamer1.0-plugins-good gstreamer1.0-pulseaudio
PODMAN := podman runc iptables netavark aardvark-dns uidmap debootstrap
# Many tests wait: for playback, for retries, for processes that start.
PARALLEL = -n $(shell echo $$((2 + $$(getconf _NPROCESSORS_ONLN)))) --dist loadfile --no-loadscope-reorder
CODE := layers functions cli infra tests benchmarks
PROSE := docs $(wildcard *.md) Dockerfile Makefile pyproject.toml samconfig.toml template.yaml

# Resolves a group into a file, with as few changes of versions as possible. The tests have all packages but those of the
# other environments, so the files of the deployment units agree with theirs.
compile = $(BIN)/uv pip compile --quiet --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(if $(findstring --python-version,$(3)),,--python-version 3.11) \
	--group $(1) --output-file $(2) $(3)
AS_TESTED := --constraint tests/requirements.txt
# The tests run on one version of Python, `make setup` on several, which need other releases of numpy.
ANY_PYTHON := --universal --constraint <(sed '/^numpy==/,/[^\\]$$/d' tests/requirements.txt)

# The lock files of everything that ships, or that runs while the image is built.
SHIPPED := $(wildcard functions/*/*.txt functions/*/stemdrop_model/*.txt) infra/local/image.txt
# Advisories that `make audit` ignores, each with the date of the decision and the reason.
IGNORED_ADVISORIES := CVE-2025-4565 # protobuf, 2026-11-22: depth of messages. Only pinned networks are read, by C++.

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) models $(if $(WHISPER),$(LYRICS_READY) whisper) ## Create the environment and build the 2stems model; LYRICS=tiny.en adds Whisper

$(READY): infra/local/requirements.txt pyproject.toml
	@$(firstword $(PYTHON)) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "stemdrop needs Python 3.11 or later: install it, or name it with PYTHON=path." >&2; exit 1; }
	@echo "Installing the packages ..."
	$(firstword $(PYTHON)) -m venv --clear .venv
	sed -n '/^uv==/,/[^\\]$$/p' $< > .venv/uv.txt
	$(BIN)/python -m pip install -q --require-hashes -r .venv/uv.txt
	$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes $<
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

# The same environment with the tests' packages, TensorFlow and Spleeter among them.
$(TEST_READY): tests/requirements.txt $(READY)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "The tests need Python 3.11, for TensorFlow: remove .venv, and name it with PYTHON=path." >&2; exit 1; }
	@echo "Installing the packages of the tests ..."
	$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes $<
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

$(LYRICS_READY): functions/separate/lyrics.txt $(READY)
	@echo "Installing the packages for lyrics ..."
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --requirement $<
	touch $@

test-setup: $(TEST_READY) $(PAGE_LIBRARIES) models whisper ## Create the environment with the packages of the tests, and build the 2stems model

version: $(READY) ## Write the version of the last git tag to layers/core/stemdrop/version.txt
	@$(BIN)/hatchling version > layers/core/stemdrop/version.txt

# Environments apart from .venv; pyproject.toml says why.
$(SAM_READY) $(LINT_READY) $(NODE_READY) $(SHERPA_READY) $(LIBROSA_READY): .venv-%/.ready: infra/%/requirements.txt | $(READY)
	@echo "Installing the packages of infra/$* ..."
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv-$*
	$(BIN)/uv pip sync -q --python .venv-$*/bin/python --require-hashes $<
	touch $@

$(CLIENTS_READY): tests/clients_js/package-lock.json | $(NODE_READY)
	@echo "Installing the AWS SDK for JavaScript ..."
	cd tests/clients_js && ../../.venv-node/bin/npm ci --silent --ignore-scripts --no-audit --no-fund

$(PAGE_LIBRARIES): functions/api/package-lock.json | $(if $(shell command -v npm),,$(NODE_READY))
	@echo "Installing the libraries of the page ..."
	cd functions/api && "$(NPM)" ci --silent --ignore-scripts --no-audit --no-fund
	mkdir -p $(@D)
	cp functions/api/node_modules/signalsmith-stretch/SignalsmithStretch.mjs $(@D)/signalsmith-stretch.mjs
	cp functions/api/node_modules/wasm-media-encoders/dist/umd/WasmMediaEncoder.min.js $(@D)/wasm-media-encoders.mjs
	cp functions/api/node_modules/wasm-media-encoders/wasm/mp3.wasm $(@D)/mp3.wasm
	touch $(PAGE_LIBRARIES)

page-libraries: $(PAGE_LIBRARIES) ## Install the JavaScript libraries that the page loads

models: $(READY) ## Build the networks in MODELS (default: 2stems)
	$(BIN)/python -m stemdrop_model build $(MODELS)

whisper: $(READY) ## Fetch the Whisper model LYRICS (default: tiny.en), which writes lyrics
	$(BIN)/python -m stemdrop_model lyrics $(or $(WHISPER),tiny.en)

proof: $(TEST_READY) ## Compare the networks in MODELS with Spleeter's own graphs, and freeze these, with TensorFlow
	$(BIN)/python -m stemdrop_model build $(MODELS) --backend tensorflow

demo: setup ## Separate SONG (or a generated one) through the real handler, into OUT
	$(BIN)/python -m benchmarks.demo --out "$(OUT)" $(if $(SONG),--song "$(SONG)")

local: setup $(PAGE_LIBRARIES) ## Run the local stack on PORT, with SONGS at a time
	$(BIN)/python -m stemdrop_local.local --port $(PORT) --songs $(SONGS) \
		$(if $(filter-out file,$(origin LYRICS)),--lyrics "$(LYRICS)")

test: test-setup proof chromium clients ## Run all checks and tests, in two more processes than there are processors
	$(MAKE) --no-print-directory --jobs 2 --output-sync lint types
	$(BIN)/python -m pytest $(PARALLEL) tests/unit tests/integration tests/template tests/page

lint: phrases style templates policies ## Check the code, the docs, the templates and the Dockerfile

style: $(TEST_READY) ## Check style, spelling and imports
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/codespell $(CODE) $(PROSE)
	$(BIN)/lint-imports --no-logo

templates: $(TEST_READY) ## Check the templates for errors
	$(BIN)/cfn-lint --include-checks I --template $(TEMPLATES)

policies: $(LINT_READY) ## Check the templates and the Dockerfile for insecure settings
	CKV_SKIP_PACKAGE_UPDATE_CHECK=true .venv-lint/bin/checkov --file $(TEMPLATES) Dockerfile

phrases: ## Refuse the phrases of infra/lint/banned-phrases.txt in the code and the docs
	! grep -rniwE -f infra/lint/banned-phrases.txt $(addprefix --exclude-dir=,node_modules libraries __pycache__) \
		--include=*.{css,html,js,md,py,sh,toml,yaml} --include=Dockerfile --include=Makefile $(CODE) $(PROSE)

audit: $(LINT_READY) ## Look up known vulnerabilities of shipped packages; needs a network
	.venv-lint/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		$(addprefix --requirement ,$(SHIPPED)) $(addprefix --ignore-vuln ,$(IGNORED_ADVISORIES))

types: $(TEST_READY) ## Check types, and that the command line uses nothing that Windows and macOS lack
	$(BIN)/mypy
	for system in win32 darwin; do $(BIN)/mypy --platform $$system --cache-dir .mypy_cache/$$system cli; done

unit: $(TEST_READY) ## Run the unit tests
	$(BIN)/python -m pytest tests/unit

coverage: test-setup proof clients ## Measure the lines that the unit, integration and template tests run; write out/coverage
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term:skip-covered --cov-report=html:out/coverage \
		tests/unit tests/integration tests/template

integration: test-setup proof clients ## Run the tests with the local stack, ffmpeg and the model
	$(BIN)/python -m pytest tests/integration

template: test-setup ## Check template.yaml against the code
	$(BIN)/python -m pytest tests/template

page: test-setup chromium ## Run the tests of the page in Chromium
	$(BIN)/python -m pytest tests/page

other-browsers: test-setup ## Run the test of the page in Firefox and WebKitGTK, with Debian's packages
	@command -v firefox-esr >/dev/null && command -v WebKitWebDriver >/dev/null && command -v Xvfb >/dev/null \
		&& command -v pulseaudio >/dev/null || { \
		[ -n "$$(command -v apt-get)" -a "$$(id -u)" = 0 ] \
		|| { echo "This needs root on Debian. Elsewhere, install $(BROWSERS)." >&2; exit 1; }; \
		echo "Installing Firefox and WebKitGTK ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
			$(BROWSERS) >/dev/null; }
	$(BIN)/python -m pytest tests/browsers

lighthouse: $(NODE_READY) chromium ## Rate the page at URL with Lighthouse, on a desktop and on a phone; needs a network
	mkdir -p "$(OUT)"
	for preset in "" --preset=desktop; do \
		PATH="$(CURDIR)/.venv-node/bin:$$PATH" CHROME_PATH="$$(command -v chromium-headless-shell)" npx --yes $(LIGHTHOUSE) "$(URL)" --quiet \
			$$preset --only-categories=performance,accessibility,best-practices,seo \
			--chrome-flags="--headless --no-sandbox" --output=json --output-path="$(OUT)/lighthouse.json"; \
		sed -nE '/^  "categories"/,/^  "categoryGroups"/ s/^      "(title|score)": "?([^",]*)"?,?$$/\2/p' "$(OUT)/lighthouse.json" \
			| paste -sd " \n"; \
	done

page-memory: test-setup chromium ## Measure the memory that ten minutes of four stems take in Chromium
	PYTHONPATH=tests:. $(BIN)/python -m page_memory

chromium: ## Install Debian's Chromium, without its windows, for the tests of the page
	@command -v chromium-headless-shell >/dev/null || { \
		[ -n "$$(command -v apt-get)" -a "$$(id -u)" = 0 ] \
		|| { echo "The tests of the page need Chromium: as root, apt-get install chromium-headless-shell." >&2; exit 1; }; \
		echo "Installing Chromium ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
			chromium-headless-shell >/dev/null; }

clients: $(CLIENTS_READY) $(SAM_READY) ## Install S3 clients, curl and a speech synthesizer for the tests
	@command -v rclone >/dev/null && command -v curl >/dev/null && command -v espeak-ng >/dev/null || { \
		[ -n "$$(command -v apt-get)" -a "$$(id -u)" = 0 ] \
		|| { echo "The tests need rclone, curl and espeak-ng: as root, apt-get install them." >&2; exit 1; }; \
		echo "Installing rclone, curl and espeak-ng ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
			rclone curl espeak-ng >/dev/null; }

e2e: test-setup $(SAM_READY) ## Run the tests with containers: image, Lambda's limits, SAM
	OFFLINE=$(OFFLINE) $(BIN)/python -m pytest tests/e2e

containers: ## Install Podman and debootstrap from Debian's packages
	@command -v podman >/dev/null && command -v runc >/dev/null && command -v debootstrap >/dev/null || { \
		[ -n "$$(command -v apt-get)" -a "$$(id -u)" = 0 ] \
		|| { echo "This needs root on Debian. Elsewhere, install Docker or Podman." >&2; exit 1; }; \
		echo "Installing Podman ..."; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
			$(PODMAN) >/dev/null; }

lambda: test-setup build ## Separate SONG (or a generated one) in the image under Lambda's limits, with MEMORY
	$(BIN)/python -m benchmarks.lambda_run --memory $(MEMORY) --backend $(BACKEND) --times 2 \
		$(if $(SONG),--song "$(SONG)") $(if $(OFFLINE),--offline)

wheel: $(READY) ## Build the wheel of the `stemdrop` command into dist
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation --wheel-dir dist .

build: version $(PAGE_LIBRARIES) ## Build the image of the separator with MODELS, BACKEND and LYRICS, or of all with TARGET=local; OFFLINE=1 needs no image registry
	$(BIN)/python -m stemdrop_containers.image --target $(TARGET) --models "$(MODELS)" --backend $(BACKEND) --lyrics "$(LYRICS)" \
		$(if $(OFFLINE),--offline) $(if $(BASE),--base "$(BASE)")

sam-local: version $(SAM_READY) $(PAGE_LIBRARIES) ## Build with SAM, then run `sam local` with RUN against the S3 of `make local`
	$(BIN)/python -m stemdrop_containers.sam_local --models "$(MODELS)" --backend $(BACKEND) --lyrics "$(LYRICS)" \
		$(if $(OFFLINE),--offline) $(RUN)

deploy: version $(SAM_READY) $(PAGE_LIBRARIES) ## Deploy or update STACK on AWS; PARAMETERS="Name=value ...", NEW_TOKEN=1, CHECK=1 for a preflight only
	@$(BIN)/python -m stemdrop_cloud.deploy --environment "$(ENVIRONMENT)" --stack "$(STACK)" \
		$(if $(NEW_TOKEN),--new-token) $(if $(CHECK),--check) --parameters "$${PARAMETERS-} \
		$(if $(filter-out file,$(origin MODELS)),Models='$(MODELS)') \
		$(if $(filter-out file,$(origin LYRICS)),Lyrics='$(LYRICS)') $(ARCHITECTURE:%=Architecture=%) $(ALARM_ADDRESS:%=AlarmAddress=%)"

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

parity: test-setup ## Compare SONG's stems with stock Spleeter's, sample for sample
	@test -f "$(SONG)" || { echo "There is no song $(SONG): name one, make parity SONG=path." >&2; exit 2; }
	$(BIN)/python -m benchmarks.parity "$(SONG)"

soak: test-setup ## Separate SONGS songs (default: 60) while invocations are killed and S3 fails, as SEED chooses
	PYTHONPATH=tests:. $(BIN)/python -m soak $(if $(filter-out file,$(origin SONGS)),--songs $(SONGS)) $(SEED:%=--seed %)

bench: test-setup $(SHERPA_READY) ## Measure speed and cost against Spleeter, and write their pages; or against REVISION, and print a table
	$(if $(REVISION),$(BIN)/python -m benchmarks.compare_revisions $(REVISION),$(BIN)/python -m benchmarks.bench)
	$(if $(REVISION),,$(BIN)/python -m benchmarks.cost $(if $(OFFLINE),--offline))

analysis: setup ## Measure the share of a separation's processor time that tempo, beats, key and loudness take
	$(BIN)/python -m benchmarks.analysis_share

analysis-accuracy: test-setup $(LIBROSA_READY) ## Compare tempo, beats and key of music that is known with librosa's
	PYTHONPATH=tests:. $(BIN)/python -m analysis_accuracy

lyrics: test-setup clients ## Measure word errors, times and memory of lyrics that Whisper writes
	$(BIN)/python -m benchmarks.lyrics_share

evaluate: test-setup ## Measure stems against the true stems of songs in DIR, or of generated songs
	$(BIN)/python -m benchmarks.evaluate --models $(MODELS) --qualities $(QUALITIES) --codecs $(CODECS) \
		$(if $(DIR),--songs "$(DIR)" --page "$(OUT)/evaluation.md")

lock: $(READY) ## Update the lock files
	$(call compile,test,tests/requirements.txt)
	$(call compile,local,infra/local/requirements.txt,$(ANY_PYTHON) pyproject.toml)
	$(call compile,stack,infra/local/image.txt,$(AS_TESTED))
	$(call compile,api,functions/api/requirements.txt,$(AS_TESTED))
	$(call compile,separate,functions/separate/requirements.txt,$(AS_TESTED))
	$(call compile,lyrics,functions/separate/lyrics.txt,$(ANY_PYTHON) --constraint infra/local/requirements.txt)
	$(call compile,model,functions/separate/stemdrop_model/requirements.txt,$(AS_TESTED))
	$(call compile,tensorflow,functions/separate/stemdrop_model/tensorflow.txt,$(AS_TESTED) --universal)
	$(call compile,sam,infra/sam/requirements.txt,--no-config)
	$(call compile,security,infra/lint/requirements.txt,--no-config)
	$(call compile,sherpa,infra/sherpa/requirements.txt,--no-config)
	$(call compile,librosa,infra/librosa/requirements.txt,--no-config)
	$(call compile,node,infra/node/requirements.txt,--no-config)
	$(call compile,runtime,infra/sam/runtime.txt,--no-config --python-version 3.13)

clean: ## Remove build, out, .aws-sam and the caches of checks and tests
	@[ ! -r /proc/mounts ] || awk '{ print $$2 }' /proc/mounts | { grep "^$(CURDIR)/build/" || true; } | xargs -r umount --lazy
	rm -rf build out .mypy_cache .pytest_cache .ruff_cache .hypothesis .aws-sam
