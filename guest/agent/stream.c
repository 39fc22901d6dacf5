#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"
#include "bytes.h"
#include "cgroups.h"
#include "outbox.h"
#include "session.h"

enum {
  // One more than the window: the character that ends a terminal's input.
  BACKLOG_BYTES = PROTOCOL_WINDOW_BYTES + 1,
  // Credits are given back in pieces of this size, so that a host never waits and frames stay few.
  OWED_BYTES = PROTOCOL_WINDOW_BYTES / 4,
  LINGER_MS = 250,
};

struct stream *stream_new(struct session *session, uint32_t id, enum stream_kind kind) {
  struct stream *stream = calloc(1, sizeof *stream);
  if (stream == NULL) return NULL;
  stream->session = session;
  stream->id = id;
  stream->kind = kind;
  stream->input = -1;
  stream->report = -1;
  stream->group = -1;
  stream->input_credit = PROTOCOL_WINDOW_BYTES;
  for (unsigned i = 0; i < 2; i++) stream->outputs[i] = (struct output){.fd = -1, .credit = PROTOCOL_WINDOW_BYTES};
  return stream;
}

static void close_input(struct stream *stream) {
  // A terminal is one descriptor, and its output may still come.
  if (stream->terminal) stream->input = -1;
  else close_fd(&stream->input);
  free(stream->backlog.bytes);
  stream->backlog = (struct backlog){0};
}

static void kill_all(struct stream *stream) {
  if (stream->group >= 0) cgroups_kill(stream->group);
  else if (stream->pid != 0) kill(stream->kind == KIND_EXEC ? -stream->pid : stream->pid, SIGKILL);
}

void stream_free(struct stream *stream) {
  // Before the pipes are closed: a job must not take a lost channel for the end of its input.
  kill_all(stream);
  close_input(stream);
  stream_close_output(stream, 0);
  stream_close_output(stream, 1);
  close_fd(&stream->report);
  cgroups_give(stream->group);
  free(stream);
}

static void fail(struct stream *stream, int error) {
  stream->failed = error;
  stream_cancel(stream);
}

static void append(struct stream *stream, const uint8_t *bytes, size_t length) {
  struct backlog *backlog = &stream->backlog;
  if (backlog->bytes == NULL) {
    backlog->bytes = malloc(BACKLOG_BYTES);
    if (backlog->bytes == NULL) {
      fail(stream, ENOMEM);
      return;
    }
  }
  size_t at = (backlog->start + backlog->size) % BACKLOG_BYTES;
  size_t first = length < BACKLOG_BYTES - at ? length : BACKLOG_BYTES - at;
  memcpy(backlog->bytes + at, bytes, first);
  memcpy(backlog->bytes, bytes + first, length - first);
  backlog->size += length;
}

void stream_drain(struct stream *stream) {
  struct backlog *backlog = &stream->backlog;
  while (stream->input >= 0 && backlog->size > 0) {
    size_t first = backlog->size < BACKLOG_BYTES - backlog->start ? backlog->size : BACKLOG_BYTES - backlog->start;
    struct iovec parts[2] = {
      {.iov_base = backlog->bytes + backlog->start, .iov_len = first},
      {.iov_base = backlog->bytes, .iov_len = backlog->size - first},
    };
    ssize_t count = writev(stream->input, parts, 2);
    if (count < 0 && stream_try_again()) return;
    if (count < 0) {
      // Nobody reads it any more: what was held is given back, what still comes is dropped.
      stream->input_owed += (uint32_t)backlog->size;
      close_input(stream);
      return;
    }
    backlog->start = (backlog->start + (size_t)count) % BACKLOG_BYTES;
    backlog->size -= (size_t)count;
    stream->input_owed += (uint32_t)count;
  }
  if (stream->input_ended) close_input(stream);
}

// Writes what the input takes now.
static size_t put_through(struct stream *stream, const uint8_t *bytes, size_t length) {
  if (stream->input < 0 || length == 0) return 0;
  ssize_t count = write(stream->input, bytes, length);
  if (count >= 0) return (size_t)count;
  if (!stream_try_again()) close_input(stream);
  return 0;
}

bool stream_take(struct stream *stream, const uint8_t *bytes, size_t length) {
  if (stream->input_ended || length > stream->input_credit) return false;
  stream->input_credit -= (uint32_t)length;
  size_t taken = stream->backlog.size > 0 ? 0 : put_through(stream, bytes, length);
  if (taken < length && stream->input >= 0 && !stream->input_widened) {
    stream_widen(stream->input, &stream->input_widened);
    if (stream->backlog.size == 0) taken += put_through(stream, bytes + taken, length - taken);
  }
  if (stream->input < 0) taken = length;
  stream->input_owed += (uint32_t)taken;
  if (taken < length) append(stream, bytes + taken, length - taken);
  return true;
}

