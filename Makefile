# Two commands: `make studio` opens the studio with the embedded model ready, `make test` proves it.

PYTHON ?= python3
ENV := .venv
BIN := $(ENV)/bin
# On every core, a file at a time. A browser and a model are given the machine to themselves.
QUICK := -m "not journey and not embedded" -n logical --dist loadfile

.PHONY: studio test check clean

# PORT=8600 opens it there; without it, at the first free one from 8501.
studio: $(ENV)/.has-studio
	@$(BIN)/character models pull
	@$(BIN)/character studio $(if $(PORT),--port $(PORT))

test: $(ENV)/.has-dev
	$(BIN)/python -m tests.audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/character models pull
	$(BIN)/python -m pytest $(QUICK)
	browser="$$($(BIN)/python -m tests.journeys.find_browser)" && \
	  CHARACTER_TEST_BROWSER="$$browser" $(BIN)/python -m pytest -m "journey or embedded"

# The quick half: no browser, no model.
check: $(ENV)/.has-dev
	$(BIN)/ruff check .
	$(BIN)/python -m pytest $(QUICK)

$(ENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; run: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Making a place for the packages: $(ENV), in this folder."
	@$(PYTHON) -m venv $(ENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip "setuptools>=78.1.1"

# The trainer too: a person who presses "Try it now" does not install packages.
$(ENV)/.has-studio: $(ENV)/bin/python pyproject.toml
	@echo "Installing the packages, once: one to five minutes. Nothing is printed meanwhile."
	@$(BIN)/python -m pip install --quiet --editable ".[local,train,together,eval]"
	@echo "Installed."
	@touch $@

$(ENV)/.has-dev: $(ENV)/bin/python pyproject.toml
	@echo "Installing the packages for tests, once: one to five minutes. Nothing is printed meanwhile."
	@$(BIN)/python -m pip install --quiet --editable ".[local,train,dev]"
	@touch $@

clean:
	rm -rf $(ENV) .pytest_cache .ruff_cache .hypothesis
