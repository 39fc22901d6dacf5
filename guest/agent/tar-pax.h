// The header of a pax archive that only says something about the next entry: records of `LENGTH KEY=VALUE\n`.

#ifndef BOXLITE_TAR_PAX_H
#define BOXLITE_TAR_PAX_H

#include "tar.h"

// Facts that were given before the header they belong to.
struct tar_extra {
  bool path, target, size, uid, gid, modified, unknown;
};

// Reads `length` bytes of records into the entry: 0, EBADMSG or ENAMETOOLONG.
int tar_read_pax(struct tar_reader *reader, uint64_t length, struct tar_entry *entry, struct tar_extra *extra);

// The reader's bytes, whatever they are: copies `length` of them, to nowhere for NULL, and gives the number that was there.
size_t tar_take(struct tar_reader *reader, void *target, size_t length);
bool tar_skip(struct tar_reader *reader, uint64_t length);

#endif
