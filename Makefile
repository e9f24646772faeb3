# Needs python3 (>= 3.11, with venv) and make. Where uv is missing it is installed from PyPI into .tools/.
PYTHON ?= python3
SECONDS ?=
MINUTES ?= 60
JSON ?=
SCENARIOS ?=
TARGETS ?=
FROM ?=
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := $(UV) run --frozen --quiet
# uv takes a Python of its choice, or the one that is named here.
ifeq ($(origin PYTHON),command line)
export UV_PYTHON := $(PYTHON)
endif
# The tests start hundreds of processes: each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-programs test-browsers test-long fuzz audit check format bench performance soak samples screenshots clean

help: ## show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.tools/bin/uv:
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Headrace needs Python 3.11 or newer with venv: install it, or name it with make PYTHON=python3.12" >&2; exit 1; }
	@echo "installing uv into .tools/"
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip install --quiet --disable-pip-version-check uv

.venv: $(filter .tools/%,$(UV)) pyproject.toml uv.lock
	@echo "installing what Headrace needs into .venv/"
	@$(UV) sync --frozen --quiet
	@touch .venv

demo: .venv ## a broker, three producers and a client, all on this machine (SECONDS=20: no shell, a table at the end)
	@$(RUN) headrace demo $(if $(SECONDS),--seconds $(SECONDS))

test: .venv ## all tests but those of the next three
	$(RUN) pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not long" --ignore tests/interop --ignore tests/browsers

test-programs: .venv ## with ffmpeg, srt-live-transmit, GStreamer, tshark and aiortc (skipped where a program is missing)
	$(RUN) pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not long" tests/interop

test-browsers: .venv ## the pages and what they play, in Chromium, one after another: it wants the machine for itself
	$(RUN) pytest -m "not long" tests/browsers

test-long: .venv ## the long tests: real programs for many seconds, more seeds and variants; benches and Chromium one by one
	$(RUN) pytest -n 3 --dist loadfile --no-loadscope-reorder -m long --ignore tests/load --ignore tests/browsers
	$(RUN) pytest -m long tests/load tests/browsers

fuzz: .venv ## hostile input for every decoder and state machine, a minute each (SECONDS=10: shorter; TARGETS="packet tags": these)
	$(RUN) python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(TARGETS)

audit: .venv ## known holes in what Headrace stands on (asks PyPI for the packages of uv.lock)
	@$(UV) export --frozen --quiet --no-dev --no-emit-project --output-file .audit.txt
	@$(UV) tool run --quiet pip-audit --strict --require-hashes --disable-pip --requirement .audit.txt; code=$$?; rm -f .audit.txt; exit $$code

check: .venv ## format, lint, types, floor plan
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) mypy
	$(RUN) lint-imports

format: .venv ## format the code and mend what can be mended
	$(RUN) ruff format
	$(RUN) ruff check --fix

bench: .venv ## what everything costs on this machine, with baselines (SCENARIOS="send start": these alone; JSON=FILE: results)
	$(RUN) headrace bench $(SCENARIOS) $(if $(JSON),--json $(JSON))

performance: .venv ## docs/performance.md with its plots made anew (FROM=docs/performance/results.json: without measuring)
	$(RUN) headrace bench --docs docs $(if $(FROM),--from $(FROM))

soak: .venv ## a broker for an hour with 200 subscribers that come and go, and loss (MINUTES=3: shorter; JSON=FILE: results)
	$(RUN) python -m bench.soak --minutes $(MINUTES) $(if $(JSON),--json $(JSON))

screenshots: .venv ## the pictures of docs/images made anew (wants chromium)
	@$(RUN) python -m tests.screenshots docs/images

samples: .venv ## make samples/ anew
	$(RUN) python samples/make_samples.py

clean: ## remove what the other targets made
	rm -rf .venv .tools .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
