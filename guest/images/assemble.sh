#!/bin/sh
# Makes the ext4 file system of one image, as a raw disk. Runs under fakeroot, so that ownership is right without being root.
#   assemble.sh RECIPE PACKAGES RELEASE WORK OUTPUT SIZE_MIB
# RECIPE    folder of the image (image.json, tree/); beside it stands skeleton/
# PACKAGES  folder of the .deb files, all of them go in, in the order of their names
# RELEASE   file that becomes /etc/boxlite-release
# WORK      empty folder to work in
# The same input gives the same bytes: every time is clamped to SOURCE_DATE_EPOCH, every identifier is fixed.
set -eu
umask 022
export LC_ALL=C TZ=UTC
recipe=$1 packages=$2 release=$3 work=$4 output=$5 size_mib=$6
skeleton=$(dirname "$recipe")/skeleton
root=$work/root
mkdir "$root"

# Folders and links first: the packages are unpacked through the links of the merged /usr.
while read -r kind first second third; do
  case $kind in
    dir) mkdir -m "$first" "$root$third" && chown "$second" "$root$third" ;;
    link) ln -s "$first" "$root$second" ;;
  esac
done < "$skeleton/layout"

mkdir -p "$root/var/lib/dpkg/info"
for package in "$packages"/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -p --keep-directory-symlink -C "$root"
  { dpkg-deb --field "$package" && echo 'Status: install ok installed' && echo; } >> "$root/var/lib/dpkg/status"
done

# Nobody reads manuals here; the licences stay.
rm -rf "$root/usr/share/man" "$root/usr/share/info" "$root/usr/share/lintian" "$root/usr/share/locale" "$root/usr/share/bug" \
  "$root/usr/share/initramfs-tools" "$root/usr/share/doc-base" "$root/usr/share/menu"
find "$root/usr/share" -path "$root/usr/share/doc/*" ! -type d ! -name copyright -delete
find "$root/usr/share" -depth -mindepth 1 -type d -empty -delete

for tree in "$skeleton/tree" "$recipe/tree"; do
  cp -R "$tree/." "$root"
  # The modes of a checkout depend on the umask of whoever made it.
  (cd "$tree" && find . -type f) | while read -r file; do chown 0:0 "$root/$file" && chmod 0644 "$root/$file"; done
  (cd "$tree" && find . -mindepth 1 -type d) | while read -r folder; do chown 0:0 "$root/$folder" && chmod 0755 "$root/$folder"; done
done
cp "$release" "$root/etc/boxlite-release" && chmod 0644 "$root/etc/boxlite-release"

grep -v '^#' "$skeleton/applets" | tr ' ' '\n' | while read -r applet; do
  [ -e "$root/usr/bin/$applet" ] || [ -L "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
done
[ -e "$recipe/finish.sh" ] && . "$recipe/finish.sh"

while read -r kind mode owner path; do
  case $kind in
    file) chown "$owner" "$root$path" && chmod "$mode" "$root$path" ;;
  esac
done < "$skeleton/layout"
chown 0:0 "$root" && chmod 0755 "$root"
find "$root" -depth -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

"$(dirname "$0")/make-ext4.sh" "$output" "$size_mib" "$root"
