// Frames on their way to the host. Everything that one round of the loop produces leaves in as few writes as the channel takes.
//
// A payload that a pipe has much of does not come by here: the kernel moves its pages to a pipe of the outbox's own, where its length
// is known and nobody else reads, and from there to the channel. Copying it in and out again is most of what sending costs.

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
  OUTBOX_PIPES = 4,
};

// A payload that goes to the channel before the bytes from `at` on.
struct moved {
  size_t at;
  size_t left;
  unsigned pipe;
  // It is not there any more: the host gets zeros in its place.
  bool lost;
};

struct outbox {
  size_t start;
  size_t end;
  // The payloads in `pipes`, the next one first; each has one to itself.
  size_t moved_count;
  struct moved moved[OUTBOX_PIPES];
  unsigned next_pipe;
  struct {
    bool open;
    int ends[2];
  } pipes[OUTBOX_PIPES];
  // A payload was lost on its way, and the host has to hear of it.
  bool lost;
  uint8_t bytes[OUTBOX_BYTES];
};

static inline bool outbox_empty(const struct outbox *outbox) {
  return outbox->start == outbox->end;
}

// Forgets everything.
void outbox_reset(struct outbox *outbox);

// Bytes that can be appended.
size_t outbox_room(const struct outbox *outbox);

// Whether a frame of any kind but DATA fits.
bool outbox_has_reserve(const struct outbox *outbox);

// Appends a frame; the caller knows that there is room.
void outbox_frame(struct outbox *outbox, enum frame_type type, uint32_t stream, const void *payload, size_t length);

// Where a DATA frame's payload may be put, and how much of it, 0 when there is no room: filled in place, then sealed.
size_t outbox_space(struct outbox *outbox, uint8_t **where);
void outbox_seal(struct outbox *outbox, enum frame_type type, uint32_t stream, size_t length);

// Whether there is a pipe for another payload. When there is none the channel has more than enough to take.
static inline bool outbox_moves(const struct outbox *outbox) {
  return outbox->moved_count < OUTBOX_PIPES;
}

// Appends a DATA frame of at most `most` bytes that a pipe has, without copying them; how many. 0: it cannot.
size_t outbox_move(struct outbox *outbox, enum frame_type type, uint32_t stream, int from, size_t most);

// Writes what the channel takes. False when the channel is gone.
bool outbox_flush(struct outbox *outbox, int channel);

#endif
