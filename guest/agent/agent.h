// What the whole process shares.

#ifndef BOXLITE_AGENT_H
#define BOXLITE_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#define AGENT_VERSION "0.1.0"

struct session;

enum { AGENT_MOST_SESSIONS = 4 };

struct agent {
  // It is a guest's first process, and may freeze, shut down and set the clock; else it only serves sessions, for tests.
  bool owns_machine;
  // /dev/null, for what has no input.
  int null;
  // A signalfd; every signal is blocked, SIGPIPE too.
  int signals;
  // Where the kernel tells of new devices; -1 without a machine.
  int events;
  struct session *sessions;
};

extern struct agent agent;

// Milliseconds of a clock that never jumps.
int64_t now_ms(void);

// Closes and forgets a descriptor; nothing for -1.
void close_fd(int *fd);

#endif
