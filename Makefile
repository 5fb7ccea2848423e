# `make help` explains the targets. Nothing but python3, pip and make need be there before.

.DEFAULT_GOAL := help
.SILENT:
SHELL := /bin/sh

PORT ?= 8000
ARGS ?=
BIN := .venv/bin
PYTHON := $(BIN)/python
# Commands that need a database but no address of one bring the embedded servers up.
DEVELOPMENT := DEBUG=1
# What `check --deploy` judges: a production start with every address given. None of it is a secret.
PRODUCTION := DEBUG=0 ALLOWED_HOSTS=huntaze.example BASE_URL=https://huntaze.example \
	SECRET_KEY=check-only-4f9c1d2ab8e7305d6c1f0e9b7a8d5c3e2f1a0b9c8d7e6f5a4b \
	ENCRYPTION_KEYS=Y2hlY2stb25seS1rZXktMDEyMzQ1Njc4OTAxMjM0NTY= \
	DATABASE_URL=postgres://huntaze@127.0.0.1/huntaze REDIS_URL=redis://127.0.0.1:6379/0
# A running demo ends first, whoever started it: its servers are the ones below.
end_demo = if [ -x $(PYTHON) ]; then $(PYTHON) -m scripts.demo --stop; fi
# The tests may keep servers of their own, so that a demo's Ctrl-C does not stop theirs.
for_each_data_dir = for directory in .data/test .data; do if [ -x $(PYTHON) ] && [ -f $$directory/ports.json ]; then \
	$(PYTHON) -m huntaze.embedded $(1) --data-dir $$directory; fi; done
COMPILE = uv=$$(scripts/bootstrap --print-uv) && "$$uv" pip compile --quiet --python-version 3.13 \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock"

.PHONY: help
help: ## Explain every target
	awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	echo
	echo "  make demo PORT=8010        another port"
	echo "  make test ARGS='-k money'  options for pytest"

.PHONY: bootstrap
bootstrap: ## Make .venv hold what requirements-dev.txt pins (every target below does so first)
	scripts/bootstrap

.PHONY: demo
demo: bootstrap ## Bill last month with demo data, then serve the admin on http://localhost:8000/admin/
	exec $(PYTHON) -m scripts.demo --port $(PORT)

.PHONY: test
test: bootstrap ## Run the tests, the browser's too, against real servers (ARGS= for pytest)
	command -v chromium >/dev/null || echo "chromium is missing, the browser tests will fail: apt-get install chromium" >&2
	$(PYTHON) -m pytest $(ARGS)

.PHONY: check
check: bootstrap lint types ## All that is checked without running the product: lint, types, layers, migrations, OpenAPI, settings
	$(BIN)/lint-imports
	$(BIN)/cfn-lint infrastructure/eventbridge/template.yaml
	$(PYTHON) scripts/check_requirements.py
	$(DEVELOPMENT) $(PYTHON) manage.py makemigrations --check --dry-run
	$(DEVELOPMENT) $(PYTHON) manage.py make_sql_migration --check
	$(DEVELOPMENT) $(PYTHON) manage.py spectacular --validate --fail-on-warn --file /dev/null
	$(PRODUCTION) $(PYTHON) manage.py check --deploy --fail-level WARNING

.PHONY: lint
lint: bootstrap ## Check formatting and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: format
format: bootstrap ## Format the code and repair what ruff can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: bootstrap ## Check types, strictly
	$(DEVELOPMENT) $(BIN)/mypy .

.PHONY: bench
bench: bootstrap ## Measure speed; takes minutes (ARGS= for the benchmarks)
	$(DEVELOPMENT) $(PYTHON) -m benchmarks $(ARGS)

.PHONY: shell
shell: bootstrap ## Open a Python shell with the models at hand
	$(DEVELOPMENT) $(PYTHON) manage.py shell

.PHONY: psql
psql: bootstrap ## Open the embedded database
	exec $(PYTHON) -m huntaze.embedded psql

.PHONY: stop
stop: ## End a running demo and the embedded servers; their data stay
	$(end_demo)
	$(call for_each_data_dir,stop)

.PHONY: reset
reset: ## End a running demo and the embedded servers, and delete all demo data
	$(end_demo)
	$(call for_each_data_dir,reset)
	rm -rf .data

.PHONY: clean
clean: stop ## Delete what was installed and generated; the data stay
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: lock
lock: ## Pin the newest admitted releases: pyproject.toml to requirements*.txt (ARGS=--upgrade)
	$(COMPILE) $(ARGS) pyproject.toml -o requirements.txt
	$(COMPILE) $(ARGS) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
