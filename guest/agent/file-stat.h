// The wire form of what is known of a file.

#ifndef BOXLITE_FILE_STAT_H
#define BOXLITE_FILE_STAT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { STAT_BYTES = 64, STAT_MOST_BYTES = STAT_BYTES + 4096 };

// Of `name` in `directory`, as fstatat(2) takes them: the fixed part, then a link's target. Returns the length, or 0 with errno.
size_t file_stat(int directory, const char *name, int flags, uint8_t bytes[STAT_MOST_BYTES]);

#endif
