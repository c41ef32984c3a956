# MicroReg: one Makefile, no recursion.
#
#   make            all programs and libraries, into build/
#   make check      build and run every test (what scripts/check runs)
#   make asan       the same under AddressSanitizer and UBSan, into build/asan/
#   make tsan       the same under ThreadSanitizer, into build/tsan/
#   make fuzz       each fuzz target for FUZZ_SECONDS (30), into build/fuzz/; needs clang
#   make lint       what scripts/lint checks: format, clang-tidy, includes …
#   make docs       manual pages, reference and completion, into build/
#   make install    programs, library, docs and systemd units, under DESTDIR and PREFIX
#                   (/usr/local)
#   make bench      CPU per request beside peers, into build/bench/
#   make proofs     idle connections, other people's clients, upgrades under load, slow ones
#   make soak       SOAK requests (10,000,000) of every kind: memory must not grow
#   make format     clang-format in place
#   make coverage   the suite with gcov, and how much of each file it ran, in build/coverage/
#   V=1 shows the commands; CC=clang builds into build/clang (build/asan-clang …).

FLAVOUR ?=

VERSION := 0.1.0
# The library's ABI: SO_NAME changes when a program must be built anew.
SO_NAME := libmicroreg.so.1
SO_FILE := $(SO_NAME).0.0

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-6s %s\n'
endif

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
IS_CLANG := $(findstring clang,$(notdir $(CC)))

# Each pair of flavour and compiler has a folder of its own; fuzz is always clang's.
FOLDER := $(if $(FLAVOUR),$(FLAVOUR)$(if $(filter-out fuzz,$(FLAVOUR)),$(IS_CLANG:%=-%)),$(IS_CLANG))
B := build$(FOLDER:%=/%)

WARN := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wcast-qual \
	-Wwrite-strings -Wvla -Wformat=2 -Wundef -Wnull-dereference -Wdouble-promotion \
	-Wimplicit-fallthrough -Wswitch-enum -Wpointer-arith

# uthash's hash falls through cases and says so in comments, which gcc reads and clang does not.
WARN += $(if $(IS_CLANG),-Wno-implicit-fallthrough)

# -fhardened is newer than Debian 12's gcc; this is what it stands for.
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection
LDHARDEN := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

ifeq ($(FLAVOUR),asan)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
else ifeq ($(FLAVOUR),tsan)
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
else ifeq ($(FLAVOUR),fuzz)
OPT := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined \
	-fsanitize=fuzzer-no-link,address,undefined
else ifeq ($(FLAVOUR),coverage)
OPT := -O0 -g --coverage -fprofile-update=atomic
else ifeq ($(FLAVOUR),)
OPT := -O2 -g -D_FORTIFY_SOURCE=2
# The daemons only: a library must not choose its program's allocator, and
# the sanitizers bring their own.
MALLOC_LIBS := -lmimalloc
else
$(error FLAVOUR is empty, asan, tsan, fuzz or coverage, not "$(FLAVOUR)")
endif

CPPFLAGS += -I. -D_GNU_SOURCE -DMICROREG_VERSION='"$(VERSION)"' -DHASH_NONFATAL_OOM=1
CFLAGS += -std=c11 $(OPT) $(WARN) $(HARDEN) -fPIC -fvisibility=hidden -pthread
LDFLAGS += $(LDHARDEN) -pthread $(filter -fsanitize=% --coverage,$(OPT))

XMLRPC_LIBS := $(shell xmlrpc-c-config --libs 2>/dev/null)
XML_FLAGS := $(shell pkg-config --cflags libxml-2.0 2>/dev/null)
REGISTRY_LIBS := -lmicrohttpd -lgnutls -lsqlite3 -lyaml -ljansson $(XMLRPC_LIBS)
GATEWAY_LIBS := -lmicrohttpd -lgnutls -lcurl -lyaml -lcares -ljq -ljose -ljansson -largon2 -lcrypt -lxml2 -lssl -lcrypto $(XMLRPC_LIBS)
CLIENT_LIBS := -lcurl $(XMLRPC_LIBS)
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null)

