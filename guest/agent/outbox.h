// Frames on their way to the host. Everything that one round of the loop produces leaves in as few writes as the channel takes.

#ifndef BOXLITE_OUTBOX_H
#define BOXLITE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum {
  OUTBOX_BYTES = 4 * PROTOCOL_FRAME_BYTES,
  // Kept free of DATA, so that there is always room for one answer of any kind.
  OUTBOX_RESERVE_BYTES = 16384,
};

struct outbox {
  size_t start;
  size_t end;
  uint8_t bytes[OUTBOX_BYTES];
};

static inline bool outbox_empty(const struct outbox *outbox) {
  return outbox->start == outbox->end;
}

static inline void outbox_reset(struct outbox *outbox) {
  outbox->start = 0;
  outbox->end = 0;
}

// Bytes that can be appended.
size_t outbox_room(const struct outbox *outbox);

// Whether a frame of any kind but DATA fits.
bool outbox_has_reserve(const struct outbox *outbox);

// Appends a frame; the caller knows that there is room.
void outbox_frame(struct outbox *outbox, enum frame_type type, uint32_t stream, const void *payload, size_t length);

// Where a DATA frame's payload may be put, and how much of it, 0 when there is no room: filled in place, then sealed.
size_t outbox_space(struct outbox *outbox, uint8_t **where);
void outbox_seal(struct outbox *outbox, enum frame_type type, uint32_t stream, size_t length);

// Writes what the channel takes. False when the channel is gone.
bool outbox_flush(struct outbox *outbox, int channel);

#endif
