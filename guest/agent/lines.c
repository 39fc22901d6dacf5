#define _GNU_SOURCE
#include "lines.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool lines_open(struct lines *lines, const char *path) {
  struct stat status;
  lines->start = lines->end = 0;
  lines->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (lines->fd < 0) return false;
  if (fstat(lines->fd, &status) == 0 && S_ISREG(status.st_mode)) return true;
  close(lines->fd);
  return false;
}

void lines_close(struct lines *lines) {
  close(lines->fd);
}

char *lines_next(struct lines *lines) {
  for (;;) {
    char *line = lines->bytes + lines->start;
    char *end = memchr(line, '\n', lines->end - lines->start);
    if (end != NULL) {
      *end = '\0';
      lines->start = (size_t)(end + 1 - lines->bytes);
      return line;
    }
    memmove(lines->bytes, line, lines->end - lines->start);
    lines->end -= lines->start;
    lines->start = 0;
    if (lines->end == sizeof lines->bytes - 1) lines->end = 0;
    ssize_t count = read(lines->fd, lines->bytes + lines->end, sizeof lines->bytes - 1 - lines->end);
    if (count > 0) {
      lines->end += (size_t)count;
    } else {
      if (lines->end == 0) return NULL;
      // The last line has no end of its own.
      lines->bytes[lines->end++] = '\n';
    }
  }
}

size_t line_split(char *line, char separator, char **fields, size_t most) {
  size_t count = 0;
  while (count < most) {
    fields[count++] = line;
    if (count == most || (line = strchr(line, separator)) == NULL) break;
    *line++ = '\0';
  }
  return count;
}