src = $(sort $(wildcard $(1)/*.c))
obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

COMMON_SRC := $(call src,common)
CLIENT_SRC := $(call src,client-lib)
TOOL_SRC := $(call src,client-lib/tool)
REGISTRY_SRC := $(call src,registry)
GATEWAY_SRC := $(call src,gateway)
SHOP_SRC := $(call src,tests/shop)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
ALL_SRC := $(COMMON_SRC) $(CLIENT_SRC) $(TOOL_SRC) $(REGISTRY_SRC) $(GATEWAY_SRC) $(SHOP_SRC) \
	$(call src,tests/unit) $(call src,tests/bench) $(call src,tests/integration) $(call src,tests/fuzz)

# A program appears when its main.c does.
PROGRAMS := $(if $(wildcard registry/main.c),$(B)/microreg-registry) \
	$(if $(wildcard gateway/main.c),$(B)/microreg-gateway) \
	$(if $(TOOL_SRC),$(B)/microreg)
SHOP := $(if $(CLIENT_SRC),$(patsubst tests/shop/%_main.c,$(B)/shop/%,$(wildcard tests/shop/*_main.c)))
BENCH := $(patsubst tests/bench/%.c,$(B)/bench/%,$(call src,tests/bench))
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_SRC))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/%,$(call src,tests/fuzz))
FUZZ_SECONDS ?= 30
LIBS := $(if $(CLIENT_SRC),$(B)/libmicroreg.a $(B)/$(SO_FILE) $(B)/libmicroreg.so)

.PHONY: all check asan tsan coverage lint docs install bench proofs soak format clean unit unit-build peers fuzz fuzz-run
.SECONDARY:
# What the integration tests run beside the daemons.
DRIVERS := $(patsubst tests/integration/%.c,$(B)/%,$(call src,tests/integration))

all: $(PROGRAMS) $(LIBS) $(SHOP) $(DRIVERS) $(B)/bench/watchers

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define archive
$(B)/obj/lib$(1).a: $(call obj,$(filter-out %/main.c,$(2)))
	$$(say) AR $$@
	$$(Q)rm -f $$@ && ar rcsD $$@ $$^
endef
$(eval $(call archive,common,$(COMMON_SRC)))
$(eval $(call archive,registry,$(REGISTRY_SRC)))
$(eval $(call archive,gateway,$(GATEWAY_SRC)))
# Without fail_*: an archive's malloc would be taken by whoever needs one.
$(eval $(call archive,test,$(filter-out tests/unit/test_% tests/unit/fail_%,$(call src,tests/unit))))
$(eval $(call archive,client,$(CLIENT_SRC)))

# Its headers have a folder of their own.
$(B)/obj/gateway/xml_%.o $(B)/obj/tests/unit/test_out_of_memory_transform.o: CPPFLAGS += $(XML_FLAGS)

# The library carries the part of common/ that it uses, with every name but
# microreg_* made local, so that it can't clash with its program's own.
$(B)/obj/libmicroreg.o: $(call obj,$(CLIENT_SRC)) $(B)/obj/libcommon.a
	$(say) LD $@
	$(Q)ld -r -o $@ $(call obj,$(CLIENT_SRC)) $(B)/obj/libcommon.a
	$(Q)objcopy --localize-hidden $@

$(B)/libmicroreg.a: $(B)/obj/libmicroreg.o
	$(say) AR $@
	$(Q)rm -f $@ && ar rcsD $@ $<

$(B)/$(SO_FILE): $(B)/obj/libmicroreg.o
	$(say) LD $@
	$(Q)$(CC) -shared -Wl,-soname,$(SO_NAME) -Wl,--exclude-libs,ALL $(LDFLAGS) -o $@ $< $(CLIENT_LIBS)

$(B)/libmicroreg.so: $(B)/$(SO_FILE)
	$(Q)ln -sf $(SO_FILE) $(B)/$(SO_NAME) && ln -sf $(SO_NAME) $@

$(B)/microreg-registry: $(call obj,registry/main.c) $(B)/obj/libregistry.a $(B)/obj/libcommon.a
	$(say) LD $@
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(REGISTRY_LIBS) $(MALLOC_LIBS)

$(B)/microreg-gateway: $(call obj,gateway/main.c) $(B)/obj/libgateway.a $(B)/libmicroreg.a \
		$(B)/obj/libcommon.a
	$(say) LD $@
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(GATEWAY_LIBS) $(MALLOC_LIBS)

# The tool is a user of the library; of common/ it takes what prints and reads values.
$(B)/microreg: $(call obj,$(TOOL_SRC)) $(B)/libmicroreg.a $(B)/obj/libcommon.a
	$(say) LD $@
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS)

# The shop's services are ordinary users of the library: they see microreg.h
# and libmicroreg.a, nothing else of the project.
$(B)/obj/tests/shop/%.o: CPPFLAGS += -Iclient-lib
SHOP_OBJ := $(call obj,$(filter-out %_main.c,$(SHOP_SRC)))
$(B)/shop/%: $(B)/obj/tests/shop/%_main.o $(SHOP_OBJ) $(B)/libmicroreg.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ -lmicrohttpd $(CLIENT_LIBS)

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(call obj,$(filter-out tests/unit/test_%,$(call src,tests/unit))) \
		$(B)/obj/libregistry.a $(B)/obj/libgateway.a $(B)/obj/libclient.a $(B)/obj/libcommon.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(REGISTRY_LIBS) $(GATEWAY_LIBS) $(CHECK_LIBS)

$(B)/lib_%: $(B)/obj/tests/integration/lib_%.o $(B)/libmicroreg.a
	$(say) LD $@
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS)

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(B)/obj/libgateway.a $(B)/libmicroreg.a $(B)/obj/libcommon.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(CLIENT_LIBS) -lssl -lcrypto -lm

$(B)/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/obj/libtest.a \
		$(B)/obj/libregistry.a $(B)/obj/libgateway.a $(call obj,$(CLIENT_SRC)) $(B)/obj/libcommon.a
	$(say) LD $@
	$(Q)$(CC) -pie $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(REGISTRY_LIBS) $(GATEWAY_LIBS)

unit-build: $(UNIT)
unit: $(UNIT)
	$(Q)BUILD=$(B) scripts/run-tests unit

# What npm has of others, for the integration tests; one folder serves all flavours.
peers: build/peers/node_modules/.package-lock.json
build/peers/node_modules/.package-lock.json: tests/peers/package.json tests/peers/package-lock.json
	@mkdir -p build/peers
	$(say) NPM build/peers
	$(Q)cp $^ build/peers/
	$(Q)npm --prefix build/peers ci --no-audit --no-fund --ignore-scripts --loglevel=error >build/peers/npm.log 2>&1 || \
		{ cat build/peers/npm.log; exit 1; }
	@touch $@

check: all unit-build peers
	$(Q)BUILD=$(B) scripts/run-tests all

asan tsan:
	$(Q)$(MAKE) --no-print-directory FLAVOUR=$@ check

coverage:
	$(Q)find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	$(Q)$(MAKE) --no-print-directory FLAVOUR=$@ CC=gcc check
	$(Q)scripts/coverage build/coverage

lint:
	$(Q)scripts/lint

# A find is left in build/fuzz/; it becomes a case of a unit test.
fuzz:
	$(Q)$(MAKE) --no-print-directory FLAVOUR=fuzz CC=clang fuzz-run

fuzz-run: $(FUZZ)
	$(Q)for f in $(notdir $(FUZZ)); do \
		mkdir -p $(B)/corpus/$$f; \
		dict=tests/fuzz/$$f.dict; seeds=tests/fuzz/seeds/$$f; \
		$(B)/$$f $$(test -e $$dict && echo -dict=$$dict) -max_total_time=$(FUZZ_SECONDS) \
			-artifact_prefix=$(B)/$$f- $(B)/corpus/$$f $$(test -d $$seeds && echo $$seeds) \
			>$(B)/$$f.log 2>&1 || \
			{ tail -n 40 $(B)/$$f.log; exit 1; }; \
		echo "$$f: no find; $$(tail -n 1 $(B)/$$f.log)"; \
	done

# ---- Manual pages, completion and the reference: from tables, --help and microreg.h ----

DOC_SRC := $(wildcard */*.[1-8].in */*/*.[1-8].in)
docs: $(B)/docs.made
$(B)/docs.made: scripts/docs $(DOC_SRC) client-lib/microreg.h $(PROGRAMS)
	$(say) DOCS $(B)/doc
	$(Q)scripts/docs $(B)
	@touch $@

# ---- Installing ----

PREFIX ?= /usr/local
DESTDIR ?=
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
LIBDIR ?= $(PREFIX)/lib
SHARE := $(DESTDIR)$(PREFIX)/share
UNITS := gateway/microreg-gateway.service.in registry/microreg-registry.service.in
INSTALL_DATA := install -m 644

$(B)/microreg.pc: FORCE
	$(Q)printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR:$(PREFIX)/%=$${prefix}/%)' \
		'includedir=$${prefix}/include' '' 'Name: microreg' \
		'Description: client library of MicroReg, a service registry' 'Version: $(VERSION)' \
		'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -lmicroreg' \
		'Libs.private: $(strip $(CLIENT_LIBS)) -pthread' >$@

install: all docs $(B)/microreg.pc
	$(say) INSTALL $(DESTDIR)$(PREFIX)
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig \
		$(DESTDIR)$(PREFIX)/include $(SHARE)/bash-completion/completions $(SHARE)/doc/microreg \
		$(SHARE)/man/man1 $(SHARE)/man/man3 $(SHARE)/man/man5 $(SHARE)/man/man8
	$(Q)install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin/
	$(Q)$(INSTALL_DATA) $(B)/$(SO_FILE) $(B)/libmicroreg.a $(DESTDIR)$(LIBDIR)/
	$(Q)ln -sf $(SO_FILE) $(DESTDIR)$(LIBDIR)/$(SO_NAME)
	$(Q)ln -sf $(SO_NAME) $(DESTDIR)$(LIBDIR)/libmicroreg.so
	$(Q)$(INSTALL_DATA) $(B)/microreg.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	$(Q)$(INSTALL_DATA) client-lib/microreg.h $(DESTDIR)$(PREFIX)/include/
	$(Q)for section in 1 3 5 8; do \
		$(INSTALL_DATA) $(B)/man/*.$$section $(SHARE)/man/man$$section/ || exit 1; \
	done
	$(Q)install -d $(DESTDIR)$(UNITDIR)
	$(Q)for unit in $(UNITS); do \
		sed -e 's|@BINDIR@|$(PREFIX)/bin|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' $$unit \
			>$(B)/unit.service && $(INSTALL_DATA) $(B)/unit.service \
			$(DESTDIR)$(UNITDIR)/$$(basename $$unit .in) || exit 1; \
	done
	$(Q)$(INSTALL_DATA) $(B)/completion/* $(SHARE)/bash-completion/completions/
	$(Q)$(INSTALL_DATA) $(wildcard README.md CHANGELOG.md SECURITY.md) LICENSE \
		$(B)/doc/reference.md $(SHARE)/doc/microreg/
	$(Q)test -n "$(DESTDIR)" || ! test -w /etc/ld.so.cache || PATH="$$PATH:/sbin" ldconfig # else the library is not found

FORCE:

bench: all $(BENCH)
	$(Q)$(B)/bench/bench_codec
	$(Q)BUILD=$(B) scripts/bench

proofs: all $(BENCH)
	$(Q)BUILD=$(B) scripts/proofs clients upgrade idle slow tls

SOAK ?= 10000000
soak: all $(BENCH)
	$(Q)BUILD=$(B) scripts/proofs soak --requests $(SOAK)

format:
	$(Q)clang-format -i $(ALL_SRC) $(wildcard common/*.h client-lib/*.h client-lib/tool/*.h registry/*.h gateway/*.h \
		tests/*/*.h)

clean:
	$(Q)rm -rf build

-include $(patsubst %.c,$(B)/obj/%.d,$(ALL_SRC))
