# On a fresh Debian 12: python3.11, python3-venv and make are all that is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-faults check format test-live bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## the virtual environment in .venv, with fshunt and the tools

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "fshunt needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "No virtual environment can be made: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## an office with five agents on a simulated FreeSWITCH, call by call
	$(BIN)/fshunt demo

test: $(STAMP) ## all tests but the long ones, with PostgreSQL; the live ones where FSHUNT_LIVE_FREESWITCH names a FreeSWITCH
	$(BIN)/python -m pytest -m "not faults" $(ARGS)

test-faults: $(STAMP) ## the long tests of what survives: daemons killed, databases gone, two daemons under load
	$(BIN)/python -m pytest -m faults $(ARGS)

check: $(STAMP) ## format, lint, types and import floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-live: $(STAMP) ## only the tests on a real FreeSWITCH: make test-live FSHUNT_LIVE_FREESWITCH=/usr
	FSHUNT_LIVE_FREESWITCH=$(FSHUNT_LIVE_FREESWITCH) $(BIN)/python -m pytest tests/live $(ARGS)

bench: $(STAMP) ## hunts a second, CPU and memory, next to greenswitch's own server
	$(BIN)/python -m tests.benchmarks $(ARGS)

clean: ## take the virtual environment and the caches away
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
