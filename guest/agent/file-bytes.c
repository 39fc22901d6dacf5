// READ_FILE and WRITE_FILE.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "job.h"
#include "users.h"

enum {
  WRITE_EXCLUSIVE = 1,
  WRITE_APPEND = 2,
  // A pipe of this size lets the agent and its child work in turns of a whole window.
  PIPE_BYTES = PROTOCOL_WINDOW_BYTES,
  BUFFER_BYTES = 65536,
  NEW_FILE_MODE = 0644,
};

static uint8_t buffer[BUFFER_BYTES];

// For what cannot be spliced: files of /proc, devices.
static int copy(int from, int to, uint64_t left, uint64_t *copied) {
  while (left > 0) {
    ssize_t count = read(from, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0 ? 0 : errno;
    int error = write_all(to, buffer, (size_t)count);
    if (error != 0) return error;
    left -= (uint64_t)count;
    *copied += (uint64_t)count;
  }
  return 0;
}

// Between a file and a pipe, without the bytes coming by here where the kernel can.
static int move(int from, int to, uint64_t left, uint64_t *moved) {
  while (left > 0) {
    ssize_t count = splice(from, NULL, to, NULL, left < PIPE_BYTES ? (size_t)left : PIPE_BYTES, SPLICE_F_MOVE);
    if (count == 0) return 0;
    if (count < 0 && errno == EINVAL) return copy(from, to, left, moved);
    if (count < 0 && errno != EINTR) return errno;
    if (count < 0) continue;
    left -= (uint64_t)count;
    *moved += (uint64_t)count;
  }
  return 0;
}

int files_read(const struct request *request, struct report *report) {
  (void)report;
  struct stat status;
  uint64_t moved = 0;
  // O_NONBLOCK: a pipe or a terminal that has nothing is an error, not a wait.
  int file = open(request->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (file < 0 || fstat(file, &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (request->offset > INT64_MAX) return EINVAL;
  if (request->offset > 0 && lseek(file, (off_t)request->offset, SEEK_SET) < 0) return errno;
  fcntl(STDOUT_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
  return move(file, STDOUT_FILENO, request->has_length ? request->length : UINT64_MAX, &moved);
}

// An existing file keeps its mode and owner unless they are given; a new one has them from its first byte on.
static int open_for_writing(const struct request *request, const struct user *user, int *file) {
  mode_t mode = request->has_mode ? (mode_t)request->mode & 07777 : NEW_FILE_MODE;
  int flags = O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY;
  if ((request->flags & WRITE_EXCLUSIVE) != 0) flags |= O_EXCL;
  // Appending by the offset and not by O_APPEND, which cannot be spliced to.
  if ((request->flags & WRITE_APPEND) == 0) flags |= O_TRUNC;
  *file = open(request->path, flags, mode);
  if (*file < 0) return errno;
  if (user != NULL && fchown(*file, user->uid, user->gid) != 0) return errno;
  // After the owner, as a change of it takes the set-id bits away.
  if (request->has_mode && fchmod(*file, mode) != 0) return errno;
  if ((request->flags & WRITE_APPEND) != 0 && lseek(*file, 0, SEEK_END) < 0) return errno;
  return 0;
}

int files_write(const struct request *request, struct report *report) {
  struct user user;
  uint64_t moved = 0;
  int file;
  int error = request->user == NULL ? 0 : users_find(request->user, &user);
  if (error == 0) error = open_for_writing(request, request->user == NULL ? NULL : &user, &file);
  if (error == 0) {
    fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
    error = move(STDIN_FILENO, file, UINT64_MAX, &moved);
    // Where space is reserved late, or over a network, only this says that it worked.
    if (close(file) != 0 && error == 0) error = errno;
  }
  report_u64(report, 1, moved);
  return error;
}
