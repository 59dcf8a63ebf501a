#!/bin/sh
# A libtorch for the tests: that of the processor alone, out of PyTorch's wheel, without the
# gigabytes of CUDA libraries that pip would bring along.
#   tools/libtorch.sh FOLDER
# Prints what it does. Fails where the wheels cannot be had.
set -eu
folder=$1
version=$(cat "$(dirname "$0")/../src/rust/torch/libtorch-version").0
if [ "$(cat "$folder/build-version" 2>/dev/null)" = "$version" ]; then
  echo "libtorch $version is there: $folder"
  exit 0
fi
[ "$(uname -sm)" = "Linux x86_64" ] || {
  echo "libtorch for the tests is put together on Linux x86_64 only"
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "fetching libtorch $version"
# What libtorch_cpu links of CUDA: the runtime and the profiler.
python3 -m pip download -q --disable-pip-version-check --no-deps -d "$work" --only-binary :all: \
  "torch==$version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
python3 - "$work" "$folder.partial" <<'PYTHON'
import glob
import os
import shutil
import sys
import zipfile

wheels, folder = sys.argv[1:]
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(os.path.join(folder, "lib"))
libraries = {"libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"}
for wheel in glob.glob(os.path.join(wheels, "*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith("torch/include/") and not name.endswith("/"):
                target = os.path.join(folder, name[len("torch/"):])
            elif os.path.basename(name) in libraries:
                target = os.path.join(folder, "lib", os.path.basename(name))
            else:
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with archive.open(name) as source, open(target, "wb") as to:
                shutil.copyfileobj(source, to)
PYTHON
# The linker asks for libtorch, which the wheel has as one that needs CUDA.
echo 'INPUT(-ltorch_cpu -lc10)' >"$folder.partial/lib/libtorch.so"
echo "$version" >"$folder.partial/build-version"
rm -rf "$folder"
mv "$folder.partial" "$folder"
echo "libtorch $version: $folder ($(du -sh "$folder" | cut -f1))"
