# The commands people type. Each one builds what it needs, in .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
APP    ?= examples.welcome:app
export PATH := $(abspath $(BIN)):$(PATH)  # cython-lint starts pycodestyle

SOURCES := setup.py pyproject.toml vendor/llhttp/SHA256SUMS \
           vendor/nghttp2/SHA256SUMS httpparser/http2/nghttp2_unit.c \
           $(shell find httpparser server -name '*.pyx' -o -name '*.pxd')

# Python 3.11: later versions trace lines through sys.monitoring, with which coverage.py does not
# support the Cython plugin.
TRACED_PYTHON ?= python3.11
TRACED_VENV   := .venv-coverage
TSAN_VENV     := .venv-tsan

.PHONY: help build serve test lint docs fuzz asan tsan coverage-cython soak bench \
        bench-quick bench-guard bench-wheel wheel release-check clean

help:
	@echo "make serve | test | lint | docs | fuzz | asan | tsan | coverage-cython | soak"
	@echo "make bench | bench-quick | bench-guard | bench-wheel | wheel | release-check | clean"

$(BIN)/python:
	@echo "Creating a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 ...")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'

$(VENV)/built: $(BIN)/python $(SOURCES)
	@echo "Compiling httpparser and fastserve on $$(getconf _NPROCESSORS_ONLN) cores" \
		"(the first time fetches llhttp and nghttp2 and takes about a minute)"
	@start=$$(date +%s) && $(BIN)/python -m pip install -qq --editable . && \
		echo "Compiled in $$(($$(date +%s) - start)) s"
	@touch $@

$(VENV)/with-%: $(VENV)/built pyproject.toml
	@# Where a package has no wheel for this Python, the others are installed without it.
	@$(BIN)/python -m pip install --quiet --group $* || $(BIN)/python tests/install.py $*
	@touch $@

build: $(VENV)/built

serve: build
	$(BIN)/fastserve $(APP)

# Two processes, a file at a time: with more the tests of deadlines would disturb each other.
test: build $(VENV)/with-test
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)
	$(BIN)/python -m benchmarks.guard --allow-missing

lint: build $(VENV)/with-test $(VENV)/with-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/cython-lint httpparser server
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tests/stubtest.txt \
		httpparser fastserve.asgi fastserve.http1 fastserve.http2 fastserve.websocket

# The site, in site/index.html. A warning, such as a link that leads nowhere, is an error.
docs: build $(VENV)/with-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "Written: site/index.html"

fuzz: build $(VENV)/with-test
	@$(BIN)/python -m pip install --quiet --group fuzz || echo "atheris cannot be installed here"
	$(BIN)/python tests/fuzz/campaign.py $(ARGS)

asan: build $(VENV)/with-test
	$(BIN)/python tests/builds/asan.py $(ARGS)
	$(BIN)/python tests/server/soak.py --seconds 120 --asan

# PYTHON must be built with ThreadSanitizer; then what it compiles is, too.
tsan:
	$(PYTHON) -m venv $(TSAN_VENV)
	$(TSAN_VENV)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(TSAN_VENV)/bin/python -m pip install --quiet --group tsan
	$(TSAN_VENV)/bin/python tests/builds/tsan.py $(ARGS)

coverage-cython:
	@command -v $(TRACED_PYTHON) >/dev/null || { echo "Python 3.11 is needed: make TRACED_PYTHON=/path/to/python3.11 coverage-cython"; exit 1; }
	$(TRACED_PYTHON) -m venv $(TRACED_VENV)
	$(TRACED_VENV)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(TRACED_VENV)/bin/python -m pip install --quiet --group test --group coverage uvloop click h11
	$(TRACED_VENV)/bin/python tests/builds/coverage_cython.py

soak: build $(VENV)/with-test
	$(BIN)/python tests/httpparser/soak.py 1000000
	$(BIN)/python tests/faults/driver.py --long
	$(BIN)/python tests/server/soak.py $(ARGS)

$(VENV)/with-peers: $(VENV)/built benchmarks/requirements.txt
	@# One by one: the tables leave out a peer that cannot be installed on this Python.
	@grep -v '^#' benchmarks/requirements.txt | while read -r peer; do \
		$(BIN)/python -m pip install --quiet "$$peer" || echo "not installed: $$peer"; done
	@touch $@

bench: build $(VENV)/with-peers
	$(BIN)/python -m benchmarks all $(ARGS)

bench-quick: build $(VENV)/with-peers
	$(BIN)/python -m benchmarks quick $(ARGS)

# The wheel in dist/, which `make wheel` leaves there, with the rivals beside it.
bench-wheel: build $(VENV)/with-peers
	rm -rf build/wheel
	$(BIN)/python -m pip install --quiet --no-deps --target build/wheel dist/*.whl
	PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/build/wheel:$(CURDIR) \
		$(BIN)/python -m benchmarks goals $(ARGS)

bench-guard: build
	$(BIN)/python -m benchmarks.guard $(ARGS)

# Neither needs what is compiled in place.
$(VENV)/with-release: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --group release
	@touch $@

wheel: $(VENV)/with-release
	$(BIN)/python release/archives.py $(ARGS)

release-check: $(VENV)/with-release
	$(BIN)/python release/check.py

clean:
	rm -rf build dist *.egg-info $(VENV) $(TRACED_VENV) $(TSAN_VENV) reports site
	find httpparser server \( -name '*.so' -o -name '__pycache__' \) -prune -exec rm -rf {} +
