# Two commands: `make run` runs everything, `make test` tests everything. `make help` lists the others.

SHELL := /bin/sh
.DEFAULT_GOAL := help
CARGO ?= cargo
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
TOOLS := .local/bin
PYTHON := .local/python

# Settings given to make, like `make run PORT=9000`, reach the runner through its environment; `make run-help`
# lists them all.

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do printf '%-20s %s\n' "$$target" "$$text"; done

.PHONY: run
run: need-toolchain ## run everything: [GATEWAYS=n] [PERSISTERS=n] [AUTH=jwt] [PARTITIONS=n] [PORT=8080] [NATS_PORT=4222] [DATA=.local/data] [DATABASE_URL=…]
	@nats_server=$$(deploy/local/nats-server.sh $(TOOLS)) && \
	if [ "$${PERSISTERS:-1}" != 1 ] && [ -z "$${DATABASE_URL:-}" ]; then \
		POSTGRES_PROGRAMS=$$(deploy/local/postgres.sh) && export POSTGRES_PROGRAMS; \
	fi && \
	deploy/local/playground.sh if-possible && \
	$(CARGO) build --release --locked --bin gateway --bin persister --bin local && \
	NATS_SERVER=$$nats_server exec $(TARGET)/release/local

.PHONY: run-help
run-help: build ## list every setting of `make run`
	@$(TARGET)/release/local --help

.PHONY: build
build: need-toolchain ## build the programs for release
	$(CARGO) build --release --locked --bin gateway --bin persister --bin local

.PHONY: test
test: check tools ## check, then run every test: unit, integration, end to end with real clients
	$(CARGO) build --locked --bin gateway --bin persister --bin local --bin bench
	PATH='$(CURDIR)/$(TOOLS)':"$$PATH" $(CARGO) test --workspace --locked --no-fail-fast
	@echo 'make test: every test passed'

.PHONY: chaos
chaos: need-toolchain nats-server postgres ## break every part at random under load, and judge: [SEED=n] [MINUTES=2]
	$(CARGO) build --locked --bin gateway --bin persister --bin chaos
	PATH='$(CURDIR)/$(TOOLS)':"$$PATH" $(TARGET)/debug/chaos

.PHONY: compose-test
compose-test: need-toolchain ## docker-compose.yml under load, every container killed in turn, and judged: [SEED=n] [PORT=18080]; wants Docker
	$(CARGO) build --locked --bin chaos
	@deploy/compose/test.sh $(TARGET)/debug/chaos

.PHONY: bench
bench: need-toolchain nats-server ## measure everything beside its peers, and write a report: target/bench/report.md
	$(CARGO) build --release --locked --bin gateway --bin persister --bin bench
	PATH='$(CURDIR)/$(TOOLS)':"$$PATH" $(TARGET)/release/bench all --out $(TARGET)/bench

.PHONY: bench-budget
bench-budget: need-toolchain ## count the instructions of the hot paths with valgrind, and compare them with their budgets
	$(CARGO) build --release --locked --bin bench
	$(TARGET)/release/bench budget

.PHONY: bench-peers
bench-peers: ## build the peers that no package brings: Centrifugo (with Go), the Spring application (with Maven)
	@bench/peers/build.sh $(TARGET)/bench/peers

.PHONY: check
check: need-toolchain ## format, lints and documentation, warnings denied; licences, advisories, manifests and alerts where the tools are
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --document-private-items --locked --quiet
	@deploy/local/deny.sh $(CARGO)
	@deploy/local/k8s-validate.sh
	@deploy/local/promtool.sh $(TOOLS)

.PHONY: fmt
fmt: ## format the code
	$(CARGO) fmt --all

.PHONY: docs
docs: need-toolchain ## write docs/configuration.md from the flags, and the PrometheusRule of k8s/ from the alerts
	$(CARGO) run --quiet --locked -p e2e --example configuration >$(TARGET)/configuration.md
	mv $(TARGET)/configuration.md docs/configuration.md
	$(CARGO) run --quiet --locked -p e2e --example prometheus_rule >$(TARGET)/prometheus-rule.yaml
	mv $(TARGET)/prometheus-rule.yaml k8s/components/monitoring/prometheus-rule.yaml

.PHONY: tools
tools: nats-server postgres clients playground chromium jdk ## fetch or install what the tests need

.PHONY: nats-server
nats-server: ## find a nats-server or fetch one into .local/bin
	@deploy/local/nats-server.sh $(TOOLS) >/dev/null

.PHONY: postgres
postgres: ## find PostgreSQL's server programs or install Debian's package
	@deploy/local/postgres.sh >/dev/null

.PHONY: clients
clients: ## install the client libraries of the end-to-end tests, for Node.js and Python, and the parsers of the contract
	@deploy/local/clients.sh $(PYTHON) e2e/clients e2e/contract e2e/browser

.PHONY: chromium
chromium: ## find Chromium for the browser tests or install Debian's package
	@deploy/local/chromium.sh >/dev/null

.PHONY: jdk
jdk: ## find a JDK for the Java client of docs/clients.md or install Debian's package
	@deploy/local/jdk.sh >/dev/null

.PHONY: playground
playground: ## build the page that `make run` shows, and the helper package it is made with; wants Node.js 20.19
	@deploy/local/playground.sh

.PHONY: clean
clean: ## remove what was built and fetched, but no data
	$(CARGO) clean
	rm -rf $(TOOLS) $(PYTHON) e2e/clients/node_modules e2e/contract/node_modules e2e/browser/node_modules \
		clients/js/node_modules clients/js/dist playground/node_modules playground/dist

.PHONY: need-toolchain
need-toolchain:
	@command -v $(CARGO) >/dev/null || { echo 'cargo is missing: install Rust with rustup, which reads rust-toolchain.toml' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'a C compiler (cc) is missing: install gcc or clang, on Debian with apt-get install gcc libc6-dev' >&2; exit 1; }
