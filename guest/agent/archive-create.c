#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "archives.h"
#include "job.h"
#include "tar.h"

enum {
  ARCHIVE_FOLLOW = 1,
  // Each level holds a descriptor.
  DEEPEST = 512,
  // Files with several links that are remembered.
  MOST_LINKED = 65536,
  PIPE_BYTES = PROTOCOL_WINDOW_BYTES,
};

static struct tar_writer writer = {.fd = STDOUT_FILENO};
// The entry under way; its path is that of the walk.
static struct tar_entry entry;
static uint32_t entry_count;
static dev_t device;

static int put_file(int fd, uint64_t offset, uint64_t length) {
  static const uint8_t zeros[TAR_BLOCK_BYTES];
  loff_t at = (loff_t)offset;
  int error = tar_flush(&writer);
  while (error == 0 && length > 0) {
    ssize_t count = splice(fd, &at, STDOUT_FILENO, NULL, length < PIPE_BYTES ? (size_t)length : PIPE_BYTES, SPLICE_F_MOVE);
    if (count > 0) length -= (uint64_t)count;
    else if (count == 0) break;
    else if (errno != EINTR) error = errno;
  }
  // It became shorter: the header has promised these.
  for (; error == 0 && length > 0; length -= length < sizeof zeros ? length : sizeof zeros)
    error = tar_put(&writer, zeros, length < sizeof zeros ? (size_t)length : sizeof zeros);
  return error;
}

// Where the file has bytes, as far as the file system says.
static void find_segments(int fd) {
  off_t size = (off_t)entry.size;
  off_t at = 0;
  entry.segment_count = 0;
  while (at < size && entry.segment_count < TAR_MOST_SEGMENTS - 1) {
    off_t start = lseek(fd, at, SEEK_DATA);
    if (start < 0 || start >= size) break;
    off_t end = entry.segment_count == TAR_MOST_SEGMENTS - 2 ? size : lseek(fd, start, SEEK_HOLE);
    if (end < 0 || end > size) end = size;
    entry.segments[entry.segment_count++] = (struct tar_segment){.offset = (uint64_t)start, .length = (uint64_t)(end - start)};
    at = end;
  }
  // An empty one at the end tells where the file ends.
  entry.segments[entry.segment_count++] = (struct tar_segment){.offset = entry.size, .length = 0};
  entry.stored = 0;
  for (size_t i = 0; i < entry.segment_count; i++) entry.stored += entry.segments[i].length;
}

// The name under which a file with several links was put first, or NULL when it is new. Beyond the limit, and without memory, a
// link is put as a file of its own.
static const char *name_of_first(const struct stat *status) {
  enum { SLOTS = 2 * MOST_LINKED };
  static struct {
    ino_t file;
    char *path;
  } slots[SLOTS];
  static uint32_t used;
  if (status->st_nlink < 2) return NULL;
  size_t at = (size_t)((uint64_t)status->st_ino * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SLOTS;
  while (slots[at].path != NULL && slots[at].file != status->st_ino) at = (at + 1) % SLOTS;
  if (slots[at].path != NULL) return slots[at].path;
  if (used < MOST_LINKED && (slots[at].path = strdup(entry.path)) != NULL) {
    slots[at].file = status->st_ino;
    used++;
  }
  return NULL;
}

static int put_hard_link(const char *first) {
  entry.type = TAR_LINK;
  strcpy(entry.target, first);
  return tar_put_header(&writer, &entry);
}

static int put_regular(int fd, const struct stat *status) {
  entry.type = TAR_FILE;
  entry.size = entry.stored = (uint64_t)status->st_size;
  if ((uint64_t)status->st_blocks * 512 < entry.size) {
    find_segments(fd);
    if (entry.stored < entry.size) entry.type = TAR_SPARSE;
  }
  uint64_t stored = entry.stored;
  int error = tar_put_header(&writer, &entry);
  if (error == 0 && entry.type == TAR_FILE) error = put_file(fd, 0, stored);
  if (entry.type == TAR_SPARSE)
    for (size_t i = 0; error == 0 && i < entry.segment_count; i++) error = put_file(fd, entry.segments[i].offset, entry.segments[i].length);
  return error == 0 ? tar_pad(&writer, stored) : error;
}

static int put_link(int parent, const char *name) {
  ssize_t length = readlinkat(parent, name, entry.target, sizeof entry.target);
  if (length < 0) return errno;
  if (length == sizeof entry.target) return ENAMETOOLONG;
  entry.type = TAR_SYMLINK;
  entry.target[length] = '\0';
  return tar_put_header(&writer, &entry);
}

static int put_special(const struct stat *status) {
  entry.type = S_ISFIFO(status->st_mode) ? TAR_FIFO : S_ISCHR(status->st_mode) ? TAR_CHARACTER : TAR_BLOCK;
  entry.major = entry.type == TAR_FIFO ? 0 : major(status->st_rdev);
  entry.minor = entry.type == TAR_FIFO ? 0 : minor(status->st_rdev);
  return tar_put_header(&writer, &entry);
}

static int walk(int parent, const char *name, int flags, size_t length, unsigned depth);

static int walk_entries(int fd, size_t length, unsigned depth) {
  DIR *directory = fdopendir(fd);
  if (directory == NULL) {
    close(fd);
    return errno;
  }
  int error = 0;
  struct dirent *found;
  while (error == 0 && (errno = 0, found = readdir(directory)) != NULL) {
    size_t name_length = strlen(found->d_name);
    if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) continue;
    if (length + name_length + 2 > sizeof entry.path) error = ENAMETOOLONG;
    else memcpy(entry.path + length, found->d_name, name_length + 1);
    if (error == 0) error = walk(fd, found->d_name, AT_SYMLINK_NOFOLLOW, length + name_length, depth);
  }
  if (error == 0) error = errno;
  closedir(directory);
  return error;
}

