# Every habit of this project as one command. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
STAMP := $(VENV)/.installed

COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

# Where it matters which Redis it is
REDIS_TESTS := tests/queue tests/local tests/kit/test_redis_client.py tests/worker/test_faults.py tests/cli/test_up.py

CLIENTS := tests/clients

.PHONY: help up console test test-redis smoke clients check fix bench race lock upgrade production schema reference pictures docs clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

up: $(STAMP) ## start everything on this machine and print the address (Ctrl-C stops it)
	@$(BIN)/python -m tools.console build || true  # the api runs without it, and says so at /console
	@exec $(BIN)/emprops up

console: $(STAMP) ## build the web console, with Node.js from PATH or PyPI
	@$(BIN)/python -m tools.console build

test: $(STAMP) console ## the whole suite, on real engines
	$(BIN)/python -m tools.console test
	$(BIN)/pytest -n 4 --dist loadfile

test-redis: $(STAMP) ## the part that depends on Redis; EMPROPS_REDIS_SERVER=redis-server: on the one on PATH
	$(BIN)/pytest -n 2 --dist loadfile $(REDIS_TESTS)

smoke: $(UV) ## build the wheel, and use it with every Python version that is here
	@.ci/smoke

clients: $(STAMP) $(UV) ## make clients in Python and TypeScript of the api, check and use them, and those of OpenAI's API (needs node and npm)
	@UV=$(UV) $(BIN)/python -m tools.clients

check: $(STAMP) ## ruff, the rules of docs/style.md, mypy, import-linter, drift; biome and tsc for the console
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/python -m tools.style
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/emprops db schema --check
	$(BIN)/python -m tools.reference --check
	$(BIN)/python -m tools.console check

fix: $(STAMP) ## format and apply safe lint fixes
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	$(BIN)/python -m tools.console fix

bench: $(STAMP) ## queue and whole-cycle benchmarks, each with a limit measured in the same run
	$(BIN)/python -m bench

race: $(STAMP) $(UV) ## run next to a home-made stack and BullMQ, which it installs into .tools/race (needs node and npm for BullMQ)
	$(BIN)/python -m bench.race

lock: $(UV) ## pin what pyproject.toml asks for, with hashes: requirements.lock, requirements-runtime.lock without tools, and those of make clients
	$(UV) $(COMPILE) --group dev $(UPGRADE) pyproject.toml -o requirements.lock
	$(UV) $(COMPILE) --no-annotate --constraint requirements.lock pyproject.toml -o requirements-runtime.lock
	$(UV) $(COMPILE) --no-annotate $(UPGRADE) $(CLIENTS)/requirements.in -o $(CLIENTS)/requirements.lock
	$(UV) $(COMPILE) --no-annotate $(UPGRADE) $(CLIENTS)/openai.in -o $(CLIENTS)/openai.lock

upgrade: UPGRADE := --upgrade
upgrade: lock ## the same, with the newest version of everything

schema: $(STAMP) ## regenerate migrations/schema.sql
	$(BIN)/emprops db schema

reference: $(STAMP) ## regenerate the reference pages in docs/reference
	$(BIN)/python -m tools.reference

pictures: $(STAMP) console ## make the pictures of the documentation again: the built-in engine's, and the console's
	$(BIN)/python -m tools.contact_sheet
	EMPROPS_PICTURES=docs/pictures $(BIN)/pytest -q tests/console/test_every_page.py

docs: $(STAMP) ## build the documentation site into ./site, failing on broken links
	$(BIN)/python -m tools.site

production: $(UV) ## install what runs into .venv, without development tools
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	@rm -f $(STAMP)
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements-runtime.lock
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps .

clean: ## remove the virtual environment (data in .emprops stays)
	rm -rf $(VENV) .tools console/node_modules

.tools/bin/uv:
	@echo "Installing uv, which installs the rest, into .tools"
	@$(PYTHON) -m venv .tools && .tools/bin/python -m pip install --quiet uv

$(STAMP): requirements.lock pyproject.toml | $(UV)
	@echo "Installing EmProps into $(VENV): $$(grep -c '==' requirements.lock) packages at most, about 250 MB the first time"
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	@$(UV) pip sync --python $(BIN)/python --require-hashes requirements.lock 2>&1 | grep --line-buffered -vE '^ [-+~] '; exit $${PIPESTATUS[0]}
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(STAMP)
	@echo "Installed."
