# Everything runs in .venv, with the versions of constraints.txt. On Windows without make: see README.md.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check
OUT ?= demo

.DEFAULT_GOAL := help
.PHONY: help demo setup test fuzz lint shape rules types contracts docs format check clean

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1	\2/'

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "fakescan needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# hatchling and editables first and no build isolation: the build, too, uses pinned versions only. rouge-score comes as
# source only, and needs setuptools for that.
$(VENV)/.runtime: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing the pinned dependencies into $(VENV): some minutes, most of them for PyTorch ..."
	$(PIP) install --quiet --quiet -c constraints.txt hatchling editables
	$(PIP) install --quiet --quiet -c constraints.txt --no-build-isolation -e '.[c2pa]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing the pinned dependencies and tools into $(VENV): some minutes, most of them for PyTorch ..."
	$(PIP) install --quiet --quiet -c constraints.txt hatchling editables setuptools
	$(PIP) install --quiet --quiet -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@ $(VENV)/.runtime

demo: $(VENV)/.runtime ## scan the sample pictures and write demo/report.html and demo/report.json
	@mkdir -p $(OUT)
	@status=0; $(BIN)/fakescan scan samples -o $(OUT)/report.html -o $(OUT)/report.json || status=$$?; \
	case $$status in \
	0) meaning="nothing found" ;; \
	1) meaning="AI-generated pictures found" ;; \
	3) meaning="some files could not be examined" ;; \
	*) exit $$status ;; \
	esac; \
	echo "The scan ended with exit code $$status: $$meaning."; \
	echo "Report: $$(cd $(OUT) && pwd)/report.html"

setup: $(VENV)/.dev ## make .venv with everything that development needs

JOBS ?= 2
test: $(VENV)/.dev ## run the tests, JOBS (2) files at once
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

SECONDS ?= 300
fuzz: $(VENV)/.dev ## feed the parsers of file bytes with damage for SECONDS (300)
	$(BIN)/python -m tests.support.fuzz_run $(SECONDS)

lint: shape rules types contracts ## formatting, lint, types, import contracts

shape: $(VENV)/.dev
	$(BIN)/ruff format --check .

rules: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.dev ## build the documentation site into build/site; a broken link fails
	$(BIN)/python -m sphinx -W --keep-going -q -b html -c docs -d build/doctrees . build/site

format: $(VENV)/.dev ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint docs test ## what CI runs

clean: ## remove .venv, caches and build results
	rm -rf $(VENV) build dist $(OUT) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
