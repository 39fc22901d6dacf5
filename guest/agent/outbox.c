#include "outbox.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"

size_t outbox_room(const struct outbox *outbox) {
  return OUTBOX_BYTES - outbox->end;
}

bool outbox_has_reserve(const struct outbox *outbox) {
  return outbox_room(outbox) >= OUTBOX_RESERVE_BYTES;
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
  uint8_t *header = outbox->bytes + outbox->end;
  store32(header, (uint32_t)length);
  header[4] = (uint8_t)type;
  store24(header + 5, stream);
  header[PROTOCOL_HEADER_BYTES + length] = PROTOCOL_TRAILER;
  outbox->end += PROTOCOL_HEADER_BYTES + length + 1;
}

bool outbox_flush(struct outbox *outbox, int channel) {
  while (outbox->start < outbox->end) {
    ssize_t count = write(channel, outbox->bytes + outbox->start, outbox->end - outbox->start);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return false;
      break;
    }
    outbox->start += (size_t)count;
  }
  // What is left is moved down at most once per half of the buffer.
  if (outbox->start == outbox->end || outbox->start >= OUTBOX_BYTES / 2) {
    memmove(outbox->bytes, outbox->bytes + outbox->start, outbox->end - outbox->start);
    outbox->end -= outbox->start;
    outbox->start = 0;
  }
  return true;
}
