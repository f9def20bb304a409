# make run | test | lint | bench | check | lock | clean.   Needs Python >= 3.11 with venv, and nothing else.
PYTHON ?= python3
CONFIG ?= config/b2bua.yaml
JOBS   ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
# uv installs in seconds what pip installs in half a minute; where it cannot reach its packages (an index known to pip alone), pip does it.
UV     := UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 $(BIN)/uv pip --quiet
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help install media run check test lint bench lock tools clean
.DELETE_ON_ERROR:

help:
	@echo "make run    install into $(VENV) and start the server on $(CONFIG)"
	@echo "make check  validate $(CONFIG) and its directory"
	@echo "make test   install what the tests need and run them all (make test ARGS='-k fork')"
	@echo "make lint   ruff, mypy --strict, the import rules"
	@echo "make bench  CPU ms per call, calls/s, KiB per call (BENCH='--quick' for a short one)"
	@echo "make lock   resolve pyproject.toml again into requirements/*.txt"

# Each stamp is newer than what it was made from, so a second `make run` starts at once.
$(VENV)/.uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.runtime: $(VENV)/.uv requirements/runtime.txt pyproject.toml
	$(UV) install --python $(BIN)/python --require-hashes -r requirements/runtime.txt \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r requirements/runtime.txt
	$(UV) install --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime requirements/test.txt
	$(UV) install --python $(BIN)/python --require-hashes -r requirements/test.txt \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r requirements/test.txt
	@touch $@

# The media engine's C library. The compiler of the ziglang wheel (100 MB) is fetched only where there is none; without any the server
# runs all the same, and calls go direct.
$(VENV)/.media: $(VENV)/.runtime requirements/compiler.txt b2bua/media/build.py $(wildcard b2bua/media/native/*)
	@$(BIN)/python -m b2bua.media.build --compiler \
	  || { echo "no C compiler here: fetching one (100 MB)" && \
	       $(UV) install --python $(BIN)/python --require-hashes -r requirements/compiler.txt; } \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r requirements/compiler.txt \
	  || echo "no C compiler to be had" >&2
	@if $(BIN)/python -m b2bua.media.build; then touch $@; fi

install: $(VENV)/.runtime

media: $(VENV)/.media

run: $(VENV)/.media
	@exec $(BIN)/b2bua run --config $(CONFIG)

check: $(VENV)/.runtime
	@exec $(BIN)/b2bua check --config $(CONFIG)

tools:
	@tools/install_test_tools.sh

test: $(VENV)/.test $(VENV)/.media tools
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py

bench: $(VENV)/.media tools
	$(BIN)/python -m bench $(BENCH)

lock: $(VENV)/.uv
	$(LOCK) --upgrade requirements/uv.in -o requirements/uv.txt
	$(LOCK) --upgrade requirements/compiler.in -o requirements/compiler.txt
	$(LOCK) --upgrade pyproject.toml -o requirements/runtime.txt
	$(LOCK) --upgrade pyproject.toml --group test -c requirements/runtime.txt -o requirements/test.txt

clean:
	rm -rf $(VENV) b2bua/media/_native .pytest_cache .mypy_cache .ruff_cache .hypothesis
