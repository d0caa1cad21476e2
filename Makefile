# `make run` trains, `make test` checks, `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
ARGS ?=

# uv from PATH, else one of our own in the project's folder.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --frozen --no-sync
export PATH := $(CURDIR)/.uv/bin:$(PATH)

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(CURDIR)/.uv/bin/uv .uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check \
		--require-hashes -r tests/pinned/uv.txt

# Bytecode is compiled even where PYTHONDONTWRITEBYTECODE is set: importing torch
# takes twice as long without.
.venv/.synced: uv.lock pyproject.toml $(filter .uv/bin/uv,$(UV))
	@echo 'installing into .venv: 6 GB, nearly all of it PyTorch'
	@$(UV) sync --frozen --quiet --compile-bytecode
	@touch $@

install: .venv/.synced  ## install everything into .venv

run: install  ## train the default experiment (ARGS="--rounds 2" passes options on)
	@$(RUN) fedwhisk run $(ARGS)

actions: install  ## build the actions' zips into build/actions
	@$(RUN) python actions/build.py 3.11
	@$(RUN) python actions/build.py local

deploy: install  ## deploy to the OpenWhisk of .env with the real wskdeploy (ARGS=--gateway)
	@$(RUN) fedwhisk deploy $(ARGS)

undeploy: install  ## remove what deploy has put there
	@$(RUN) fedwhisk undeploy

function: install  ## build the AWS Lambda function into build/aws
	@$(RUN) python actions/build.py --function

deploy-aws: install  ## build, push and deploy to the AWS of .env with docker and osls
	@$(RUN) fedwhisk deploy --on aws

undeploy-aws: install  ## remove the stack that deploy-aws has made
	@$(RUN) fedwhisk undeploy --on aws

manifests: install  ## write the manifests and AWS's routes from the list of actions
	@$(RUN) python -m actions.manifests

lint: install  ## formatting, lint, layers, types
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) lint-imports --no-logo
	$(RUN) mypy

# Pure tests start no process and connect to nothing (tests/conftest.py).
PURE := tests/client_image tests/fedcore tests/fedwhisk tests/pace tests/security \
	tests/wsk_manifests $(wildcard tests/test_*.py)

check: lint  ## lint, types and pure tests: a minute
	$(RUN) pytest $(PURE) -m pure -n 2 --dist worksteal $(ARGS)

# Three at a time: end-to-end tests mostly wait.
test: check  ## all tests but those on a cluster, after `make check`
	$(RUN) pytest -m "not cluster and not pure" -n 3 --dist worksteal $(ARGS)

simulation: install  ## the larger worlds of the simulation: five minutes
	SOAK=ci $(RUN) pytest tests/simulation -n logical --dist worksteal $(ARGS)

soak: install  ## the long versions of the simulation: an hour, and every small world
	SOAK=1 $(RUN) pytest tests/simulation -n logical --dist worksteal \
		--log-level=INFO -rP $(ARGS)

test-cluster: install  ## the chart on the cluster that KUBECONFIG names
	CLUSTER_TESTS=1 $(RUN) pytest tests/cluster -n 3 --dist loadfile $(ARGS)

conformance: install  ## the probes against APIHOST=… AUTH=… (else the embedded host)
	$(if $(APIHOST),APIHOST="$(APIHOST)" AUTH="$(AUTH)") $(RUN) pytest tests/conformance $(ARGS)

bench: install  ## the same job on plain PyTorch, here, and on Flower (ARGS=--quick)
	@$(RUN) python -m bench $(ARGS)

bench-stock: install  ## the default job on 60 calls a minute (ARGS=--both)
	@$(RUN) python -m bench.stock $(ARGS)

# Tools of tests/pinned, each in a folder beside the environment.
.cache/tools/%: tests/pinned/%.txt | install
	@$(UV) pip install --quiet --target $@ --require-hashes -r $<
	@touch $@

fuzz: .cache/tools/atheris  ## hostile bytes at the actions, guided by coverage (ARGS=-max_total_time=3600)
	@PYTHONPATH=$< $(RUN) python -m tests.security.coverage_guided $(ARGS)

audit: .cache/tools/pip-audit  ## known vulnerabilities of what uv.lock pins (asks the package index)
	@mkdir -p build
	@$(UV) export --frozen --quiet --no-emit-project --no-dev --output-file build/pinned.txt
	@PYTHONPATH=$< $(RUN) python -m pip_audit --disable-pip --require-hashes --requirement build/pinned.txt

clean:  ## remove what was built and the embedded platform's state
	rm -rf build .fedwhisk runs .mypy_cache .pytest_cache .ruff_cache

.PHONY: help install run soak actions manifests deploy undeploy function deploy-aws undeploy-aws lint check test simulation test-cluster conformance bench bench-stock fuzz audit clean
