# Everything a contributor runs. Each target is a line or two; `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
SHELL   = /bin/bash
UV_PIP  = uv pip install --quiet --python

.DEFAULT_GOAL := help
.PHONY: help setup run test test-clients check audit format lock regen regen-check upgrade upgrade-pages capabilities capabilities-check capture parity parity-record \
  bench oracle oracle-setup oracle-lock fuzz fuzz-long fuzz-record chaos clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# ---- use

# The stamp names the interpreter and the files that the environment was made from; another interpreter or lock makes it anew.
STAMP := $(VENV)/.made-for-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')-$(shell cat requirements.txt pyproject.toml | cksum | cut -d ' ' -f 1)

setup: $(STAMP) ## make the virtual environment and install the pinned dependencies

$(STAMP):
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV) && $(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/$(UV_PIP) $(BIN)/python --require-hashes -r requirements.txt
	@$(BIN)/$(UV_PIP) $(BIN)/python --no-deps --editable .
	@touch $@

run: setup ## start the server with the bundled agent and an embedded Postgres
	@$(BIN)/allograph serve

# ---- check

test: setup ## run the tests, against a real server and a real embedded Postgres
	@$(BIN)/python -m pytest

JS_STAMP := tests/js/node_modules/.made-for-$(shell cksum < tests/js/package.json | cut -d ' ' -f 1)

test-clients: setup $(JS_STAMP) ## hold conversations through the official clients, in Python and JavaScript (needs Node 20)
	@$(BIN)/python -m pytest tests/clients

$(JS_STAMP):
	@rm -rf tests/js/node_modules && cd tests/js && npm install --no-audit --no-fund --loglevel=error > /dev/null
	@touch $@

check: setup regen-check capabilities-check ## lint, types, and whether what is generated is fresh
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# What the service of vulnerabilities does not know of is named and no failure: behind some mirrors that is everything.
audit: setup ## look the pinned dependencies up among known vulnerabilities
	@$(BIN)/pip-audit --disable-pip --require-hashes --progress-spinner off -r requirements.txt

format: setup ## put the sources into the project's form
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup oracle-setup ## measure us, the reference and the floor side by side
	@$(BIN)/python -m benchmarks.compare

# ---- the contract

capture: setup oracle-setup ## ask the reference for its contract, write openapi/upstream.json
	@$(BIN)/python -m scripts.contract capture

regen: setup ## write allograph/generated from the contract and report what changed
	@$(BIN)/python -m scripts.contract regen

upgrade: setup ## go to another version of the reference: make upgrade VERSION=0.16.7 [OPTIONS=--dry-run|--record]
	@$(BIN)/python -m scripts.upgrade to $(or $(VERSION),$(error name the version, such as `make upgrade VERSION=0.16.7`)) $(OPTIONS)

upgrade-pages: setup ## write tests/contract/upgrades anew, after an overlay or the report changed
	@$(BIN)/python -m scripts.upgrade pages

regen-check: setup ## fail when allograph/generated is not what `make regen` writes
	@$(BIN)/python -m scripts.contract check

capabilities: setup ## write the table of what is implemented
	@$(BIN)/python -m scripts.capabilities

capabilities-check: setup ## fail when the table of what is implemented is stale
	@$(BIN)/python -m scripts.capabilities --check

# ---- the reference

ORACLE_STAMP := .oracle/.made-for-$(shell cksum < scripts/oracle.txt | cut -d ' ' -f 1)

oracle-setup: $(ORACLE_STAMP) ## install the pinned reference server into .oracle/

$(ORACLE_STAMP):
	@rm -rf .oracle && $(PYTHON) -m venv .oracle && .oracle/bin/pip install --quiet --disable-pip-version-check uv
	@.oracle/bin/$(UV_PIP) .oracle/bin/python --require-hashes -r scripts/oracle.txt
	@touch $@

oracle: setup oracle-setup ## run the reference server on the test graphs, for looking at and for recording
	@$(BIN)/python -m scripts.oracle

parity: setup oracle-setup ## play the scenarios against the reference and against us, and compare
	@$(BIN)/python -m scripts.parity compare

parity-record: setup oracle-setup ## renew the recordings of the reference's answers, and docs/PARITY.md
	@$(BIN)/python -m scripts.parity record && $(BIN)/python -m scripts.parity docs

# ---- bad input

SEED ?= 1
TARGET ?= ours
FUZZ = $(BIN)/python -m scripts.fuzz --seed $(SEED) --target $(TARGET)

fuzz: setup ## fuzz a live server against its contract; SEED=random for other requests, TARGET=oracle or oracle-by-ours
	@$(FUZZ)

fuzz-record: setup oracle-setup ## fuzz us, and the reference by both contracts, and put the results into docs/PARITY.md
	@$(FUZZ) --record
	@for target in oracle oracle-by-ours; do \
	  $(BIN)/python -m scripts.fuzz --seed $(SEED) --target $$target --record --examples 8 -- --phases examples,coverage,fuzzing; done
	@$(BIN)/python -m scripts.parity docs

fuzz-long: SEED = random
fuzz-long: setup ## the same for an hour
	@$(FUZZ) --minutes 60

# ---- processes that die

SECONDS ?= 600
# Without a seed of its own, one that nobody knows before; it is printed.
CHAOS = $(BIN)/python -m tests.chaos --seconds $(SECONDS) $(if $(filter file,$(origin SEED)),,--seed $(SEED)) $(OPTIONS)

chaos: setup ## kill and pause servers, workers and Postgres under load, and check what came of every run; SECONDS=90 SEED=1 OPTIONS=--redis
	@$(CHAOS)

# ---- pinned versions

LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11

lock: setup ## pin the newest versions that pyproject.toml allows, with hashes
	@$(LOCK) --custom-compile-command 'make lock' pyproject.toml --all-extras --group dev -o requirements.txt

oracle-lock: setup ## pin the reference named in scripts/oracle.in
	@$(LOCK) --custom-compile-command 'make oracle-lock' scripts/oracle.in -o scripts/oracle.txt

clean: ## remove what was installed and stored; the sources stay
	rm -rf $(VENV) .oracle tests/js/node_modules .allograph .pytest_cache .mypy_cache .ruff_cache
