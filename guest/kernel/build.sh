#!/bin/sh
# Builds the guest's kernel: bzImage for 32-bit x86, no modules.
#   build.sh SOURCE FRAGMENT OUT JOBS
# SOURCE    unpacked kernel source
# FRAGMENT  what is set or unset on top of `make tinyconfig`
# OUT       folder for the objects and .config; a build that was interrupted goes on where it was
# The same source, fragment and compiler give the same bytes.
set -eu
export LC_ALL=C TZ=UTC
source=$1 fragment=$2 out=$3 jobs=$4
export KBUILD_BUILD_USER=boxlite KBUILD_BUILD_HOST=boxlite KBUILD_BUILD_VERSION=1
KBUILD_BUILD_TIMESTAMP=$(date -u -d "@$SOURCE_DATE_EPOCH" "+%a %b %e %H:%M:%S UTC %Y")
export KBUILD_BUILD_TIMESTAMP
kernel_make() { make -C "$source" O="$out" ARCH=i386 "$@"; }

mkdir -p "$out"
# A fresh .config would be newer than every object and build them all again.
if [ ! -e "$out/configured" ]; then
  kernel_make tinyconfig > /dev/null
  (cd "$source" && scripts/kconfig/merge_config.sh -m -O "$out" "$out/.config" "$fragment") > /dev/null
  kernel_make olddefconfig > /dev/null
  # A wish that the source's rules overrule would be lost silently.
  wrong=$(grep -E '^CONFIG_' "$fragment" | while IFS= read -r line; do
    name=${line%%=*}
    case $line in
      *=n) if grep -q "^$name=" "$out/.config"; then echo "$line"; fi ;;
      *) if ! grep -qxF "$line" "$out/.config"; then echo "$line"; fi ;;
    esac
  done)
  if [ -n "$wrong" ]; then
    echo "these lines of the fragment did not become true: $wrong" >&2
    exit 1
  fi
  touch "$out/configured"
fi
kernel_make -j"$jobs" bzImage
