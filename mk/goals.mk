# The goals a person asks for. A line that begins with "##" is what `make help` prints.

## make                build build/weir; missing packages are installed first
all: $(WEIR)

## make run            weir with a private Redis and sample keys; REDIS=redis://… takes yours
run: $(WEIR)
	$(Q)scripts/run $(WEIR)

## make run-split      the same with a process for each stage
run-split: $(WEIR)
	$(Q)scripts/run $(WEIR) tests/topologies/process-per-stage.yml

## make test           build and run every test; ONLY=regex runs those whose name matches
build-tests: $(WEIR) $(TESTS) $(PROGRAMS) $(FUZZERS) $(SIMULATE)
test: build-tests
	$(Q)WEIR_BINARY=$(CURDIR)/$(WEIR) WEIR_VARIANT=$(VARIANT) WEIR_TOPOLOGIES=tests/topologies \
	    tests/run $(B) $(filter-out $(B)/tests/system/%,$(TESTS)) $(FUZZERS) $(SIMULATE) \
	        $(filter $(B)/tests/system/%,$(TESTS))

## make test-asan      the same under AddressSanitizer and UndefinedBehaviorSanitizer
## make test-tsan      what has threads, under ThreadSanitizer
test-asan test-tsan: test-%:
	$(Q)$(MAKE) VARIANT=$* test

## make simulate       caches and links under virtual time, with faults: SEEDS=1000000 runs FROM=1
simulate: $(SIMULATE)
	$(Q)tests/simulate/run $(SIMULATE)

## make test-plants    plant faults in the caches and links, one at a time: the simulator must find each
test-plants: $(SIMULATE)
	$(Q)COMPILE='$(COMPILE)' LINK='$(LINK)' LIBS='$(LIBS)' tests/find-plants $(B) tests/simulate

## make test-split     the processes of a split topology die, stand still, lose their network; as root;
##                     ONLY=regex as above
test-split: $(WEIR) $(SPLITS) $(PROGRAMS)
	$(Q)WEIR_BINARY=$(CURDIR)/$(WEIR) WEIR_VARIANT=$(VARIANT) WEIR_TOPOLOGIES=tests/topologies \
	    ONLY='$(or $(ONLY),^split/)' tests/run $(B) $(SPLITS)

## make test-freshness how old a verified answer can be, by millions of reads on every placement and under
##                     every fault; and whether faults planted in weir are found; as root
test-freshness: $(WEIR) $(FRESHES) $(PROGRAMS)
	$(Q)WEIR_BINARY=$(CURDIR)/$(WEIR) WEIR_VARIANT=$(VARIANT) WEIR_TOPOLOGIES=tests/topologies JOBS=1 \
	    ONLY='$(or $(ONLY),^freshness/)' tests/run $(B) $(FRESHES)
	$(Q)$(if $(ONLY),,COMPILE='$(COMPILE)' LINK='$(LINK)' LIBS='$(LIBS)' WEIR_TOPOLOGIES=tests/topologies JOBS=1 \
	    tests/find-plants $(B) tests/freshness)

## make test-clients   Redis clients of other languages read through weir: Python's, two of npm's
test-clients: $(WEIR) build/clients/node_modules
	$(Q)WEIR_BINARY=$(WEIR) CLIENT_MODULES=build/clients/node_modules tests/clients/run

build/clients/node_modules: tests/clients/package.json tests/clients/package-lock.json
	@mkdir -p $(@D)
	@echo "  NPM   $<"
	$(Q)cp $^ $(@D)
	$(Q)npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

## make test-page      the admin stage's page in a headless Chromium; what it looked like is in build/page/
test-page: $(WEIR)
	@mkdir -p build/page
	$(Q)WEIR_BINARY=$(WEIR) PICTURES=build/page node --test-reporter=spec tests/page/page_test.js

## make test-fresh     build, test and run on an unpacked minimal Debian 12; as root
test-fresh:
	$(Q)tests/fresh

## make fuzz           run each fuzzer for SECONDS_EACH (30) seconds; needs clang
SECONDS_EACH ?= 30
ifeq ($(VARIANT),fuzz)
fuzz: $(FUZZERS)
	$(Q)for fuzzer in $(FUZZERS); do \
	    found=$(B)/found/$${fuzzer##*/}; mkdir -p $$found; echo "== $${fuzzer##*/}"; \
	    words=tests/fuzz/dictionaries/$${fuzzer##*/}; \
	    $$fuzzer -max_total_time=$(SECONDS_EACH) -artifact_prefix=$(B)/ \
	        $$([ ! -f $$words ] || echo -dict=$$words) \
	        $$found tests/fuzz/corpus/$${fuzzer##*/} || exit 1; \
	done
else
fuzz:
	$(Q)$(MAKE) VARIANT=fuzz CC=clang fuzz
endif

## make bench          the table of docs/measurements/, beside the peers that are here; ROWS="ROW..." some rows
bench: $(WEIR) $(BENCHES) $(TURNS)
	$(Q)tests/bench/run $(ROWS)

## make bench-growth   how the cost grows with connections, values, keys, shards, skew; CURVES="CURVE..." some
bench-growth: $(WEIR) $(BENCHES)
	$(Q)tests/bench/growth $(CURVES)

## make bench-placements  what each way to place the stages costs; PLACEMENTS="PLACEMENT..." some
bench-placements: $(WEIR) $(BENCHES)
	$(Q)tests/bench/placements $(PLACEMENTS)

## make bench-deps     install what these want, and the peers: wrk, nginx with Lua, webdis, h2load
bench-deps:
	$(Q)scripts/deps build run bench peers && echo "all that make bench wants is here"

c_files = $(shell find common stages tests -name '*.[ch]')

## make format         lay out every source file as .clang-format says
format:
	$(Q)clang-format -i $(c_files)

## make check-format   fail where that would change anything
check-format:
	$(Q)clang-format --dry-run -Werror $(c_files)

## make check-layers   fail where a file includes what its layer must not know
check-layers:
	$(Q)tests/check-layers

## make check-units    systemd's own check of packaging/weir.service and weir.socket, where it is here
check-units: $(WEIR)
	$(Q)scripts/check-units $(WEIR)

## make lint           clang-tidy and cppcheck; every finding is an error
lint:
	$(Q)scripts/lint $(LIB_CFLAGS) $(LLHTTP_CFLAGS) $(TEST_CFLAGS)

## make clean          remove build/
clean:
	rm -rf build

## make help           this list
help:
	@sed -n 's/^## //p' mk/goals.mk mk/install.mk
