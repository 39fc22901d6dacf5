# Read by assemble.sh, with $root.
# BusyBox's shell would run its own applets and not the programs that this image brings.
ln -sf dash "$root/usr/bin/sh"
ln -s python3 "$root/usr/bin/python"
# Without compiled modules the first import under an emulator takes seconds. The image's own Python compiles them; it runs here on
# its own loader and libraries. A 64-bit fakeroot cannot be loaded into it, and need not: what it writes is ours.
echo 'compiling the modules of Python'
library=$root/usr/lib/python3.11
env -i LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" PYTHONHOME="$root/usr" PYTHONHASHSEED=0 \
  "$root/usr/lib/ld-linux.so.2" --library-path "$root/usr/lib/i386-linux-gnu" "$root/usr/bin/python3.11" -B -S -s \
  -m compileall -q -f --invalidation-mode unchecked-hash -s "$root" -p / "$library" "$root/usr/lib/python3/dist-packages"
