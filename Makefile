# Fogbank. `make up` starts a region and shows it at work; `make test` proves it. Both do all set-up themselves.
# The distribution's Python first: it is built with profile-guided optimisation, which is worth a sixth of the time of a request.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11) $(shell command -v python3.11 || command -v python3))
VENV := .venv
BIN := $(VENV)/bin
DATA ?= $(CURDIR)/var/region
PORT ?= 4566
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help venv up down test check format bench lock coverage clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

venv: $(VENV)/.ready  ## the virtual environment, with every locked dependency

$(VENV)/.ready: requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fogbank needs Python 3.11 or newer (set PYTHON=...)"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) 2>/dev/null || { echo "installing python3-venv"; [ "$$(id -u)" = 0 ] \
	  && apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv --clear $(VENV); } \
	  || { echo "$(PYTHON) cannot make a virtual environment: install python3-venv, or set PYTHON=..."; exit 1; }
	@echo "installing the locked dependencies into $(VENV)"
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --require-hashes -r requirements/dev.lock
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

up: venv  ## start a region on this machine and take the tour; it goes on running
	@$(BIN)/fogbank status --data $(DATA) >/dev/null 2>&1 || $(BIN)/fogbank up --detach --data $(DATA) --port $(PORT)
	@$(BIN)/fogbank tour --data $(DATA)

down: venv  ## stop the region that `make up` started
	@$(BIN)/fogbank down --data $(DATA)

# What tests run against the region besides Python's own clients: a program and the Debian package that has it. Tests of one that is
# not there skip, and say so; here it is installed where that may be done.
PROGRAMS := restic:restic rclone:rclone s3cmd:s3cmd chromium:chromium aws:awscli

.PHONY: programs
programs:  ## install the programs that tests run, where apt and root are at hand
	@missing=$$(for each in $(PROGRAMS); do command -v $${each%%:*} >/dev/null || echo $${each##*:}; done); \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing" $$missing; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null \
	    || echo "not installed; their tests will skip"; \
	fi

test: venv programs  ## every test, the style and type checks among them
	@$(BIN)/pytest -n $(JOBS) --dist loadgroup tests

check: venv  ## style, types and architecture only
	@$(BIN)/ruff format --check src tests bench
	@$(BIN)/ruff check src tests bench
	@$(BIN)/mypy
	@$(BIN)/pytest tests/architecture

format: venv  ## put the code in form
	@$(BIN)/ruff format src tests bench
	@$(BIN)/ruff check --fix --quiet src tests bench

bench: venv  ## the benchmark, side by side with moto's server and MiniStack
	@$(BIN)/python bench/run.py

coverage: venv  ## write docs/coverage.md anew
	@$(BIN)/python -m fogbank.cli.coverage

lock: venv  ## lock the dependencies anew (hashes, no index addresses)
	@for name in run dev bench; do \
	  extra=$$( [ $$name = run ] || echo "--extra $$name" ); \
	  $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links \
	    --no-emit-trusted-host $$extra -o requirements/$$name.lock pyproject.toml || exit 1; done

clean:  ## remove what the other targets made, but not var/
	@rm -rf $(VENV) .venv-bench .mypy_cache .ruff_cache .hypothesis build dist
