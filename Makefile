# The doors of the project for people and machines. `make demo` and `make test` need only Rust, Python 3.11
# and Java 17; .ci/bootstrap installs the rest and says what it does.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: demo build test test-kernel test-flink test-lab test-kills cases bench lint install

READY := source .ci/bootstrap
PREFIX ?= $(HOME)/.local

# The tour on embedded topics: interactive on a terminal, playing by itself without one.
demo:
	$(READY); cargo build --locked --workspace --bin millstream; "$$CARGO_TARGET_DIR/debug/millstream" demo

build:
	$(READY); cargo build --locked --workspace --bin millstream

# Format, lints, every test, then the program from outside.
test:
	.ci/test

# The Jupyter kernel alone: the public suite, what it leaves out, the notebooks. make test-kernel ONLY=suite
test-kernel:
	.ci/test-kernel $(ONLY)

# Exported jobs on a real Flink: the recorded cases in a JVM or two, one job on a cluster. make test-flink ONLY=cases
test-flink:
	.ci/test-flink $(ONLY)

# The kernel in a real JupyterLab in a browser without a screen; needs Debian's chromium.
test-lab:
	.ci/test-lab

# A job killed 200 times at random moments, three ways: make test-kills KILLS=200 SEED=7
test-kills:
	$(READY); KILLS="$${KILLS:-200}" SEED="$${SEED:-1}" cargo test --locked -p millstream-tests --test main -- --nocapture random_kills

# Any folder of cases in the format of the recorded ones: make cases CASES=folder
cases:
	$(READY); cargo run --quiet --locked --bin cases -- "$${CASES:?say which folder: make cases CASES=folder}"

# All benchmarks, or those named: make bench ONLY='peers operators' ROWS=200000
bench:
	.ci/bench $(ONLY)

lint:
	$(READY); cargo fmt --check; cargo clippy --locked --workspace --all-targets -- -D warnings

install:
	$(READY); cargo build --locked --workspace --bin millstream --bin millstream-kernel; \
	for program in "$$CARGO_TARGET_DIR"/debug/millstream{,-kernel} "$$(.ci/evaluator)"; do \
	  install -D -t "$(PREFIX)/bin" "$$program"; \
	  echo "installed $(PREFIX)/bin/$$program"; \
	done
