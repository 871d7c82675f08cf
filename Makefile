# Works with GNU make 3.81, which is what a Mac ships. Every target makes .venv if it is missing.

BIN := .venv/bin
READY := .venv/ready

.PHONY: demo run test test-slow lint bench clean

demo: $(READY)
	$(BIN)/smolwatch demo

run: $(READY)
	$(BIN)/smolwatch --home . run

test: $(READY)
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

test-slow: $(READY)
	$(BIN)/python -m pytest -q -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(READY)
	$(BIN)/smolwatch --home . bench

clean:
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(READY): pyproject.toml constraints.txt
	./.ci/make-venv
	touch $@
