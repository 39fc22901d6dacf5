// The first steps of a guest: from the initramfs to its own root.

#ifndef BOXLITE_INIT_H
#define BOXLITE_INIT_H

// Mounts everything and moves to the root file system. Does not return when there is none.
void init_machine(void);

#endif
