#define _GNU_SOURCE
#include "tar-pax.h"

#include <errno.h>
#include <string.h>

// The whole part of a decimal number of a pax record.
static bool decimal(const char *text, uint64_t *value) {
  uint64_t sum = 0;
  if (*text < '0' || *text > '9') return false;
  for (; *text >= '0' && *text <= '9'; text++) {
    if (sum > INT64_MAX / 10 - 1) return false;
    sum = sum * 10 + (uint64_t)(*text - '0');
  }
  *value = sum;
  return *text == '\0' || *text == '.';
}

static bool decimal32(const char *text, uint32_t *value) {
  uint64_t wide;
  if (!decimal(text, &wide) || wide > UINT32_MAX) return false;
  *value = (uint32_t)wide;
  return true;
}

// Seconds with a fraction, of which nine digits count. The entry has it as whole seconds and what is on top: -1.25 is -2 and 0.75.
static bool read_time(const char *text, struct tar_entry *entry) {
  bool negative = *text == '-';
  uint64_t seconds;
  uint32_t ns = 0;
  if (!decimal(text + negative, &seconds)) return false;
  const char *fraction = strchr(text, '.');
  for (uint32_t unit = 100000000; fraction != NULL && *++fraction >= '0' && *fraction <= '9'; unit /= 10) ns += unit * (uint32_t)(*fraction - '0');
  entry->modified = negative ? -(int64_t)seconds - (ns > 0) : (int64_t)seconds;
  entry->modified_ns = negative && ns > 0 ? 1000000000 - ns : ns;
  return true;
}

// One fact of a pax header. What is not listed changes nothing that we keep.
static bool note(const char *key, const char *value, struct tar_entry *entry, struct tar_extra *extra) {
  if (strcmp(key, "path") == 0) {
    strcpy(entry->path, value);
    extra->path = true;
  } else if (strcmp(key, "linkpath") == 0) {
    strcpy(entry->target, value);
    extra->target = true;
  } else if (strcmp(key, "size") == 0) {
    extra->size = true;
    return decimal(value, &entry->stored);
  } else if (strcmp(key, "uid") == 0) {
    extra->uid = true;
    return decimal32(value, &entry->uid);
  } else if (strcmp(key, "gid") == 0) {
    extra->gid = true;
    return decimal32(value, &entry->gid);
  } else if (strcmp(key, "mtime") == 0) {
    extra->modified = true;
    return read_time(value, entry);
  } else if (strncmp(key, "GNU.sparse.", 11) == 0) {
    // Another way to write sparse files, which we do not know: its bytes are not the file's.
    extra->unknown = true;
  }
  return true;
}

static bool is_known(const char *key) {
  return strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0 || strcmp(key, "size") == 0 || strcmp(key, "uid") == 0 ||
         strcmp(key, "gid") == 0 || strcmp(key, "mtime") == 0;
}

// `LENGTH KEY=VALUE\n`, where the length counts the whole record: the number of bytes that it took, 0 when it is broken.
static uint64_t read_record(struct tar_reader *reader, uint64_t most, struct tar_entry *entry, struct tar_extra *extra, int *error) {
  static char value[TAR_PATH_BYTES];
  char key[32] = "";
  uint64_t length = 0, at = 0;
  size_t key_length = 0;
  char byte = 0;
  for (; at < most && at < 20 && tar_take(reader, &byte, 1) == 1 && byte >= '0' && byte <= '9'; at++) length = length * 10 + (uint64_t)(byte - '0');
  if (byte != ' ' || ++at > most || length > most || length <= at) return 0;
  for (; at < length && tar_take(reader, &byte, 1) == 1 && byte != '='; at++)
    if (key_length < sizeof key - 1) key[key_length++] = byte;
  if (byte != '=' || ++at >= length) return 0;
  key[key_length] = '\0';
  uint64_t left = length - at - 1;
  if (!is_known(key)) {
    if (!tar_skip(reader, left)) return 0;
    note(key, "", entry, extra);
  } else {
    if (left >= sizeof value) *error = ENAMETOOLONG;
    if (left >= sizeof value || tar_take(reader, value, (size_t)left) < left || memchr(value, 0, (size_t)left) != NULL) return 0;
    value[left] = '\0';
    if (!note(key, value, entry, extra)) return 0;
  }
  return tar_take(reader, &byte, 1) == 1 && byte == '\n' ? length : 0;
}

int tar_read_pax(struct tar_reader *reader, uint64_t length, struct tar_entry *entry, struct tar_extra *extra) {
  int error = EBADMSG;
  while (length > 0) {
    uint64_t used = read_record(reader, length, entry, extra, &error);
    if (used == 0) return error;
    length -= used;
  }
  return 0;
}
