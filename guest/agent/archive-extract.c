#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "archives.h"
#include "job.h"
#include "sparse.h"
#include "tar.h"

enum {
  EXTRACT_KEEP_OWNERS = 1,
  PIPE_BYTES = PROTOCOL_WINDOW_BYTES,
  BLOCK_BYTES = PIPE_BYTES,
  MOST_OPEN_TIMES = 128,
};

static struct tar_reader reader = {.fd = STDIN_FILENO};
static struct tar_entry entry;

static _Alignas(SPARSE_HOLE_BYTES) uint8_t block[BLOCK_BYTES];

// The directory that is extracted to, and the last parent in it: entries of one directory come together.
static int root = -1;
static int parent = -1;
static char parent_path[TAR_PATH_BYTES];

// Directories that entries still go into: their times are set when the walk has left them.
static struct {
  size_t length;
  int64_t modified;
  uint32_t modified_ns;
} times[MOST_OPEN_TIMES];
static size_t time_count;
static char times_path[TAR_PATH_BYTES];

// Whatever symbolic links there are, the kernel lets nothing out of the root: EXDEV.
static int open_beneath(const char *path, uint64_t flags) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  return (int)syscall(SYS_openat2, root, *path == '\0' ? "." : path, &how, sizeof how);
}

// Takes `./`, doubled and last slashes away, in place. EXDEV for an absolute path or one with `..`.
static int normalize(char *path) {
  char *to = path;
  if (*path == '/') return EXDEV;
  for (const char *from = path; *from != '\0';) {
    size_t length = strcspn(from, "/");
    if (length == 2 && from[0] == '.' && from[1] == '.') return EXDEV;
    if (length > 0 && !(length == 1 && from[0] == '.')) {
      if (to != path) *to++ = '/';
      memmove(to, from, length);
      to += length;
    }
    from += length;
    if (*from == '/') from++;
  }
  *to = '\0';
  return 0;
}

static void forget_parent(void) {
  if (parent >= 0) close(parent);
  parent = -1;
}

// Opens `path` below the root, making what is missing.
static int make_parents(const char *path) {
  char piece[TAR_PATH_BYTES];
  int at = open_beneath("", O_PATH | O_DIRECTORY);
  for (const char *end = path; at >= 0 && *end != '\0';) {
    const char *start = end;
    end += strcspn(end, "/");
    memcpy(piece, path, (size_t)(end - path));
    piece[end - path] = '\0';
    int next = open_beneath(piece, O_PATH | O_DIRECTORY);
    if (next < 0 && errno == ENOENT && mkdirat(at, piece + (start - path), 0755) == 0) next = open_beneath(piece, O_PATH | O_DIRECTORY);
    int error = errno;
    close(at);
    errno = error;
    at = next;
    if (*end == '/') end++;
  }
  return at;
}

// The entry's directory in `parent`; its own name in `*name`.
static int find_parent(const char **name) {
  char *slash = strrchr(entry.path, '/');
  *name = slash == NULL ? entry.path : slash + 1;
  size_t length = slash == NULL ? 0 : (size_t)(slash - entry.path);
  if (parent >= 0 && strlen(parent_path) == length && memcmp(parent_path, entry.path, length) == 0) return 0;
  forget_parent();
  memcpy(parent_path, entry.path, length);
  parent_path[length] = '\0';
  parent = open_beneath(parent_path, O_PATH | O_DIRECTORY);
  if (parent < 0 && errno == ENOENT) parent = make_parents(parent_path);
  return parent < 0 ? errno : 0;
}

// Makes room for an entry that is no directory: 0 when there is nothing in its place any more.
static int clear(const char *name) {
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR) return errno;
  if (unlinkat(parent, name, AT_REMOVEDIR) == 0) return 0;
  return errno == ENOTEMPTY || errno == EEXIST ? EISDIR : errno;
}

static int write_segment(int fd, uint64_t offset, uint64_t length) {
  while (length > 0) {
    // From the second piece on, the blocks of the file are those of the buffer.
    size_t piece = (size_t)(BLOCK_BYTES - offset % SPARSE_HOLE_BYTES);
    if (piece > length) piece = (size_t)length;
    if (!tar_read(&reader, block, piece)) return EBADMSG;
    int error = sparse_write(fd, block, piece, offset);
    if (error != 0) return error;
    offset += piece;
    length -= piece;
  }
  return 0;
}

