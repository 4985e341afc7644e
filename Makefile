# What people type. Each target is one line of intent; the work is in the `stoa` command and the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
NAME ?=
# Tests mostly wait, so there are more workers than cores.
WORKERS ?= 3
# Modules are compiled once for all programs and workers, also where somebody's shell forbids Python to keep that.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup up test check format bench lock clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stoa needs Python 3.11 or newer; try make PYTHON=python3.12")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)  # also a half-made one
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements-uv.lock requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q contracts invalidation edge_renderer origin standalone loadtest  # starts are quick
	@touch $@

up: setup
	@exec $(BIN)/stoa up $(ARGS)

test: setup
	@$(BIN)/python -m tests.browser.install
	$(BIN)/python -m pytest -m alone $(ARGS)  # first, for it compiles the tests for the workers too
	$(BIN)/python -m pytest -n $(WORKERS) --max-worker-restart 0 -m "not alone" $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	@$(BIN)/stoa bench $(NAME) $(ARGS)

lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV)
