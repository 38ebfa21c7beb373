# Everything is installed into .venv inside this checkout, from lists locked with hashes.
# Targets: serve, test, check, proof, bench, lock. ARGS="…" goes to the command, TIER="…" picks the tests.

PYTHON ?= python3
UV ?= $(firstword $(wildcard .venv/bin/uv) uv)
TIER ?= not proof and not ci
ARGS ?=

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

.PHONY: serve test check proof bench lock
.DELETE_ON_ERROR:

serve: .venv/.runtime
	$(BIN)/moorage serve $(ARGS)

test: .venv/.dev
	@$(BIN)/python -m pytest -m "$(TIER)" $(ARGS)

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@find . -name '*.py' -not -path './.*' -exec wc -l {} + | awk '$$2 != "total" && $$1 > 400 \
		{ print $$2 " has " $$1 " lines: split it, 400 are the most"; bad = 1 } END { exit bad }'

proof: .venv/.dev
	@$(BIN)/python -m pytest -m proof -s $(ARGS)

bench: .venv/.dev
	$(BIN)/python -m benchmarks $(ARGS)

# The build list is what an installation without build isolation needs; its versions follow the dev list.
lock:
	$(COMPILE) --upgrade pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) --upgrade pyproject.toml --group dev --constraint requirements/runtime.txt \
		--output-file requirements/dev.txt
	printf 'hatchling\neditables\n' | $(COMPILE) - --constraint requirements/dev.txt \
		--output-file requirements/build.txt

# The stamps make a second run do nothing, so that it needs no network.
.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo '$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: .venv/.created requirements/runtime.txt requirements/build.txt pyproject.toml
	$(INSTALL) --require-hashes -r requirements/runtime.txt
	$(INSTALL) --require-hashes -r requirements/build.txt
	$(INSTALL) --no-index --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.runtime requirements/dev.txt
	$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@
