// FREEZE and THAW: no file system of a disk changes while the host takes a snapshot.
//
// Freezing writes out what is dirty and may take long, so a child does it. One session at a time has the machine frozen;
// it is thawed at the session's wish or end, or when its time is over. While it is frozen the agent itself
// writes to no file: whatever writes is a child, and waits.

#ifndef BOXLITE_FREEZE_H
#define BOXLITE_FREEZE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "open.h"

struct session;

// How long it stays frozen at most, instead of PROTOCOL_THAW_AFTER_MS: tests do not wait that long.
void freeze_limit(const char *milliseconds);

// In the child: freezes all or nothing.
int freeze_run(const struct request *request, struct report *report);

// EBUSY when it is frozen already.
int freeze_allowed(void);
// The child began.
void freeze_begun(struct session *session, pid_t child);
// A child ended; nothing when it is not that one.
void freeze_reaped(pid_t child, int status);

// Reports whether this session had something frozen still.
void freeze_thaw(struct session *session, struct report *report);
// The session ended.
void freeze_release(struct session *session);

// When it thaws by itself; INT64_MAX when nothing is frozen.
int64_t freeze_deadline(void);
void freeze_tick(int64_t now);

#endif
