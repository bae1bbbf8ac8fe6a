# Everything here works on a machine with nothing but Python 3.11+ and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Bumped by the lock, not by a clock: an install is redone only when what it installs changed.
STAMP  := $(VENV)/.installed

.PHONY: install demo run test check bench soak screenshots clean
.DEFAULT_GOAL := install

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "watchdeck needs Python 3.11 or newer: make PYTHON=python3.12 install" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: install            ## embedded NATS, simulated fleet, worker and deck; leaves nothing behind
	@$(BIN)/watchdeck demo $(ARGS)

run: install             ## the deck on the NATS of your environment
	@$(BIN)/watchdeck $(ARGS)

test: install            ## every test, from nothing; files side by side, since most of their time is waiting
	@$(BIN)/python -m pytest -n auto --maxprocesses=4 --dist=loadfile $(ARGS)

check: install           ## lint, types, and who may import whom
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: install           ## the figures of the README, each beside what it is compared with
	@$(BIN)/python -m pytest tests/bench -m bench -s $(ARGS)

soak: install            ## the long runs that `make test` leaves out
	@$(BIN)/python -m pytest -m soak $(ARGS)

screenshots: install     ## the pictures of the README, from the seeded demo
	@$(BIN)/python screenshots/make.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
