# Whippet's tasks. "make run" and "make test" need Go, and make test also Node
# (for the UI) and Debian's chromium, postfix, python3-aiosmtpd, postgresql,
# victoria-metrics and prometheus (for the end-to-end tests); .ci/run installs
# those.

GO       ?= go
FUZZTIME ?= 3s
FLAGS    ?=
SCALE    ?= quick

STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: run build test lint unit fuzz ui ui-check e2e dev bench bench-nab bench-peers clean

run: build ## build and serve with the defaults
	./bin/whippet serve $(FLAGS)

build:
	$(GO) build -o bin/whippet ./cmd/whippet

test: lint ui-check unit fuzz e2e ## everything that must pass before a merge

lint: ## format, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt'ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	cd e2e && $(GO) vet ./...
	cd e2e/differential && $(GO) vet ./...
	$(STATICCHECK) ./...
	cd e2e && $(STATICCHECK) ./...
	cd e2e/differential && $(STATICCHECK) ./...

unit: ## unit tests under the race detector
	$(GO) test -race ./...

fuzz: ## every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

ui: ## build the UI into web/dist
	cd web/ui && npm ci --no-audit --no-fund && npm run build

ui-check: ## check the UI's types and logic, and that web/dist is what its source builds
	cd web/ui && npm ci --no-audit --no-fund && npm run check && npm run build
	@test -z "$$(git status --porcelain web/dist)" || { git status --porcelain web/dist; echo 'web/dist is not what web/ui builds: run "make ui" and commit it'; exit 1; }

e2e: build ## the exercise with real clients, mail server and browser; queries against Debian's peers
	cd e2e && $(GO) test -count=1 -v ./...
	cd e2e/differential && $(GO) test -count=1 -v ./...

dev: ## rebuild and restart on save, with the UI rebuilt by Vite
	@.ci/dev $(FLAGS)

bench: ## benchmarks of the hot paths
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-nab: ## the anomaly detectors on the Numenta Anomaly Benchmark's public half
	@$(GO) test -count=1 -run TestTable -v ./anomaly/nab -args -table | grep '^|'

bench-peers: build ## Whippet beside Debian's VictoriaMetrics and Prometheus; SCALE=full takes more than an hour
	@command -v victoria-metrics >/dev/null && command -v prometheus >/dev/null || { \
		echo 'installing victoria-metrics and prometheus'; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qy --no-install-recommends victoria-metrics prometheus; }
	$(GO) run ./bench/peers -scale $(SCALE)

clean:
	rm -rf bin e2e/artefacts
