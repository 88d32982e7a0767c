# Builds weir and runs its tests. `make help` lists the goals.
#
# A goal first looks for what it needs (scripts/configure, scripts/deps). The answer is kept in
# build/config-*.mk, which this file includes: make writes it, reads it, and starts over.
#
#   VARIANT=plain|asan|tsan|fuzz   which build; each has its objects in build/<variant>/
#   CC=gcc|clang                   which compiler
#   WERROR=                        for a compiler newer than ours: warnings stay warnings
#   V=1                            show the commands
#   NO_INSTALL=1                   install nothing: name what is missing, and fail

VARIANT ?= plain
WERROR  ?= -Werror
Q       := $(if $(V),,@)
B       := build/$(VARIANT)
WEIR    := $(if $(filter plain,$(VARIANT)),build/weir,$(B)/weir)

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run run-split build-tests test test-asan test-tsan test-split test-freshness test-clients
.PHONY: test-fresh test-plants simulate fuzz bench bench-growth bench-placements bench-deps
.PHONY: man install deb test-packages
.PHONY: format check-format check-layers check-units lint clean help FORCE

all:

# What each goal needs, as groups of scripts/deps; a file as a goal may need anything the tests do.
needs-all            := build
needs-run            := build run
needs-run-split      := build run
needs-test-split     := build test
needs-test-freshness := build test
needs-build-tests    := build test
needs-test           := build test
needs-test-asan      := build test sanitize
needs-test-tsan      := build test sanitize
needs-test-clients   := build run clients
needs-simulate       := build
needs-test-plants    := build
needs-fuzz           := build test fuzz
needs-bench          := build run
needs-bench-growth   := build run
needs-bench-placements := build run
needs-bench-deps     := build run bench peers
needs-format         := format
needs-check-format   := format
needs-lint           := build test lint
needs-test-fresh     := fresh
needs-check-layers   :=
needs-check-units    := build
needs-clean          :=
needs-help           :=
needs-man            := man
needs-install        := build man
needs-deb            := build man deb
needs-test-packages  := build run man deb fresh

goals := $(or $(MAKECMDGOALS),all)
NEEDS := $(strip $(sort $(foreach goal,$(goals),\
           $(if $(filter undefined,$(flavor needs-$(goal))),build test,$(needs-$(goal))))))

# What measures installs nothing, and says what is missing; bench-deps gets it.
ifneq ($(filter bench bench-growth bench-placements,$(goals)),)
export NO_INSTALL := 1
endif

ifneq ($(NEEDS),)
empty  :=
space  := $(empty) $(empty)
CONFIG := build/config-$(subst $(space),-,$(NEEDS)).mk
include $(CONFIG)
$(CONFIG): scripts/configure scripts/deps
	$(Q)scripts/configure $@ $(NEEDS)
endif

ifdef IN_CONTAINER
# The libraries are not here, but a Docker daemon is: the same goals, in the project's image.
.PHONY: $(goals)
$(firstword $(goals)):
	$(Q)scripts/in-container "$(NEEDS)" $(MAKEOVERRIDES) $(goals)
$(wordlist 2,$(words $(goals)),$(goals)): $(firstword $(goals))
	@:
else
include mk/build.mk
include mk/goals.mk
include mk/install.mk
endif
