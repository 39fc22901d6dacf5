// What a host can open: each kind with its fields and what it does.

#ifndef BOXLITE_OPEN_H
#define BOXLITE_OPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "fields.h"
#include "parser.h"

struct session;

// The fields of all kinds; which of them a kind takes stands in the table of open.c.
struct request {
  struct texts arguments;
  struct texts variables;
  const char *path;
  const char *target;
  const char *user;
  struct terminal terminal;
  struct span bytes;
  uint32_t mode;
  uint32_t flags;
  uint64_t offset;
  uint64_t length;
  bool has_mode;
  bool has_length;
  uint64_t time_ns;
  uint32_t grace_ms;
};

// Acts on an OPEN: a new stream, or a DONE at once.
void open_stream(struct session *session, const struct frame *frame);

#endif
