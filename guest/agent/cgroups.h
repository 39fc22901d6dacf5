// A control group for each program, so that everything it started can be killed, whatever process group or session that moved to.
//
// Groups are made once and used again when they are empty: to make one costs more than to start a program. One that still has
// processes, because a program left a daemon behind, is left alone until they are gone.

#ifndef BOXLITE_CGROUPS_H
#define BOXLITE_CGROUPS_H

#include <stdbool.h>

// Takes the cgroup2 directory under which groups are made; without it, or where it is none, there are no groups.
void cgroups_use(const char *directory);

// An empty group, or -1: then a process group has to do.
int cgroups_take(void);
// The program is done; what it left behind goes on.
void cgroups_give(int group);

// In the child, before it executes.
bool cgroups_enter(int group);
void cgroups_kill(int group);

#endif
