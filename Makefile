# One recipe a job. Each makes what it needs first (scripts/bootstrap); the second run is quick.

TIME ?= 600
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
FUZZ_TARGETS = $(basename $(notdir $(wildcard rust/fuzz/fuzz_targets/*.rs)))
FUZZ_PYTHON = $(wildcard tests/fuzz/fuzz_*.py)

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint types bench fuzz format clean

help: ## list the jobs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## psql through the gateway, step by step; KEEP=1 leaves all running
	@scripts/bootstrap demo
	@$(PYTHON) -m hoopwire.testing.demo $(if $(filter 1,$(KEEP)),--keep)

test: ## every test: Rust, Python, end to end with real PostgreSQL
	@scripts/bootstrap test
	cargo test --workspace --quiet
	$(PYTEST) $(ARGS)

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
	$(PYTEST) tests/architecture

types: ## mypy --strict, and the engine's stub against the engine
	@scripts/bootstrap demo
	.venv/bin/mypy
	.venv/bin/stubtest --mypy-config-file pyproject.toml hoopwire._engine

bench: ## ratios against direct, a bare relay, PgBouncer and HAProxy
	@scripts/bootstrap bench
	$(PYTHON) benches/postgres.py $(ARGS)

fuzz: ## every fuzz target for TIME seconds each (600)
	@scripts/bootstrap fuzz
	@set -e; for target in $(FUZZ_TARGETS); do \
	  echo "== $$target, $(TIME) s"; \
	  cargo +nightly fuzz run --fuzz-dir rust/fuzz $$target -- -max_total_time=$(TIME) -print_final_stats=1; \
	done
	@set -e; for target in $(FUZZ_PYTHON); do echo "== $$target, $(TIME) s"; $(PYTHON) $$target -max_total_time=$(TIME); done

format: ## rewrite sources in the one style
	@scripts/bootstrap python
	.venv/bin/ruff check --fix-only --quiet .
	.venv/bin/ruff format .
	cargo fmt --all

clean: ## remove what was built here (not .venv)
	rm -rf .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-state benches/relay
	rm -f python/hoopwire/_engine*.so
	cargo clean --quiet
