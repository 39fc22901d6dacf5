// The machine's end: SIGTERM to everything, a grace, SIGKILL, disks in order, restart.

#ifndef BOXLITE_POWER_H
#define BOXLITE_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "open.h"

// Begins it; a second time shortens the grace at most.
int power_shut_down(const struct request *request, struct report *report);
void power_begin(uint32_t grace_ms);
bool power_ending(void);

// When it goes on by itself; INT64_MAX when the machine is not ending.
int64_t power_deadline(void);
// True when everything is over. The guest's first process does not come back from that.
bool power_tick(int64_t now);

// Says on the console why there can be no machine, and ends it.
_Noreturn void power_fatal(const char *what, int error);

#endif
