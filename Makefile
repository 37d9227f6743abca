# Everything starts here. `make` alone lists the targets.
PYTHON ?= python3
PORT ?= 8080
DETACH ?=
ARGS ?=
ORDERS ?= 1000
SEED ?= 2026
LOCAL = $(PYTHON) app/local/bootstrap.py
BIN = .venv/bin

.DEFAULT_GOAL := help
.PHONY: help venv lock up down reset seed worker migrate migration test test-fast test-one test-services \
	bench chaos fmt lint types imports check facts screenshots

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

venv:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: install it" >&2; exit 1; }
	@$(LOCAL)

lock: venv ## compile requirements.in into requirements.lock, newest versions
	@UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-header requirements.in --output-file requirements.lock

up: venv ## run everything on this machine (PORT=8080, DETACH=1 returns when ready)
	@$(LOCAL) up --port "$(PORT)" $(if $(DETACH),--detach)

down: venv ## stop what `make up` started
	@$(LOCAL) down

reset: venv ## stop, and forget all data of `make up`
	@$(LOCAL) reset

seed: venv ## fill the demo's data in; may be run twice
	@$(LOCAL) run flask --app wsgi seed

worker: venv ## run one more worker beside those of `make up`
	@$(LOCAL) run python -m workers

migrate: venv ## bring the database to the newest migration
	@$(LOCAL) run flask --app wsgi db upgrade

migration: venv ## write a migration from the models (name=what_changed)
	@test -n "$(name)" || { echo "Name it: make migration name=what_changed" >&2; exit 1; }
	@$(LOCAL) run flask --app wsgi db revision --autogenerate -m "$(name)"

test: venv ## run every test from nothing (ARGS="-k orders")
	@$(LOCAL) test -n 2 --dist loadgroup $(ARGS)

test-fast: venv ## run the unit tests alone
	@$(LOCAL) pytest tests/unit $(ARGS)

test-one: venv ## run some tests (ARGS=tests/web/test_orders.py)
	@$(LOCAL) pytest $(ARGS)

test-services: venv ## keep the test servers running, so that test-one starts at once
	@$(LOCAL) test-services

bench: venv ## measure speed against the bare server
	@$(LOCAL) pytest tests/bench -n0 -s $(ARGS)

chaos: venv ## place orders while everything breaks, then count (ORDERS=1000 SEED=2026); writes docs/chaos.md
	@CHAOS_ORDERS="$(ORDERS)" CHAOS_SEED="$(SEED)" CHAOS_REPORT=docs/chaos.md $(LOCAL) pytest tests/workers/chaos -n0 -s $(ARGS)

fmt: venv ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

lint: venv ## ruff, all rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: venv ## mypy, strict
	@$(BIN)/mypy .

imports: venv ## who may import whom
	@$(BIN)/lint-imports

facts: venv ## which facts of docs/facts are proven, and by which test
	@$(BIN)/python -m tests.facts

screenshots: venv ## take pictures of the running demo, on a phone and on a desk
	@$(LOCAL) screenshots

check: lint types imports test ## everything that must be green
