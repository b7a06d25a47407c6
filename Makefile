# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ALL := $(VENV)/.installed-dev
ONCE ?=
PORT ?= 3000
TESTS ?=
JOBS ?= 2
FAULTS ?= 200

.DEFAULT_GOAL := help
.PHONY: help install demo steward kafka test chaos check format bench lock clean

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## .venv with `woonketen` and `woonketen-publish` in it

$(STAMP): requirements.lock pyproject.toml
	$(call fill,requirements.lock)
	@touch $@

# Everything: the scaled engine, the stewards' jobs, and what tests and checks need.
$(ALL): requirements-dev.lock pyproject.toml
	$(call fill,requirements-dev.lock)
	@touch $@ $(STAMP)

define fill
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Woonketen needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "installing into $(VENV) (versions and hashes from $(1))" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(1)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endef

demo: $(STAMP) ## play the five programmes and show what each party sees (ONCE=1: then end)
	@$(BIN)/python -m woonketen.orchestration.demo $(if $(ONCE),--once)

kafka: $(STAMP) ## a local Apache Kafka from Maven artefacts, in the foreground (data in .kafka; Ctrl-C stops it)
	@$(BIN)/python -m woonketen.orchestration.kafka

steward: $(ALL) ## the data stewards' jobs, assets and alerts in Dagster on this machine (PORT=3000)
	@$(BIN)/python -m woonketen.orchestration.steward --port $(PORT)

test: $(ALL) ## all tests
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(TESTS)

chaos: $(ALL) ## 200 faults on a real Kafka while a feed runs, and all stories on both engines (half an hour; FAULTS=n)
	WOONKETEN_TEST_FAULTS=$(FAULTS) WOONKETEN_TEST_STORIES=all $(BIN)/python -m pytest -o timeout=7200 \
	  tests/chaos/test_scaled.py tests/chaos/test_brokers.py tests/chaos/test_joining.py tests/journeys/test_engines.py

check: $(ALL) ## lint, format, types, import directions, unused dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

format: $(ALL) ## put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(ALL) ## the measurements, as ratios within one run
	$(BIN)/python tests/bench/bench.py
	$(BIN)/python tests/bench/quality.py
	$(BIN)/python tests/bench/scaled.py --events 200000

lock: ## solve the dependencies again (needs uv)
	$(SOLVE) --upgrade --all-extras -o requirements-dev.lock
	$(SOLVE) --extra build --extra platform --extra xlsx --extra portal --extra scaled -c requirements-dev.lock -o requirements.lock
	$(SOLVE) --extra build --extra platform --extra xlsx --extra portal --extra scaled --extra stewardship -c requirements-dev.lock -o requirements-scaled.lock

SOLVE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
  --no-annotate

clean: ## stop the demo's database and remove what was made
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m woonketen.orchestration.demo --stop || true; fi
	rm -rf woonketen-data woonketen-data.* .kafka $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
