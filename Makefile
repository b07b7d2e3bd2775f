# Everything a clone needs, from Python 3.11 and make alone. `make help` lists the targets.

SHELL := /bin/sh
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What tests and benchmarks want of the system: package, test that it is there, what goes without it.
POSTGRESQL := 'postgresql|test $$(id -u) -ne 0 -o -n "$$(ls /usr/lib/postgresql/*/bin/initdb)"|the store tests on a PostgreSQL server'
OPENSSL := 'openssl|command -v openssl|the tests that ask the openssl command'
NGINX := 'nginx-light|PATH=$$PATH:/usr/sbin; command -v nginx|renewals served by a real nginx, in the demo and in tests; the servers of the benchmarks'
PEBBLE := 'pebble|command -v pebble && command -v pebble-challtestsrv|renewals at a real ACME server, in the demo and in tests'
LEGO := 'lego|command -v lego|a peer in bench-issue'
CERTBOT := 'certbot|command -v certbot|a peer in bench-issue'
NSD := 'nsd|PATH=$$PATH:/usr/sbin; command -v nsd|the nameserver of the benchmarks'
EXPORTER := 'prometheus-blackbox-exporter|command -v prometheus-blackbox-exporter|the peer in bench-scan'
CURL := 'curl|command -v curl|the driver of the peer in bench-scan'
UNITS := $(addprefix tests/,core checks providers edges settings)

.DEFAULT_GOAL := help
.PHONY: help demo test unit lint check acceptance docs simulate torture bench bench-scan bench-plan bench-issue pins release-notes clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: .venv/.base ## a small real world on loopback with planted faults, worked end to end
	@sh scripts/packages $(PEBBLE) $(NGINX)
	@certwatch demo

test: lint check acceptance ## all that must hold: lint, types, imports, tests, the built wheel

lint: .venv/.dev ## format, lint, types, import directions
	@ruff format --check --quiet . || { echo "run: ruff format ." >&2; exit 1; }
	@ruff check --quiet .
	@mypy
	@lint-imports

check: .venv/.dev ## every test, with branch coverage
	@sh scripts/packages $(POSTGRESQL) $(OPENSSL) $(PEBBLE) $(NGINX)
	@pytest --numprocesses 3 --dist worksteal --cov --cov-report term

acceptance: .venv/.dev ## the acceptance tests against the built wheel, from an empty folder
	@sh scripts/acceptance

unit: .venv/.dev ## the quick loop: tests without servers, in seconds
	@pytest --quiet --hypothesis-profile quick $(UNITS)

docs: .venv/.base ## write the reference pages from the code, and the README's picture and table
	@python -m docs.generate
	@python -m docs.demo

simulate: .venv/.dev ## two years of 500 domains, with a CA that enforces its limits
	@python -m bench.simulate

torture: .venv/.dev ## 100 issuances by two services that are killed 200 times
	@sh scripts/packages $(PEBBLE)
	@python -m bench.torture

bench: bench-scan bench-plan bench-issue ## the measured comparisons

bench-scan: .venv/.dev ## certwatch against the blackbox exporter, and how both grow
	@sh scripts/packages $(NGINX) $(NSD) $(EXPORTER) $(CURL)
	@python -m bench.scan

bench-plan: .venv/.dev ## plans of a thousand to a million domains
	@python -m bench.plan

bench-issue: .venv/.dev ## certwatch against lego and certbot at the same Pebble
	@sh scripts/packages $(PEBBLE) $(NGINX) $(LEGO) $(CERTBOT)
	@python -m bench.issue

pins: .venv/.dev ## pin and hash the dependencies anew; UPGRADE=--upgrade takes newer versions
	@sh scripts/pins $(UPGRADE)

release-notes: .venv/.base ## what CHANGELOG.md says about this version
	@python scripts/release_notes.py

clean: ## remove everything that was made here
	rm -rf .venv .coverage* .hypothesis .*_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.base: requirements/build.txt requirements/base.txt pyproject.toml
	@echo "Setting up .venv" >&2
	@sh scripts/venv .venv requirements/build.txt requirements/base.txt
	@$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.base requirements/dev.txt
	@echo "Adding the developer tools to .venv" >&2
	@sh scripts/venv .venv requirements/dev.txt
	@touch $@
