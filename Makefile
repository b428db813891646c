# What a user types. Everything is built with the release profile: aws-lc-rs costs minutes for each further one, and
# what is tested is what ships.

SHELL := /bin/bash
.SHELLFLAGS := -e -u -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check tools build unit doctest demo-once compose-test bench fuzz

CARGO ?= cargo
ARGS ?=

# A line that can be found in a long log.
say = @printf '\n==> %s\n' "$(1)"

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

demo: ## Both doors on 127.0.0.1, requests as several people, one table; Ctrl-C ends it (ARGS=--once: exits by itself)
	$(CARGO) build --release --package e2e --package api-gateway --package edge-proxy --bins
	@$(CARGO) run --quiet --release --package e2e --bin demo -- $(ARGS)

# The tests are the last step, so that their summary is the last thing to be read.
test: tools check build doctest demo-once unit ## Everything that proves the project right, set-up included; needs no Docker
	$(call say,make test: everything has passed)

check: ## Format, lints, documentation
	$(call say,format)
	$(CARGO) fmt --all --check
	$(call say,lints)
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	$(call say,documentation)
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --release --workspace --no-deps

build: ## All programs
	$(call say,programs)
	$(CARGO) build --release --workspace --bins

# cargo-nextest runs every test in a process of its own and ends one that hangs; without it the standard runner does.
unit: build ## Unit tests, and end-to-end tests over real sockets
	$(call say,unit and end-to-end tests)
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	    $(CARGO) nextest run --release --workspace --no-fail-fast; \
	else \
	    $(CARGO) test --release --workspace --lib --bins --tests --no-fail-fast; \
	fi

doctest: ## The examples in the documentation
	$(call say,documentation tests)
	$(CARGO) test --release --workspace --doc

demo-once: build ## The demo, as a test
	$(call say,demo)
	$(CARGO) run --quiet --release --package e2e --bin demo -- --once

tools: ## Installs what the tests need beside Rust, or says how
	@.ci/tools

compose-test: ## The two nodes in real containers; needs a Docker Engine
	compose/test.sh

# Criterion has the last word: a `time:` line for each benchmark, then the memory that a load needs. How to read it:
# docs/performance.md. ARGS="consumers/again" picks some.
bench: ## Benchmarks of deciding and loading, some minutes; Criterion prints what it finds
	$(CARGO) bench --package api-gateway --bench decision --bench credentials --bench load -- $(ARGS)

# Each target for SECONDS_EACH; TARGETS=document is one of them. What is found stays in fuzz/artifacts/, what was learnt
# in fuzz/learnt/. The sanitizer needs the nightly switches of the compiler, which this lets the pinned one have.
SECONDS_EACH ?= 120
TARGETS ?= $(shell sed -n '/^\[\[bin\]\]/,/^name/s/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml)

fuzz: ## Fuzzes every target for two minutes (SECONDS_EACH=600, TARGETS=document); installs cargo-fuzz
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	@for target in $(TARGETS); do \
	    printf '\n==> fuzz %s\n' "$$target"; \
	    mkdir -p "fuzz/learnt/$$target"; \
	    RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run "$$target" "fuzz/learnt/$$target" "fuzz/corpus/$$target" -- \
	        -max_total_time=$(SECONDS_EACH) -timeout=20 -rss_limit_mb=1536 -max_len=16384 -print_final_stats=1; \
	done
