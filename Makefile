# Each target does its own set-up: `make demo` on a fresh clone is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out/hvm

.PHONY: demo test lint bench notebooks docs data clean
.DELETE_ON_ERROR:

demo: $(VENV)/.ready
	@$(BIN)/clustermap demo --out $(OUT)

test: $(VENV)/.ready-dev
	@$(BIN)/python -m pytest -n auto

lint: $(VENV)/.ready-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.ready-dev
	@for script in benchmarks/speed/[a-z]*.py benchmarks/accuracy/table.py benchmarks/accuracy/decoys.py benchmarks/accuracy/ground.py benchmarks/accuracy/real_fields.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

notebooks: $(VENV)/.ready-dev
	@$(BIN)/python notebooks/execute.py

docs: $(VENV)/.ready-dev
	@test -d out/notebooks || $(MAKE) -s notebooks
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs out/docs
	@echo "Open out/docs/index.html"

data: $(VENV)/.ready
	@$(BIN)/python boundaries/make_boundaries.py
	@$(BIN)/python firm_data/make_firms.py

clean:
	rm -rf $(VENV) out dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "clustermap needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 demo"; exit 2; }
	@echo "Making an environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || \
	  { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install -q pip; }

$(VENV)/.ready: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing clustermap and its libraries (once, a minute or two) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[figures]"
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	@echo "Installing the developers' tools (once) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@
