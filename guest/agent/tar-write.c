#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "job.h"
#include "tar.h"

// What a header's octal digits can say.
enum { MOST_ID = 07777777 };
#define MOST_NUMBER UINT64_C(077777777777)

int tar_flush(struct tar_writer *writer) {
  size_t length = writer->used;
  writer->used = 0;
  return write_all(writer->fd, writer->bytes, length);
}

int tar_put(struct tar_writer *writer, const void *bytes, size_t length) {
  if (length > sizeof writer->bytes - writer->used) {
    int error = tar_flush(writer);
    if (error != 0) return error;
  }
  if (length > sizeof writer->bytes) return write_all(writer->fd, bytes, length);
  memcpy(writer->bytes + writer->used, bytes, length);
  writer->used += length;
  return 0;
}

static int put_zeros(struct tar_writer *writer, size_t length) {
  static const uint8_t zeros[TAR_BLOCK_BYTES];
  return tar_put(writer, zeros, length);
}

int tar_pad(struct tar_writer *writer, uint64_t stored) {
  return put_zeros(writer, (size_t)(-stored % TAR_BLOCK_BYTES));
}

int tar_finish(struct tar_writer *writer) {
  int error = put_zeros(writer, TAR_BLOCK_BYTES);
  if (error == 0) error = put_zeros(writer, TAR_BLOCK_BYTES);
  return error == 0 ? tar_flush(writer) : error;
}

// Octal digits and a NUL; what needs more is written as bytes, as GNU tar does.
static void put_number(uint8_t *field, size_t length, uint64_t value) {
  if (value >> 3 * (length - 1) == 0) {
    char digits[24];
    snprintf(digits, sizeof digits, "%0*llo", (int)length - 1, (unsigned long long)value);
    memcpy(field, digits, length);
    return;
  }
  for (size_t i = length; i-- > 1; value >>= 8) field[i] = (uint8_t)value;
  field[0] = 0x80;
}

static void seal(uint8_t *header) {
  uint32_t sum = tar_checksum(header);
  snprintf((char *)header + TAR_CHECKSUM, TAR_CHECKSUM_BYTES, "%06o", sum);
  header[TAR_CHECKSUM + 7] = ' ';
}

static void put_basics(uint8_t *header, char type, uint32_t mode, uint64_t size, int64_t modified) {
  header[TAR_TYPE] = (uint8_t)type;
  put_number(header + TAR_MODE, TAR_ID_BYTES, mode);
  put_number(header + TAR_SIZE, TAR_NUMBER_BYTES, size);
  put_number(header + TAR_MODIFIED, TAR_NUMBER_BYTES, modified < 0 ? 0 : (uint64_t)modified);
  // A sparse header is GNU's own; all others are POSIX's.
  memcpy(header + TAR_MAGIC, type == TAR_SPARSE ? "ustar  " : "ustar\00000", 8);
}

// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
static size_t put_record(char *target, size_t room, const char *key, const char *value) {
  size_t length = strlen(key) + strlen(value) + 3;
  size_t digits = 1;
  for (size_t power = 10; length + digits >= power; power *= 10) digits++;
  int put = snprintf(target, room, "%zu %s=%s\n", length + digits, key, value);
  return put < 0 ? 0 : (size_t)put;
}

static size_t put_decimal(char *target, size_t room, const char *key, int64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", (long long)value);
  return put_record(target, room, key, digits);
}

static size_t put_time(char *target, size_t room, int64_t seconds, uint32_t ns) {
  bool negative = seconds < 0;
  // The fraction of a pax record counts away from zero, the entry's always onwards.
  if (negative && ns > 0) {
    seconds++;
    ns = 1000000000 - ns;
  }
  char digits[40];
  snprintf(digits, sizeof digits, "%s%llu.%09u", negative ? "-" : "", (unsigned long long)(negative ? -seconds : seconds), (unsigned)ns);
  return put_record(target, room, "mtime", digits);
}

