#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent.h"
#include "cgroups.h"
#include "disks.h"
#include "freeze.h"
#include "init.h"
#include "loop.h"
#include "ports.h"
#include "power.h"

struct agent agent = {.null = -1, .signals = -1, .events = -1};

void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static int usage(void) {
  fputs("usage: boxlite-agent --fd=N... [--root=DIR] [--disk=DIR] [--thaw-after=MS] [--cgroup=DIR]\n"
        "Serves a session on each descriptor until all are closed, with DIR as its root; FREEZE freezes the file system at --disk alone,\n"
        "for MS at most; programs get control groups under --cgroup.\n"
        "As a guest's first process it takes no arguments.\n",
        stderr);
  return 64;
}

static int fail(const char *what) {
  fprintf(stderr, "boxlite-agent: %s: %s\n", what, strerror(errno));
  return 1;
}

// Every signal at its default, so that a program begins with that, and blocked, so that none of them interrupts the agent.
static bool take_signals(void) {
  sigset_t all, wanted;
  for (int number = 1; number <= SIGRTMAX; number++) signal(number, SIG_DFL);
  sigfillset(&all);
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  sigaddset(&wanted, SIGIO);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGUSR1);
  sigaddset(&wanted, SIGUSR2);
  sigprocmask(SIG_SETMASK, &all, NULL);
  agent.signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  return agent.signals >= 0;
}

static bool serve(const char *number) {
  static unsigned served;
  char *end;
  long fd = strtol(number, &end, 10);
  if (*number == '\0' || *end != '\0' || fd < 0 || fd > INT32_MAX || ++served > AGENT_MOST_SESSIONS) {
    errno = EINVAL;
    return false;
  }
  int flags = fcntl((int)fd, F_GETFL);
  if (flags < 0 || fcntl((int)fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0) return false;
  struct session *session = session_new((int)fd);
  if (session == NULL) return false;
  session->next = agent.sessions;
  agent.sessions = session;
  return true;
}

static bool open_null(void) {
  agent.null = open("/dev/null", O_RDWR | O_CLOEXEC);
  return agent.null >= 0;
}

static int run_machine(void) {
  agent.owns_machine = true;
  init_machine();
  if (!take_signals()) power_fatal("signalfd", errno);
  if (!open_null()) power_fatal("/dev/null", errno);
  ports_open();
  loop_run();
  power_fatal("poll", errno);
}

int main(int count, char **arguments) {
  const char *root = NULL;
  // The kernel gives its first process those words of its command line that it does not know itself.
  if (getpid() == 1 && (count < 2 || strncmp(arguments[1], "--", 2) != 0)) return run_machine();
  if (count < 2) return usage();
  for (int i = 1; i < count; i++) {
    if (strncmp(arguments[i], "--fd=", 5) == 0) {
      if (!serve(arguments[i] + 5)) return fail(arguments[i]);
    } else if (strncmp(arguments[i], "--root=", 7) == 0) {
      root = arguments[i] + 7;
    } else if (strncmp(arguments[i], "--cgroup=", 9) == 0) {
      cgroups_use(arguments[i] + 9);
    } else if (strncmp(arguments[i], "--disk=", 7) == 0) {
      disks_take(arguments[i] + 7);
    } else if (strncmp(arguments[i], "--thaw-after=", 13) == 0) {
      freeze_limit(arguments[i] + 13);
    } else {
      return usage();
    }
  }
  // Before the root changes: the sandbox may have no devices.
  if (!open_null()) return fail("/dev/null");
  if (root != NULL && (chroot(root) != 0 || chdir("/") != 0)) return fail(root);
  // What a parent left open is no program's to see.
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return fail("close_range");
  if (!take_signals()) return fail("signalfd");
  // What a program leaves behind is this process's to reap, as it is the first process's.
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return fail("prctl");
  return loop_run();
}