static int set_owner(const char *name, bool keep) {
  return fchownat(parent, name, keep ? entry.uid : 0, keep ? entry.gid : 0, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

static int set_time(const char *name) {
  const struct timespec both[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)entry.modified, .tv_nsec = (long)entry.modified_ns}};
  return utimensat(parent, name, both, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

static int make_file(const char *name, bool keep) {
  int error = clear(name);
  if (error != 0) return error;
  int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  sparse_begin(fd, entry.type == TAR_FILE ? entry.size : 0);
  if (entry.type == TAR_FILE) error = write_segment(fd, 0, entry.size);
  for (size_t i = 0; error == 0 && i < entry.segment_count; i++) error = write_segment(fd, entry.segments[i].offset, entry.segments[i].length);
  if (error == 0 && ftruncate(fd, (off_t)entry.size) != 0) error = errno;
  if (error == 0) error = set_owner(name, keep);
  // After the owner, as a change of it takes the set-id bits away.
  if (error == 0 && fchmod(fd, entry.mode & 07777) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  return error == 0 ? set_time(name) : error;
}

static int make_link(const char *name) {
  int error = normalize(entry.target);
  if (error != 0) return error;
  int source = open_beneath(entry.target, O_PATH | O_NOFOLLOW);
  if (source < 0) return errno;
  error = clear(name);
  if (error == 0 && linkat(source, "", parent, name, AT_EMPTY_PATH) != 0) error = errno;
  close(source);
  return error;
}

// Its text is kept as it is: it leads where it leads in the box, but no entry is ever written through it to the outside.
static int make_symlink(const char *name, bool keep) {
  int error = clear(name);
  if (error == 0 && symlinkat(entry.target, parent, name) != 0) error = errno;
  if (error == 0) error = set_owner(name, keep);
  return error == 0 ? set_time(name) : error;
}

static int make_special(const char *name, bool keep) {
  mode_t type = entry.type == TAR_FIFO ? S_IFIFO : entry.type == TAR_CHARACTER ? S_IFCHR : S_IFBLK;
  int error = clear(name);
  if (error == 0 && mknodat(parent, name, type | 0600, makedev(entry.major, entry.minor)) != 0) error = errno;
  if (error == 0) error = set_owner(name, keep);
  if (error == 0 && fchmodat(parent, name, entry.mode & 07777, 0) != 0) error = errno;
  return error == 0 ? set_time(name) : error;
}

// Leaves the directories that `path` is not in, and sets their times.
static void leave_directories(const char *path) {
  while (time_count > 0) {
    size_t length = times[time_count - 1].length;
    if (path != NULL && (length == 0 || (strncmp(path, times_path, length) == 0 && (path[length] == '/' || path[length] == '\0')))) return;
    times_path[length] = '\0';
    int fd = open_beneath(times_path, O_RDONLY | O_DIRECTORY);
    const struct timespec modified = {.tv_sec = (time_t)times[time_count - 1].modified, .tv_nsec = (long)times[time_count - 1].modified_ns};
    const struct timespec both[2] = {{.tv_nsec = UTIME_OMIT}, modified};
    // A directory that is gone since, or a read-only one, keeps the time that it has.
    if (fd >= 0) futimens(fd, both);
    if (fd >= 0) close(fd);
    time_count--;
  }
}

static void enter_directory(void) {
  if (time_count == MOST_OPEN_TIMES) return;
  strcpy(times_path, entry.path);
  times[time_count].length = strlen(entry.path);
  times[time_count].modified = entry.modified;
  times[time_count++].modified_ns = entry.modified_ns;
}

// A directory that is there stays, also where a link leads to it; anything else in its place goes.
static int make_directory(const char *name, bool keep) {
  int fd = open_beneath(entry.path, O_RDONLY | O_DIRECTORY);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    int error = clear(name);
    if (error != 0) return error;
    if (mkdirat(parent, name, 0700) != 0) return errno;
    fd = open_beneath(entry.path, O_RDONLY | O_DIRECTORY);
  }
  if (fd < 0) return errno;
  int error = fchown(fd, keep ? entry.uid : 0, keep ? entry.gid : 0) == 0 && fchmod(fd, entry.mode & 07777) == 0 ? 0 : errno;
  close(fd);
  enter_directory();
  return error;
}

static int extract_entry(bool keep) {
  const char *name;
  int error = normalize(entry.path);
  if (error == 0) error = find_parent(&name);
  if (error != 0) return error;
  leave_directories(entry.path);
  if (entry.type == TAR_DIRECTORY) return make_directory(name, keep);
  // Only a directory can stand for the root itself.
  if (*name == '\0') return EISDIR;
  switch (entry.type) {
    case TAR_FILE:
    case TAR_SPARSE:
      return make_file(name, keep);
    case TAR_LINK:
      return make_link(name);
    case TAR_SYMLINK:
      return make_symlink(name, keep);
    default:
      return make_special(name, keep);
  }
}

int archive_extract(const struct request *request, struct report *report) {
  uint32_t count = 0;
  fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
  root = open(request->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return errno;
  char at_fault[TAR_PATH_BYTES] = "";
  int error;
  while ((error = tar_next(&reader, &entry)) == 0) {
    strcpy(at_fault, entry.path);
    error = extract_entry((request->flags & EXTRACT_KEEP_OWNERS) != 0);
    if (error != 0) break;
    count++;
  }
  if (error == ENODATA) {
    leave_directories(NULL);
    tar_drain(&reader);
    error = 0;
  } else if (error == EOPNOTSUPP || error == ENAMETOOLONG) {
    strcpy(at_fault, entry.path);
  }
  report_u32(report, 1, count);
  if (error != 0) report_text(report, 2, at_fault);
  return error;
}
