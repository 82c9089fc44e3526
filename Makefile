# `make` lists the targets.

version := $(shell git describe --tags --dirty 2>/dev/null || echo 0.1.0-dev)
commit  := $(shell git rev-parse HEAD 2>/dev/null)
prefix  ?= /usr/local
DESTDIR ?=

# netgo, osusergo: a static binary has no use for the C library's resolver.
# urfave_cli_no_docs leaves a Markdown library out, which every start would pay for.
export CGO_ENABLED = 1
tags    := netgo osusergo urfave_cli_no_docs
ldflags := -s -w -extldflags=-static -X main.version=$(version) -X main.commit=$(commit)

commands := $(basename $(basename $(notdir $(wildcard docs/man/*.8.md))))

.PHONY: help build install demo man clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile
	@sed -n 's/^#   //p' tests/tests.mk

include tests/tests.mk

build: ## build ./rt, one static binary
	@tests/install-deps build
	@eval "$$(tests/cc)"; set -x; go build -trimpath -tags '$(tags)' -ldflags '$(ldflags)' -o rt .

demo: ## build rt, make a bundle and take a container through its life, showing each command
	@tests/install-deps demo
	@$(MAKE) --no-print-directory build
	@tests/demo

man: $(commands:%=docs/man/%.8) ## make the man pages in docs/man

docs/man/%.8: docs/man/%.8.md
	CGO_ENABLED=0 go run github.com/cpuguy83/go-md2man/v2 -in $< -out $@

install: build man ## install rt, man pages and completions below $(prefix)
	install -D -m 0755 rt $(DESTDIR)$(prefix)/sbin/rt
	install -d $(DESTDIR)$(prefix)/share/man/man8
	install -m 0644 docs/man/*.8 $(DESTDIR)$(prefix)/share/man/man8/
	install -D -m 0644 contrib/completions/rt.bash $(DESTDIR)$(prefix)/share/bash-completion/completions/rt
	install -D -m 0644 contrib/completions/_rt $(DESTDIR)$(prefix)/share/zsh/site-functions/_rt
	install -D -m 0644 contrib/completions/rt.fish $(DESTDIR)$(prefix)/share/fish/vendor_completions.d/rt.fish

clean: ## remove what the other targets made here
	rm -rf rt docs/man/*.8 mybundle .cache
