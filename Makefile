# The targets a person types. Everything runs from .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Their tests must reach every line and branch (pyproject.toml, coverage).
PURE := tests/allocations tests/slurm_io
# Real parts are mostly waited for, so four processes keep two cores busy. What shares a real part stays in one, and
# the longest comes first (tests/spread.py).
PROCESSES := --numprocesses=4 --dist=loadfile --no-loadscope-reorder
# The whole as a person has it: the demo and `up` typed at a terminal, the UI in a browser, sites as the pages say from an
# empty machine, two clusters side by side. Slow for its many servers, pip and apt.
WALKS := tests/walks tests/integration tests/deployments/test_two_clusters.py
FAST := --numprocesses=2 --dist=loadfile
SIZE := S
LOCKED := --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
  --no-annotate --quiet

.PHONY: help demo up down test walks both check docs commands format bench bench-docs orders lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) scripts/make_venv.py .venv requirements.lock
	@touch $(READY)

demo: $(READY)  ## one order on a real SLURM cluster, to its usage in the marketplace; then everything stops
	@$(BIN)/cloudrock-slurm demo

up: $(READY)  ## the same, and it stays up: prints the address of its page
	@$(BIN)/cloudrock-slurm up

down: $(READY)  ## stop what `make up` started
	@$(BIN)/cloudrock-slurm down

test: $(READY)  ## every part of the program, on real parts (walks has the whole)
	@$(BIN)/python -m pytest $(PROCESSES) $(WALKS:%=--ignore=%)

walks: $(READY)  ## the whole as a person has it: demo, up, UI, the pages of install and docker-compose; two clusters; the wheel
	@$(BIN)/python -m pytest $(PROCESSES) $(WALKS)

both: $(READY)  ## every test of the SLURM door, on this host and in a container
	@$(BIN)/python -m pytest $(PROCESSES) --both-runners tests/slurm_io

check: $(READY)  ## format, lint, types, layers and the fast tests: before each commit
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q -m fast $(FAST) $(PURE) --cov=allocations --cov=slurm_io
	@$(BIN)/python -m pytest -q -m fast $(FAST) $(PURE:%=--ignore=%)

bench: $(READY)  ## a pull and a push beside bare commands and the old agents; SIZE=S (default), M or L
	@$(BIN)/python -m sandbox.bench --size $(SIZE)

bench-docs: $(READY)  ## tables and plot of docs/benchmarks.md anew, from the runs in docs/benchmarks
	@$(BIN)/python -m sandbox.bench.page

orders: $(READY)  ## docs/orders.md anew, from what the tests see
	@$(BIN)/python -m pytest -q tests/flows/test_matrix.py tests/flows/test_killed.py --write-orders --every-blow

docs: $(READY)  ## the pages as a site, in .sandbox/site; a warning, such as a broken link, fails
	@$(BIN)/zensical build --clean --strict

commands: $(READY)  ## docs/commands.md anew, from the commands' own help
	@$(BIN)/python -m pytest -q tests/test_commands_page.py --write-commands

format: $(READY)  ## let ruff format the tree
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

lock: $(READY)  ## write both locks and constraints.txt anew (versions and hashes, no addresses)
	$(BIN)/uv pip compile pyproject.toml --extra dev $(LOCKED) --upgrade -o requirements.lock
	echo hatchling | $(BIN)/uv pip compile pyproject.toml - $(LOCKED) --constraint requirements.lock -o requirements-service.lock
	python3 scripts/constraints.py requirements.lock constraints.txt

clean:  ## remove the virtual environment and the tools' caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
