.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench fuzz fuzz-bundle mutation kills learn learn-seeds sbom audit results clean

PYTHON ?= python3.11 python3.10
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile

setup: $(STAMP) ## Install everything into .venv (PYTHON=... picks a new one's interpreter)

demo: $(STAMP) ## Demonstrations, training, evaluation, export, controller run, report; into runs/demo
	$(BIN)/robocell demo --out runs/demo

# One thread for each of the two workers: more would only wait for each other.
test: $(STAMP) ## Run the fast tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m "not slow"

fuzz-bundle: $(STAMP) ## Load a hundred thousand mutated bundles; kill the store five hundred times
	OMP_NUM_THREADS=1 $(BIN)/python tests/controller/hostile_bundles.py 34000
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow -rP tests/controller/rollout/test_store.py

learn: $(STAMP) ## Run the slow tests: does training still learn?
	$(BIN)/pytest -m slow

learn-seeds: $(STAMP) ## Train five seeds in both cells until 99 % are certified: how long does it take?
	OMP_NUM_THREADS=1 $(BIN)/robocell study time_to_99

fuzz: $(STAMP) ## Drive the guard with ten million hostile ticks and hostile policies, and search for the worst ones
	OMP_NUM_THREADS=1 $(BIN)/python tests/controller/adversaries.py 10000000
	OMP_NUM_THREADS=1 $(BIN)/pytest -m slow tests/controller/guard/test_fuzz.py tests/controller/rollout/test_hostile_policies.py

# mutmut wants the package beside the tests; it looks into functions only, so the state table has its own test.
mutation: $(STAMP) ## Break the safety kernel and its neighbours in every small way: do the tests notice?
	rm -rf build/mutation && mkdir -p build/mutation/tests
	cp -r pyproject.toml controller/robocell_controller build/mutation
	cp -r tests/controller build/mutation/tests
	cd build/mutation && OMP_NUM_THREADS=1 $(CURDIR)/$(BIN)/mutmut run && $(CURDIR)/$(BIN)/mutmut results

lint: $(STAMP) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Rewrite the code in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## Measure speed, processes and memory, against other arms and the cells' own physics
	OMP_NUM_THREADS=1 $(BIN)/robocell bench env

sbom: $(STAMP) ## Write the bill of materials (CycloneDX) of what is installed: dist/robocell.cdx.json
	$(BIN)/robocell sbom

# In an environment of its own, so that its needs never mix with the pinned versions that it looks at.
# Strict: a version that the database does not answer for fails the audit; without it that would pass as no finding.
audit: ## Ask the advisory database about every pinned version (pip-audit; needs the network)
	$(firstword $(PYTHON)) -m venv $(VENV)-audit
	$(VENV)-audit/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	$(VENV)-audit/bin/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

kills: $(STAMP) ## Kill or halt a process in each of 1000 runs in real time: does the arm stop, is the log whole?
	$(BIN)/robocell bench kills

results: $(STAMP) ## Make the tables and plots again from results/*.json
	$(BIN)/robocell results

clean: ## Remove build products and caches; keeps .venv and runs
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find controller envs agents configs tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# An install that was cut short leaves `.unfinished` behind, and the next call starts over.
# PyBullet comes as a wheel (x86-64 Linux, Python 3.10 and 3.11) or not at all: its source build is long.
$(STAMP): pyproject.toml constraints.txt
	@test ! -e $(VENV)/.unfinished && $(BIN)/python -c '$(SUPPORTED); import pip' 2>/dev/null || { $(CREATE_VENV); }
	@touch $(VENV)/.unfinished
	@rm -rf robocell.egg-info  # of an older layout; Python finds it first in this folder
	$(BIN)/python -m pip install --disable-pip-version-check --only-binary pybullet -c constraints.txt -e ".[dev]"
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps -c constraints.txt $(ZOO)
	@mv $(VENV)/.unfinished $@

# RL Zoo and what its trainings import; all that it asks for (for movies, for tables) would bring older versions of others.
ZOO := rl_zoo3 sb3-team-hf-integration huggingface_hub httpx2 httpcore2 h11 idna truststore wasabi

SUPPORTED := import sys; assert (3, 10) <= sys.version_info < (3, 12)

# Each candidate is run, not just looked up: version managers leave shims that fail when called.
define CREATE_VENV
for python in $(PYTHON); do \
    if "$$python" -c '$(SUPPORTED); import ensurepip, venv' 2>/dev/null; then "$$python" -m venv --clear $(VENV); exit; fi; \
done; \
if test "$(origin PYTHON)" = file && uv --version >/dev/null 2>&1; then \
    rm -rf $(VENV) && uv venv --seed --python 3.11 $(VENV); exit; \
fi; \
echo "robocell needs Python 3.11 or 3.10 with its venv module (tried: $(PYTHON)):" \
    "install one, on Debian 'apt install python3.11 python3.11-venv', or install uv, which fetches one." >&2; exit 1
endef
