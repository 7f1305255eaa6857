# One recipe a job. Each makes what it needs first (scripts/bootstrap); the second run is quick.

TIME ?= 600
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
# Side by side, each file as a whole: most tests wait for servers and clients.
PYTEST_ALL := $(PYTEST) -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
FUZZ_TARGETS = $(basename $(notdir $(wildcard rust/fuzz/fuzz_targets/*.rs)))
FUZZ_PYTHON = $(wildcard tests/fuzz/fuzz_*.py)
VERSIONS ?= 16 17 18
COUNT ?= 100000
# What depends on the server's version.
VERSION_TESTS = tests/bypass $(patsubst %,tests/e2e/test_%.py,function_lists role_maker role_versions \
  ephemeral_role denial_state protocol_3_2 drivers no_false_refusals)

# Programs say the same in every country, and Python reads and writes UTF-8.
export LC_ALL := C.UTF-8

# What tests and benches share: tests/support.
export PYTHONPATH := $(CURDIR)/tests

# Where cargo can write, if it cannot do so in its usual place.
CARGO_PLACE := $(shell scripts/cargo-home)
ifneq ($(CARGO_PLACE),)
export CARGO_HOME := $(CARGO_PLACE)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-versions masks-oracle ssh-peers quick lint types bench bench-ssh bench-texts fuzz fresh wheel format clean

help: ## list the jobs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## psql through the gateway, step by step; KEEP=1 leaves all running
	@scripts/bootstrap demo
	@$(PYTHON) -m hoopwire.demo.tour $(if $(filter 1,$(KEEP)),--keep)

test: ## every test: Rust, Python, end to end with real PostgreSQL
	@scripts/bootstrap test
	cargo test --workspace --quiet
	$(PYTEST_ALL) $(ARGS)

test-versions: ## what depends on the server's version, against PostgreSQL 16, 17 and 18 (VERSIONS="13 18")
	@scripts/bootstrap test
	@set -e; for version in $(VERSIONS); do \
	  programs=$$($(PYTHON) scripts/fetch-postgres $$version); \
	  echo "== $$($$programs/postgres --version)"; \
	  HOOPWIRE_POSTGRES_BIN=$$programs $(PYTEST_ALL) $(VERSION_TESTS) $(ARGS); \
	done

masks-oracle: ## what lineage allows of masked columns against the server's own tree (VERSIONS="13 15 18" COUNT=100000)
	@scripts/bootstrap test
	@set -e; for version in $(VERSIONS); do \
	  HOOPWIRE_POSTGRES_BIN=$$($(PYTHON) scripts/fetch-postgres $$version) \
	    $(PYTHON) -m support.masks --count $(COUNT) $(ARGS); \
	done

ssh-peers: ## every SSH client with every SSH target through the gateway; the table goes into docs/protocols/ssh.md (minutes)
	@scripts/bootstrap test
	@scripts/ssh-peers
	$(PYTHON) -m support.ssh_peers --write $(ARGS)

quick: ## the tests that take seconds
	@scripts/bootstrap demo
	cargo test --workspace --quiet
	$(PYTEST) -m 'not slow' --ignore tests/e2e --ignore tests/bypass $(ARGS)

lint: ## ruff, rustfmt, clippy, and the walls between the rooms
	@scripts/bootstrap demo
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo clippy --workspace --example lineage --features hoopwire-postgres-sql/mutations --quiet -- -D warnings
	$(PYTEST) tests/architecture

types: ## mypy --strict, and the engine's stub against the engine
	@scripts/bootstrap demo
	.venv/bin/mypy
	.venv/bin/stubtest --mypy-config-file pyproject.toml hoopwire._engine

bench: ## ratios against direct, a bare relay, PgBouncer and HAProxy
	@scripts/bootstrap bench
	$(PYTHON) benches/postgres.py $(ARGS)

bench-ssh: ## bulk, keys and logins by ssh beside OpenSSH as a jump host
	@scripts/bootstrap bench
	$(PYTHON) benches/ssh.py $(ARGS)

bench-texts: ## time against length for every list of the grammar, and what one session's text costs another
	@scripts/bootstrap bench
	cargo bench --quiet -p hoopwire-postgres-policy --features testing --bench texts -- $(ARGS)
	$(PYTHON) benches/texts.py

fuzz: ## every fuzz target for TIME seconds each (600)
	@scripts/bootstrap fuzz
	@set -e; for target in $(FUZZ_TARGETS); do \
	  echo "== $$target, $(TIME) s"; \
	  cargo +nightly fuzz run --fuzz-dir rust/fuzz $$target -- -max_total_time=$(TIME) -print_final_stats=1; \
	done
	@set -e; for target in $(FUZZ_PYTHON); do echo "== $$target, $(TIME) s"; $(PYTHON) $$target -max_total_time=$(TIME); done

fresh: ## demo and tests on machines that have nothing: Debian bookworm and trixie, as root and as a plain user (an hour)
	@set -e; for release in bookworm trixie; do \
	  scripts/fresh-machine $$release $(ARGS); \
	  scripts/fresh-machine $$release --user $(ARGS); \
	done

wheel: ## an abi3 wheel in dist/, and the demo from it in an empty venv
	@scripts/bootstrap demo
	rm -rf dist
	.venv/bin/maturin build --release --quiet --out dist
	scripts/try-wheel dist/hoopwire-*.whl

format: ## rewrite sources in the one style
	@scripts/bootstrap python
	.venv/bin/ruff check --fix-only --quiet .
	.venv/bin/ruff format .
	cargo fmt --all

clean: ## remove what was built here (not .venv, nor a CARGO_TARGET_DIR that others may share)
	rm -rf .cache .pytest_cache dist .mypy_cache .ruff_cache .hypothesis demo-state benches/relay
	rm -f python/hoopwire/_engine*.so
	cargo clean --quiet --target-dir target
