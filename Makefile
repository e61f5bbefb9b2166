# settlecancel: `make` lists what there is to do.
# Needed: Go, git, bash, make. What the tests need besides, `make test` installs (.ci/setup).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 10s

CHAOS_COUNT    ?= 10000
CHAOS_SEED     ?= 1
CHAOS_FAULTS   ?= 30
CHAOS_KILLS    ?= 20
CHAOS_RESTARTS ?= 5
LOSS_COUNT     ?= 1000
NETWORK_TIME   ?= 20m

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
DEPGUARD    := github.com/OpenPeeDeeP/depguard/v2/cmd/depguard@v2.3.0

##@ Work

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: ## everything in one process: embedded Redis, simulator, worker, API, dashboard
	@test -x bin/settlecancel || echo "building, about a minute at first"
	@$(MAKE) --no-print-directory build
	@exec bin/settlecancel dev

.PHONY: build
build: ## the binary, as bin/settlecancel
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/settlecancel ./cmd/settlecancel

.PHONY: fmt
fmt: ## format every Go file
	gofmt -w .

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf bin cover.out cover.html

##@ Check

.PHONY: setup
setup: # what the tests need: redis-server, a Chromium, a C compiler for -race
	@.ci/setup

.PHONY: test
test: setup ## every test, race detector on, against real Redis servers and a real browser
	go test -race -timeout 15m ./...

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, and who may import whom (.depguard.yaml)
	@unformatted=$$(gofmt -l .); \
	if [[ -n $$unformatted ]]; then printf 'not formatted (make fmt):\n%s\n' "$$unformatted"; exit 1; fi
	go vet ./...
	go vet -tags containers,hosts ./config/containers
	go vet -tags partition ./cmd/settlecancel
	go run $(STATICCHECK) ./...
	@test -s .depguard.yaml || { echo ".depguard.yaml is missing"; exit 1; }
	go run $(DEPGUARD) ./...

.PHONY: tidy
tidy: ## fails, and shows how, where go.mod or go.sum are not tidy
	go mod tidy -diff

.PHONY: check
check: test lint tidy vuln manifests openapi ## test, lint, tidy, vuln, manifests, openapi: what .ci/run runs, but for the containers

.PHONY: cover
cover: setup ## test coverage over all packages: the total, and cover.html
	go test -coverpkg=./... -coverprofile=cover.out -timeout 15m ./...
	go tool cover -html=cover.out -o cover.html
	go tool cover -func=cover.out | tail -n 1

.PHONY: fuzz
fuzz: setup ## every fuzz target for FUZZTIME (10s) each
	@found=0; packages=$$(go list ./...); \
	for package in $$packages; do \
		listed=$$(go test -list '^Fuzz' "$$package"); \
		for target in $$(grep '^Fuzz' <<<"$$listed" || true); do \
			found=1; echo "== $$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done; \
	if (( ! found )); then echo "no fuzz target found"; exit 1; fi

.PHONY: chaos
chaos: setup ## break everything for long: CHAOS_COUNT=10000 CHAOS_SEED=1 CHAOS_FAULTS=30 (%) CHAOS_KILLS=20 CHAOS_RESTARTS=5
	CHAOS_COUNT=$(CHAOS_COUNT) CHAOS_SEED=$(CHAOS_SEED) CHAOS_FAULTS=$(CHAOS_FAULTS) CHAOS_KILLS=$(CHAOS_KILLS) CHAOS_RESTARTS=$(CHAOS_RESTARTS) \
	go test -count=1 -run '^TestChaos$$' -timeout 60m -v ./cmd/settlecancel

.PHONY: losses
losses: setup ## Redis forgets, under load: a replica that was cut off, the end of the log, an old copy: LOSS_COUNT=1000
	LOSS_COUNT=$(LOSS_COUNT) go test -count=1 -run '^TestForgottenBy' -timeout 30m -v ./cmd/settlecancel

.PHONY: network
network: setup ## a bad network between all and Redis, under load, for NETWORK_TIME=20m
	NETWORK_TIME=$(NETWORK_TIME) go test -count=1 -run '^TestNetwork$$' -timeout 60m -v ./cmd/settlecancel

.PHONY: partition
partition: setup ## the network parts a Redis master and its worker from the others, in namespaces (root): who tells what
	go test -tags partition -count=1 -run '^TestPartition$$' -timeout 20m -v ./cmd/settlecancel

.PHONY: model
model: ## walk the rules through every order of events, within large bounds: states, depth, time
	MODEL=large go test -count=1 -run '^TestModel$$' -timeout 120m -v ./worker/model

.PHONY: manifests
manifests: ## config/kubernetes built by kustomize and decoded into Kubernetes' own types
	cd config/kubernetes && go vet ./... && go test ./...

.PHONY: openapi
openapi: setup ## /openapi.json by a linter of OpenAPI documents: nothing above a hint
	@document=$$(mktemp); trap 'rm -f "$$document"' EXIT; \
	go test -count=1 -run '^TestOpenAPIOptions$$' ./tasks/httpapi -document "$$document"; \
	cd tasks/httpapi/openapilint && go run . "$$document"

.PHONY: containers
containers: ## docker-compose.yml in a real container engine: up, crashes, upgrade under load, down (about 7 min)
	@.ci/stand-ins
	go test -count=1 -tags containers -run '^TestCompose$$' -timeout 30m -v ./config/containers

.PHONY: hosts
hosts: ## three sentinels, three Redis, two workers, one server: each killed, paused, cut off (about 12 min)
	@.ci/stand-ins
	go test -count=1 -tags hosts -run '^TestHosts$$' -timeout 40m -v ./config/containers

.PHONY: bench
bench: setup ## every benchmark
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: screenshots
screenshots: setup ## what every page of the dashboard looks like, into screenshots/ (Korean needs a font: fonts-nanum)
	@mkdir -p screenshots
	go test -count=1 -timeout 30m -run '^TestBrowser(Screens|States)$$' ./cmd/settlecancel/dashboard -shots $(CURDIR)/screenshots

.PHONY: vuln
vuln: ## known vulnerabilities in what is called (asks the Go vulnerability database)
	@.ci/vuln

##@ Run in containers

# Docker Compose as a plugin of docker, or the older command of that name.
COMPOSE ?= $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)
export COMPOSE_PROJECT_NAME ?= settlecancel
up down: export VERSION := $(VERSION)
# --no-build takes an image settlecancel:VERSION that is there.
BUILD ?= --build

.PHONY: docker
docker: ## the image settlecancel:VERSION
	docker build --build-arg VERSION=$(VERSION) -t settlecancel:$(VERSION) .

.PHONY: up
up: ## Redis, worker, server, Prometheus, Grafana by docker-compose.yml, set up by .env
	@test -f .env || { echo "no .env: cp .env.example .env, and put your own secrets in"; exit 1; }
	$(COMPOSE) up $(BUILD) --detach --remove-orphans
	@config/healthy $(COMPOSE_PROJECT_NAME)

.PHONY: down
down: ## stop them; the data stays in its volumes
	$(COMPOSE) --profile demo down
