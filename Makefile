# make demo | test | coverage | document | install, and what they do: README.md, CONTRIBUTING.md.

# cargo's build folder: outlives the builds of the package, shared by all of them.
export NEURALEE_TARGET_DIR ?= $(or $(TMPDIR),/tmp)/neuralee-target
# rustup's folder, where a first set-up puts Rust, before a distribution's older Rust.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

LIBRARY = .Rlib

.PHONY: demo test coverage document authors install clean

# A private library, so that nothing of the user's is touched.
# (The output is not called demo: R CMD INSTALL takes a folder of that name for R demos.)
demo:
	sh tools/setup.sh demo
	mkdir -p $(LIBRARY)
	R CMD INSTALL --no-docs --no-test-load --library=$(LIBRARY) .
	R_LIBS="$(CURDIR)/$(LIBRARY)" Rscript tools/demo.R demo-output

test:
	sh tools/setup.sh test
	sh tools/check.sh

# Of what is committed; docs/coverage.md has the figures.
coverage:
	sh tools/coverage.sh

# R/extendr-wrappers.R from the Rust functions; NAMESPACE and man/ by roxygen2.
document:
	R_INCLUDE_DIR="`Rscript -e 'cat(R.home("include"))'`" R_HOME="`R RHOME`" \
	  LD_LIBRARY_PATH="`R RHOME`/lib" CARGO_TARGET_DIR="$(NEURALEE_TARGET_DIR)" \
	  HDF5_DIR="`sh tools/hdf5.sh $(NEURALEE_TARGET_DIR)/hdf5 | head -n 1`" \
	  cargo run --release --manifest-path src/rust/Cargo.toml --features hdf5 -- R/extendr-wrappers.R
	mkdir -p $(LIBRARY)
	Rscript tools/document.R $(LIBRARY)

# LICENSE.note and inst/AUTHORS, after a change of the Rust dependencies.
authors:
	Rscript tools/authors.R

install:
	R CMD INSTALL .

clean:
	rm -rf $(LIBRARY) demo-output neuralee.Rcheck neuralee_*.tar.gz
	sh cleanup
