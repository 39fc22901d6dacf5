#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tar-pax.h"
#include "tar.h"

uint32_t tar_checksum(const uint8_t *header) {
  uint32_t sum = 0;
  for (unsigned i = 0; i < TAR_BLOCK_BYTES; i++) sum += i - TAR_CHECKSUM < TAR_CHECKSUM_BYTES ? ' ' : header[i];
  return sum;
}

static bool fill(struct tar_reader *reader) {
  if (reader->start < reader->end) return true;
  ssize_t count;
  do count = read(reader->fd, reader->bytes, sizeof reader->bytes);
  while (count < 0 && errno == EINTR);
  reader->start = 0;
  reader->end = count > 0 ? (size_t)count : 0;
  return count > 0;
}

// Past the buffer, where as much is wanted as it holds.
static bool fill_from(struct tar_reader *reader, uint8_t *target, size_t length, size_t *got) {
  ssize_t count;
  do count = read(reader->fd, target, length);
  while (count < 0 && errno == EINTR);
  if (count > 0) *got += (size_t)count;
  return count > 0;
}

size_t tar_take(struct tar_reader *reader, void *target, size_t length) {
  size_t got = 0;
  while (got < length) {
    if (target != NULL && reader->start == reader->end && length - got >= sizeof reader->bytes) {
      if (!fill_from(reader, (uint8_t *)target + got, length - got, &got)) break;
      continue;
    }
    if (!fill(reader)) break;
    size_t piece = reader->end - reader->start;
    if (piece > length - got) piece = length - got;
    if (target != NULL) memcpy((uint8_t *)target + got, reader->bytes + reader->start, piece);
    reader->start += piece;
    got += piece;
  }
  return got;
}

bool tar_skip(struct tar_reader *reader, uint64_t length) {
  while (length > 0) {
    size_t piece = length < sizeof reader->bytes ? (size_t)length : sizeof reader->bytes;
    if (tar_take(reader, NULL, piece) < piece) return false;
    length -= piece;
  }
  return true;
}

void tar_drain(struct tar_reader *reader) {
  do reader->start = reader->end;
  while (fill(reader));
}

bool tar_read(struct tar_reader *reader, void *target, size_t length) {
  if (length > reader->left || tar_take(reader, target, length) < length) return false;
  reader->left -= length;
  return true;
}

// Octal digits between blanks, or, marked by the highest bit, big-endian bytes. False for anything else.
static bool number(const uint8_t *field, size_t length, uint64_t *value) {
  uint64_t sum = 0;
  size_t i = 0;
  if (field[0] == 0x80) {
    for (i = 1; i < length; i++) {
      if (sum >> 56 != 0) return false;
      sum = sum << 8 | field[i];
    }
    *value = sum;
    return sum <= INT64_MAX;
  }
  while (i < length && field[i] == ' ') i++;
  for (; i < length && field[i] >= '0' && field[i] <= '7'; i++) sum = sum << 3 | (uint64_t)(field[i] - '0');
  for (; i < length; i++)
    if (field[i] != ' ' && field[i] != '\0') return false;
  *value = sum;
  return true;
}

static bool number32(const uint8_t *field, size_t length, uint32_t *value) {
  uint64_t wide;
  if (!number(field, length, &wide) || wide > UINT32_MAX) return false;
  *value = (uint32_t)wide;
  return true;
}

// GNU's long name or long link target: the bytes of an entry of its own.
static int read_long(struct tar_reader *reader, uint64_t length, char *target) {
  if (length == 0) return EBADMSG;
  if (length > TAR_PATH_BYTES) return ENAMETOOLONG;
  if (tar_take(reader, target, (size_t)length) < length) return EBADMSG;
  return target[length - 1] == '\0' ? 0 : EBADMSG;
}

// Segments until the first empty one. They are in order and inside the file, or the map is broken.
static bool read_segments(const uint8_t *at, unsigned count, struct tar_entry *entry) {
  for (unsigned i = 0; i < count; i++, at += 2 * TAR_NUMBER_BYTES) {
    struct tar_segment segment;
    if (at[0] == '\0') return true;
    if (!number(at, TAR_NUMBER_BYTES, &segment.offset) || !number(at + TAR_NUMBER_BYTES, TAR_NUMBER_BYTES, &segment.length)) return false;
    const struct tar_segment *last = entry->segment_count == 0 ? NULL : &entry->segments[entry->segment_count - 1];
    if (last != NULL && segment.offset < last->offset + last->length) return false;
    if (segment.offset > entry->size || segment.length > entry->size - segment.offset) return false;
    if (entry->segment_count == TAR_MOST_SEGMENTS) return false;
    entry->segments[entry->segment_count++] = segment;
  }
  return true;
}

static bool read_map(struct tar_reader *reader, const uint8_t *header, struct tar_entry *entry) {
  uint8_t block[TAR_BLOCK_BYTES];
  if (!number(header + TAR_REAL_SIZE, TAR_NUMBER_BYTES, &entry->size)) return false;
  if (!read_segments(header + TAR_MAP, TAR_MAP_SEGMENTS, entry)) return false;
  for (bool more = header[TAR_MAP_EXTENDED] != 0; more; more = block[TAR_MORE_EXTENDED] != 0)
    if (tar_take(reader, block, sizeof block) < sizeof block || !read_segments(block, TAR_MORE_SEGMENTS, entry)) return false;
  uint64_t sum = 0;
  for (size_t i = 0; i < entry->segment_count; i++) sum += entry->segments[i].length;
  return sum == entry->stored;
}

