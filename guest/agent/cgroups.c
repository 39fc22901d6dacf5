#define _GNU_SOURCE
#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

// Two descriptors each. Beyond that, programs share what a process group can do.
enum { MOST_GROUPS = 128 };

static struct {
  bool taken;
  // cgroup.procs and cgroup.events, open as long as the agent lives.
  int processes;
  int events;
} groups[MOST_GROUPS];
static int group_count;
static int root = -1;

void cgroups_use(const char *directory) {
  root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return;
  // Linux has cgroup.kill since 5.14.
  bool made = mkdirat(root, "exec-0", 0755) == 0 || errno == EEXIST;
  if (!made || faccessat(root, "exec-0/cgroup.kill", W_OK, 0) != 0) close_fd(&root);
}

static int open_file(int group, const char *file, int flags) {
  char path[64];
  snprintf(path, sizeof path, "exec-%d/%s", group, file);
  return openat(root, path, flags | O_CLOEXEC);
}

static bool make(int group) {
  char name[32];
  snprintf(name, sizeof name, "exec-%d", group);
  if (mkdirat(root, name, 0755) != 0 && errno != EEXIST) return false;
  groups[group].processes = open_file(group, "cgroup.procs", O_WRONLY);
  groups[group].events = open_file(group, "cgroup.events", O_RDONLY);
  if (groups[group].processes >= 0 && groups[group].events >= 0) return true;
  close_fd(&groups[group].processes);
  close_fd(&groups[group].events);
  return false;
}

static bool is_empty(int group) {
  char text[128];
  ssize_t length = pread(groups[group].events, text, sizeof text - 1, 0);
  if (length <= 0) return false;
  text[length] = '\0';
  return strstr(text, "populated 0") != NULL;
}

int cgroups_take(void) {
  if (root < 0) return -1;
  for (int group = 0; group < MOST_GROUPS; group++) {
    if (group == group_count) {
      if (!make(group)) return -1;
      group_count++;
    }
    if (groups[group].taken || !is_empty(group)) continue;
    groups[group].taken = true;
    return group;
  }
  return -1;
}

void cgroups_give(int group) {
  if (group >= 0) groups[group].taken = false;
}

bool cgroups_enter(int group) {
  return group < 0 || write(groups[group].processes, "0", 1) == 1;
}

void cgroups_kill(int group) {
  int fd = open_file(group, "cgroup.kill", O_WRONLY);
  if (fd < 0 || write(fd, "1", 1) != 1) fprintf(stderr, "boxlite-agent: cgroup.kill: %s\n", strerror(errno));
  close_fd(&fd);
}
