# make demo    sets everything up and shows hozon at work
# make test    sets everything up and runs every test, Rust and Python
# make test-page   opens the page of a notebook in the system's Chromium (needs Node.js too)
# make test-lab    looks at hozon's badges in JupyterLab and Notebook, in the same browser (downloads 60 MB)
# make test-marimo  marimo's editor with hozon in it, in Chromium (as test-page)
# make lint    formats, lints and types, checked
# make bench   measures, beside joblib, diskcache, marimo and others (an optimized build): ONLY=REGEX
# make oracle  random edits of programs, generated and real, with the cache and without: EDITS=5000 SEED=1
# make oracle-notebooks   the same with notebooks: EDITS=2000 SEED=1
# make test-workers   functions and blocks in workers of Dask, Ray, Spark and others (downloads 700 MB; Java for Spark)
# make test-shortcuts the tests of correctness with every fast path off, and with all of them forced (20 minutes)
# make test-forks     forks of a process whose threads use the store: FORKS=1000
# make soak    power cuts, kills, fuzzing, sixteen processes, each for so long, and what was counted: SECONDS=600
# make crash   the power cuts of one course again, as a failure tells: HOZON_SEED=17
# make fuzz    mutated bytes of every format: SECONDS=600
# make test-power   power cuts of a real ext4 image, and kills at calls of the system (root, strace, Linux): CUTS=300
# make damage  every bit-flip and truncation of a small store that the tests try a part of
# make rules   switches each rule of keys, traces and effects off, and names any that no test guards
# make bench-watching   what a first run costs beside one without hozon
# make bench-eviction   a year of use, simulated: what eviction saves beside other policies
# make bench-sharing    what is new of a value that was edited: whole blobs, pieces, compressed
# make bench-notebooks  what a notebook takes of which nothing is stale (an optimized build)
# make bench-scale      stores of up to 100 000 entries, 64 processes at once: SCALE="--entries 1000,1000000 --blobs 100"
# make bench-micro      instructions of each layer, beside those of the last release (needs valgrind; bench-micro-baseline keeps them)
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

# CI compiles with clippy, its findings as errors, so that nothing is compiled a second time to be linted.
ifdef BUILD_WITH_CLIPPY
export RUSTC_WORKSPACE_WRAPPER := clippy-driver
export CLIPPY_ARGS := -D__CLIPPY_HACKERY__warnings
CLIPPY := cargo build --quiet --locked --workspace --all-targets --profile $(PROFILE)
else
CLIPPY := cargo clippy --locked --workspace --all-targets --profile $(PROFILE) -- -D warnings
endif

# maturin tells pyo3 about Python by a file; with another one, cargo would build all that stands on pyo3 again.
AS_BUILT = export PYO3_CONFIG_FILE="$$(ls $(CURDIR)/target/maturin/pyo3-config-*.txt)"

.PHONY: setup demo test test-rust test-python test-page test-lab test-marimo lint bench bench-watching bench-eviction bench-sharing bench-notebooks oracle oracle-notebooks damage rules published \
	test-workers test-shortcuts test-forks browser clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n '1,/^$$/p'

# uv installs in a tenth of pip's time, and compiles nothing; pip is for where it cannot.
INSTALL = $(BIN)/uv pip install --quiet --native-tls --python $(BIN)/python
# Compiled once: what tests start would compile it anew each time, and all of these libraries take a minute.
IMPORTED := numpy, pandas, polars, pyarrow.dataset, pyarrow.parquet, scipy.sparse, sklearn.ensemble, \
	matplotlib.pyplot, IPython, ipykernel.kernelapp, nbclient, marimo, joblib.externals.loky, duckdb, \
	h5py, PIL.Image, diskcache, cloudpickle, coverage, pytest, xdist, sqlglot

$(VENV)/installed: requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) "$$(grep '^maturin==' requirements-dev.txt)"
	-$(PIP) --only-binary uv uv==0.13.9
	# The compiler and the installation of the rest take minutes each, and a core each.
	{ { $(INSTALL) --requirement requirements-dev.txt || $(PIP) --requirement requirements-dev.txt; } && \
		env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c "import $(IMPORTED)"; } & installing=$$!; \
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
test-page: browser
	cargo build --locked --package hozon-cli --example page --profile $(PROFILE)
	cd web && npm ci --ignore-scripts && CHROMIUM="$(CHROMIUM)" npx playwright test

# JupyterLab is no part of `setup`: it is much.
test-lab: browser setup
	$(PIP) --requirement tests/hosts/requirements-lab.txt
	cd web && npm ci --ignore-scripts && CHROMIUM="$(CHROMIUM)" PYTHON="$(CURDIR)/$(BIN)/python" \
		npx playwright test --config lab.config.js

test-marimo: browser setup
	cd web && npm ci --ignore-scripts && \
		MARIMO="$(CURDIR)/$(BIN)/marimo" CHROMIUM="$(CHROMIUM)" npx playwright test --config marimo

browser:
	@command -v npm >/dev/null || { echo "make: npm is missing (apt-get install npm)" >&2; exit 1; }
	@test -x "$(CHROMIUM)" || { echo "make: Chromium is missing (apt-get install chromium)" >&2; exit 1; }

lint: setup
	cargo fmt --all --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# Each uses one core for most of its time.
	$(BIN)/mypy & typing=$$!; \
	$(AS_BUILT); $(CLIPPY); linted=$$?; \
	wait $$typing && exit $$linted

