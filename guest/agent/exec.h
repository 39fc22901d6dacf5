// EXEC: a program in a process group of its own, on pipes or a terminal.

#ifndef BOXLITE_EXEC_H
#define BOXLITE_EXEC_H

#include "open.h"
#include "stream.h"

enum exec_flags {
  EXEC_INPUT = 1,
  EXEC_MERGED = 2,
};

// Starts it. 0 when the program was executed; else an errno, and the report names the step that failed.
int exec_start(struct stream *stream, const struct request *request, struct report *report);

#endif
