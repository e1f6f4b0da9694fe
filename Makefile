# The developer interface: make demo, test, check, bench, docs. `make help` says what each does.
# Python 3.11 or newer as python3 (or PYTHON=/path/to/python3.12) and GNU make are all that is needed to start.

PYTHON ?= python3
PYTEST_WORKERS ?= auto
PYTEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
LOCK_ARGS ?=

BIN := .venv/bin
# One environment. The demo needs only what the product needs; a development install serves it as well.
USER_READY := .venv/.ready-base
DEV_READY := .venv/.ready-dev
READY := $(if $(wildcard $(DEV_READY)),$(DEV_READY),$(USER_READY))
SETUP := scripts/setup pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help demo test check style types imports sizes pages bench docs lock clean

help: ## what can be made
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: $(READY) ## simulate two scenes, analyse them, show the reports beside the truth
	$(BIN)/vedette demo $(DEMO_ARGS)

test: $(DEV_READY) ## every test
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal $(PYTEST_ARGS)

check: style types imports sizes pages ## style, types, imports, sizes, generated pages

style: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_READY)
	MYPYPATH=tests $(BIN)/mypy --explicit-package-bases src tests benchmarks tools

imports: $(DEV_READY)
	$(BIN)/lint-imports

sizes: $(DEV_READY)
	$(BIN)/python tools/check_style.py

pages: $(DEV_READY)
	$(BIN)/python tools/reference.py --check

bench: $(DEV_READY) ## accuracy and speed, side by side with the usual recipe
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

docs: $(DEV_READY) ## write docs/reference anew
	$(BIN)/python tools/reference.py

lock: $(DEV_READY) ## pin the dependencies of pyproject.toml again (LOCK_ARGS=--upgrade: to their newest versions)
	scripts/lock $(LOCK_ARGS)

clean: ## remove the environment, caches and the demo's output
	rm -rf .venv demo .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(USER_READY): requirements/base.lock $(SETUP)
	PYTHON="$(PYTHON)" scripts/setup base

$(DEV_READY): requirements/dev.lock $(SETUP)
	PYTHON="$(PYTHON)" scripts/setup dev
