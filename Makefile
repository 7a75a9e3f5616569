# make lists what can be done here; .ci/run does all that has to hold.
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench transfer docs fuzz build cross ci clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: ## the whole story on this machine: train, check, release, promote, roll back
	go run ./cmd/waybill demo

test: ## every test of the root module
	go test ./...

lint: ## gofmt, vet, staticcheck, scripts, workflows, known vulnerabilities
	scripts/lint

bench: ## processor time of benchmarks (BENCH=name: only these), then of transfers and profiles
	scripts/bench
	[ -n "$(BENCH)" ] || scripts/bench-transfer
	[ -n "$(BENCH)" ] || scripts/bench-data

transfer: ## what moving bytes costs, against oras on distribution v3 (20 GB of disk)
	scripts/bench-transfer

docs: ## run the examples that the documentation shows
	go test -run '^(Example|TestDoc|TestReadme)' ./...

fuzz: ## every fuzz target for SECONDS_EACH=5 seconds
	scripts/fuzz

build: ## the binary ./waybill for this machine
	GOFLAGS="$$GOFLAGS $$(scripts/buildflags)" CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o . ./cmd/waybill

cross: ## release binaries for every system, in dist/
	scripts/cross dist
	scripts/size dist/waybill-linux-amd64

ci: ## everything that has to hold before a change lands
	bash .ci/run

clean: ## remove what the targets above made
	rm -rf dist waybill waybill.exe
