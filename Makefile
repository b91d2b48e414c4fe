# make demo    sets everything up and shows hozon at work
# make test    sets everything up and runs every test, Rust and Python
# make test-page   opens the page of a notebook in the system's Chromium (needs Node.js too)
# make lint    formats, lints and types, checked
# make bench   measures, beside joblib and diskcache (an optimized build)
# make oracle  random edits of programs, generated and real, with the cache and without: EDITS=5000 SEED=1
# make oracle-notebooks   the same with notebooks: EDITS=2000 SEED=1
# make rules   switches each rule of keys, traces and effects off, and names any that no test guards
# make bench-watching   what a first run costs beside one without hozon
# make bench-notebooks  what a notebook takes of which nothing is stale (an optimized build)
# make published        notebooks that people published, by their own tools and by hozon (downloads 100 MB): ONLY=text
# make setup   the virtual environment in .venv, with hozon built and installed in it
#
# Needs Rust, Python 3.11 or later with pip, and make. PYTHON names the Python to use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Wheel, tests and lint share one profile, so that every crate is compiled once.
PROFILE := fast
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export CARGO_TERM_PROGRESS_WHEN := never

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
MATURIN := VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin
BUILD := --quiet --locked --profile $(PROFILE)

# maturin tells pyo3 about Python by a file; with another one, cargo would build all that stands on pyo3 again.
AS_BUILT = export PYO3_CONFIG_FILE="$$(ls $(CURDIR)/target/maturin/pyo3-config-*.txt)"

.PHONY: setup demo test test-rust test-python test-page lint bench bench-watching bench-notebooks oracle oracle-notebooks rules published clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n '1,/^$$/p'

$(VENV)/installed: requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) "$$(grep '^maturin==' requirements-dev.txt)"
	# The compiler and the installation of the rest take minutes each, and a core each.
	$(PIP) --requirement requirements-dev.txt & installing=$$!; \
	$(MATURIN) build $(BUILD) --auditwheel skip --out target/wheels; built=$$?; \
	wait $$installing && exit $$built
	touch $@

# cargo finds out by itself what has to be built again; the Python files are used where they stand.
setup: $(VENV)/installed
	$(MATURIN) develop $(BUILD)
	@# Where Python is told to write no bytecode, as in many tests, each process would compile hozon anew.
	@$(BIN)/python -m compileall -q python/hozon

demo: setup
	$(BIN)/python examples/demo.py

test: test-rust test-python

test-rust: setup
	@$(AS_BUILT); if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --locked --workspace --cargo-profile $(PROFILE); \
	else \
		set -x; cargo test --locked --workspace --profile $(PROFILE) --quiet; \
	fi

test-python: setup
	$(BIN)/python -m pytest -n 2

# Not a part of `test`: it takes a browser, which is large. CHROMIUM names the one to use.
CHROMIUM ?= $(firstword $(shell command -v chromium chromium-browser google-chrome))
test-page:
	@command -v npm >/dev/null || { echo "make test-page: npm is missing (apt-get install npm)" >&2; exit 1; }
	@test -x "$(CHROMIUM)" || { echo "make test-page: Chromium is missing (apt-get install chromium)" >&2; exit 1; }
	cargo build --locked --package hozon-cli --example page --profile $(PROFILE)
	cd web && npm ci --ignore-scripts && CHROMIUM="$(CHROMIUM)" npx playwright test

lint: setup
	cargo fmt --all --check
	$(AS_BUILT); cargo clippy --locked --workspace --all-targets --profile $(PROFILE) -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed
	$(MATURIN) develop --quiet --locked --release
	$(BIN)/python benches/compare.py

bench-watching: $(VENV)/installed
	$(MATURIN) develop --quiet --locked --release
	$(BIN)/python benches/watching.py

bench-notebooks: $(VENV)/installed
	$(MATURIN) develop --quiet --locked --release
	$(BIN)/python benches/notebooks.py

EDITS := 5000
SEED := 1
oracle: setup
	$(BIN)/python tests/oracle/run.py --edits $(EDITS) --seed $(SEED)

oracle-notebooks: setup
	$(BIN)/python tests/oracle/run_notebooks.py --edits $(EDITS) --seed $(SEED)

ONLY :=
rules: setup
	$(BIN)/python tests/rules/mutations.py --only "$(ONLY)"

# What the notebooks import is no part of `setup`: it is much.
published: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement tests/published/requirements.txt
	$(BIN)/python tests/published/run.py --only "$(ONLY)"

clean:
	rm -rf $(VENV) target .published web/node_modules web/results .hozon .pytest_cache .ruff_cache .mypy_cache
