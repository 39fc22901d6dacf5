// The writable file systems that a disk carries.

#ifndef BOXLITE_DISKS_H
#define BOXLITE_DISKS_H

#include <stddef.h>

enum { MOST_DISKS = 16 };

struct disks {
  size_t count;
  // Directories on them, opened; mounted first, first.
  int directories[MOST_DISKS];
};

// Finds and opens them; those beyond MOST_DISKS are left out. A path given before stands for all of them.
void disks_open(struct disks *disks);
void disks_close(struct disks *disks);

// Without a machine: the one directory whose file system counts as a disk.
void disks_take(const char *directory);

#endif
