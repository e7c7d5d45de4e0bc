# Holdfast. Needs Go and make, nothing else. `make` alone lists the targets.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN     := bin/holdfast

# What `make fuzz` spends on each fuzz target, how often `make kill` kills under load and in each kind of mending, how
# many requests `make histories` checks, the packages that `make race` and `make bench-go` take, and the tests of `make
# clients`.
FUZZTIME  ?= 20s
KILLS     ?= 100
MENDKILLS ?= 20
RACE      ?= ./...
CLIENTS   ?= .
BENCH     ?= ./erasure/... ./blockstore/... ./bench/engine
HISTORIES ?= 200000
OBJECTS   ?= 10000000

# The same static binary everywhere: no C library, no paths of the machine that built it.
export CGO_ENABLED := 0
GOBUILD := $(GO) build -trimpath -ldflags '$(LDFLAGS)'

.DEFAULT_GOAL := help
.PHONY: help build cross run demo test race kill clients histories fuzz soak mutants lint fmt bench bench-full bench-growth bench-go figures guard clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/holdfast, static, its version stamped
	$(GOBUILD) -o $(BIN) ./cmd/holdfast

cross: ## compile for every platform that releases are made for
	@for target in linux/amd64 linux/arm64 darwin/arm64; do \
		echo "$$target"; \
		GOOS=$${target%/*} GOARCH=$${target#*/} $(GOBUILD) -o /dev/null ./cmd/holdfast || exit 1; \
	done
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...

run: build ## start over six directories under ./data (4+2); the same data and keys again the next time
	@HOLDFAST_CREDENTIALS="$(CURDIR)/data/credentials" HOLDFAST_LOG_LEVEL=warn $(BIN) serve --init 'data/d{1...6}'

demo: build ## drives lost, replaced and damaged, a power cut, all of it mended, on real input (KEEP=1 keeps it)
	@$(BIN) demo

test: ## all tests that need only Go
	$(GO) test -timeout 10m ./...

race: ## the tests under the race detector (RACE=./blockstore/... for a part); needs a C compiler
	CGO_ENABLED=1 $(GO) test -race -timeout 30m $(RACEFLAGS) $(RACE)

kill: build ## SIGKILL the binary KILLS times under load, MENDKILLS times in each kind of mending, and compare everything
	HOLDFAST_KILLS=$(KILLS) HOLDFAST_BINARY="$(CURDIR)/$(BIN)" $(GO) test -count=1 -timeout 1h -run '^TestKills$$' -v ./cmd/holdfast
	HOLDFAST_MEND_KILLS=$(MENDKILLS) HOLDFAST_BINARY="$(CURDIR)/$(BIN)" $(GO) test -count=1 -timeout 1h -run '^TestMendKills$$' -v ./cmd/holdfast

histories: build ## HISTORIES requests of 16 clients, the daemon killed and drives lost meanwhile, linearizable by Porcupine
	HOLDFAST_HISTORIES=$(HISTORIES) HOLDFAST_BINARY="$(CURDIR)/$(BIN)" $(GO) test -count=1 -timeout 1h -run '^TestHistories$$' -v ./cmd/holdfast

clients: build ## the S3 clients that are installed, and the newest SDKs, against the real binary (CLIENTS=TestRestic for one)
	HOLDFAST_BINARY="$(CURDIR)/$(BIN)" $(GO) -C testdata/clients test -count=1 -timeout 20m -run '$(CLIENTS)' -v .

fuzz: ## every fuzz target for FUZZTIME
	@$(GO) list ./... | while read -r pkg; do \
		for name in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz'); do \
			echo "$$pkg $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$pkg" </dev/null || exit 1; \
		done; \
	done

soak: ## the long tests: exhaustive single faults, many seeds
	HOLDFAST_SOAK=1 $(GO) test -timeout 0 -run 'Soak' -v ./...

mutants: ## break each rule on purpose; a rule whose breaking no test notices fails the run
	HOLDFAST_MUTANTS=1 $(GO) test -count 1 -timeout 0 -run '^TestMutants' -v ./blockstore

lint: ## gofmt, go vet and staticcheck (pinned in .tools/go.mod)
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) -C testdata/clients vet ./...
	$(GO) tool -modfile=.tools/go.mod staticcheck ./...

fmt: ## format the source
	gofmt -w .

bench: build ## Holdfast beside the limits of this machine: the goals' rows, a small matrix, and bench/report.html (TMPDIR says where)
	$(BIN) bench --html bench/report.html $(BENCHFLAGS)

bench-full: build ## the same of the whole matrix of operations, sizes, clients and states, to bench/matrix.html: an hour and twenty minutes
	$(BIN) bench --full --html bench/matrix.html $(BENCHFLAGS)

bench-growth: build ## what grows with the number of objects, up to OBJECTS (TMPDIR says where): as long as it takes
	$(BIN) bench growth --to $(OBJECTS) --html bench/growth.html $(BENCHFLAGS)

bench-go: ## the plain Go benchmarks of the code and the engine, for benchstat (BENCH=./erasure/... for a part)
	$(GO) test -run '^$$' -bench . -benchmem $(BENCH)

figures: build ## what the README states: rates, bytes on disk, memory, time to start (TMPDIR says where)
	HOLDFAST_FIGURES=1 HOLDFAST_BINARY="$(CURDIR)/$(BIN)" $(GO) test -count=1 -timeout 1h -run '^Test(Connection)?Figures$$' -v ./cmd/holdfast

guard: build ## compare with where this tree comes from: allocations, system calls, bytes written (BASE=REV for another one)
	@GO='$(GO)' .ci/guard

clean: ## remove what was built, and the data and keys of `make run`
	rm -rf bin data
