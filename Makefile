# "make" lists what there is. CI runs the same commands: see .ci/run.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO ?= go
FUZZTIME ?= 5s
TESTFLAGS ?= -count=1 -timeout=15m

# What starts servers takes those that the environment names, else those that are built here.
SERVES := test race nested fuzz tour
ifndef CONSUL_BIN
$(SERVES): export CONSUL_BIN = $(CURDIR)/.bin/consul
$(SERVES): .bin/consul
endif
ifndef CONSUL_LEGACY_BIN
TESTS := $(filter-out tour,$(SERVES))
$(TESTS): export CONSUL_LEGACY_BIN = $(CURDIR)/.bin/consul-legacy
$(TESTS): .bin/consul-legacy
endif

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: consul
consul: .bin/consul .bin/consul-legacy ## Build the real servers that tests start, into .bin (minutes, the first time)

.bin/%: tools/%/go.mod tools/%/go.sum scripts/build-consul
	scripts/build-consul $*

.PHONY: tour
tour: ## Run the tour of the client, on a Consul of its own or on the one at CONSUL_HTTP_ADDR
	$(GO) run ./examples/tour

.PHONY: test
test: ## Run all tests on a real Consul
	$(GO) test $(TESTFLAGS) ./...

.PHONY: race
race: ## Run all tests under the race detector
	$(GO) test -race $(TESTFLAGS) ./...

.PHONY: fuzz
fuzz: ## Fuzz each fuzz target for FUZZTIME (5s)
	scripts/fuzz $(FUZZTIME)

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