bench: $(VENV)/installed
	$(PIP) --requirement benches/peers/requirements.txt
	$(MATURIN) develop --quiet --locked --release
	$(BIN)/python benches/peers/run.py --only "$(ONLY)"

bench-watching: $(VENV)/installed
	$(MATURIN) develop --quiet --locked --release
	$(BIN)/python benches/watching.py

bench-eviction: $(VENV)/installed
	$(BIN)/python benches/eviction.py

bench-sharing: setup
	$(PIP) --requirement benches/peers/requirements.txt
	$(BIN)/python benches/sharing.py

bench-notebooks: $(VENV)/installed
	$(MATURIN) develop --quiet --locked --release
	$(BIN)/python benches/notebooks.py

.PHONY: bench-scale bench-micro bench-micro-baseline
SCALE :=
bench-scale: $(VENV)/installed
	$(MATURIN) develop --quiet --locked --release
	$(BIN)/python benches/scale.py $(SCALE)

# CI counts in the profile that it has built anyway. The whole workspace, so that nothing is built with other features.
MICRO_PROFILE := release
bench-micro bench-micro-baseline:
	cargo build --quiet --locked --workspace --example micro --profile $(MICRO_PROFILE)
	@$(PYTHON) benches/micro/run.py target/$(MICRO_PROFILE)/examples/micro --profile $(MICRO_PROFILE) \
		$(if $(filter %-baseline,$@),--write)

EDITS := 5000
SEED := 1
oracle: setup
	$(BIN)/python tests/oracle/run.py --edits $(EDITS) --seed $(SEED)

oracle-notebooks: setup
	$(BIN)/python tests/oracle/run_notebooks.py --edits $(EDITS) --seed $(SEED)

# What the tests of these bars count, they print; they go on for SECONDS each where that is set.
SOAK := test(power::a_hundred_thousand) + test(kill_points::) + test(crowd::sixteen) + test(links::a_racer) + \
	test(ten_million_pairs) + test(mutated_bytes) + test(fifty_thousand) + test(no_file_of_another_length) + \
	test(failures::each_call)
COUNTED := cargo nextest run --locked --workspace --cargo-profile $(PROFILE) --success-output immediate --no-fail-fast
SECONDS := 600
CUTS := 30
.PHONY: soak crash fuzz test-power
soak: setup
	@$(AS_BUILT); SECONDS_OF_SOAK=$(SECONDS) $(COUNTED) -E '$(SOAK)' >target/soak.log 2>&1; ended=$$?; \
		grep -E 'FAIL|panicked|HOZON_SEED|Summary' target/soak.log; \
		sed -nE 's/^ *((bar [0-9]+|T[0-9]+): .*)/\1/p' target/soak.log | sort -V; exit $$ended

crash: setup
	@test -n "$(HOZON_SEED)" || { echo "make: which one? HOZON_SEED=17 make crash" >&2; exit 2; }
	@$(AS_BUILT); HOZON_SEED=$(HOZON_SEED) $(COUNTED) -E 'test(power::a_hundred_thousand)'

fuzz: setup
	@$(AS_BUILT); SECONDS_OF_SOAK=$(SECONDS) $(COUNTED) -E 'test(mutated_bytes)'

test-power: setup
	@$(AS_BUILT); CUTS=$(CUTS) $(COUNTED) --run-ignored only -E 'test(cuts_of_a_real_file_system) + test(a_kill_at_each_call_of_the_system)'

damage: setup
	HOZON_TESTS_ALL=1 $(BIN)/python -m pytest -n 2 tests/never_lost/test_damage.py

# Dask, Ray and Spark are no part of `setup`: they are much.
test-workers: setup
	$(PIP) --requirement tests/hosts/requirements.txt
	$(BIN)/python -m pytest -n 2 -rs tests/hosts

FORKS := 1000
test-shortcuts: setup
	for word in never always; do \
		HOZON_SHORTCUTS=$$word $(BIN)/python -m pytest -q -n auto \
			tests/never_stale tests/functions tests/blocks tests/never_lost tests/faithful || exit 1; \
	done

# An environment of its own: boto3 and what it brings are much.
.PHONY: test-tiers bench-serve
test-tiers: setup
	$(PYTHON) -m venv .tiers && .tiers/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement tests/tiers/requirements.txt
	@$(AS_BUILT); .tiers/bin/python tests/tiers/run.py \
		cargo test --locked --profile $(PROFILE) --package hozon-tier --test bucket -- --include-ignored
	HOZON_TEST_MOTO=$(CURDIR)/.tiers/bin/python $(BIN)/python -m pytest tests/tiers/test_bucket.py

CLIENTS := 64
LOAD_SECONDS := 10
bench-serve: $(VENV)/installed
	$(PIP) blake3
	$(MATURIN) develop --quiet --locked --release
	$(BIN)/python benches/serve/run.py --clients $(CLIENTS) --seconds $(LOAD_SECONDS)

test-forks: setup
	cd "$$(mktemp -d)" && touch pyproject.toml && \
		$(CURDIR)/$(BIN)/python -W ignore::DeprecationWarning $(CURDIR)/tests/hosts/forks.py $(FORKS)

ONLY :=
rules: setup
	$(BIN)/python tests/rules/mutations.py --only "$(ONLY)"

# What the notebooks import is no part of `setup`: it is much.
published: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement tests/published/requirements.txt
	$(BIN)/python tests/published/run.py --only "$(ONLY)"

clean:
	rm -rf $(VENV) .tiers target .published web/node_modules web/results .hozon .pytest_cache .ruff_cache .mypy_cache
