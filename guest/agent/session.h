// A session: what one host says on one channel, from its HELLO to its end.

#ifndef BOXLITE_SESSION_H
#define BOXLITE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "outbox.h"
#include "parser.h"
#include "stream.h"

struct session {
  struct session *next;
  int channel;
  // A HELLO was answered.
  bool speaking;
  // Nobody is at the other end of the channel.
  bool away;
  // Something could not be sent for lack of room: it is tried again when the channel took some.
  bool stalled;
  unsigned stream_count;
  struct stream *streams;
  struct parser parser;
  struct outbox outbox;
};

// Takes over the descriptor; NULL without memory.
struct session *session_new(int channel);

// Ends the session: kills what its streams run, forgets them, thaws. The channel stays.
void session_end(struct session *session);

// Reads what has come. False when the channel's other side is gone; the session is ended then.
bool session_read(struct session *session);

// Acts on the frames that are complete, sends what the streams owe, and writes to the channel.
void session_serve(struct session *session, int64_t now);

#endif
