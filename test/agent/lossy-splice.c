// Loaded into the agent: moving bytes to its channel, which is descriptor 3, loses them once, as the driver of a guest's port does
// where it has no memory.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t splice(int from, loff_t *from_at, int to, loff_t *to_at, size_t length, unsigned flags) {
  static bool lost;
  static char bytes[65536];
  if (to != 3 || lost) return syscall(SYS_splice, from, from_at, to, to_at, length, flags);
  lost = true;
  while (read(from, bytes, sizeof bytes) > 0) continue;
  return 0;
}
