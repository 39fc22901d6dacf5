// The tar format, as POSIX (pax) and GNU tar write it: 512-byte blocks, a header per entry, long or large facts in entries before it.

#ifndef BOXLITE_TAR_H
#define BOXLITE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  TAR_BLOCK_BYTES = 512,
  TAR_PATH_BYTES = 4096,
  // More holes than this and a file's rest counts as data.
  TAR_MOST_SEGMENTS = 16384,
};

enum tar_type {
  TAR_FILE = '0',
  TAR_LINK = '1',
  TAR_SYMLINK = '2',
  TAR_CHARACTER = '3',
  TAR_BLOCK = '4',
  TAR_DIRECTORY = '5',
  TAR_FIFO = '6',
  TAR_SPARSE = 'S',
};

// Where a sparse file has bytes.
struct tar_segment {
  uint64_t offset;
  uint64_t length;
};

struct tar_entry {
  enum tar_type type;
  char path[TAR_PATH_BYTES];
  // Of a link.
  char target[TAR_PATH_BYTES];
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
  // Seconds since 1970, and nanoseconds on top of them.
  int64_t modified;
  uint32_t modified_ns;
  uint32_t major;
  uint32_t minor;
  // The bytes that follow the header.
  uint64_t stored;
  // The file's own length.
  uint64_t size;
  // Of a sparse file; in order.
  size_t segment_count;
  struct tar_segment segments[TAR_MOST_SEGMENTS];
};

// An archive on a descriptor, read once from its beginning to its end.
struct tar_reader {
  int fd;
  // Of the entry's bytes, those not read yet, and the zeros behind them.
  uint64_t left;
  unsigned padding;
  size_t start;
  size_t end;
  uint8_t bytes[65536];
};

// The next entry: 0, or an errno: ENODATA after the last one, EBADMSG for what is no tar, EOPNOTSUPP for a form of entry that
// is not known, ENAMETOOLONG. `entry->path` is then the name of the entry at fault as far as it is known.
int tar_next(struct tar_reader *reader, struct tar_entry *entry);
// Fills the target with the entry's next bytes; false where there are not so many.
bool tar_read(struct tar_reader *reader, void *target, size_t length);
// Reads to the end of the input, so that whoever writes it is not held up.
void tar_drain(struct tar_reader *reader);

struct tar_writer {
  int fd;
  size_t used;
  uint8_t bytes[65536];
};

// Each 0, or an errno. The entry's bytes follow its header by tar_put or past the writer, after tar_flush; then tar_pad.
int tar_put_header(struct tar_writer *writer, const struct tar_entry *entry);
int tar_put(struct tar_writer *writer, const void *bytes, size_t length);
int tar_pad(struct tar_writer *writer, uint64_t stored);
int tar_flush(struct tar_writer *writer);
// The two empty blocks at the end.
int tar_finish(struct tar_writer *writer);

// Where the fields of a header are. A sparse one has its map where others have the rest of a long name.
enum {
  TAR_NAME = 0, TAR_NAME_BYTES = 100,
  TAR_MODE = 100, TAR_UID = 108, TAR_GID = 116, TAR_ID_BYTES = 8,
  TAR_SIZE = 124, TAR_MODIFIED = 136, TAR_NUMBER_BYTES = 12,
  TAR_CHECKSUM = 148, TAR_CHECKSUM_BYTES = 8,
  TAR_TYPE = 156,
  TAR_TARGET = 157,
  TAR_MAGIC = 257,
  TAR_MAJOR = 329, TAR_MINOR = 337,
  TAR_PREFIX = 345, TAR_PREFIX_BYTES = 155,
  TAR_MAP = 386, TAR_MAP_SEGMENTS = 4, TAR_MAP_EXTENDED = 482, TAR_REAL_SIZE = 483,
  // In a block of the map alone.
  TAR_MORE_SEGMENTS = 21, TAR_MORE_EXTENDED = 504,
};

// The sum of a header's bytes with blanks for the sum itself.
uint32_t tar_checksum(const uint8_t *header);

#endif
