# Everything sets itself up in .venv: Python 3.11 or newer, python3-venv and make are enough.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= out/demo

.PHONY: demo test twin lint notebooks bench samples clean

demo: .venv/core
	$(BIN)/gridkit demo --out $(OUT)

test: .venv/test
	$(BIN)/pytest -n auto

# The whole suite again without the compiled kernels (pages do not depend on them).
twin: .venv/test
	GRIDKIT_PLAIN=1 $(BIN)/pytest -q -n auto -m "not browser"

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

notebooks: .venv/dev
	$(BIN)/pytest --nbmake --nbmake-timeout=300 -p no:randomly -o addopts= notebooks

bench: .venv/dev
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

# Write data/sample_grids anew from the generator.
samples: .venv/core
	$(BIN)/python -c "import gridkit as gk; [gk.write_city(gk.make_city(size), f'data/sample_grids/{size}') for size in ('small', 'demo')]"

.venv/python:
	$(PYTHON) -m venv .venv
	touch $@

.venv/core: .venv/python pyproject.toml setup.py constraints.txt $(wildcard gridkit/_kernels/*.c)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/test: .venv/core
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

.venv/dev: .venv/test
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lint,notebooks,test]'
	touch $@

clean:
	rm -rf .venv out build *.egg-info