// What the entry's own header cannot hold.
static int put_extra(struct tar_writer *writer, const struct tar_entry *entry) {
  static char records[2 * TAR_PATH_BYTES + 512];
  size_t used = 0;
  if (strlen(entry->path) > TAR_NAME_BYTES) used += put_record(records + used, sizeof records - used, "path", entry->path);
  if (strlen(entry->target) > TAR_NAME_BYTES) used += put_record(records + used, sizeof records - used, "linkpath", entry->target);
  if (entry->stored > MOST_NUMBER) used += put_decimal(records + used, sizeof records - used, "size", (int64_t)entry->stored);
  if (entry->uid > MOST_ID) used += put_decimal(records + used, sizeof records - used, "uid", entry->uid);
  if (entry->gid > MOST_ID) used += put_decimal(records + used, sizeof records - used, "gid", entry->gid);
  if (entry->modified < 0 || entry->modified_ns > 0) used += put_time(records + used, sizeof records - used, entry->modified, entry->modified_ns);
  if (used == 0) return 0;
  uint8_t header[TAR_BLOCK_BYTES] = "././@PaxHeader";
  put_basics(header, 'x', 0644, used, 0);
  seal(header);
  int error = tar_put(writer, header, sizeof header);
  if (error == 0) error = tar_put(writer, records, used);
  return error == 0 ? tar_pad(writer, used) : error;
}

static size_t put_segments(uint8_t *at, unsigned most, const struct tar_entry *entry, size_t first) {
  size_t last = entry->segment_count - first < most ? entry->segment_count : first + most;
  for (size_t i = first; i < last; i++, at += 2 * TAR_NUMBER_BYTES) {
    put_number(at, TAR_NUMBER_BYTES, entry->segments[i].offset);
    put_number(at + TAR_NUMBER_BYTES, TAR_NUMBER_BYTES, entry->segments[i].length);
  }
  return last;
}

static int put_map(struct tar_writer *writer, const struct tar_entry *entry, size_t done) {
  while (done < entry->segment_count) {
    uint8_t block[TAR_BLOCK_BYTES] = {0};
    done = put_segments(block, TAR_MORE_SEGMENTS, entry, done);
    block[TAR_MORE_EXTENDED] = done < entry->segment_count;
    int error = tar_put(writer, block, sizeof block);
    if (error != 0) return error;
  }
  return 0;
}

int tar_put_header(struct tar_writer *writer, const struct tar_entry *entry) {
  uint8_t header[TAR_BLOCK_BYTES] = {0};
  size_t done = 0;
  int error = put_extra(writer, entry);
  if (error != 0) return error;
  memcpy(header + TAR_NAME, entry->path, strnlen(entry->path, TAR_NAME_BYTES));
  memcpy(header + TAR_TARGET, entry->target, strnlen(entry->target, TAR_NAME_BYTES));
  put_basics(header, (char)entry->type, entry->mode & 07777, entry->stored > MOST_NUMBER ? 0 : entry->stored, entry->modified);
  put_number(header + TAR_UID, TAR_ID_BYTES, entry->uid > MOST_ID ? 0 : entry->uid);
  put_number(header + TAR_GID, TAR_ID_BYTES, entry->gid > MOST_ID ? 0 : entry->gid);
  put_number(header + TAR_MAJOR, TAR_ID_BYTES, entry->major);
  put_number(header + TAR_MINOR, TAR_ID_BYTES, entry->minor);
  if (entry->type == TAR_SPARSE) {
    done = put_segments(header + TAR_MAP, TAR_MAP_SEGMENTS, entry, 0);
    header[TAR_MAP_EXTENDED] = done < entry->segment_count;
    put_number(header + TAR_REAL_SIZE, TAR_NUMBER_BYTES, entry->size);
  }
  seal(header);
  error = tar_put(writer, header, sizeof header);
  return error == 0 ? put_map(writer, entry, done) : error;
}
