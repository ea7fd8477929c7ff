# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
# Each can be called again at any time; the second call finds everything in place.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first Python of 3.11 or newer on the PATH; override with `make demo PYTHON=/path/to/python`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
# One release, so that networks learnt from a seed are the same wherever they are tested.
TORCH := torch==2.13.0
# Two workers halve the time where there are two cores.
PYTEST_ARGS ?= -n 2

.PHONY: help demo test reference audit check bench browser servers clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.neotype-run ## make the environment, run examples/adult.yaml, print the scores and the report's path
	@$(BIN)/neotype run examples/adult.yaml --force

test: $(VENV)/.neotype-test browser servers ## install what the tests need and run them
	@$(BIN)/python -m pytest $(PYTEST_ARGS)
	@$(MAKE) --no-print-directory reference

reference: $(VENV)-reference/.neotype ## compare measures with SDMetrics and models with mbi, in an environment of its own
	@$(VENV)-reference/bin/python -m pytest -p no:cacheprovider tests/test_evaluate_reference.py tests/test_marginal_reference.py

audit: $(VENV)/.neotype-test ## attack private releases with 100,000 runs each instead of 4,000
	@NEOTYPE_AUDIT_RUNS=100000 $(BIN)/python -m pytest tests/test_dp_audit.py

check: $(VENV)/.neotype-dev ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/.neotype-test ## measure the numbers of benchmarks/results/ again
	$(BIN)/python -m benchmarks

clean: ## take the environment and the demo's output away
	rm -rf $(VENV) $(VENV)-reference out

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "neotype needs Python 3.11 or newer, and there is none on the PATH." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp for each set of packages, made anew when pyproject.toml changes.
$(VENV)/.neotype-run: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e .
	@touch $@

$(VENV)/.neotype-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	$(BIN)/python -m pip install --quiet -e '.[test,language]'
	@touch $@ $(VENV)/.neotype-run

$(VENV)/.neotype-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet '$(TORCH)'
	$(BIN)/python -m pip install --quiet -e '.[dev,language]'
	@touch $@ $(VENV)/.neotype-run $(VENV)/.neotype-test

$(VENV)-reference/.neotype: pyproject.toml
	$(PYTHON) -m venv $(VENV)-reference
	$(VENV)-reference/bin/python -m pip install --quiet -e '.[reference]'
	@touch $@

# The report's tests look at it in headless Chromium. Without one they are skipped, and say so.
browser:
	@if command -v chromium chromium-browser google-chrome >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else echo "no chromium here: the tests that look at the report are skipped"; fi

# Databases are tested on real servers, which the tests start themselves.
servers:
	@if [ -n "$$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] && [ -x /usr/sbin/mariadbd ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends postgresql mariadb-server >/dev/null; \
	else echo "no PostgreSQL or no MariaDB here: the tests that need them are skipped"; fi
