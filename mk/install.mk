# What of weir goes into a system, and the packages that carry it there.

PREFIX     ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
UNITDIR    ?= $(PREFIX)/lib/systemd/system
MAN        := build/man/weir.1 build/man/topology.yml.5

# The unit names where things are; the one in packaging/ says so for PREFIX=/usr.
placed := sed -e 's|/usr/bin/|$(PREFIX)/bin/|' -e 's|/etc/weir|$(SYSCONFDIR)/weir|'

build/man/weir.1: docs/weir.md scripts/man
	@mkdir -p $(@D)
	$(Q)scripts/man weir 1 "a read-through cache in front of Redis" $< > $@

build/man/topology.yml.5: docs/topology.md scripts/man
	@mkdir -p $(@D)
	$(Q)scripts/man topology.yml 5 "what weir runs, and where" $< > $@

## make man            the manual pages, made from docs/
man: $(MAN)

## make install        the program, manual pages, unit and a topology.yml; PREFIX (/usr/local), DESTDIR
install: $(WEIR) $(MAN)
	$(Q)mkdir -p $(addprefix $(DESTDIR),$(PREFIX)/bin $(PREFIX)/share/man/man1 \
	    $(PREFIX)/share/man/man5 $(UNITDIR) $(SYSCONFDIR)/weir)
	$(Q)install -m 755 $(WEIR) $(DESTDIR)$(PREFIX)/bin/weir
	$(Q)install -m 644 build/man/weir.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	$(Q)install -m 644 build/man/topology.yml.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	$(Q)$(placed) packaging/weir.service > $(DESTDIR)$(UNITDIR)/weir.service
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/weir/topology.yml ] || \
	    install -m 644 topology.yml $(DESTDIR)$(SYSCONFDIR)/weir/topology.yml

## make deb            a Debian package, in build/deb/
deb:
	$(Q)packaging/build-deb

## make test-packages  build the package and the image, install and start them; says what it cannot try
test-packages:
	$(Q)tests/packages
