#include "open.h"

#include <errno.h>
#include <stdlib.h>

#include "bytes.h"
#include "exec.h"
#include "session.h"

#define FIELD(tag, type, required, member) {tag, type, required, offsetof(struct request, member)}

enum { MOST_RULES = 6, REQUIRED = true, OPTIONAL = false };

static const struct kind {
  enum stream_kind kind;
  struct field_rule rules[MOST_RULES];
} kinds[] = {
  {KIND_EXEC, {
    FIELD(1, FIELD_TEXTS, REQUIRED, arguments),
    FIELD(2, FIELD_TEXTS, OPTIONAL, variables),
    FIELD(3, FIELD_TEXT, OPTIONAL, path),
    FIELD(4, FIELD_TEXT, OPTIONAL, user),
    FIELD(5, FIELD_TERMINAL, OPTIONAL, terminal),
    FIELD(6, FIELD_U32, OPTIONAL, flags),
  }},
};

static const struct kind *kind_of(uint8_t kind) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (kinds[i].kind == kind) return &kinds[i];
  return NULL;
}

static void send_done(struct session *session, uint32_t id, struct report *report, int error) {
  report_error(report, error);
  outbox_frame(&session->outbox, FRAME_DONE, id, report->bytes, report->length);
}

static int start_exec(struct session *session, uint32_t id, const struct request *request, struct report *report) {
  struct stream *stream = stream_new(session, id, KIND_EXEC);
  if (stream == NULL) return ENOMEM;
  int error = exec_start(stream, request, report);
  if (error != 0) {
    stream_free(stream);
    return error;
  }
  uint8_t pid[4];
  store32(pid, (uint32_t)stream->pid);
  outbox_frame(&session->outbox, FRAME_OPENED, id, pid, sizeof pid);
  stream->next = session->streams;
  session->streams = stream;
  session->stream_count++;
  return 0;
}

static int open_kind(struct session *session, const struct frame *frame, struct report *report) {
  const struct kind *kind = kind_of(frame->payload[0]);
  struct request request = {0};
  if (kind == NULL) return EOPNOTSUPP;
  if (session->stream_count == PROTOCOL_MAX_STREAMS) return EAGAIN;
  int error = fields_read(frame->payload + 1, frame->length - 1, kind->rules, MOST_RULES, &request);
  if (error == 0) error = start_exec(session, frame->stream, &request, report);
  free(request.arguments.items);
  free(request.variables.items);
  return error;
}

void open_stream(struct session *session, const struct frame *frame) {
  struct report report;
  report_begin(&report);
  int error = open_kind(session, frame, &report);
  if (error != 0) send_done(session, frame->stream, &report, error);
}
