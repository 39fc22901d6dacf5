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
  // When the session ends because its host is gone; 0: not decided.
  int64_t leaves_at;
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
// Ends it and forgets every byte on its way: the host is gone.
void session_abandon(struct session *session);

// Reads what has come; READ_GONE also when the channel's other side is not there.
enum reading {
  READ_NOTHING,
  READ_SOME,
  READ_GONE,
};
enum reading session_read(struct session *session);

// Acts on the frames that are complete, sends what the streams owe, and writes to the channel.
void session_serve(struct session *session, int64_t now);

#endif
