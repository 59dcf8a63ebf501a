#!/bin/sh
# Finds the system's HDF5 library in whatever way it is installed; configure and the checks use it.
#   tools/hdf5.sh FOLDER
# A place is believed once a program that was compiled and linked with it runs, and headers and
# library are of one version. Prints three lines: a root with include/ and lib/ for HDF5_DIR (made
# of links in FOLDER, since distributions scatter the parts), what R's linker needs, and where it
# was found. Fails where there is none. HDF5_DIR names an installation; nothing else is tried then.
set -u
folder=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

have() { command -v "$1" >/dev/null 2>&1; }

compiler=${CC:-}
if [ -z "$compiler" ] && { [ -n "${R_HOME:-}" ] || have R; }; then
  compiler=$("${R_HOME:-$(R RHOME)}/bin/R" CMD config CC 2>/dev/null)
fi
compiler=${compiler:-cc}

# Says the version of the library, and its file as the loader found it.
cat >"$work/probe.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <hdf5.h>
#include <stdio.h>
int main(void) {
  unsigned a, b, c;
  Dl_info info;
  if (H5get_libversion(&a, &b, &c) < 0) return 1;
  if (a != H5_VERS_MAJOR || b != H5_VERS_MINOR || c != H5_VERS_RELEASE) return 1;
  /* H5Dread_chunk() came with 1.10.3. */
  if (!H5Dread_chunk || !dladdr((void *)H5get_libversion, &info)) return 1;
  printf("%u.%u.%u\n%s\n", a, b, c, info.dli_fname);
  return 0;
}
C

case $(uname) in
  Darwin) library=libhdf5.dylib dl="" ;;
  *) library=libhdf5.so dl=-ldl ;;
esac

# try WHERE INCLUDE_FLAGS LINK_FLAGS: answers and ends if HDF5 works there. The flags are words on
# purpose.
try() {
  $compiler $2 "$work/probe.c" -o "$work/probe" $3 $dl >"$work/log" 2>&1 || return 1
  "$work/probe" >"$work/found" 2>>"$work/log" || return 1
  version=$(sed -n 1p "$work/found")
  file=$(sed -n 2p "$work/found")
  # In a program that holds the library itself, it is no file that R could share.
  case $file in *hdf5*) ;; *) return 1 ;; esac
  header=$($compiler $2 -M "$work/probe.c" 2>>"$work/log" | tr ' \\' '\n\n' |
    grep '/H5pubconf[^/]*\.h$' | tail -n 1)
  [ -n "$header" ] || return 1
  # The version is part of the name: where the system's library changes, cargo must build anew.
  root=$folder/hdf5-$version
  mkdir -p "$root/lib" || return 1
  # HDF5_DIR may be such a root.
  if [ "$(cd "$(dirname "$header")" && pwd)" != "$root/include" ]; then
    rm -f "$root/include" "$root/lib/$library"
    ln -s "$(cd "$(dirname "$header")" && pwd)" "$root/include" &&
      ln -s "$file" "$root/lib/$library" || return 1
  fi
  printf '%s\n%s\n%s\n' "$root" "$3" "HDF5 $version, $1"
  exit 0
}

# at WHERE ROOT: an installation with include/ and lib/ or lib64/.
at() {
  [ -d "$2/include" ] || return 1
  for lib in "$2/lib" "$2/lib64"; do
    [ ! -d "$lib" ] || try "$1" "-I$2/include" "-L$lib -Wl,-rpath,$lib -lhdf5"
  done
}

if [ -n "${HDF5_DIR:-}" ]; then
  at "the library in $HDF5_DIR" "$HDF5_DIR"
  echo "no HDF5 that can be used is in HDF5_DIR, $HDF5_DIR" >&2
  exit 1
fi
if have pkg-config; then
  for name in hdf5 hdf5-serial; do
    pkg-config --exists "$name" 2>/dev/null || continue
    include=$(pkg-config --cflags "$name")
    libs=$(pkg-config --libs "$name")
    try "found by pkg-config" "$include" "$libs"
    # Not every installation lies where the loader looks.
    libs=$(echo "$libs" | sed 's|-L\([^ ]*\)|-L\1 -Wl,-rpath,\1|g')
    try "found by pkg-config" "$include" "$libs"
  done
fi
if have h5cc; then
  at "the library of h5cc" "$(dirname "$(dirname "$(command -v h5cc)")")"
  flags() { h5cc -show 2>/dev/null | tr ' ' '\n' | grep "^$1" | tr '\n' ' '; }
  try "the library of h5cc" "$(flags -I)" "$(flags -L)-lhdf5"
fi
if [ "$(uname)" = Darwin ] && have brew; then
  at "Homebrew's library" "$(brew --prefix hdf5 2>/dev/null)"
fi
if [ -n "${CONDA_PREFIX:-}" ]; then at "the library in $CONDA_PREFIX" "$CONDA_PREFIX"; fi
try "the system's library" "" "-lhdf5"
# Debian's place, where pkg-config is not installed.
for include in /usr/include/hdf5/serial /usr/include/hdf5/openmpi; do
  [ -d "$include" ] || continue
  for lib in /usr/lib/*/"${include#/usr/include/}"; do
    [ ! -d "$lib" ] || try "the library in $lib" "-I$include" "-L$lib -lhdf5"
  done
done
at "the library in /usr/local" /usr/local
exit 1
