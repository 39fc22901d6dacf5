#define _GNU_SOURCE
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "lines.h"

enum { MOST_ENTROPY_BYTES = 512, MOST_HOSTNAME_BYTES = 64 };

int machine_set_clock(const struct request *request, struct report *report) {
  (void)report;
  struct timespec time = {.tv_sec = (time_t)(request->time_ns / 1000000000), .tv_nsec = (long)(request->time_ns % 1000000000)};
  if (!agent.owns_machine) return EPERM;
  return clock_settime(CLOCK_REALTIME, &time) == 0 ? 0 : errno;
}

// Counted as full entropy, and taken into use at once: a clone must not draw the numbers that its origin draws.
int machine_add_entropy(const struct request *request, struct report *report) {
  (void)report;
  // struct rand_pool_info: bits, bytes, then the bytes themselves.
  int pool[2 + MOST_ENTROPY_BYTES / sizeof(int)];
  if (!agent.owns_machine) return EPERM;
  if (request->bytes.length > MOST_ENTROPY_BYTES) return EINVAL;
  int random = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  if (random < 0) return errno;
  pool[0] = (int)request->bytes.length * 8;
  pool[1] = (int)request->bytes.length;
  memcpy(pool + 2, request->bytes.bytes, request->bytes.length);
  int error = ioctl(random, RNDADDENTROPY, pool) == 0 && ioctl(random, RNDRESEEDCRNG) == 0 ? 0 : errno;
  close(random);
  return error;
}

int machine_set_hostname(const struct request *request, struct report *report) {
  (void)report;
  size_t length = strlen(request->path);
  if (!agent.owns_machine) return EPERM;
  if (length > MOST_HOSTNAME_BYTES) return EINVAL;
  return sethostname(request->path, length) == 0 ? 0 : errno;
}

static uint64_t available_memory(void) {
  struct lines lines;
  unsigned long long kib = 0;
  if (!lines_open(&lines, "/proc/meminfo")) return 0;
  char *line;
  while ((line = lines_next(&lines)) != NULL)
    if (strncmp(line, "MemAvailable:", 13) == 0) kib = strtoull(line + 13, NULL, 10);
  lines_close(&lines);
  return (uint64_t)kib * 1024;
}

int machine_metrics(const struct request *request, struct report *report) {
  (void)request;
  struct sysinfo system;
  struct statvfs root;
  struct timespec up;
  if (sysinfo(&system) != 0 || statvfs("/", &root) != 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0) return errno;
  report_u64(report, 1, (uint64_t)system.totalram * system.mem_unit);
  report_u64(report, 2, available_memory());
  report_u64(report, 3, (uint64_t)up.tv_sec * 1000 + (uint64_t)up.tv_nsec / 1000000);
  // The kernel's load has 16 bits behind the point.
  report_u32(report, 4, (uint32_t)((uint64_t)system.loads[0] * 100 >> SI_LOAD_SHIFT));
  report_u64(report, 5, (uint64_t)root.f_blocks * root.f_frsize);
  report_u64(report, 6, (uint64_t)root.f_bavail * root.f_frsize);
  report_u32(report, 7, system.procs);
  return 0;
}
