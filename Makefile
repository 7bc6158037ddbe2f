# `make` alone lists the targets. Each is one line over scripts/, so that nothing can only be done through make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(PATH):$(HOME)/.cargo/bin
TARGET := $(or $(CARGO_TARGET_DIR),target)
URL ?= http://127.0.0.1:8080

.PHONY: help setup run test check load lesson browser release clean-data

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: ## Install what is missing for building, running and testing
	@scripts/setup.sh test

run: ## Build and start m4sh with a demo school, data in ./data (Ctrl-C stops it)
	@scripts/setup.sh run
	@cargo build --release --bin m4sh
	@M4SH_DEMO="$${M4SH_DEMO:-1}" M4SH_DATA_DIR="$${M4SH_DATA_DIR:-./data}" exec $(TARGET)/release/m4sh serve

test: ## Everything CI runs: format, lints, tests, Python client, browsers, k6
	@scripts/test.sh

check: ## Format, lints, circles of imports and dependencies only
	@cargo fmt --all --check
	@scripts/import_cycles.py
	@scripts/deny.sh
	@cargo clippy --workspace --all-targets -- -D warnings

load: ## A short load run against a server of its own, with a table at the end (ARGS="--only s2", more: loadtest/README.md)
	@scripts/setup.sh run
	@cargo build --release --workspace
	@$(TARGET)/release/m4sh-load suite --server $(TARGET)/release/m4sh --short $(ARGS)

lesson: ## A scripted lesson of a tutor and 30 pupils on a server of its own, killed in the middle; what each saw (ARGS="--pupils 60 --seconds 10")
	@scripts/setup.sh run
	@cargo build --release --workspace
	@$(TARGET)/release/m4sh-load lesson --server $(TARGET)/release/m4sh $(ARGS)

browser: ## Two pupils in real browsers against a running server (URL=http://127.0.0.1:8080)
	@scripts/setup.sh test
	@.venv/bin/python scripts/browser_check.py --url $(URL)

release: ## Build a stripped release with its symbols and checksums in target/dist (TARGET_TRIPLE=x86_64-unknown-linux-musl: static)
	@scripts/setup.sh run
	@scripts/release.sh $(TARGET_TRIPLE)

clean-data: ## Delete ./data: the demo school, every board and the private database
	@for file in $$(find data -name postmaster.pid 2>/dev/null); do \
	  if kill -0 "$$(head -n 1 "$$file")" 2>/dev/null; then echo "m4sh is running on ./data: stop it first" >&2; exit 1; fi; done
	@rm -rf data
