// A text file read line by line, in bounded memory.

#ifndef BOXLITE_LINES_H
#define BOXLITE_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
  int fd;
  size_t start;
  size_t end;
  char bytes[4096];
};

// False when there is no such regular file: anything else could make the agent wait.
bool lines_open(struct lines *lines, const char *path);
void lines_close(struct lines *lines);

// The next line without its end, valid until the next call, or NULL. A line longer than the buffer comes without its beginning.
char *lines_next(struct lines *lines);

// Cuts a line at each separator, in place; the number of fields, at most `most`, the last with what is left.
size_t line_split(char *line, char separator, char **fields, size_t most);

#endif