static void read_name(const uint8_t *header, char *path) {
  bool has_prefix = memcmp(header + TAR_MAGIC, "ustar", 6) == 0 && header[TAR_PREFIX] != 0;
  int prefix = has_prefix ? (int)strnlen((const char *)header + TAR_PREFIX, TAR_PREFIX_BYTES) : 0;
  memcpy(path, header + TAR_PREFIX, (size_t)prefix);
  if (has_prefix) path[prefix++] = '/';
  size_t length = strnlen((const char *)header + TAR_NAME, TAR_NAME_BYTES);
  memcpy(path + prefix, header + TAR_NAME, length);
  path[(size_t)prefix + length] = '\0';
}

// What the header itself says, where nothing before it said better.
static int read_facts(struct tar_reader *reader, const uint8_t *header, struct tar_entry *entry, const struct tar_extra *extra) {
  uint64_t modified;
  if (!extra->path) read_name(header, entry->path);
  if (!extra->target) {
    size_t length = strnlen((const char *)header + TAR_TARGET, TAR_NAME_BYTES);
    memcpy(entry->target, header + TAR_TARGET, length);
    entry->target[length] = '\0';
  }
  bool good = number32(header + TAR_MODE, TAR_ID_BYTES, &entry->mode) && number(header + TAR_MODIFIED, TAR_NUMBER_BYTES, &modified);
  if (good && !extra->modified) {
    entry->modified = (int64_t)modified;
    entry->modified_ns = 0;
  }
  good = good && (extra->uid || number32(header + TAR_UID, TAR_ID_BYTES, &entry->uid));
  good = good && (extra->gid || number32(header + TAR_GID, TAR_ID_BYTES, &entry->gid));
  good = good && (extra->size || number(header + TAR_SIZE, TAR_NUMBER_BYTES, &entry->stored));
  entry->type = header[TAR_TYPE] == '\0' || header[TAR_TYPE] == '7' ? TAR_FILE : header[TAR_TYPE];
  // An old tar marks a directory by its name alone.
  size_t length = strlen(entry->path);
  if (entry->type == TAR_FILE && length > 0 && entry->path[length - 1] == '/') entry->type = TAR_DIRECTORY;
  if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK)
    good = good && number32(header + TAR_MAJOR, TAR_ID_BYTES, &entry->major) && number32(header + TAR_MINOR, TAR_ID_BYTES, &entry->minor);
  entry->size = entry->stored;
  entry->segment_count = 0;
  if (good && entry->type == TAR_SPARSE) good = read_map(reader, header, entry);
  if (!good) return EBADMSG;
  // Links may give the length of what they point at; nothing follows them.
  if (entry->type != TAR_FILE && entry->type != TAR_SPARSE) entry->stored = entry->size = 0;
  return extra->unknown || strchr("0123456S", (int)entry->type) == NULL ? EOPNOTSUPP : 0;
}

static bool is_empty(const uint8_t *block) {
  return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK_BYTES - 1) == 0;
}

static unsigned padding_of(uint64_t length) {
  return (unsigned)(-length % TAR_BLOCK_BYTES);
}

// An entry that only says something about the next one. ENOTUNIQ: it is none.
static int read_extra(struct tar_reader *reader, const uint8_t *header, struct tar_entry *entry, struct tar_extra *extra) {
  uint64_t length;
  int error = 0;
  char type = (char)header[TAR_TYPE];
  if (strchr("xgLK", type) == NULL || type == '\0') return ENOTUNIQ;
  if (!number(header + TAR_SIZE, TAR_NUMBER_BYTES, &length)) return EBADMSG;
  if (type == 'x') error = tar_read_pax(reader, length, entry, extra);
  // What holds for all entries is nothing that we keep.
  else if (type == 'g') error = tar_skip(reader, length) ? 0 : EBADMSG;
  else error = read_long(reader, length, type == 'L' ? entry->path : entry->target);
  if (type == 'L') extra->path = true;
  if (type == 'K') extra->target = true;
  return error == 0 && !tar_skip(reader, padding_of(length)) ? EBADMSG : error;
}

int tar_next(struct tar_reader *reader, struct tar_entry *entry) {
  struct tar_extra extra = {0};
  uint8_t header[TAR_BLOCK_BYTES];
  if (!tar_skip(reader, reader->left + reader->padding)) return EBADMSG;
  reader->left = 0;
  reader->padding = 0;
  for (;;) {
    uint32_t sum;
    size_t got = tar_take(reader, header, sizeof header);
    // Without its two empty blocks an archive is complete all the same, but not in the middle of an entry.
    if ((got == 0 || (got == sizeof header && is_empty(header))) && !extra.path && !extra.target) return ENODATA;
    if (got < sizeof header || !number32(header + TAR_CHECKSUM, TAR_CHECKSUM_BYTES, &sum) || sum != tar_checksum(header)) return EBADMSG;
    int error = read_extra(reader, header, entry, &extra);
    if (error == 0) continue;
    if (error == ENOTUNIQ) error = read_facts(reader, header, entry, &extra);
    if (error != 0) return error;
    reader->left = entry->stored;
    reader->padding = padding_of(entry->stored);
    return 0;
  }
}
