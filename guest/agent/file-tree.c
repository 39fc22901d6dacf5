// MAKE_DIRECTORY, REMOVE, RENAME, CHANGE_MODE and CHANGE_OWNER.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "users.h"

enum {
  MAKE_PARENTS = 1,
  REMOVE_RECURSIVELY = 1,
  REMOVE_ABSENT_IS_FINE = 2,
  NEW_DIRECTORY_MODE = 0755,
  // Each level holds a descriptor.
  DEEPEST = 512,
};

static int make_directory(const char *path, const struct request *request, const struct user *user) {
  mode_t mode = request->has_mode ? (mode_t)request->mode & 07777 : NEW_DIRECTORY_MODE;
  if (mkdir(path, mode) != 0) return errno;
  if (user != NULL && lchown(path, user->uid, user->gid) != 0) return errno;
  // mkdir(2) leaves out the set-id bits.
  return (mode & 07000) != 0 && chmod(path, mode) != 0 ? errno : 0;
}

static bool is_directory(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int files_make_directory(const struct request *request, struct report *report) {
  (void)report;
  struct user found;
  const struct user *user = request->user == NULL ? NULL : &found;
  char path[4096];
  int error = user == NULL ? 0 : users_find(request->user, &found);
  if (error != 0) return error;
  if ((request->flags & MAKE_PARENTS) == 0) return make_directory(request->path, request, user);
  if ((size_t)snprintf(path, sizeof path, "%s", request->path) >= sizeof path) return ENAMETOOLONG;
  for (char *at = path + 1; path[0] != '\0' && at[-1] != '\0'; at++) {
    if (*at != '/' && *at != '\0') continue;
    char kept = *at;
    *at = '\0';
    error = make_directory(path, request, user);
    if (error != 0 && !(error == EEXIST && is_directory(path))) return error == EEXIST ? ENOTDIR : error;
    *at = kept;
  }
  return path[0] == '\0' ? ENOENT : 0;
}

static int remove_at(int parent, const char *name, unsigned depth);

static int empty(int fd, unsigned depth) {
  DIR *directory = fdopendir(fd);
  if (directory == NULL) {
    close(fd);
    return errno;
  }
  int error = 0;
  struct dirent *entry;
  while (error == 0 && (errno = 0, entry = readdir(directory)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    error = remove_at(fd, entry->d_name, depth);
    // Somebody else was faster.
    if (error == ENOENT) error = 0;
  }
  if (error == 0) error = errno;
  closedir(directory);
  return error;
}

static int remove_at(int parent, const char *name, unsigned depth) {
  if (unlinkat(parent, name, 0) == 0) return 0;
  if (errno != EISDIR) return errno;
  if (unlinkat(parent, name, AT_REMOVEDIR) == 0) return 0;
  if (errno != ENOTEMPTY && errno != EEXIST) return errno;
  if (depth == DEEPEST) return ELOOP;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = empty(fd, depth + 1);
  if (error != 0) return error;
  return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

static bool is_root(const char *path) {
  struct stat one, root;
  return lstat(path, &one) == 0 && stat("/", &root) == 0 && one.st_dev == root.st_dev && one.st_ino == root.st_ino;
}

int files_remove(const struct request *request, struct report *report) {
  (void)report;
  int error = 0;
  // Its entries would be gone before the kernel says that it is busy.
  if (is_root(request->path)) return EBUSY;
  if ((request->flags & REMOVE_RECURSIVELY) != 0) error = remove_at(AT_FDCWD, request->path, 0);
  else if (remove(request->path) != 0) error = errno;
  return error == ENOENT && (request->flags & REMOVE_ABSENT_IS_FINE) != 0 ? 0 : error;
}

int files_rename(const struct request *request, struct report *report) {
  (void)report;
  return rename(request->path, request->target) == 0 ? 0 : errno;
}

int files_change_mode(const struct request *request, struct report *report) {
  (void)report;
  return chmod(request->path, (mode_t)request->mode & 07777) == 0 ? 0 : errno;
}

int files_change_owner(const struct request *request, struct report *report) {
  (void)report;
  struct user user;
  int error = users_find(request->user, &user);
  if (error != 0) return error;
  return chown(request->path, user.uid, user.gid) == 0 ? 0 : errno;
}
