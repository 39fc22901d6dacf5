// The bytes of a new file: blocks of zeros become holes, and a long file goes past the page cache.

#ifndef BOXLITE_SPARSE_H
#define BOXLITE_SPARSE_H

#include <stddef.h>
#include <stdint.h>

enum {
  // Zeros of this length, aligned in the file, are left out.
  SPARSE_HOLE_BYTES = 4096,
};

// A new file, of which `size` bytes will be written from its beginning to its end; 0: some of it, anywhere.
void sparse_begin(int fd, uint64_t size);

// 0, or an errno. Fast where both `bytes` and `offset` are aligned to a hole.
int sparse_write(int fd, const uint8_t *bytes, size_t length, uint64_t offset);

#endif
