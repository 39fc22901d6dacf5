#define _GNU_SOURCE
#include "sparse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
  // Through the page cache the bytes of such a file would be copied once more, and push out what is in use.
  DIRECT_BYTES = 1 << 20,
};

// The file under way goes past the page cache.
static bool direct;

void sparse_begin(int fd, uint64_t size) {
  // With its length it need not grow with every block. Not every file system can: then it goes the common way.
  direct = size >= DIRECT_BYTES && ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_SETFL, O_DIRECT) == 0;
}

static bool is_zero(const uint8_t *bytes, size_t length) {
  return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static int write_at(int fd, const uint8_t *bytes, size_t length, uint64_t offset) {
  while (length > 0) {
    ssize_t count = pwrite(fd, bytes, length, (off_t)offset);
    if (count < 0 && errno == EINTR) continue;
    // The end of a file, which is no whole block.
    if (count < 0 && errno == EINVAL && direct) {
      direct = false;
      if (fcntl(fd, F_SETFL, 0) == 0) continue;
    }
    if (count < 0) return errno;
    bytes += count;
    length -= (size_t)count;
    offset += (uint64_t)count;
  }
  return 0;
}

int sparse_write(int fd, const uint8_t *bytes, size_t length, uint64_t offset) {
  size_t from = 0;
  for (size_t at = 0; at < length;) {
    size_t next = at + (size_t)(SPARSE_HOLE_BYTES - (offset + at) % SPARSE_HOLE_BYTES);
    if (next > length) next = length;
    if (next - at == SPARSE_HOLE_BYTES && is_zero(bytes + at, SPARSE_HOLE_BYTES)) {
      int error = write_at(fd, bytes + from, at - from, offset + from);
      if (error != 0) return error;
      from = next;
    }
    at = next;
  }
  return write_at(fd, bytes + from, length - from, offset + from);
}
