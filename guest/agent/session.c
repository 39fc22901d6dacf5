#define _GNU_SOURCE
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent.h"
#include "bytes.h"
#include "freeze.h"
#include "open.h"

// A read that is shorter than this has most likely emptied the channel: a virtio port gives a page at a time.
enum { READ_BYTES = 4096 };

struct session *session_new(int channel) {
  struct session *session = calloc(1, sizeof *session);
  if (session == NULL) return NULL;
  session->channel = channel;
  parser_reset(&session->parser);
  return session;
}

void session_end(struct session *session) {
  while (session->streams != NULL) {
    struct stream *stream = session->streams;
    session->streams = stream->next;
    stream_free(stream);
  }
  session->stream_count = 0;
  session->speaking = false;
  freeze_release(session);
}

void session_abandon(struct session *session) {
  session_end(session);
  parser_reset(&session->parser);
  outbox_reset(&session->outbox);
}

enum reading session_read(struct session *session) {
  enum reading result = READ_NOTHING;
  for (;;) {
    uint8_t *where;
    size_t space = parser_space(&session->parser, &where);
    if (space == 0) return result;
    ssize_t count = read(session->channel, where, space);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return result;
    if (count <= 0) return result == READ_SOME ? READ_SOME : READ_GONE;
    parser_filled(&session->parser, (size_t)count);
    result = READ_SOME;
    if (count < READ_BYTES) return result;
  }
}

static void say_hello(struct session *session, const struct frame *frame) {
  const uint8_t *nonce = frame->payload + PROTOCOL_MAGIC_BYTES;
  uint32_t lowest = load16(nonce + PROTOCOL_NONCE_BYTES);
  uint32_t highest = load16(nonce + PROTOCOL_NONCE_BYTES + 2);
  bool common = lowest <= PROTOCOL_VERSION && PROTOCOL_VERSION <= highest;
  struct utsname system;
  uname(&system);
  struct report hello;
  hello.length = PROTOCOL_NONCE_BYTES + 4;
  memcpy(hello.bytes, nonce, PROTOCOL_NONCE_BYTES);
  store16(hello.bytes + PROTOCOL_NONCE_BYTES, common ? PROTOCOL_VERSION : 0);
  store16(hello.bytes + PROTOCOL_NONCE_BYTES + 2, 0);
  report_text(&hello, 1, system.release);
  report_text(&hello, 2, AGENT_VERSION);
  report_u32(&hello, 3, PROTOCOL_MAX_STREAMS);
  outbox_frame(&session->outbox, FRAME_HELLO, 0, hello.bytes, hello.length);
  session->speaking = common;
  session->parser.hunting = !common;
}

static struct stream *find(const struct session *session, uint32_t id) {
  struct stream *stream = session->streams;
  while (stream != NULL && stream->id != id) stream = stream->next;
  return stream;
}

// The only channel that a host sends is 0.
static bool ends_input(const struct frame *frame) {
  return frame->length == 1 && frame->payload[0] == 0;
}

static bool gives_credit(const struct frame *frame) {
  return frame->length == 5 && (frame->payload[0] == 1 || frame->payload[0] == 2);
}

// A frame of a stream; `stream` is NULL when it is not open, and then only the frame's form is judged.
static const char *act_on_stream(struct stream *stream, const struct frame *frame) {
  const uint8_t *payload = frame->payload;
  switch (frame->type) {
    case FRAME_DATA0:
      return stream == NULL || stream_take(stream, payload, frame->length) ? NULL : "DATA beyond its credit or after its END";
    case FRAME_END:
      if (!ends_input(frame)) return "a malformed END";
      return stream == NULL || stream_end_input(stream) ? NULL : "a second END";
    case FRAME_WINDOW:
      if (!gives_credit(frame)) return "a malformed WINDOW";
      return stream == NULL || stream_credit(stream, payload[0], load32(payload + 1)) ? NULL : "too much credit";
    case FRAME_SIGNAL:
      if (frame->length != 1 || payload[0] == 0 || payload[0] > SIGRTMAX) return "a malformed SIGNAL";
      if (stream != NULL) stream_signal(stream, payload[0]);
      return NULL;
    case FRAME_RESIZE:
      if (frame->length != 4) return "a malformed RESIZE";
      if (stream != NULL) stream_resize(stream, load16(payload), load16(payload + 2));
      return NULL;
    case FRAME_CANCEL:
      if (frame->length != 0) return "a malformed CANCEL";
      if (stream != NULL) stream_cancel(stream);
      return NULL;
    default:
      return "a frame that belongs to no stream";
  }
}

