# What has no limit of time: `make soak`. Each step can be made alone, and skips, with a word about it, what the machine
# does not have. How long is up to the variables.

ROUNDS ?= 10
MODEL_STEPS ?= 100000000
STATES_DEPTH ?= 12
PREEMPTIONS ?= 3
FUZZ_SECONDS ?= 900
MUTANT_MODULES ?=

TOOLS := $(CURDIR)/target/tools
FUZZ_TARGETS = $(basename $(notdir $(wildcard core/fuzz/fuzz_targets/*.rs)))
# what a longer input shows a shorter one does, too, and much sooner: a model looks through plain lists at each step
FUZZ_LENGTH_checkpoint = 80
FUZZ_LENGTH_dispatcher = 2000
FUZZ_LENGTH_sequencer = 800
FUZZ_LENGTH_watermark = 400
SOAKS := soak-tests soak-model soak-states soak-loom soak-fuzz soak-miri soak-mutants

## To wear it out
.PHONY: soak $(SOAKS)
soak: $(SOAKS) ## all of these

soak-tests: setup ## the test suites over and over (ROUNDS=10), each round with other random input
	@for round in $$(seq $(ROUNDS)); do echo "round $$round of $(ROUNDS)"; \
		$(MAKE) test-rust test-py test-js; done

soak-model: ## the core against the naive models (MODEL_STEPS=100000000)
	INORDER_MODEL_STEPS=$(MODEL_STEPS) cargo test --release -q -p inorder --all-features --test model --test watermark

soak-states: ## every state that up to STATES_DEPTH=12 commands can reach, and goes on where it ended (target/tmp)
	INORDER_EXHAUSTIVE_DEPTH=$(STATES_DEPTH) cargo test --release -q -p inorder --test exhaustive -- --ignored --nocapture

soak-loom: ## every interleaving with so many switches that no thread asked for (PREEMPTIONS=3)
	LOOM_MAX_PREEMPTIONS=$(PREEMPTIONS) RUSTFLAGS='--cfg inorder_loom' \
		cargo test --release -q -p inorder --lib --target-dir target/loom -- interleavings --nocapture

soak-fuzz: ## every fuzz target (FUZZ_SECONDS=900 each), where there is a nightly compiler
	@if rustup toolchain list 2>/dev/null | grep -q '^nightly'; then \
		test -x $(TOOLS)/bin/cargo-fuzz || cargo install -q --locked --root $(TOOLS) cargo-fuzz --version 0.13.2; \
		for run in $(foreach target,$(FUZZ_TARGETS),$(target):$(or $(FUZZ_LENGTH_$(target)),1000)); do \
			(cd core && PATH=$(TOOLS)/bin:$$PATH cargo +nightly fuzz run $${run%:*} -- \
				-max_len=$${run#*:} -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1) || exit 1; \
		done; \
	else echo 'there is no nightly compiler: fuzzing is skipped'; fi

# the others of core/tests take hours there, or a file of their own
MIRI_TESTS := vectors halts hostile keys
# where a destructor panics, the compiler leaks what was to be returned (rust-lang/rust#47949)
MIRI_TESTS_THAT_LEAK := hostile_effects
MIRI_FLAGS := -Zmiri-strict-provenance -Zmiri-disable-isolation
MIRI := cargo +nightly miri test -q -p inorder --target-dir target/miri
soak-miri: ## tests of core and driver in an interpreter that sees undefined behaviour, where it is installed
	@if rustup component list --toolchain nightly --installed 2>/dev/null | grep -q '^miri'; then \
		MIRIFLAGS='$(MIRI_FLAGS)' $(MIRI) --lib $(addprefix --test ,$(MIRI_TESTS)) && \
		MIRIFLAGS='$(MIRI_FLAGS) -Zmiri-ignore-leaks' $(MIRI) $(addprefix --test ,$(MIRI_TESTS_THAT_LEAK)); \
	else echo 'rustup component add --toolchain nightly miri rust-src: Miri is not installed, and skipped'; fi

soak-mutants: ## breaks the core in every way there is, and goes on where it ended (MUTANT_MODULES="retry driver/wake.rs")
	@test -x $(TOOLS)/bin/cargo-mutants || cargo install -q --locked --root $(TOOLS) cargo-mutants --version 26.0.0
	$(PYTHON) mk/mutants.py $(TOOLS) $(MUTANT_MODULES)
