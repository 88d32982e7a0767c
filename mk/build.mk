# How the program, the tests and the fuzzers are compiled and linked.

comma := ,

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wvla $(WERROR)

plain-cflags   := -O2 -g -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
asan-cflags    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
                  -fno-sanitize-recover=all
tsan-cflags    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
fuzz-cflags    := $(asan-cflags) -fsanitize=fuzzer-no-link
plain-ldflags  := $(if $(filter Linux,$(shell uname)),-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now)
asan-ldflags   := -fsanitize=address,undefined
tsan-ldflags   := -fsanitize=thread
fuzz-ldflags   := $(asan-ldflags)

COMPILE = $(CC) -std=c17 -D_GNU_SOURCE -pthread -I. $($(VARIANT)-cflags) $(LIB_CFLAGS) $(LLHTTP_CFLAGS) $(CFLAGS)
LIBS    = $(LIB_LIBS) $(LLHTTP_LIBS) -lm
LINK    = $(CC) -pthread $($(VARIANT)-ldflags) $(LDFLAGS)

# ---- what there is ----

sources  := $(wildcard common/*.c stages/*.c stages/*/*.c)
support  := $(filter-out %_main.c,$(wildcard tests/support/*.c))
programs := $(wildcard tests/support/*_main.c)
# ThreadSanitizer takes what has threads: no unit test, no parser's fuzzer and no simulation starts one.
kinds    := $(if $(filter tsan,$(VARIANT)),,unit) stage system
tests    := $(foreach kind,$(kinds),$(sort $(wildcard tests/$(kind)/*_test.c)))
splits   := $(sort $(wildcard tests/split/*_test.c))
freshes  := $(sort $(wildcard tests/freshness/*_test.c))
fuzzers  := $(if $(filter tsan,$(VARIANT)),,$(wildcard tests/fuzz/*_fuzz.c))
benches  := $(filter-out %/turns.c,$(wildcard tests/bench/*.c))
simulate := $(wildcard tests/simulate/*.c)
pages    := $(wildcard stages/admin/page/*)

LIB      := $(B)/libweir.a
LIBTEST  := $(B)/libsupport.a
LLHTTP   := $(LLHTTP_SOURCES:$(LLHTTP_DIR)/%.c=$(B)/llhttp/%.o)
PROGRAMS := $(programs:tests/support/%_main.c=$(B)/%)
TESTS    := $(tests:%.c=$(B)/%)
SPLITS   := $(splits:%.c=$(B)/%)
FRESHES  := $(freshes:%.c=$(B)/%)
FUZZERS  := $(fuzzers:tests/fuzz/%_fuzz.c=$(B)/fuzz/%)
BENCHES  := $(benches:tests/bench/%.c=$(B)/%)
TURNS    := $(B)/turns.so
SIMULATE := $(if $(filter tsan,$(VARIANT)),,$(B)/simulate)

LIB_OBJECTS := $(filter-out $(B)/stages/weir.o,$(sources:%.c=$(B)/%.o)) $(B)/default_topology.o \
               $(addprefix $(B)/,$(addsuffix .o,$(pages)))

# ---- compiling ----

# Rewritten only when the compiler or a flag changes, and then everything is built anew.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(WARNINGS) $(LINK)' | cmp -s - $@ || \
	 echo '$(COMPILE) $(WARNINGS) $(LINK)' > $@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(COMPILE) $(WARNINGS) $(if $(filter tests/%,$<),$(TEST_CFLAGS)) -MMD -MP -c -o $@ $<

$(B)/default_topology.c: topology.yml scripts/embed
	@mkdir -p $(@D)
	$(Q)scripts/embed default_topology $< > $@

$(pages:%=$(B)/%.c): $(B)/%.c: % scripts/embed
	@mkdir -p $(@D)
	$(Q)scripts/embed $(subst .,_,$(notdir $*)) $< > $@

$(B)/default_topology.o $(pages:%=$(B)/%.o): %.o: %.c $(B)/flags
	@echo "  CC    $<"
	$(Q)$(COMPILE) $(WARNINGS) -c -o $@ $<

# llhttp's sources are not ours to warn about. Without strict mode it skips any byte after a CR.
$(B)/llhttp/%.o: $(LLHTTP_DIR)/%.c $(B)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(COMPILE) -DLLHTTP_STRICT_MODE=1 -c -o $@ $<

# ---- linking ----

$(LIB): $(LIB_OBJECTS) $(LLHTTP)
$(LIBTEST): $(support:%.c=$(B)/%.o)
$(LIB) $(LIBTEST):
	@echo "  AR    $@"
	$(Q)rm -f $@ && ar rcs $@ $^

define link
@mkdir -p $(@D)
@echo "  LINK  $@"
$(Q)$(LINK) -o $@ $(filter %.o %.a,$^)
endef

$(WEIR): $(B)/stages/weir.o $(LIB)
	$(link) $(LIBS)

$(TESTS) $(SPLITS) $(FRESHES): $(B)/%: $(B)/%.o $(LIBTEST) $(LIB)
	$(link) $(TEST_LIBS) $(LIBS)

$(PROGRAMS): $(B)/%: $(B)/tests/support/%_main.o $(LIBTEST) $(LIB)
	$(link) $(TEST_LIBS) $(LIBS)

$(BENCHES): $(B)/%: $(B)/tests/bench/%.o $(LIB)
	$(link) $(LIBS)

# Comes before the C library, so that it sees what is called there.
$(TURNS): tests/bench/turns.c $(B)/flags
	@echo "  LINK  $@"
	$(Q)$(COMPILE) $(WARNINGS) -fPIC -shared -o $@ $<

$(SIMULATE): $(simulate:%.c=$(B)/%.o) $(LIB)
	$(link) $(LIBS)

ifeq ($(VARIANT),fuzz)
$(FUZZERS): $(B)/fuzz/%: $(B)/tests/fuzz/%_fuzz.o $(LIB)
	$(link) -fsanitize=fuzzer $(LIBS)
else
$(FUZZERS): $(B)/fuzz/%: $(B)/tests/fuzz/%_fuzz.o $(B)/tests/fuzz/replay.o $(LIB)
	$(link) $(LIBS)
endif

-include $(patsubst %.c,$(B)/%.d,$(sources) $(support) $(programs) $(tests) $(splits) $(freshes) $(fuzzers) $(benches) $(simulate) tests/fuzz/replay.c)
