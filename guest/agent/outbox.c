#define _GNU_SOURCE
#include "outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"

size_t outbox_room(const struct outbox *outbox) {
  return OUTBOX_BYTES - outbox->end;
}

bool outbox_has_reserve(const struct outbox *outbox) {
  return outbox_room(outbox) >= OUTBOX_RESERVE_BYTES;
}

static void put_header(struct outbox *outbox, enum frame_type type, uint32_t stream, size_t length) {
  uint8_t *header = outbox->bytes + outbox->end;
  store32(header, (uint32_t)length);
  header[4] = (uint8_t)type;
  store24(header + 5, stream);
}

void outbox_frame(struct outbox *outbox, enum frame_type type, uint32_t stream, const void *payload, size_t length) {
  if (length > 0) memcpy(outbox->bytes + outbox->end + PROTOCOL_HEADER_BYTES, payload, length);
  outbox_seal(outbox, type, stream, length);
}

size_t outbox_space(struct outbox *outbox, uint8_t **where) {
  size_t room = outbox_room(outbox);
  size_t kept = OUTBOX_RESERVE_BYTES + PROTOCOL_HEADER_BYTES + 1;
  if (room <= kept) return 0;
  *where = outbox->bytes + outbox->end + PROTOCOL_HEADER_BYTES;
  return room - kept < PROTOCOL_MAX_PAYLOAD_BYTES ? room - kept : PROTOCOL_MAX_PAYLOAD_BYTES;
}

void outbox_seal(struct outbox *outbox, enum frame_type type, uint32_t stream, size_t length) {
  put_header(outbox, type, stream, length);
  outbox->bytes[outbox->end + PROTOCOL_HEADER_BYTES + length] = PROTOCOL_TRAILER;
  outbox->end += PROTOCOL_HEADER_BYTES + length + 1;
}

void outbox_reset(struct outbox *outbox) {
  for (unsigned i = 0; i < OUTBOX_PIPES; i++) {
    if (!outbox->pipes[i].open) continue;
    close(outbox->pipes[i].ends[0]);
    close(outbox->pipes[i].ends[1]);
    outbox->pipes[i].open = false;
  }
  outbox->moved_count = 0;
  outbox->lost = false;
  outbox->start = 0;
  outbox->end = 0;
}

size_t outbox_move(struct outbox *outbox, enum frame_type type, uint32_t stream, int from, size_t most) {
  unsigned pipe = outbox->next_pipe;
  if (!outbox_moves(outbox) || outbox_room(outbox) < OUTBOX_RESERVE_BYTES + PROTOCOL_HEADER_BYTES + 1) return 0;
  if (!outbox->pipes[pipe].open && pipe2(outbox->pipes[pipe].ends, O_CLOEXEC | O_NONBLOCK) != 0) return 0;
  outbox->pipes[pipe].open = true;
  ssize_t count = splice(from, NULL, outbox->pipes[pipe].ends[1], NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (count <= 0) return 0;
  put_header(outbox, type, stream, (size_t)count);
  outbox->end += PROTOCOL_HEADER_BYTES;
  outbox->moved[outbox->moved_count++] = (struct moved){.at = outbox->end, .left = (size_t)count, .pipe = pipe};
  outbox->bytes[outbox->end++] = PROTOCOL_TRAILER;
  outbox->next_pipe = (pipe + 1) % OUTBOX_PIPES;
  return (size_t)count;
}

// Sends what is left of the first payload that was moved, as `write` would. All that its pipe has at once: where some stays behind, the
// driver of Linux' serial ports tells the device of pages that it does not send.
static ssize_t send_moved(struct outbox *outbox, int channel) {
  static const uint8_t zeros[4096];
  struct moved *first = &outbox->moved[0];
  ssize_t count;
  if (first->lost) count = write(channel, zeros, first->left < sizeof zeros ? first->left : sizeof zeros);
  else count = splice(outbox->pipes[first->pipe].ends[0], NULL, channel, NULL, PROTOCOL_MAX_PAYLOAD_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  // Without memory the driver drops what it took. The frame was begun, and becomes as long as it said.
  if (count == 0) first->lost = outbox->lost = true;
  if (count > 0) first->left -= (size_t)count;
  if (first->left == 0) memmove(first, first + 1, --outbox->moved_count * sizeof *first);
  return count;
}

bool outbox_flush(struct outbox *outbox, int channel) {
  while (outbox->start < outbox->end) {
    size_t stop = outbox->moved_count > 0 ? outbox->moved[0].at : outbox->end;
    ssize_t count = outbox->start < stop ? write(channel, outbox->bytes + outbox->start, stop - outbox->start) : send_moved(outbox, channel);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) return false;
    if (count < 0) break;
    if (outbox->start < stop) outbox->start += (size_t)count;
  }
  // What is left is moved down at most once per half of the buffer.
  if (outbox->start == outbox->end || outbox->start >= OUTBOX_BYTES / 2) {
    memmove(outbox->bytes, outbox->bytes + outbox->start, outbox->end - outbox->start);
    for (size_t i = 0; i < outbox->moved_count; i++) outbox->moved[i].at -= outbox->start;
    outbox->end -= outbox->start;
    outbox->start = 0;
  }
  return true;
}
