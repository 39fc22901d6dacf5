#define _GNU_SOURCE
#include "freeze.h"

#include <errno.h>
#include <linux/fs.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "agent.h"
#include "disks.h"
#include "protocol.h"

static struct {
  struct session *session;
  int64_t deadline;
  // Still at it; it is waited for before anything is thawed.
  pid_t child;
  bool thaw_wanted;
  int64_t limit_ms;
} freeze = {.deadline = INT64_MAX, .limit_ms = PROTOCOL_THAW_AFTER_MS};

// The last mounted first, so that what stands on another file system is quiet before that one.
static int freeze_from(const struct disks *disks, uint32_t *frozen) {
  for (size_t i = disks->count; i-- > 0;) {
    if (ioctl(disks->directories[i], FIFREEZE, 0) == 0) {
      ++*frozen;
      continue;
    }
    // One that cannot be frozen has no journal to quiesce; the host's flush covers it.
    if (errno == EOPNOTSUPP) continue;
    int error = errno;
    while (++i < disks->count) ioctl(disks->directories[i], FITHAW, 0);
    return error;
  }
  return 0;
}

int freeze_run(const struct request *request, struct report *report) {
  (void)request;
  struct disks disks;
  uint32_t frozen = 0;
  disks_open(&disks);
  int error = disks.count == 0 ? EOPNOTSUPP : freeze_from(&disks, &frozen);
  disks_close(&disks);
  if (error == 0) report_u32(report, 1, frozen);
  return error;
}

void freeze_limit(const char *milliseconds) {
  freeze.limit_ms = strtol(milliseconds, NULL, 10);
}

int freeze_allowed(void) {
  return freeze.session == NULL && freeze.child == 0 ? 0 : EBUSY;
}

void freeze_begun(struct session *session, pid_t child) {
  freeze.session = session;
  freeze.child = child;
  freeze.deadline = now_ms() + PROTOCOL_THAW_AFTER_MS;
  freeze.thaw_wanted = false;
}

static void thaw_now(void) {
  struct disks disks;
  disks_open(&disks);
  // One that is not frozen answers EINVAL, which is as good.
  for (size_t i = 0; i < disks.count; i++) ioctl(disks.directories[i], FITHAW, 0);
  disks_close(&disks);
}

static void thaw(void) {
  freeze.session = NULL;
  freeze.deadline = INT64_MAX;
  if (freeze.child != 0) {
    freeze.thaw_wanted = true;
    kill(freeze.child, SIGKILL);
  } else {
    thaw_now();
  }
}

void freeze_reaped(pid_t child, int status) {
  if (freeze.child != child || child == 0) return;
  freeze.child = 0;
  bool frozen = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  // Killed in the middle it may have frozen some.
  if (freeze.thaw_wanted || WIFSIGNALED(status)) thaw_now();
  if (frozen && !freeze.thaw_wanted) {
    // The host's time begins when it has what it asked for: what was dirty may have taken long to write.
    freeze.deadline = now_ms() + freeze.limit_ms;
    return;
  }
  freeze.session = NULL;
  freeze.deadline = INT64_MAX;
}

void freeze_thaw(struct session *session, struct report *report) {
  bool frozen = freeze.session == session;
  if (frozen) thaw();
  report_u8(report, 1, frozen);
}

void freeze_release(struct session *session) {
  if (freeze.session == session) thaw();
}

int64_t freeze_deadline(void) {
  return freeze.deadline;
}

void freeze_tick(int64_t now) {
  if (now >= freeze.deadline) thaw();
}
