#define _GNU_SOURCE
#include "disks.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "lines.h"

static const char *given;

void disks_take(const char *directory) {
  given = directory;
}

// A path in mountinfo has blanks and backslashes as three octal digits.
static void unescape(char *path) {
  char *to = path;
  for (const char *from = path; *from != '\0'; to++) {
    if (from[0] == '\\' && from[1] != '\0' && from[2] != '\0' && from[3] != '\0') {
      *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
      from += 4;
    } else {
      *to = *from++;
    }
  }
  *to = '\0';
}

static void add(struct disks *disks, const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0) disks->directories[disks->count++] = fd;
}

// `ID PARENT MAJOR:MINOR ROOT PATH OPTIONS [TAGS...] - TYPE SOURCE SUPER-OPTIONS`
static bool parse(char *line, char **device, char **path) {
  char *fields[6];
  char *rest[3];
  if (line_split(line, ' ', fields, 6) < 6) return false;
  char *dash = strstr(fields[5], " - ");
  if (dash == NULL || line_split(dash + 3, ' ', rest, 3) < 3) return false;
  *device = fields[2];
  *path = fields[4];
  unescape(*path);
  // Major number 0: no block device behind it.
  return strncmp(*device, "0:", 2) != 0 && strncmp(rest[2], "rw", 2) == 0;
}

void disks_open(struct disks *disks) {
  char seen[MOST_DISKS][16];
  struct lines lines;
  disks->count = 0;
  if (!agent.owns_machine) {
    if (given != NULL) add(disks, given);
    return;
  }
  if (!lines_open(&lines, "/proc/self/mountinfo")) return;
  char *line, *device, *path;
  while (disks->count < MOST_DISKS && (line = lines_next(&lines)) != NULL) {
    if (!parse(line, &device, &path) || strlen(device) >= sizeof *seen) continue;
    bool known = false;
    for (size_t i = 0; i < disks->count; i++) known = known || strcmp(seen[i], device) == 0;
    if (known) continue;
    strcpy(seen[disks->count], device);
    add(disks, path);
  }
  lines_close(&lines);
}

void disks_close(struct disks *disks) {
  while (disks->count > 0) close(disks->directories[--disks->count]);
}
