# supportvault. `make help` lists what a person uses; infra/local does the work, this file gives it names.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Parameters, given as NAME=value.
PORT      ?= 4566
FLAVOUR   ?= arm64
STAGE     ?= local
T         ?= 30m
SEQUENCES ?= 10000
# Packages that are used by many goroutines at once; the race detector needs a C compiler.
RACED     := ./shared/keyring ./shared/seal ./shared/pack ./shared/edge

LOCAL     := .local/bin/local
OUR_GO    = find . \( -name .local -o -name .build -o -name node_modules -o -name cdk.out \) -prune -o -name '*.go' -print
# All packages of the root module but the one that needs synthesized templates.
PACKAGES  = $$(go list ./... | grep -v '/template_test$$')
STORE     := ^(Test|Fuzz|Example)Store
title     = @printf '\n== %s ==\n' '$(1)'
flag      = $(if $(2),-$(1) '$(2)')
# Which stack; without REGION it is us-east-2, whatever AWS_REGION says.
where     = -stage '$(STAGE)' $(call flag,region,$(REGION))

.PHONY: help
help: ## this list
	@echo 'supportvault: an organisation'"'"'s support data, kept by plan and destroyed on time'
	@echo
	@awk -F ':[^#]*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Everything that is installed or started stays in .local/; rm -r .local after make down forgets it.'

##@ On this machine, without an AWS account

.PHONY: run up down
run: check-run $(LOCAL) ## start the stack, show what it does, stay up until Ctrl-C
	@exec $(LOCAL) run -port $(PORT)

up: check-run $(LOCAL) ## the same in the background, without the show; again after a change updates it
	@exec $(LOCAL) up -port $(PORT)

down: $(LOCAL) ## stop it; its data goes
	@exec $(LOCAL) down

.PHONY: env
env: $(LOCAL) ## API, ACCOUNT, TOKEN, EMULATOR and each source's URL and secret, for eval "$$(make env)"
	@exec $(LOCAL) env

##@ Accounts and functions (on the local stack, or on AWS with STAGE=dev|prod [REGION=us-east-2]; JSON=1 prints JSON)

.PHONY: account rotate extract import receipts invoke
account: $(LOCAL) ## NAME= PLAN=standard|enterprise START=minimal|identified [RETENTION=P30D] [ZONE=Europe/Berlin] [REGIMES=hipaa,pci] [ADMINS=a@example.com,…]: a new account
	@exec $(LOCAL) account $(where) $(if $(JSON),-json) $(call flag,name,$(NAME)) $(call flag,plan,$(PLAN)) \
		$(call flag,start,$(START)) $(call flag,retention,$(RETENTION)) $(call flag,time-zone,$(ZONE)) $(call flag,regimes,$(REGIMES)) \
		$(call flag,admins,$(ADMINS))

rotate: $(LOCAL) ## NAME= SOURCE= [SECRET=]: a new secret for a source of an account, or the one that the sender made
	@exec $(LOCAL) rotate $(where) $(if $(JSON),-json) $(call flag,name,$(NAME)) $(call flag,source,$(SOURCE)) $(call flag,secret,$(SECRET))

extract: $(LOCAL) ## NAME= [DIR=folder]: everything of an account as files; with DIR downloaded and checked
	@exec $(LOCAL) extract $(where) $(if $(JSON),-json) $(call flag,name,$(NAME)) $(call flag,dir,$(DIR))

import: $(LOCAL) ## NAME= FILE=history.ndjson: history into an account, from an extract or as canonical deliveries, a line each
	@exec $(LOCAL) import $(where) $(if $(JSON),-json) $(call flag,name,$(NAME)) $(call flag,file,$(FILE))

receipts: $(LOCAL) ## NAME= DIR=folder: the receipts of an account and their public keys as files, for make verify
	@exec $(LOCAL) receipts $(where) $(if $(JSON),-json) $(call flag,name,$(NAME)) $(call flag,dir,$(DIR))

invoke: $(LOCAL) ## FN= EVENT=events/…: call a function with a sample event
	@exec $(LOCAL) invoke $(where) $(call flag,fn,$(FN)) $(call flag,event,$(EVENT))

##@ Receipts (offline: it needs Go, and no stack or account)

.PHONY: verify
verify: ## RECEIPTS=file|folder [RECORD=id] [KEY=keys.pem] [PROOF=file] [JSON=1]: are they as they were signed, is a record in them
	@go build -o .local/bin/verify ./shared/receipt/verify
	@exec .local/bin/verify $(call flag,receipts,$(RECEIPTS)) $(call flag,record,$(RECORD)) $(call flag,key,$(KEY)) \
		$(call flag,proof,$(PROOF)) $(if $(JSON),-json)

##@ Tests

.PHONY: test lint unit store oracle template e2e model bench fuzz
test: check-test $(LOCAL) ## everything that must pass, as CI runs it
	@$(MAKE) lint
	$(call title,unit tests$(comma) fuzz seeds and the store on DynamoDB Local)
	@$(LOCAL) dynamodb -- go test -count=1 -timeout 40m $(PACKAGES)
	$(call title,race detector)
	@go test -race -count=1 $(RACED)
	@$(MAKE) oracle
	@$(MAKE) template
	@$(MAKE) e2e
	@printf '\nEverything passed.\n'

