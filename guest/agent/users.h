// The box's own /etc/passwd and /etc/group.

#ifndef BOXLITE_USERS_H
#define BOXLITE_USERS_H

#include <stddef.h>
#include <sys/types.h>

enum { USER_MOST_GROUPS = 64 };

struct user {
  uid_t uid;
  gid_t gid;
  gid_t groups[USER_MOST_GROUPS];
  size_t group_count;
  char name[64];
  char home[512];
  char shell[256];
};

// Looks up `name`, `uid`, `name:group` or `uid:gid`; root for NULL. 0, or ENOENT when there is no such user or group.
// A number needs no entry.
int users_find(const char *wanted, struct user *user);

#endif
