#define _GNU_SOURCE
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

enum { REPORT_FD = 3 };

struct pipes {
  int input[2];
  int output[2];
  int report[2];
};

int write_all(int fd, const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  while (length > 0) {
    ssize_t count = write(fd, at, length);
    if (count < 0 && errno != EINTR) return errno;
    if (count < 0) continue;
    at += count;
    length -= (size_t)count;
  }
  return 0;
}

ssize_t read_full(int fd, void *bytes, size_t length) {
  size_t got = 0;
  while (got < length) {
    ssize_t count = read(fd, (uint8_t *)bytes + got, length - got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    got += (size_t)count;
  }
  return (ssize_t)got;
}

static bool make_pipe(int ends[2], int ours) {
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  return fcntl(ends[ours], F_SETFL, O_NONBLOCK) == 0;
}

static void close_pipe(int ends[2]) {
  close_fd(&ends[0]);
  close_fd(&ends[1]);
}

static _Noreturn void work(const struct pipes *pipes, const struct request *request, job_function *run) {
  struct report report;
  // The report's number first: the others' may be in its way.
  int end = fcntl(pipes->report[1], F_DUPFD, REPORT_FD + 1);
  bool placed = end >= 0 && dup2(pipes->input[0] < 0 ? agent.null : pipes->input[0], STDIN_FILENO) >= 0 &&
                dup2(pipes->output[1] < 0 ? agent.null : pipes->output[1], STDOUT_FILENO) >= 0 && dup2(end, REPORT_FD) >= 0;
  if (!placed || close_range(REPORT_FD + 1, ~0U, 0) != 0) _exit(1);
  umask(0);
  report_begin(&report);
  int error = run(request, &report);
  report_error(&report, error);
  write_all(REPORT_FD, report.bytes, report.length);
  _exit(error == 0 ? 0 : 1);
}

int job_start(struct stream *stream, const struct request *request, job_function *run, enum job_pipes pipes) {
  struct pipes made = {{-1, -1}, {-1, -1}, {-1, -1}};
  bool ready = make_pipe(made.report, 0) && (pipes != JOB_INPUT || make_pipe(made.input, 1)) && (pipes != JOB_OUTPUT || make_pipe(made.output, 0));
  pid_t pid = ready ? fork() : -1;
  if (pid == 0) work(&made, request, run);
  if (pid < 0) {
    int error = errno;
    close_pipe(made.report);
    close_pipe(made.input);
    close_pipe(made.output);
    return error;
  }
  close_fd(&made.report[1]);
  close_fd(&made.input[0]);
  close_fd(&made.output[1]);
  stream->pid = pid;
  stream->report = made.report[0];
  stream->input = made.input[1];
  stream->outputs[0].fd = made.output[0];
  stream->outputs[0].exists = pipes == JOB_OUTPUT;
  return 0;
}
