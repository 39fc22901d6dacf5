// A stream: one child process, the pipes to it, and the credits of both directions.

#ifndef BOXLITE_STREAM_H
#define BOXLITE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fields.h"
#include "protocol.h"

struct session;

// What the host sent and the process did not take yet: a ring that is allocated when it is first needed.
struct backlog {
  uint8_t *bytes;
  size_t start;
  size_t size;
};

struct output {
  // The stream has this channel at all.
  bool exists;
  bool end_sent;
  // -1 when nothing more comes.
  int fd;
  // Its pipe was made larger.
  bool widened;
  uint32_t credit;
};

struct stream {
  struct stream *next;
  struct session *session;
  uint32_t id;
  enum stream_kind kind;
  // The child, 0 when it is reaped; `status` is then what wait said.
  pid_t pid;
  int status;
  // A program's control group, or -1.
  int group;
  bool cancelled;
  // Its input is a terminal: the same descriptor as outputs[0].
  bool terminal;
  // -1: nothing takes input, or no longer.
  int input;
  bool input_widened;
  bool input_ended;
  // What the host may send, and what it has to be given back.
  uint32_t input_credit;
  uint32_t input_owed;
  struct backlog backlog;
  struct output outputs[2];
  // What a job says at its end; -1 for EXEC.
  int report;
  // An error of the agent itself that ends the stream, or 0.
  int failed;
  // When descendants that keep an output open are waited for no longer; 0: not set.
  int64_t linger_until;
};

struct stream *stream_new(struct session *session, uint32_t id, enum stream_kind kind);
// Kills what still runs and forgets the stream.
void stream_free(struct stream *stream);

// DATA 0 and its END. False: the host broke the rules.
bool stream_take(struct stream *stream, const uint8_t *bytes, size_t length);
bool stream_end_input(struct stream *stream);

// WINDOW. False: more credit than can be counted.
bool stream_credit(struct stream *stream, unsigned channel, uint32_t bytes);

// SIGNAL, RESIZE, CANCEL.
void stream_signal(struct stream *stream, int signal);
void stream_resize(struct stream *stream, uint16_t columns, uint16_t rows);
void stream_cancel(struct stream *stream);

// The input can be written, an output can be read.
void stream_drain(struct stream *stream);
void stream_pump(struct stream *stream, unsigned output);
// Whether an output may be read now, by its credit and the room in the outbox.
bool stream_wants(const struct stream *stream, unsigned output);

void stream_close_output(struct stream *stream, unsigned output);

// Makes a pipe that was full once as large as a window.
void stream_widen(int fd, bool *widened);
// Whether a read or a write that failed can be tried again.
bool stream_try_again(void);

void stream_reaped(struct stream *stream, int status);

// Sends what is owed to the host: credits, ENDs, and DONE. True when the stream is done and can be freed.
bool stream_settle(struct stream *stream, int64_t now);

#endif
