// Everything that touches the box's files is done by a child of the agent, never by the agent itself: a file system that hangs or
// is frozen, a hostile tar, a long walk hold up nobody else, and CANCEL is a kill. It reads standard input, writes standard
// output, both on the stream's credits, and reports at its end.

#ifndef BOXLITE_JOB_H
#define BOXLITE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "open.h"
#include "stream.h"

// In the child; what it returns is the DONE's error.
typedef int job_function(const struct request *request, struct report *report);

enum job_pipes {
  JOB_REPORT_ONLY,
  JOB_INPUT,
  JOB_OUTPUT,
};

// 0, or an errno.
int job_start(struct stream *stream, const struct request *request, job_function *run, enum job_pipes pipes);

// For jobs: all of it, or an errno.
int write_all(int fd, const void *bytes, size_t length);
// For jobs: fills the buffer unless the input ends before; -1 with errno.
ssize_t read_full(int fd, void *bytes, size_t length);

#endif
