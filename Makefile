# Everything runs in .venv, which is made when it is first needed. pip installs from whatever index it is configured for.
VENV := .venv
PYTHON ?= python3
WORKERS ?= 2

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt
DEPENDENCIES := $(BIN)/python setup.cfg setup.py constraints.txt
SOURCES := rcd_ros tests launch setup.py
comma := ,
# Genuine ROS 2 from wheels, where none is sourced. A sourced one is used as it is: its Python must be $(PYTHON).
ROS := $(if $(shell $(PYTHON) -c 'import rclpy' 2>/dev/null && echo sourced),,$(comma)ros)

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast battery coverage lint resolve docs format clean

help: ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.demo ## Watch the shipped planner drive the simulated arm (results in runs/).
	@$(BIN)/rcd demo

# No plug-ins but those that pyproject.toml names. One thread per process: the workers share the cores.
PYTEST := PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --max-worker-restart 0

test: $(VENV)/.dev ## Run all tests.
	@$(PYTEST)

test-fast: $(VENV)/.dev ## Run the quick tests: no training, no nodes, no other processes (about a minute).
	@$(PYTEST) -m 'not slow and not processes'

battery: $(VENV)/.dev ## Try bad values on every option of every command (some minutes); CALLS=2000 SEED=1 draw a part.
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.cli.battery --seed $(or $(SEED),0) $(if $(CALLS),--calls $(CALLS))

# Without the tests of processes: tracing them slows nodes down, and what they cover is mostly the nodes' glue.
coverage: $(VENV)/.dev ## Tell which lines and branches no test runs (tests that start processes left out).
	@$(PYTEST) -m 'not processes' -p pytest_cov --cov --cov-report=term --cov-report=xml:build/coverage.xml

lint: $(VENV)/.dev ## Check style, formatting, types and the order of the packages.
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports

resolve: $(VENV)/.dev ## Check that the pinned versions can be installed under every Python that is supported.
	@for version in 3.10 3.11 3.12 3.13; do echo "resolving for Python $$version ..."; \
		$(BIN)/uv pip compile --quiet --python-version $$version --constraint constraints.txt \
			--extra sim --extra train --extra test --extra dev --extra docs --extra data --extra view --extra ros setup.cfg --output-file /dev/null || exit 1; done

docs: $(VENV)/.docs ## Build the documentation into build/docs; no network is used.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	@echo "Open build/docs/index.html"

format: $(VENV)/.dev ## Format the code and sort its imports.
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

clean: ## Remove .venv, caches and build products (runs/ stays).
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no '$(PYTHON)': install Python (Debian, Ubuntu: apt install python3 python3-venv)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "rcd_ros runs on Python 3.10 to 3.13; name one of them: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make a virtual environment: apt install python3-venv, then run make again." >&2; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(DEPENDENCIES)
	@echo "Installing the robot's part and the simulator into $(VENV) ..."
	@$(INSTALL) --editable '.[sim$(ROS)]'
	@touch $@

$(VENV)/.dev: $(DEPENDENCIES)
	@echo "Installing everything (PyTorch included; this takes minutes the first time) into $(VENV) ..."
	@$(INSTALL) --editable '.[sim,train,data,view,test,dev$(ROS)]'
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: $(DEPENDENCIES)
	@echo "Installing what builds the documentation into $(VENV) ..."
	@$(INSTALL) --editable '.[docs]'
	@touch $@
