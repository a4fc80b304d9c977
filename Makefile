# Two commands on a fresh machine with Python 3.11 and make: `make search` and `make test`.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: search dashboard screenshots test check clean

search: $(INSTALLED)  ## a search on the embedded demo catalogue, within five minutes
	@$(BIN)/python tuning/search.py --dataset demo --trials 8

dashboard: $(INSTALLED)  ## look at the trials
	@$(BIN)/streamlit run dashboard/app.py

screenshots: $(INSTALLED)  ## the README's pictures, on a search of demo; needs Chromium
	@$(BIN)/python tests/dashboard/take_screenshots.py

test: check  ## everything CI runs
	$(BIN)/python -m pytest

check: $(INSTALLED)  ## style, types and import contracts
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,postgres]'
	@touch $@

clean:  ## remove the environment; data, results and models stay
	rm -rf $(VENV)
