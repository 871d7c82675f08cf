# Works with GNU make 3.81, the one that macOS ships. Every target but help and clean makes .venv if it is missing.

BIN := .venv/bin
READY := .venv/ready

.PHONY: demo run test test-slow lint format bench clean help

demo: $(READY) ## describe a dozen drawn pictures and clips with the demo model (the default)
	$(BIN)/smolwatch demo

run: $(READY) ## run the daemon with this checkout as home
	$(BIN)/smolwatch --home . run

test: $(READY) ## run the fast tests
	$(BIN)/python -m pytest -q -n 3 --dist worksteal -m "not slow"

test-slow: $(READY) ## run the tests that take minutes
	$(BIN)/python -m pytest -q -m slow

lint: $(READY) ## check style, types and the rules of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@find cli config daemon storage -name '*.py' -exec wc -l {} + | awk '$$1 > 300 && $$2 != "total" {print "warning: " $$2 " has " $$1 " lines; consider splitting it"}'

format: $(READY) ## format the code, sort imports and fix what can be fixed automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure the engine against transformers' generate (most of an hour on a small machine)
	$(BIN)/smolwatch --home . bench

clean: ## remove .venv and everything that tools leave behind
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

$(READY): pyproject.toml constraints.txt
	./.ci/make-venv
	touch $@
