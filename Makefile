# SPDX-License-Identifier: GPL-2.0
# The commands that a person types; `make help` lists them. The kernel's build
# system reads Kbuild instead of this file.

.PHONY: modules stock help demo shell test stress test-sanitized bench check install uninstall clean
.NOTPARALLEL:

# Not for the builds below: their own flags, their own jobs.
unexport MAKEFLAGS MAKELEVEL MFLAGS

modules:
	@scripts/kbuild

stock:
	@KDIR= EROFS_STOCK=1 scripts/kbuild

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: make               erofs.ko for the running kernel, if what is installed of it
#:                    can build Rust modules; else for Debian's backports kernel,
#:                    which is then fetched and prepared
#:   KDIR=DIR         for the kernel tree DIR
#:   LLVM=1           with clang, for a kernel built with clang
#: make stock         erofs.ko for Debian's backports kernel, whatever runs here
#:
#: make demo          mounts a demo image in a guest, in every way, and compares
#:   IMAGE=FILE       this image instead
#: make shell         a shell in that guest
#:   IMAGE=FILE       with this image
#: make test          builds, checks, and runs all tests, on the host and in guests
#:   CASES='NAME ...' only these guest cases
#: make stress        random reads of compressed images in a guest of 128 MB
#:   MINUTES=20       for so long
#:   SEED=N           the same choices again
#: make test-sanitized
#:                    the guest cases in a kernel built with clang that looks for
#:                    wrong uses of memory and locks, and for leaks; 15 minutes to
#:                    build the first time, ten times as long to run
#:   CASES='NAME ...' only these guest cases
#: make bench         measures our driver against the kernel's own, in a guest
#:   BENCH='OPTIONS'  of scripts/bench: --rows, --quick, --json, --profile ...
#: make check         what needs no running: format, lints, no panic, small stacks
#:
#: make install       puts erofs.ko where depmod prefers it to the kernel's own
#: make uninstall     takes it away again: the kernel's own driver is back
#: make clean         removes what building left here
#:
#: demo, shell, test, stress, bench and check need root, a Debian mirror that
#: apt knows, and 4 GB in ${EROFS_CACHE:-~/.cache/erofs-rs}, where everything
#: they fetch and make is kept. They load nothing into this machine's kernel and
#: install nothing on it but mmdebstrap.

demo:
	@scripts/demo "$(IMAGE)"

shell:
	@scripts/shell "$(IMAGE)"

test:
	@tests/run $(CASES)

stress:
	@tests/run --stress $(or $(MINUTES),20) $(SEED)

test-sanitized:
	@tests/run --sanitized $(CASES)

bench:
	@scripts/bench $(BENCH)

check: stock
	@scripts/check

install:
	@scripts/install erofs.ko

uninstall:
	@scripts/install --remove

clean:
	@find . -path ./.git -prune -o \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \
		-o -name '*.o.d' -o -name modules.order -o -name Module.symvers -o -name bindings_generated.rs \) -exec rm -f {} +
