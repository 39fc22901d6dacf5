#define _GNU_SOURCE
#include "users.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lines.h"

enum { PASSWD_FIELDS = 7, GROUP_FIELDS = 4 };

static bool number_of(const char *text, uint32_t *number) {
  uint64_t value = 0;
  if (*text == '\0') return false;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9') return false;
    value = value * 10 + (uint64_t)(*text - '0');
    if (value >= UINT32_MAX) return false;
  }
  *number = (uint32_t)value;
  return true;
}

static void copy(char *target, size_t size, const char *source) {
  snprintf(target, size, "%s", source);
}

// Fills the user from the first entry with this name or, where `name` is a number, this id.
static bool find_user(const char *name, struct user *user) {
  uint32_t wanted;
  bool numeric = number_of(name, &wanted);
  bool found = false;
  struct lines lines;
  if (lines_open(&lines, "/etc/passwd")) {
    char *line;
    while (!found && (line = lines_next(&lines)) != NULL) {
      char *fields[PASSWD_FIELDS];
      uint32_t uid, gid;
      if (line_split(line, ':', fields, PASSWD_FIELDS) < PASSWD_FIELDS) continue;
      if (!number_of(fields[2], &uid) || !number_of(fields[3], &gid)) continue;
      if (strcmp(fields[0], name) != 0 && !(numeric && uid == wanted)) continue;
      found = true;
      user->uid = uid;
      user->gid = gid;
      copy(user->name, sizeof user->name, fields[0]);
      if (*fields[5] != '\0') copy(user->home, sizeof user->home, fields[5]);
      if (*fields[6] != '\0') copy(user->shell, sizeof user->shell, fields[6]);
    }
    lines_close(&lines);
  }
  if (found || !numeric) return found;
  user->uid = wanted;
  user->gid = wanted;
  copy(user->name, sizeof user->name, wanted == 0 ? "root" : name);
  return true;
}

static bool lists(char *members, const char *name) {
  char *member;
  while ((member = strsep(&members, ",")) != NULL)
    if (strcmp(member, name) == 0) return true;
  return false;
}

// The group's number by its name; or, with `name` NULL, the groups that list the user.
static bool find_group(const char *name, struct user *user) {
  bool found = false;
  struct lines lines;
  if (!lines_open(&lines, "/etc/group")) return false;
  char *line;
  while (!found && (line = lines_next(&lines)) != NULL) {
    char *fields[GROUP_FIELDS];
    uint32_t gid;
    if (line_split(line, ':', fields, GROUP_FIELDS) < GROUP_FIELDS || !number_of(fields[2], &gid)) continue;
    if (name != NULL) {
      if (strcmp(fields[0], name) != 0) continue;
      user->gid = gid;
      found = true;
    } else if (gid != user->gid && user->group_count < USER_MOST_GROUPS - 1 && lists(fields[3], user->name)) {
      user->groups[user->group_count++] = gid;
    }
  }
  lines_close(&lines);
  return found;
}

int users_find(const char *wanted, struct user *user) {
  *user = (struct user){.home = "/", .shell = "/bin/sh"};
  char name[sizeof user->name];
  if (wanted == NULL) wanted = "root";
  const char *group = strchr(wanted, ':');
  size_t length = group == NULL ? strlen(wanted) : (size_t)(group - wanted);
  if (length >= sizeof name) return ENOENT;
  memcpy(name, wanted, length);
  name[length] = '\0';
  if (!find_user(name, user)) {
    // A box without /etc/passwd has a root all the same.
    if (strcmp(name, "root") != 0 || !find_user("0", user)) return ENOENT;
  }
  if (user->uid == 0 && strcmp(user->home, "/") == 0) copy(user->home, sizeof user->home, "/root");
  if (group != NULL) {
    uint32_t gid;
    if (number_of(group + 1, &gid)) user->gid = gid;
    else if (!find_group(group + 1, user)) return ENOENT;
    return 0;
  }
  find_group(NULL, user);
  user->groups[user->group_count++] = user->gid;
  return 0;
}
