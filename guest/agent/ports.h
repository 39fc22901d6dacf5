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

// The host has left this port: it is not watched, as it would be ready all the time, until SIGIO says that somebody came.
void ports_left(struct session *session);
void ports_visited(void);

#endif
