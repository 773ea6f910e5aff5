# `make demo` and `make test` need Python 3.11 or newer, git, make and a package index; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?=

.PHONY: help install demo test slurm check bench clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

install: $(VENV)/.installed  ## make .venv and install denoise into it

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "denoise needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name another: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,hub,tasks,crawl,cluster,detectors,tensorboard,trackio]'
	@touch $@

demo: $(VENV)/.installed  ## the default corpus, three objectives, one report; DEMO="--budget_tokens 500000" for less
	$(BIN)/denoise demo $(DEMO)

test: $(VENV)/.tested  ## lint, types and tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

slurm:  ## what the tests of grids on Slurm need besides, from Debian's packages; as root
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends slurm-wlm munge

clean:  ## remove the environment and what the demo made
	rm -rf $(VENV) runs data
