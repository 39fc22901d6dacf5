// The virtio ports that hosts speak on, and the kernel's word of new ones.

#ifndef BOXLITE_PORTS_H
#define BOXLITE_PORTS_H

#include <stdbool.h>

#include "session.h"

// Begins to hear of devices that come, in agent.events.
bool ports_listen(void);
// Forgets what was heard.
void ports_drain_events(void);

// Opens every port of ours that is not open yet, as a session.
void ports_open(void);

// A port was read while poll said `events` of it. Without a host it would be ready all the time, so it is not watched until
// SIGIO says that something changed.
void ports_heard(struct session *session, short events, enum reading reading, int64_t now);
void ports_changed(void);

// When the next session ends for its host's absence, INT64_MAX for none; and the end of those whose time has come.
int64_t ports_deadline(void);
void ports_tick(int64_t now);

#endif
