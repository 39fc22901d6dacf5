#define _GNU_SOURCE
#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "disks.h"
#include "session.h"

// How long processes may take to die of SIGKILL; one that hangs in the kernel never does.
enum { DYING_MS = 2000 };
// How long the ends of programs may take to be heard; where nobody listens they never are.
enum { TELLING_MS = 250 };

static enum { RUNNING, ASKED, KILLED, TELLING } phase;
static int64_t deadline = INT64_MAX;

static void signal_everything(int number) {
  if (agent.owns_machine) {
    kill(-1, number);
    return;
  }
  for (struct session *session = agent.sessions; session != NULL; session = session->next)
    for (struct stream *stream = session->streams; stream != NULL; stream = stream->next) stream_signal(stream, number);
}

static bool ignores_sigterm(pid_t pid) {
  char path[32];
  char line[128];
  unsigned long long ignored = 0;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *status = fopen(path, "re");
  // It ended meanwhile.
  if (status == NULL) return false;
  while (fgets(line, sizeof line, status) != NULL)
    if (sscanf(line, "SigIgn: %llx", &ignored) == 1) break;
  fclose(status);
  return (ignored >> (SIGTERM - 1) & 1) != 0;
}

// An interactive shell ignores SIGTERM, and ends when its terminal is hung up. Whoever takes SIGTERM has the grace for it.
static void hang_up(void) {
  for (struct session *session = agent.sessions; session != NULL; session = session->next)
    for (struct stream *stream = session->streams; stream != NULL; stream = stream->next)
      if (stream->terminal && stream->pid != 0 && ignores_sigterm(stream->pid)) kill(stream->pid, SIGHUP);
}

void power_begin(uint32_t grace_ms) {
  int64_t end = now_ms() + grace_ms;
  if (end < deadline) deadline = end;
  if (phase != RUNNING) return;
  phase = ASKED;
  signal_everything(SIGTERM);
  hang_up();
  // A stopped process would not hear it.
  signal_everything(SIGCONT);
}

int power_shut_down(const struct request *request, struct report *report) {
  (void)report;
  power_begin(request->grace_ms);
  return 0;
}

bool power_ending(void) {
  return phase != RUNNING;
}

int64_t power_deadline(void) {
  return deadline;
}

// An engine that runs us does not follow a restart: it ends the machine. That works with and without ACPI, where
// switching off would need it.
static _Noreturn void restart(void) {
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

static void finish(void) {
  struct disks disks;
  sync();
  disks_open(&disks);
  for (size_t i = disks.count; i-- > 0;) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", disks.directories[i]);
    if (mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) fprintf(stderr, "boxlite-agent: read-only: %s\n", strerror(errno));
  }
  sync();
  restart();
}

// Orphans are this process's children too, so without children nothing runs.
static bool nothing_runs(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

// What programs said last, and how they ended, is on its way.
static bool all_is_told(void) {
  for (struct session *session = agent.sessions; session != NULL; session = session->next)
    if (session->streams != NULL || !outbox_empty(&session->outbox)) return false;
  return true;
}

bool power_tick(int64_t now) {
  if (phase == RUNNING) return false;
  if (nothing_runs()) {
    if (phase != TELLING) deadline = now + TELLING_MS;
    phase = TELLING;
    if (now < deadline && !all_is_told()) return false;
  } else {
    if (now < deadline) return false;
    if (phase == ASKED) {
      phase = KILLED;
      deadline = now + DYING_MS;
      signal_everything(SIGKILL);
      return false;
    }
  }
  if (agent.owns_machine) finish();
  return true;
}

_Noreturn void power_fatal(const char *what, int error) {
  // The console may not be open yet.
  int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
  dprintf(console < 0 ? STDERR_FILENO : console, "\nboxlite-agent: fatal: %s: %s\n", what, strerror(error));
  sync();
  restart();
}
