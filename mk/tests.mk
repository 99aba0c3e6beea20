# The steps of `make check` and `make test`. Each can be made alone. Those that
# take long by themselves run again only when something they depend on changed.

## Single steps
.PHONY: $(CHECKS) test-loom no-std docs-rust docs-py readme examples package-py package-js minimum pythons
lint-paths: ## nothing committed names a path of one machine or a registry
	@mk/paths.sh

lint-length: ## no source file is over 600 lines
	@mk/length.sh

lint-rust: $(STAMPS)/venv ## rustfmt, clippy, lock file
	cargo fmt --all --check
	cargo metadata --locked --format-version 1 >/dev/null
	cargo clippy -q --workspace --all-targets --all-features -- -D warnings

lint-py: $(STAMPS)/venv ## ruff
	$(BIN)/ruff check -q --config bindings-py/pyproject.toml $(PY_LINTED)
	$(BIN)/ruff format -q --check --config bindings-py/pyproject.toml $(PY_LINTED)

lint-js: $(STAMPS)/npm ## biome
	cd bindings-js && npx biome check --error-on-warnings . ../examples/node

types-py: $(STAMPS)/wheel ## mypy, pyright, and the stub against the built module
	cd bindings-py && $(BIN)/mypy python/inorder
	cd bindings-py && $(BIN)/python -m mypy.stubtest inorder
	cd bindings-py && PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python python/inorder

types-js: bindings-js/dist/index.js ## tsc over the sources and the declarations
	cd bindings-js && npx tsc -p .

test-rust: ## the core and its driver: units, vectors, scenarios, documents
	cargo test -q -p inorder --all-features

test-loom: ## every interleaving of threads in the driver's wake set, promises and processors, up to a bound
	@mk/stamp.sh $@ core -- env RUSTFLAGS='--cfg inorder_loom' \
		cargo test -q -p inorder --lib --target-dir target/loom -- interleavings

test-py: $(STAMPS)/wheel ## pytest on the installed wheel
	cd bindings-py && $(BIN)/python -P -m pytest -q

test-js: bindings-js/dist/index.js ## node:test on the built package
	cd bindings-js && node --test --test-reporter=spec test/*.test.mjs

test-mk: $(STAMPS)/venv ## the scripts in mk/
	$(BIN)/python -P -m pytest -q -p no:asyncio -p no:cacheprovider tests/test_mk.py

# An example that is a workspace of its own: its core has no `std`.
BARE = cd examples/rust/bare_metal && CARGO_TARGET_DIR=$(CURDIR)/target/bare-metal cargo
BOARD := thumbv7em-none-eabihf
no-std: $(STAMPS)/target $(STAMPS)/board ## the core without its features, for wasm32, and linked for a microcontroller
	cargo check -q -p inorder --no-default-features
	cargo check -q -p inorder --no-default-features --target wasm32-unknown-unknown
	cargo check -q -p inorder --features tracing --target wasm32-unknown-unknown
	$(BARE) fmt --check
	$(BARE) test -q --locked
	$(BARE) build -q --locked --release --target $(BOARD)

docs-rust: ## cargo doc, warnings are errors
	RUSTDOCFLAGS='-D warnings' cargo doc -q -p inorder --all-features --no-deps

docs-py: $(STAMPS)/wheel ## pdoc
	$(BIN)/pdoc -o target/doc-py inorder

readme: $(STAMPS)/wheel bindings-js/dist/index.js ## the quick starts of the README files
	$(BIN)/python tests/readme.py

examples: $(STAMPS)/wheel bindings-js/dist/index.js ## every example in every language, and the demo on nasty input
	@mk/stamp.sh $@ core bindings-py bindings-js examples tests/document -- $(BIN)/python examples/check.py

package-py: $(STAMPS)/wheel ## the sdist and the wheel made from it, in an environment of their own
	@mk/stamp.sh $@ core bindings-py README.md LICENSE-APACHE LICENSE-MIT -- mk/package-py.sh $(BIN) $(PYTHON)

package-js: bindings-js/dist/index.js ## the packed package as others use it, and the module's imports
	cd bindings-js && node --test --test-reporter=spec packaging/*.test.mjs

minimum: ## rustc 1.85, where it is installed
	@if rustup toolchain list 2>/dev/null | grep -q '^1\.85'; then \
		cargo +1.85 check -q -p inorder -p inorder-js -p inorder-py --all-features --target-dir target/minimum; \
	else echo 'rustc 1.85 is not installed: skipped'; fi

pythons: $(STAMPS)/wheel ## the Python tests on other Pythons, where they are installed
	@mk/stamp.sh $@ core bindings-py examples/python tests -- mk/pythons.sh $(BIN) $(wildcard $(HOME)/.pyenv/versions/3.1[1-9]*/bin/python)