// NULL, or what the host did wrong.
static const char *act(struct session *session, const struct frame *frame) {
  if (frame->type == FRAME_HELLO) {
    bool proper = frame->stream == 0 && frame->length == PROTOCOL_HELLO_BYTES && memcmp(frame->payload, PROTOCOL_MAGIC, PROTOCOL_MAGIC_BYTES) == 0;
    if (!proper) return "a malformed HELLO";
    session_end(session);
    say_hello(session, frame);
    return NULL;
  }
  if (frame->type == FRAME_PING) {
    if (frame->stream != 0 || frame->length > PROTOCOL_MAX_PING_BYTES) return "a malformed PING";
    outbox_frame(&session->outbox, FRAME_PING, 0, frame->payload, frame->length);
    return NULL;
  }
  if (frame->stream == 0) return "a frame that needs a stream";
  struct stream *stream = find(session, frame->stream);
  if (frame->type != FRAME_OPEN) return act_on_stream(stream, frame);
  if (stream != NULL) return "an OPEN with an id that is in use";
  if (frame->length == 0) return "an OPEN without a kind";
  open_stream(session, frame);
  return NULL;
}

static void go_away(struct session *session, const char *why) {
  outbox_frame(&session->outbox, FRAME_GOAWAY, 0, why, strlen(why));
  session_end(session);
  session->parser.hunting = true;
}

static void act_on_frames(struct session *session) {
  for (;;) {
    if (!outbox_has_reserve(&session->outbox)) {
      session->stalled = true;
      return;
    }
    struct frame frame;
    const char *error = NULL;
    enum parsed parsed = parser_next(&session->parser, &frame, &error);
    if (parsed == PARSED_NOTHING) return;
    if (parsed == PARSED_FRAME) error = act(session, &frame);
    if (error != NULL) go_away(session, error);
  }
}

static void settle_streams(struct session *session, int64_t now) {
  struct stream **link = &session->streams;
  while (*link != NULL) {
    struct stream *stream = *link;
    if (stream_settle(stream, now)) {
      *link = stream->next;
      stream_free(stream);
      session->stream_count--;
    } else {
      link = &stream->next;
    }
  }
  if (!outbox_has_reserve(&session->outbox)) session->stalled = true;
}

// So that no stream is always the first to fill the outbox.
static void take_turns(struct session *session) {
  struct stream *first = session->streams;
  if (first == NULL || first->next == NULL) return;
  struct stream *last = first;
  while (last->next != NULL) last = last->next;
  session->streams = first->next;
  last->next = first;
  first->next = NULL;
}

static void flush(struct session *session) {
  // A channel that is gone is noticed by the next read.
  if (!outbox_flush(&session->outbox, session->channel)) outbox_reset(&session->outbox);
}

void session_serve(struct session *session, int64_t now) {
  session->stalled = false;
  act_on_frames(session);
  settle_streams(session, now);
  take_turns(session);
  flush(session);
  if (!session->outbox.lost || !outbox_has_reserve(&session->outbox)) return;
  // At once: nothing else may happen that it could be said with.
  session->outbox.lost = false;
  go_away(session, "output was lost for want of memory");
  flush(session);
}
