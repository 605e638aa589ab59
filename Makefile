# "make" lists what there is. CI runs the same commands: see .ci/run.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO ?= go
FUZZTIME ?= 5s
ROUNDS ?= 40
TESTFLAGS ?= -count=1 -timeout=15m

# What starts real servers takes those that the environment names, else those that are built here.
REAL := test-real race-real nested chaos bench bench-embedded
$(REAL): export CONSUL_TEST_BACKEND = real
ifndef CONSUL_BIN
$(REAL): export CONSUL_BIN = $(CURDIR)/.bin/consul
$(REAL): .bin/consul
endif
ifndef CONSUL_LEGACY_BIN
$(REAL): export CONSUL_LEGACY_BIN = $(CURDIR)/.bin/consul-legacy
$(REAL): .bin/consul-legacy
endif

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: consul
consul: .bin/consul .bin/consul-legacy ## Build the real servers that tests start, into .bin (minutes, the first time)

.bin/%: tools/%/go.mod tools/%/go.sum scripts/build-consul
	scripts/build-consul $*

.PHONY: tour
tour: ## Run the tour of the client, on an embedded Consul or on the one at CONSUL_HTTP_ADDR
	$(GO) run ./examples/tour

.PHONY: leader
leader: ## Show an election as a timeline, or take part in one on the Consul at CONSUL_HTTP_ADDR
	$(GO) run ./examples/leader

.PHONY: service
service: ## Show services that register, find each other and survive their agent's restart
	$(GO) run ./examples/service

.PHONY: config
config: ## Show a program that follows its configuration in Consul
	$(GO) run ./examples/config

.PHONY: test
test: ## Run all tests on the embedded Consul; needs nothing but Go
	$(GO) test $(TESTFLAGS) ./...

.PHONY: test-real
test-real: ## Run all tests on real Consuls, and the embedded one beside them
	$(GO) test $(TESTFLAGS) ./...

.PHONY: race
race: ## Run all tests on the embedded Consul under the race detector
	$(GO) test -race $(TESTFLAGS) ./...

.PHONY: race-real
race-real: ## Run all tests on real Consuls under the race detector
	$(GO) test -race $(TESTFLAGS) ./...

.PHONY: bench
bench: ## Measure the client beside the incumbent and net/http, into benchmarks/RESULTS.md
	cd benchmarks && $(GO) run ./report $(BENCHFLAGS)

.PHONY: bench-embedded
bench-embedded: ## Measure the embedded Consul, beside a real one
	$(GO) test -run '^$$' -bench . ./embedded

.PHONY: ansible
ansible: .bin/consul ## Compare consul_session with the Python module, under the real Ansible
	CONSUL_BIN="$${CONSUL_BIN:-$(CURDIR)/.bin/consul}" scripts/ansible

.PHONY: fuzz
fuzz: ## Fuzz each fuzz target for FUZZTIME (5s)
	scripts/fuzz $(FUZZTIME)

.PHONY: chaos
chaos: ## Trouble a cluster for ROUNDS (40) while contenders and clients use it: 5 minutes
	cd chaos && $(GO) test -count=1 -timeout=60m -v -run TestCluster . -rounds=$(ROUNDS)

.PHONY: nested
nested: ## Check the nested modules
	scripts/nested

.PHONY: lint
lint: vet staticcheck format ## Run vet, staticcheck and format

.PHONY: vet
vet: ## Run go vet, for other systems too
	$(GO) vet ./...
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...

.PHONY: staticcheck
staticcheck: ## Run staticcheck as tools/lint pins it
	$(GO) tool -modfile=tools/lint/go.mod staticcheck ./...

.PHONY: format
format: ## Fail where gofmt would change a file
	@echo gofmt -l .
	@files=$$(gofmt -l .) && if [ -n "$$files" ]; then echo "run gofmt -w on:" $$files; exit 1; fi

.PHONY: ci
ci: ## Run everything that CI runs
	.ci/run

.PHONY: clean
clean: ## Remove what was built here
	rm -rf .bin
