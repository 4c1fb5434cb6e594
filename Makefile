# Names for the commands one needs. The work is in scripts/ and in the go and npm commands themselves.

.DEFAULT_GOAL := help
.PHONY: help run check test lint fmt fuzz torture generate bench web subscribers

help: ## what there is (this list)
	@awk -F ': ## ' '/^[a-z]+: ## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the server on its demo facts
	go run ./cmd/server

check: ## everything that must hold before a change is done: what .ci/run runs
	@scripts/check

test: ## the tests of the Go code, without the race detector
	go test ./...

lint: ## format, vet, staticcheck and golangci-lint
	@scripts/check format vet staticcheck lint

fmt: ## format the Go code
	go tool gofumpt -l -w .

fuzz: ## every fuzz target for a while: make fuzz FUZZTIME=5m
	@scripts/fuzz $(FUZZTIME)

torture: ## kill, damage and starve the real program at full length, about an hour; as root, with strace
	go test ./internal/torture -count=1 -timeout 4h -v -full

generate: ## write the generated code again, after a change of the schema or gqlgen.yml
	go generate ./...

bench: ## the benchmarks beside the code
	go test -run '^$$' -bench . -benchmem ./...

web: ## build the web assets again, after a change in internal/web/app
	npm --prefix internal/web/app ci
	npm --prefix internal/web/app run check
	npm --prefix internal/web/app run build

subscribers: ## ten thousand subscribers of one process: what each takes, how fast all are told, what comes back
	KEIRETSU_TEST_SUBSCRIBERS=10000 go test ./cmd/server -v -count 1 -run TestIdleSubscribers
