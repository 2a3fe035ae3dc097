# Everything happens in .venv, which this makes; nothing else of the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BURSTS := tests/heavy/test_bursts.py
EXTRAS := $(addprefix tests/studio/test_,matte_model.py cutout.py voice.py narration.py)

.PHONY: demo test lint heavy bench clean

demo: $(VENV)/installed
	$(BIN)/reeldrop demo

# Four at a time: one after the other they take half an hour, most of which they wait for timers and processes.
test: lint
	$(BIN)/pytest -n 4

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What cuts people out and speaks is an extra: without it its tests are skipped. Bursts have the machine to themselves.
heavy: $(VENV)/installed-heavy $(VENV)/adk/installed
	$(BIN)/pytest -m 'not heavy' -n 2 $(EXTRAS)
	$(BIN)/pytest -m heavy -rs -n 2 --dist worksteal --ignore $(BURSTS)
	$(BIN)/pytest -m heavy -rs $(BURSTS)

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV)

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Reeldrop needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

$(VENV)/installed-heavy: $(VENV)/installed-test
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[browser,matte,voice]'
	touch $@

# google-adk holds watchdog below the version that Reeldrop gets.
$(VENV)/adk/installed: $(VENV)/installed
	$(PYTHON) -m venv $(VENV)/adk
	$(VENV)/adk/bin/pip install --quiet --disable-pip-version-check --editable '.[agent]'
	touch $@
