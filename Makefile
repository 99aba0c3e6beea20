# The only command surface: `make help` lists it. A target does its own set-up;
# stamps keep a second run from doing it again: those in .stamps/ are make's own,
# by time, those in target/stamps are of steps that passed, by content.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3.11
INPUT ?=
KEY ?=
# Hot paths matter more than five kilobytes.
WASM_OPT ?= -O3

VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
STAMPS := .stamps
# Maturin's own, so that it and cargo do not rebuild pyo3 in turns.
PY_TARGET := $(CURDIR)/target/py
export PYO3_PYTHON := $(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export CARGO_TERM_PROGRESS_WHEN := never
export npm_config_loglevel := error

# As it was typed: a regular expression may have dollars and quotes.
quoted = '$(subst ','\'',$(value $(1)))'
# With the folders, whose time tells that a file was removed.
files = $(shell find $(1) -not -name __pycache__ -not -path '*/__pycache__/*' -not -path '*/node_modules*' 2>/dev/null)
# As old as the build's beginning: what is changed while it runs is newer.
begin = @mkdir -p $(STAMPS) && touch $(STAMPS)/$(@F).began
finish = @mv $(STAMPS)/$(@F).began $@
CORE := Cargo.toml Cargo.lock core/Cargo.toml $(call files,core/src)
PY_SOURCES := $(CORE) bindings-py/Cargo.toml bindings-py/pyproject.toml bindings-py/README.md \
	$(call files,bindings-py/src bindings-py/python)
JS_SOURCES := $(CORE) $(call files,bindings-js/src bindings-js/js bindings-js/types bindings-js/packaging \
	bindings-js/scripts bindings-js/xtask) bindings-js/Cargo.toml bindings-js/package.json
PY_LINTED := bindings-py examples/python examples/input tests $(wildcard examples/*.py)

.PHONY: help
help: ## list what can be made
	@awk -F ':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## To see it
.PHONY: demo bench docs
demo: $(STAMPS)/wheel bindings-js/dist/index.js ## textbook and inorder side by side (INPUT=path KEY=word:N|field:a.b|regex:RE)
	@cargo build -q -p inorder --all-features --example demo --example thread_pool
	@$(BIN)/python examples/demo.py $(if $(INPUT),--input $(call quoted,INPUT)) $(if $(value KEY),--key $(call quoted,KEY))

bench: $(STAMPS)/wheel bindings-js/dist/index.js ## speed against what people use today, in three languages
	cargo run --release -q -p inorder-bench
	mk/instructions.sh
	$(BIN)/python bindings-py/bench/bench.py
	cd bindings-js && node bench/bench.mjs

docs: docs-rust docs-py ## the reference pages, into target/doc and target/doc-py

## To trust it
CHECKS := lint-paths lint-length lint-rust lint-py lint-js types-py types-js test-mk test-rust test-py test-js
.PHONY: check test
check: setup ## what every change must pass: format, lints, types, unit tests and scenarios (fast)
	+@mk/steps.sh check $(CHECKS)

test: setup ## the whole truth: check, packages as users get them, documents, other versions
	+@mk/steps.sh test $(CHECKS) test-loom no-std docs-rust docs-py readme examples package-py package-js minimum pythons

## What they are made of
.PHONY: setup wheel wasm fmt requirements clean
setup: $(STAMPS)/venv $(STAMPS)/npm $(STAMPS)/wheel bindings-js/dist/index.js ## all that the tests need
wheel: $(STAMPS)/wheel ## build the wheel and install it into .venv
wasm: bindings-js/dist/index.js ## build the npm package into bindings-js/dist

fmt: $(STAMPS)/venv $(STAMPS)/npm ## format all sources
	cargo fmt --all
	$(BIN)/ruff check -q --fix-only --config bindings-py/pyproject.toml $(PY_LINTED)
	$(BIN)/ruff format -q --config bindings-py/pyproject.toml $(PY_LINTED)
	cd bindings-js && npx biome check --write --log-level=warn . ../examples/node

requirements: ## pin what bindings-py/requirements.in asks for, with hashes
	$(PYTHON) -m venv target/uv && target/uv/bin/pip install -q uv==0.13.9
	cd bindings-py && ../target/uv/bin/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 requirements.in -o requirements.txt

clean: ## remove everything that was built or set up
	rm -rf target $(STAMPS) $(VENV) bindings-js/dist bindings-js/node_modules

$(STAMPS)/target:
	$(begin)
	rustup target add wasm32-unknown-unknown
	$(finish)

$(STAMPS)/board:
	$(begin)
	rustup target add $(BOARD)
	$(finish)

$(STAMPS)/venv: bindings-py/requirements.txt
	$(begin)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --require-hashes -r bindings-py/requirements.txt
	$(finish)

$(STAMPS)/npm: bindings-js/package-lock.json
	$(begin)
	cd bindings-js && npm ci
	$(finish)

$(STAMPS)/wheel: $(STAMPS)/venv $(PY_SOURCES)
	$(begin)
	rm -rf target/wheels/main
	CARGO_TARGET_DIR=$(PY_TARGET) $(BIN)/maturin build -q --release -m bindings-py/Cargo.toml -i $(BIN)/python -o target/wheels/main
	$(BIN)/pip install -q --force-reinstall --no-deps --no-index target/wheels/main/*.whl
	$(finish)

bindings-js/dist/index.js: $(STAMPS)/target $(STAMPS)/npm $(JS_SOURCES)
	$(begin)
	cd bindings-js && node scripts/build.mjs --opt=$(WASM_OPT)
	@touch -r $(STAMPS)/$(@F).began $@
	@mkdir -p examples/node/node_modules && ln -sfn ../../../bindings-js examples/node/node_modules/inorder

include mk/tests.mk
include mk/soak.mk
