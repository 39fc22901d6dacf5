// Waits for everything at once, and for nothing else.

#ifndef BOXLITE_LOOP_H
#define BOXLITE_LOOP_H

// Serves what is in `agent` until there is nothing left to serve; the exit status.
int loop_run(void);

#endif
