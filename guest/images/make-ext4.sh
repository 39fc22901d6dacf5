#!/bin/sh
# Makes a raw disk of SIZE_MIB with one ext4 file system on it, filled from the folder ROOT where one is given.
#   make-ext4.sh OUTPUT SIZE_MIB [ROOT]
# No checksums over all metadata and no 64-bit block numbers: a 32-bit guest under an emulator pays for both, and the disk
# below has its own. Descriptors of new groups go beside them (meta_bg) and their tables side by side (256 groups are one flexible
# group): growing to 10 GiB at the first start writes 160 KiB, and to 1 TiB 25 MiB, where the usual layout copies and zeroes much more.
set -eu
export LC_ALL=C TZ=UTC E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH
# mke2fs would read the host's /etc/mke2fs.conf, which says what every other machine does differently.
export MKE2FS_CONFIG=$(dirname "$0")/mke2fs.conf
output=$1 size_mib=$2 root=${3-}
uuid=626f786c-6974-4e65-8000-000000000001

rm -f "$output"
truncate -s "${size_mib}M" "$output"
mke2fs -q -F -t ext4 -T ext4 -b 4096 -i 16384 -m 0 -L root -U "$uuid" -J size=16 -G 256 \
  -O none,has_journal,ext_attr,meta_bg,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,uninit_bg,dir_nlink,extra_isize \
  -E "hash_seed=$uuid,lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,nodiscard" \
  ${root:+-d "$root"} "$output"

# mke2fs copies the folder's own access and change times, which nobody can set.
inodes=$(dumpe2fs -h "$output" 2>/dev/null | sed -n 's/^Inode count: *//p')
free=$(dumpe2fs -h "$output" 2>/dev/null | sed -n 's/^Free inodes: *//p')
last=$((inodes - free + 1))
number=1
while [ "$number" -le "$last" ]; do
  for field in atime ctime crtime; do echo "set_inode_field <$number> $field @$SOURCE_DATE_EPOCH"; done
  number=$((number + 1))
done > "$output.times"
debugfs -w -f "$output.times" "$output" > /dev/null 2>&1
rm "$output.times"
e2fsck -f -n "$output" > /dev/null
