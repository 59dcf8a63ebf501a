#!/bin/sh
# Pythons for the tests, with the packages that people write files with: one with the newest
# anndata, and one with an anndata of 2021, which stores categories otherwise, and loompy.
#   tools/python.sh FOLDER
# Makes FOLDER/new and FOLDER/old (some 900 MB) where they are not yet, and prints what it does.
# Fails where the packages cannot be had.
set -eu
folder=$1

# environment NAME PACKAGE...: a virtual environment with these packages.
environment() {
  name=$1
  shift
  python=$folder/$name/bin/python
  if [ "$(cat "$folder/$name/packages" 2>/dev/null)" = "$*" ]; then
    echo "the packages are there: $python"
    return
  fi
  rm -rf "$folder/$name"
  python3 -m venv "$folder/$name"
  "$python" -m pip install -q --disable-pip-version-check "$@"
  "$python" -c 'import anndata'
  echo "$*" >"$folder/$name/packages"
  echo "$python: $*"
}

mkdir -p "$folder"
environment new anndata
# The last versions that anndata 0.7 works with; loompy is built from its source.
environment old anndata==0.7.8 "numpy<1.24" "pandas<2" "scipy<1.12" "h5py<3.11" loompy==3.0.8 \
  "setuptools<80"
