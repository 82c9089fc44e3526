# The test targets of the Makefile.
#
#   make test                  every test that this machine can run
#   make test RUNTIME=runc     the same against another program
#   make test RUN=Hook PACKAGES=./tests/lifecycle
#   make fuzz                  every fuzz target for FUZZTIME=10m, and random seccomp profiles
#   make fuzz FUZZ=Decode FUZZTIME=1m
#   make soak                  containers for SOAK=10m while rt is killed at any instant
#   make soak SOAK=2h SEED=1   the same choices again
#   make lab                   the tests that this machine can't run, in virtual machines
#   make total                 what ran where, after make test, soak, lab and validation
#   make validation            the OCI's validation suite, against rt, runc and crun
#   make validation RUNTIME=runc VALIDATION="-v -run 'hooks|start'"
#   make conformance           every sentence of the runtime specification, on this machine
#   make conformance RUNTIME=crun
#   make conformance-table     rt, runc and crun, and docs/conformance.md; after make lab
#   make bench                 measure rt beside runc and crun, in ten minutes
#   make bench BENCH='-quick -only A,D' RUNTIMES="runc crun=/opt/crun"
#   make bench-instructions    count instructions instead, in a virtual machine, in one minute
#   make bench-docs            both, into docs/performance.md and its charts

RESULTS := .cache/tests
TEST_TAGS := netgo osusergo urfave_cli_no_docs
RUN ?= .
PACKAGES ?= ./...
RUNTIME ?=
FUZZ ?= .
FUZZTIME ?= 10m
PROFILES ?= 250000# takes as long
SOAK ?= 10m
SEED ?=

.PHONY: test fuzz soak lab total bench bench-programs bench-instructions bench-docs test-deps test-programs

test-deps:
	@tests/install-deps test

# rt as it is shipped, and with fault points, built once for all packages.
test-programs: test-deps
	@mkdir -p $(RESULTS)
	@go build -o $(RESULTS)/ ./tests/summary ./tests/residue
	@[ -n '$(RUNTIME)' ] || tests/build '' $(RESULTS)/rt
	@[ -n '$(RUNTIME)' ] || tests/build faults $(RESULTS)/rt-faults

# Two packages at a time; a package of whole-program tests runs them in sequence.
test: test-programs
	@$(RESULTS)/residue save $(RESULTS)/before.json
	@status=0; \
	[ -n '$(RUNTIME)' ] && export RUNTIME='$(RUNTIME)' || \
		export RUNTIME=$(CURDIR)/$(RESULTS)/rt RUNTIME_FAULTS=$(CURDIR)/$(RESULTS)/rt-faults; \
	go test -json -count=1 -timeout=9m -tags '$(TEST_TAGS)' -run '$(RUN)' $(PACKAGES) </dev/null | \
		$(RESULTS)/summary -machine host -save $(RESULTS)/host.json || status=1; \
	$(RESULTS)/residue check $(RESULTS)/before.json || status=1; \
	exit $$status

fuzz: test-deps
	@tests/fuzz '$(FUZZTIME)' '$(PROFILES)' '$(FUZZ)'

# What the soak tells of its work goes to stderr, past test2json.
soak: test-programs
	@go test -c -tags '$(TEST_TAGS)' -o $(RESULTS)/soak.test ./tests/soak
	@$(RESULTS)/residue save $(RESULTS)/before.json
	@status=0; \
	export RUNTIME=$(or $(RUNTIME),$(CURDIR)/$(RESULTS)/rt); \
	$(RESULTS)/soak.test -test.v=test2json -test.timeout=0 -soak='$(SOAK)' $(if $(SEED),-seed='$(SEED)') </dev/null | \
		go tool test2json -t -p "$$(go list ./tests/soak)" | \
		$(RESULTS)/summary -machine soak -save $(RESULTS)/soak.json || status=1; \
	$(RESULTS)/residue check $(RESULTS)/before.json || status=1; \
	exit $$status

lab: test-programs
	@tests/lab/run $(RESULTS)

total:
	@go run ./tests/summary -total $(RESULTS)/host.json $(wildcard $(RESULTS)/soak.json $(RESULTS)/validation.json $(RESULTS)/lab-*.json)

# The numbers are worth something on a machine that does nothing else.
bench-programs: test-deps
	@mkdir -p $(RESULTS)
	@tests/build '' $(RESULTS)/rt
	@go build -o $(RESULTS)/bench ./tests/bench

bench: bench-programs
	@$(RESULTS)/bench -rt $(RESULTS)/rt -json $(RESULTS)/bench.json $(BENCH)

# Their number hardly depends on what else the machine does.
bench-instructions: bench-programs
	@tests/bench/count $(RESULTS)/rt $(RESULTS)/instructions.json $(BENCH)

bench-docs: bench-instructions
	@$(MAKE) --no-print-directory bench BENCH='-docs docs -add $(RESULTS)/instructions.json'

# Some of its programs need virtual machines. They are first: they leave the machine
# as it is, and the others want it for themselves.
.PHONY: validation validation-docs
validation: test-deps
	@mkdir -p $(RESULTS)
	@[ -n '$(RUNTIME)' ] || tests/build '' $(RESULTS)/rt
	@CGO_ENABLED=0 go build -o $(RESULTS)/validation ./tests/validation
	@status=0; \
	$(if $(RUNTIME)$(VALIDATION),,tests/validation/lab $(RESULTS) $(RESULTS)/rt runc crun || status=1;) \
	$(RESULTS)/validation $(or $(VALIDATION),$(if $(RUNTIME),,-lab '$(RESULTS)/validation-lab-*.json' \
		-summary $(RESULTS)/validation.json -docs $(RESULTS)/validation.md)) \
		$(or $(RUNTIME),$(RESULTS)/rt runc crun) || status=1; \
	exit $$status

validation-docs: validation
	@cp $(RESULTS)/validation.md docs/validation.md

include tests/conformance/conformance.mk
