# What tests/tests.mk says of make conformance and make conformance-table.

comma := ,
CONFORMANCE := .cache/conformance
PEERS ?= runc crun

.PHONY: conformance conformance-table

conformance: test-programs
	@mkdir -p $(CONFORMANCE)
	@tests/conformance/run '$(or $(RUNTIME),$(RESULTS)/rt)' $(CONFORMANCE)/$(notdir $(or $(RUNTIME),rt)).json

conformance-table: test-programs
	@mkdir -p $(CONFORMANCE)
	@for runtime in $(RESULTS)/rt $(PEERS); do \
		tests/conformance/run $$runtime $(CONFORMANCE)/$$(basename $$runtime).json || true; \
	done
	@go run ./tests/conformance/table \
		rt=$(RESULTS)/rt:$(CONFORMANCE)/rt.json$(subst $() ,,$(patsubst %,$(comma)%,$(wildcard $(RESULTS)/lab-*.json))) \
		$(foreach peer,$(PEERS),$(peer)=$(peer):$(CONFORMANCE)/$(peer).json)
