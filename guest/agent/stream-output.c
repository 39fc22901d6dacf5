#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent.h"
#include "outbox.h"
#include "session.h"
#include "stream.h"

enum {
  // Less is copied as quickly as it is moved.
  MOVED_BYTES = 16384,
};

// A pipe that was full once carries much: as long as a window it spares a change of processes for each 64 KiB. Most streams never
// need it, and the limit that a user's pipes have is no reason to fail.
void stream_widen(int fd, bool *widened) {
  if (!*widened) fcntl(fd, F_SETPIPE_SZ, PROTOCOL_WINDOW_BYTES);
  *widened = true;
}

bool stream_try_again(void) {
  return errno == EAGAIN || errno == EINTR;
}

void stream_close_output(struct stream *stream, unsigned output) {
  if (stream->terminal) stream->input = -1;
  close_fd(&stream->outputs[output].fd);
}

bool stream_wants(const struct stream *stream, unsigned output) {
  uint8_t *where;
  struct outbox *outbox = &stream->session->outbox;
  return stream->outputs[output].fd >= 0 && stream->outputs[output].credit > 0 && outbox_space(outbox, &where) > 0 && outbox_moves(outbox);
}

// How much of an output is worth moving instead of copying; 0 for little.
static size_t movable(const struct stream *stream, const struct output *output) {
  int there = 0;
  if (stream->terminal || ioctl(output->fd, FIONREAD, &there) != 0 || there < MOVED_BYTES) return 0;
  return output->credit < PROTOCOL_MAX_PAYLOAD_BYTES ? output->credit : PROTOCOL_MAX_PAYLOAD_BYTES;
}

static void sent(struct stream *stream, struct output *output, size_t count) {
  output->credit -= (uint32_t)count;
  stream->linger_until = 0;
  if (count > PROTOCOL_MAX_PAYLOAD_BYTES / 2) stream_widen(output->fd, &output->widened);
}

// One frame of an output; true when there may be more at once.
static bool pump_frame(struct stream *stream, unsigned index) {
  struct output *output = &stream->outputs[index];
  struct outbox *outbox = &stream->session->outbox;
  enum frame_type type = index == 0 ? FRAME_DATA1 : FRAME_DATA2;
  if (!stream_wants(stream, index)) return false;
  size_t most = movable(stream, output);
  size_t moved = most == 0 ? 0 : outbox_move(outbox, type, stream->id, output->fd, most);
  if (moved > 0) {
    sent(stream, output, moved);
    return true;
  }
  uint8_t *where;
  size_t space = outbox_space(outbox, &where);
  if (space > output->credit) space = output->credit;
  ssize_t count = read(output->fd, where, space);
  if (count > 0) {
    outbox_seal(outbox, type, stream->id, (size_t)count);
    sent(stream, output, (size_t)count);
    return (size_t)count == space;
  }
  // A terminal ends with EIO when its last process is gone.
  if (count == 0 || !stream_try_again()) stream_close_output(stream, index);
  return false;
}

void stream_pump(struct stream *stream, unsigned output) {
  while (pump_frame(stream, output)) continue;
}
