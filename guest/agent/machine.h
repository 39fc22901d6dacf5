// What the host sets and asks of the whole machine, answered at once.

#ifndef BOXLITE_MACHINE_H
#define BOXLITE_MACHINE_H

#include "open.h"

int machine_set_clock(const struct request *request, struct report *report);
int machine_add_entropy(const struct request *request, struct report *report);
int machine_set_hostname(const struct request *request, struct report *report);
int machine_metrics(const struct request *request, struct report *report);

#endif
