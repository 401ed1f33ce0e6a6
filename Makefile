# Every task by name; `make` alone lists them. CI calls the same names.

PYTHON ?= python3
BIN := .venv/bin
CODE := events market contracts tests bench deploy examples
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --no-header
PYTEST := $(BIN)/python -m pytest
# Tests wait for servers, for one another's locks and for leases: two processes more than CI has cores.
TEST_PROCESSES ?= 4
# Otherwise every start of a command and every process of tests compiles all modules once more.
unexport PYTHONDONTWRITEBYTECODE
PYTEST_PARALLEL := $(PYTEST) -n $(TEST_PROCESSES) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-fast test-deep test-tamper test-certificates drill check format schemas requirements clean \
	bench-write bench-relay bench-reader bench-latency bench-audit bench-clearing bench-round bench-streams bench-lineage \
	bench-imports

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: ## prepare .venv and the Kafka jars (idempotent)
	@$(PYTHON) deploy/setup.py

demo: setup ## start everything, trade, clear, simulate two contract years, audit, stop
	@$(BIN)/lodestone demo

up: setup ## start everything and keep it running until Ctrl-C; SECURE=1: Kafka with TLS, logins and ACLs
	@$(if $(SECURE),LODESTONE_KAFKA_SECURITY_PROTOCOL=SASL_SSL )$(BIN)/lodestone up

test: setup ## all tests, on a real PostgreSQL and a real Kafka
	@$(PYTEST_PARALLEL)

test-fast: setup ## the tests that need no servers
	@$(PYTEST_PARALLEL) tests/rules tests/simulation tests/golden tests/deploy

test-deep: setup ## generated tests that state no count of their own, with ten times the examples
	@SCHEMATHESIS_EXAMPLES=40 $(PYTEST_PARALLEL) --hypothesis-profile=deep tests/rules tests/simulation tests/http/test_schemathesis.py

test-tamper: setup ## ten thousand seeded changes of real topics, every one found and named
	@TAMPERINGS=10000 $(PYTEST) --timeout=3600 tests/wire/test_tampering.py

test-certificates: setup ## every member of a thousand certificates changed by one, every change found and named (an hour)
	@WHOLE_CERTIFICATES=1000 $(PYTEST_PARALLEL) --timeout=14400 tests/rules/test_tampered_certificates.py

drill: setup ## lose all topics, then the database, and restore both with the commands of docs/recovery.md
	@$(BIN)/python deploy/drill.py

check: setup ## formatting, lint, types, import contracts, dependencies, SQL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/squawk --config deploy/postgres/squawk.toml deploy/postgres/migrations/*.sql

format: setup ## format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: setup ## regenerate the event schemas, AsyncAPI and events.md
	@$(BIN)/lodestone schemas

requirements: setup ## recompile requirements/ from pyproject.toml (needs a package index)
	$(COMPILE) --extra fast -o requirements/runtime.txt
	$(COMPILE) --extra fast --extra dev -c requirements/runtime.txt -o requirements/development.txt

bench-write: setup ## durable POSTs against pgbench on the same rows
	@$(BIN)/python bench/write_path.py

bench-relay: setup ## relay catch-up against bare producers
	@$(BIN)/python bench/relay.py

bench-reader: setup ## readers against a bare consumer
	@$(BIN)/python bench/reader.py

bench-latency: setup ## time from the answer until the record is readable on Kafka
	@$(BIN)/python bench/latency.py

bench-audit: setup ## audits by mode and process against bare consumption, and their memory
	@$(BIN)/python bench/audit.py

bench-clearing: setup ## a round and its solver against OR-tools, networkx and greedy
	@$(BIN)/python bench/clearing.py

bench-round: setup ## writing a round of 10,000 matches against its bare journal rows
	@$(BIN)/python bench/round_write.py

bench-lineage: setup ## shares, JSON and page of a lineage of 5,000 lots against networkx
	@$(BIN)/python bench/lineage.py

bench-streams: setup ## partner streams: from the answer to Kafka and SSE, many open streams, catching up
	@$(BIN)/python bench/streams.py

bench-imports: setup ## peak memory of imports of 10,000 and of 1,000,000 rows
	@$(BIN)/python bench/imports.py

clean: ## remove .venv, caches and ALL local data
	rm -rf .venv .lodestone .lodestone-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* .schemathesis schemathesis-report