// The directory's own entry, then what is in it, unless another file system is mounted on it.
static int put_directory(int parent, const char *name, const struct stat *status, int follow, size_t length, unsigned depth) {
  entry.type = TAR_DIRECTORY;
  memcpy(entry.path + length, "/", 2);
  int error = tar_put_header(&writer, &entry);
  if (error != 0 || status->st_dev != device) return error;
  if (depth == DEEPEST) return ELOOP;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow);
  return fd < 0 ? errno : walk_entries(fd, length + 1, depth + 1);
}

// One entry and all below it; `length` is that of its path.
static int walk(int parent, const char *name, int flags, size_t length, unsigned depth) {
  struct stat status;
  int follow = flags == 0 ? 0 : O_NOFOLLOW;
  // Gone since it was listed.
  if (fstatat(parent, name, &status, flags) != 0) return errno == ENOENT && depth > 0 ? 0 : errno;
  if (S_ISSOCK(status.st_mode)) return 0;
  if (depth == 0) device = status.st_dev;
  entry.mode = status.st_mode;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.modified = status.st_mtim.tv_sec;
  entry.modified_ns = (uint32_t)status.st_mtim.tv_nsec;
  entry.target[0] = '\0';
  entry.major = entry.minor = 0;
  entry.stored = entry.size = 0;
  entry_count++;
  if (S_ISDIR(status.st_mode)) return put_directory(parent, name, &status, follow, length, depth);
  if (S_ISLNK(status.st_mode)) return put_link(parent, name);
  if (!S_ISREG(status.st_mode)) return put_special(&status);
  const char *first = name_of_first(&status);
  if (first != NULL) return put_hard_link(first);
  int fd = openat(parent, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | follow);
  if (fd < 0) return errno;
  int error = put_regular(fd, &status);
  close(fd);
  return error;
}

// The last piece of the path, `.` for the root.
static bool name_of(const char *path, char *name, size_t room) {
  size_t end = strlen(path);
  while (end > 0 && path[end - 1] == '/') end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/') start--;
  if (end - start >= room) return false;
  memcpy(name, path + start, end - start);
  name[end - start] = '\0';
  if (name[0] == '\0' || strcmp(name, "..") == 0) strcpy(name, ".");
  return true;
}

int archive_create(const struct request *request, struct report *report) {
  if (!name_of(request->path, entry.path, 256)) return ENAMETOOLONG;
  int flags = (request->flags & ARCHIVE_FOLLOW) != 0 ? 0 : AT_SYMLINK_NOFOLLOW;
  fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
  int error = walk(AT_FDCWD, request->path, flags, strlen(entry.path), 0);
  if (error == 0) error = tar_finish(&writer);
  report_u32(report, 1, entry_count);
  if (error != 0) report_text(report, 2, entry.path);
  return error;
}
