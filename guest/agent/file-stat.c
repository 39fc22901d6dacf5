// STAT and LIST.
#define _GNU_SOURCE
#include "file-stat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "files.h"
#include "job.h"

enum { STAT_NO_FOLLOW = 1, BUFFER_BYTES = 65536, MOST_NAME_BYTES = 255 };

static void store_time(uint8_t *at, const struct timespec *time) {
  store64(at, (uint64_t)((int64_t)time->tv_sec * 1000000000 + time->tv_nsec));
}

size_t file_stat(int directory, const char *name, int flags, uint8_t bytes[STAT_MOST_BYTES]) {
  struct stat status;
  if (fstatat(directory, name, &status, flags) != 0) return 0;
  bool device = S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode);
  store32(bytes, status.st_mode);
  store32(bytes + 4, status.st_uid);
  store32(bytes + 8, status.st_gid);
  store32(bytes + 12, (uint32_t)status.st_nlink);
  store64(bytes + 16, device ? status.st_rdev : 0);
  store64(bytes + 24, status.st_ino);
  store64(bytes + 32, (uint64_t)status.st_size);
  store64(bytes + 40, (uint64_t)status.st_blocks * 512);
  store_time(bytes + 48, &status.st_mtim);
  store_time(bytes + 56, &status.st_ctim);
  if (!S_ISLNK(status.st_mode)) return STAT_BYTES;
  ssize_t length = readlinkat(directory, name, (char *)bytes + STAT_BYTES, STAT_MOST_BYTES - STAT_BYTES);
  return length < 0 ? 0 : STAT_BYTES + (size_t)length;
}

int files_stat(const struct request *request, struct report *report) {
  uint8_t bytes[STAT_MOST_BYTES];
  size_t length = file_stat(AT_FDCWD, request->path, (request->flags & STAT_NO_FOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0, bytes);
  if (length == 0) return errno;
  report_bytes(report, 1, bytes, length);
  return 0;
}

static bool is_dot(const char *name) {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int files_list(const struct request *request, struct report *report) {
  (void)report;
  static uint8_t buffer[BUFFER_BYTES];
  size_t used = 0;
  int error = 0;
  DIR *directory = opendir(request->path);
  if (directory == NULL) return errno;
  struct dirent *entry;
  while (error == 0 && (errno = 0, entry = readdir(directory)) != NULL) {
    uint8_t bytes[STAT_MOST_BYTES];
    if (is_dot(entry->d_name)) continue;
    size_t length = file_stat(dirfd(directory), entry->d_name, AT_SYMLINK_NOFOLLOW, bytes);
    // Gone since it was read.
    if (length == 0) continue;
    size_t name_length = strlen(entry->d_name);
    if (sizeof buffer - used < 4 + MOST_NAME_BYTES + STAT_MOST_BYTES) {
      error = write_all(STDOUT_FILENO, buffer, used);
      used = 0;
    }
    store16(buffer + used, (uint32_t)name_length);
    memcpy(buffer + used + 2, entry->d_name, name_length);
    store16(buffer + used + 2 + name_length, (uint32_t)length);
    memcpy(buffer + used + 4 + name_length, bytes, length);
    used += 4 + name_length + length;
  }
  if (error == 0) error = errno;
  closedir(directory);
  return error != 0 ? error : write_all(STDOUT_FILENO, buffer, used);
}
