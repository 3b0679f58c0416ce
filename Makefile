# On a plain Debian 12 this needs only python3.11, python3-venv and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# Test processes side by side; each has databases, ports and folders of its own.
# Many tests wait for a process, so three more than there are cores keep all cores at work.
WORKERS ?= $(shell expr $$(nproc) + 3)
# Where an environment forbids the compiled files, each process would compile all modules and rewrite all tests anew.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "fshunt needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
MAKE_VENV = $(PYTHON) -m venv $(VENV) || { echo "cannot create a virtual environment; install python3-venv: apt-get install python3-venv"; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help venv demo demo-web screenshots deb test test-faults test-deb test-load check format test-live docs bench bench-live bench-scale bench-pages clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## create the virtual environment .venv with fshunt and its tools

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	@$(MAKE_VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,web]'
	@touch $@

# What builds the site of the documents, without the tools of developers.
DOCS_STAMP := $(VENV)/documents

$(DOCS_STAMP): setup.cfg constraints.txt
	@$(CHECK_PYTHON)
	@$(MAKE_VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@

# What the demonstrations need, without the tools of developers.
RUNS := $(VENV)/runs

$(RUNS): setup.cfg constraints.txt
	@echo "Installing fshunt into $(VENV), once: this takes up to a minute."
	@$(CHECK_PYTHON)
	@$(MAKE_VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[web]'
	@touch $@

NEEDED_TO_RUN := $(if $(wildcard $(STAMP)),$(STAMP),$(RUNS))

demo: $(NEEDED_TO_RUN) ## show an office with five agents on a simulated FreeSWITCH, call by call
	$(BIN)/fshunt demo

demo-web: $(NEEDED_TO_RUN) ## open the web pages of such an office, with callers until Ctrl-C
	$(BIN)/fshunt demo --web $(ARGS)

screenshots: $(STAMP) ## take pictures of all web pages, light and dark, wide and narrow, into build/screenshots
	$(BIN)/python -m tests.browser.screenshots build/screenshots $(ARGS)

deb: ## build the Debian package into dist; on Debian 12 with dpkg-dev, debhelper and python3.11-venv
	@test -x /usr/bin/python3.11 || { echo "The package is built on Debian 12; this machine lacks: apt-get install dpkg-dev debhelper python3.11-venv"; exit 1; }
	/usr/bin/python3.11 packaging/build_deb.py

test: $(STAMP) ## run all tests except the long ones; live tests only if FSHUNT_LIVE_FREESWITCH is set
	$(PYTEST) -m "not faults and not second_database" $(ARGS)

test-faults: $(STAMP) ## run the long tests: daemons killed, databases down, PostgreSQL everywhere, more examples
	$(PYTEST) -m "(faults or second_database or hypothesis) and not load and not booted" --hypothesis-profile=thorough $(ARGS)

test-deb: $(STAMP) ## test the Debian package in clean Debians, one booted by systemd-nspawn; as root, with debootstrap and debhelper
	$(BIN)/python -m pytest tests/packaging $(ARGS)

test-load: $(STAMP) ## run the tests that need all cores for themselves: restarts and two daemons at 30 hunts a second
	$(BIN)/python -m pytest -m load $(ARGS)

check: $(STAMP) ## check format, lint, types and import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## format the code and apply safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-live: $(STAMP) ## test on a real FreeSWITCH: make test-live FSHUNT_LIVE_FREESWITCH=/usr
	FSHUNT_LIVE_FREESWITCH=$(FSHUNT_LIVE_FREESWITCH) $(BIN)/python -m pytest tests/live $(ARGS)

docs: $(DOCS_STAMP) ## build the documents to a site with search, in build/site; a dead link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The site is in build/site: python3 -m http.server --directory build/site"

bench: $(STAMP) ## measure what a hunt costs: fshunt on both databases, greenswitch, and a bare loop, in one run
	$(BIN)/python -m tests.benchmarks $(ARGS)

bench-scale: $(STAMP) ## measure what size costs: members, groups, records, phones at once
	$(BIN)/python -m tests.benchmarks.scale $(ARGS)

bench-live: $(STAMP) ## measure a hunt on a real FreeSWITCH: make bench-live FSHUNT_LIVE_FREESWITCH=/usr
	FSHUNT_LIVE_FREESWITCH=$(FSHUNT_LIVE_FREESWITCH) $(BIN)/python -m tests.benchmarks.live_speed $(ARGS)

bench-pages: $(STAMP) ## measure what a busy web process costs the hunts
	$(BIN)/python -m tests.benchmarks.beside_pages $(ARGS)

clean: ## remove the virtual environment and the caches
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