bool stream_end_input(struct stream *stream) {
  if (stream->input_ended) return false;
  stream->input_ended = true;
  if (stream->terminal && stream->input >= 0) {
    struct termios settings;
    if (tcgetattr(stream->input, &settings) == 0) append(stream, &settings.c_cc[VEOF], 1);
  }
  stream_drain(stream);
  return true;
}

bool stream_credit(struct stream *stream, unsigned channel, uint32_t bytes) {
  struct output *output = &stream->outputs[channel - 1];
  if (bytes > INT32_MAX - output->credit) return false;
  output->credit += bytes;
  return true;
}

void stream_signal(struct stream *stream, int signal) {
  if (stream->kind == KIND_EXEC && stream->pid != 0) kill(-stream->pid, signal);
}

void stream_resize(struct stream *stream, uint16_t columns, uint16_t rows) {
  struct winsize size = {.ws_col = columns, .ws_row = rows};
  if (stream->terminal && stream->outputs[0].fd >= 0) ioctl(stream->outputs[0].fd, TIOCSWINSZ, &size);
}

void stream_cancel(struct stream *stream) {
  stream->cancelled = true;
  kill_all(stream);
  close_input(stream);
  stream_close_output(stream, 0);
  stream_close_output(stream, 1);
}

void stream_reaped(struct stream *stream, int status) {
  stream->pid = 0;
  stream->status = status;
}

// Whether descendants may still write: an output is open, and was so for less than LINGER_MS in which it could be read.
static bool lingers(struct stream *stream, int64_t now) {
  bool open = false;
  for (unsigned i = 0; i < 2; i++) {
    if (stream->outputs[i].fd < 0) continue;
    open = true;
    if (!stream_wants(stream, i)) {
      stream->linger_until = 0;
      return true;
    }
  }
  if (!open) return false;
  if (stream->linger_until == 0) stream->linger_until = now + LINGER_MS;
  return now < stream->linger_until;
}

static void send_ends(struct stream *stream) {
  for (unsigned i = 0; i < 2; i++) {
    struct output *output = &stream->outputs[i];
    if (!output->exists || output->fd >= 0 || output->end_sent || stream->cancelled) continue;
    uint8_t channel = (uint8_t)(i + 1);
    outbox_frame(&stream->session->outbox, FRAME_END, stream->id, &channel, 1);
    output->end_sent = true;
  }
}

static void send_window(struct stream *stream) {
  uint8_t window[5] = {0};
  store32(window + 1, stream->input_owed);
  outbox_frame(&stream->session->outbox, FRAME_WINDOW, stream->id, window, sizeof window);
  stream->input_credit += stream->input_owed;
  stream->input_owed = 0;
}

// What a job reported, if it lived to say it.
static void read_report(struct stream *stream, struct report *report) {
  ssize_t count = read(stream->report, report->bytes, sizeof report->bytes);
  report->length = count < 4 ? 0 : (size_t)count;
  if (report->length > 0) return;
  report_begin(report);
  report_error(report, stream->cancelled ? ECANCELED : EIO);
}

static void send_done(struct stream *stream) {
  struct report report;
  // What the program left behind is no longer the stream's.
  cgroups_give(stream->group);
  stream->group = -1;
  report_begin(&report);
  if (stream->failed != 0) {
    report_error(&report, stream->failed);
  } else if (stream->kind != KIND_EXEC) {
    read_report(stream, &report);
  } else {
    bool signalled = WIFSIGNALED(stream->status);
    report_u8(&report, 1, signalled);
    report_u32(&report, 2, (uint32_t)(signalled ? WTERMSIG(stream->status) : WEXITSTATUS(stream->status)));
  }
  outbox_frame(&stream->session->outbox, FRAME_DONE, stream->id, report.bytes, report.length);
}

bool stream_settle(struct stream *stream, int64_t now) {
  if (!outbox_has_reserve(&stream->session->outbox)) return false;
  if (stream->input_owed >= OWED_BYTES && !stream->input_ended) send_window(stream);
  send_ends(stream);
  if (stream->pid != 0 || lingers(stream, now)) return false;
  stream_close_output(stream, 0);
  stream_close_output(stream, 1);
  send_ends(stream);
  send_done(stream);
  return true;
}