lint: ## gofmt, vet, staticcheck
	$(call title,gofmt)
	@bad=$$($(OUR_GO) | xargs gofmt -l); [ -z "$$bad" ] || { printf 'not formatted, remedy: gofmt -w\n%s\n' "$$bad" >&2; exit 1; }
	$(call title,vet)
	@go vet -tags bench ./...
	@go -C infra vet -tags e2e ./...
	@go -C shared/seal/oracle vet ./...
	$(call title,staticcheck)
	@go tool staticcheck -tags bench ./...
	@go build -o .local/bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	@cd infra && ../.local/bin/staticcheck -tags e2e ./...

unit: ## the tests that need nothing but Go
	@go test -skip '$(STORE)' $(PACKAGES)

store: check-test $(LOCAL) ## the tests of the store (TestStore…), with DynamoDB Local beside them
	@exec $(LOCAL) dynamodb -- go test -count=1 -timeout 40m -run '$(STORE)' $(PACKAGES)

oracle: ## the sealed format against the AWS Encryption SDK
	$(call title,the sealed format against the AWS Encryption SDK)
	@go -C shared/seal/oracle test ./...

template: synth ## the tests of the stack and of its templates
	$(call title,templates and infra)
	@go test -count=1 ./template_test/...
	@unset CDK_VALIDATION; go -C infra test -count=1 ./...

e2e: check-run $(LOCAL) ## the end-to-end tests, on a stack of their own
	$(call title,end to end)
	@exec $(LOCAL) e2e -- go -C infra test -count=1 -timeout 40m -tags e2e -run '^TestEndToEnd' ./local

model: ## [SEQUENCES=10000] [SEED=]: random sequences of 50 operations against a model; the seed of one that fails plays it again
	@SUPPORTVAULT_SEED='$(SEED)' SUPPORTVAULT_SEQUENCES='$(SEQUENCES)' \
		go -C functions test -count=1 -timeout 3h -v -run '^TestRandomSequencesAgainstAModel$$' .

bench: check-test build-local ## [JSON=1] [ONLY=part]: what things cost, each beside a rival or a limit, in one table
	@$(LOCAL) dynamodb -- env BENCH_JSON='$(if $(JSON),$(CURDIR)/.local/bench.json)' BENCH_ONLY='$(ONLY)' \
		go -C functions test -count=1 -timeout 30m -tags bench -run '^TestBench$$' $(if $(JSON),>&2; status=$$?; cat .local/bench.json; exit $$status)

.PHONY: build-local
build-local: $(LOCAL)
	@exec $(LOCAL) build -flavour local

fuzz: $(LOCAL) ## [T=30m] [ONLY=name]: every fuzz target, sharing the time; commit what appears under testdata/fuzz
	@exec $(LOCAL) fuzz -time $(T) $(call flag,only,$(ONLY))

##@ Building and AWS

.PHONY: check install build synth doctor diff deploy logs clean
check: check-test ## look for the tools that all of this needs

install: check-test $(LOCAL) ## MiniStack, the CDK CLI and DynamoDB Local, pinned, into .local/
	@exec $(LOCAL) install

build: $(LOCAL) ## [FLAVOUR=arm64|local]: the functions, into .build/
	@exec $(LOCAL) build -flavour $(FLAVOUR)

synth: $(LOCAL) ## the templates of all stages, into cdk.out/
	@exec $(LOCAL) synth

# MAIL_FROM and ALARM_EMAIL stay as deployed unless they are given; `none` takes one away.
doctor: $(LOCAL) ## [STAGE=local] [MAIL_FROM=] [DOMAIN=] [JSON=1]: what is missing, before and after a deployment
	@exec $(LOCAL) doctor $(where) $(if $(JSON),-json) $(call flag,mail-from,$(MAIL_FROM)) $(call flag,domain,$(DOMAIN))

diff: check-run $(LOCAL) ## [STAGE=local] [MAIL_FROM=] [ALARM_EMAIL=]: what a deployment would change; fails if that is anything
	@exec $(LOCAL) diff $(where) $(call flag,mail-from,$(MAIL_FROM)) $(call flag,alarm-email,$(ALARM_EMAIL))

deploy: $(LOCAL) ## STAGE=dev|prod [REGION=us-east-2] [MAIL_FROM=] [ALARM_EMAIL=] [FORCE=1]: the stack to AWS, between two doctors
	@exec $(LOCAL) deploy $(where) $(call flag,mail-from,$(MAIL_FROM)) $(call flag,alarm-email,$(ALARM_EMAIL)) $(if $(FORCE),-force)

logs: $(LOCAL) ## [STAGE=local] [FN=ingest] [SINCE=1h] [FOLLOW=1] [JSON=1]: what the functions logged, by time
	@exec $(LOCAL) logs $(where) $(call flag,fn,$(FN)) $(call flag,since,$(SINCE)) $(if $(FOLLOW),-follow) $(if $(JSON),-json)

clean: ## what was built, but not what was installed
	rm -rf .build cdk.out
	rm -rf .local/log .local/e2e

.PHONY: check-run check-test $(LOCAL)
check-run:
	@infra/local/check.sh run
check-test:
	@infra/local/check.sh test

$(LOCAL):
	@command -v go >/dev/null || { infra/local/check.sh run; exit 1; }
	@go -C infra build -o ../$@ ./local

comma := ,
