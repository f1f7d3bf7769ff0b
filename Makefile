# Whippet's tasks. "make run" and "make test" need Go, and make test also Node
# (for the UI) and Debian's chromium, postfix, python3-aiosmtpd, postgresql,
# victoria-metrics and prometheus (for the end-to-end tests); .ci/run installs
# those.

GO       ?= go
FUZZTIME ?= 2s
FLAGS    ?=
SCALE    ?= quick

STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: run build test lint unit fuzz ui ui-check e2e e2e-agent dev bench bench-nab bench-peers bench-ui clean

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

# An unmodified Datadog Agent, core and trace agent, that a third party publishes.
AGENT         = @deliciousmonster/datadog-agent-binary-linux-x86_64
AGENT_VERSION = 7.82.1-next.18
AGENT_SHA     = a2ca8ed66aa884e135accdf3db878df3707939fc23e125fbafb7b150fa4d52d3

bin/agent/datadog-agent:
	mkdir -p bin/agent
	cd bin/agent && npm pack --silent $(AGENT)@$(AGENT_VERSION)
	cd bin/agent && echo "$(AGENT_SHA)  $$(ls *.tgz)" | sha256sum -c - && tar xzf *.tgz --strip-components=2 package/bin && rm *.tgz && touch datadog-agent

# It runs where there is no network but loopback, and no process but its own.
e2e-agent: build bin/agent/datadog-agent ## a real Datadog Agent against Whippet, some 6 minutes; needs Linux, npm and unshare
	cd e2e && $(GO) test -c -tags agent -o ../bin/agent.test .
	cd e2e && unshare $$([ "$$(id -u)" = 0 ] || echo --user --map-root-user) --net --pid --fork --mount-proc \
		sh -c 'ip link set lo up && exec ../bin/agent.test -test.v -test.run TestUnmodifiedAgent -test.parallel 3 -test.timeout 15m'

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

bench-ui: build ## what the UI costs: the first page, a large dashboard; needs Chromium
	@cd e2e && $(GO) test -count=1 -tags figures -run TestFiguresOfTheUI -v . | grep -E '^\||FAIL|figures_test'

clean:
	rm -rf bin e2e/artefacts
