#include "open.h"

#include <errno.h>
#include <stdlib.h>

#include "archives.h"
#include "bytes.h"
#include "exec.h"
#include "files.h"
#include "freeze.h"
#include "job.h"
#include "machine.h"
#include "power.h"
#include "session.h"

#define NEEDS(tag, type, member) {tag, type, true, offsetof(struct request, member), 0}
#define TAKES(tag, type, member) {tag, type, false, offsetof(struct request, member), 0}
#define NOTES(tag, type, member) {tag, type, false, offsetof(struct request, member), offsetof(struct request, has_##member)}

enum { MOST_RULES = 6 };

enum way {
  AT_ONCE, // in the agent itself: it cannot wait
  JOB,     // a child of the agent
  PROGRAM,
};

// The kinds and their fields, in the order of the document's table.
static const struct kind {
  enum stream_kind kind;
  enum way way;
  job_function *run;
  enum job_pipes pipes;
  struct field_rule rules[MOST_RULES];
} kinds[] = {
  {KIND_EXEC, PROGRAM, NULL, JOB_REPORT_ONLY, {
    NEEDS(1, FIELD_TEXTS, arguments), TAKES(2, FIELD_TEXTS, variables), TAKES(3, FIELD_TEXT, path),
    TAKES(4, FIELD_TEXT, user), TAKES(5, FIELD_TERMINAL, terminal), TAKES(6, FIELD_U32, flags)}},
  {KIND_READ_FILE, JOB, files_read, JOB_OUTPUT, {
    NEEDS(1, FIELD_TEXT, path), TAKES(2, FIELD_U64, offset), NOTES(3, FIELD_U64, length)}},
  {KIND_WRITE_FILE, JOB, files_write, JOB_INPUT, {
    NEEDS(1, FIELD_TEXT, path), NOTES(2, FIELD_U32, mode), TAKES(3, FIELD_U32, flags), TAKES(4, FIELD_TEXT, user)}},
  {KIND_STAT, JOB, files_stat, JOB_REPORT_ONLY, {NEEDS(1, FIELD_TEXT, path), TAKES(2, FIELD_U32, flags)}},
  {KIND_LIST, JOB, files_list, JOB_OUTPUT, {NEEDS(1, FIELD_TEXT, path)}},
  {KIND_MAKE_DIRECTORY, JOB, files_make_directory, JOB_REPORT_ONLY, {
    NEEDS(1, FIELD_TEXT, path), NOTES(2, FIELD_U32, mode), TAKES(3, FIELD_U32, flags), TAKES(4, FIELD_TEXT, user)}},
  {KIND_REMOVE, JOB, files_remove, JOB_REPORT_ONLY, {NEEDS(1, FIELD_TEXT, path), TAKES(2, FIELD_U32, flags)}},
  {KIND_RENAME, JOB, files_rename, JOB_REPORT_ONLY, {NEEDS(1, FIELD_TEXT, path), NEEDS(2, FIELD_TEXT, target)}},
  {KIND_CHANGE_MODE, JOB, files_change_mode, JOB_REPORT_ONLY, {NEEDS(1, FIELD_TEXT, path), NEEDS(2, FIELD_U32, mode)}},
  {KIND_CHANGE_OWNER, JOB, files_change_owner, JOB_REPORT_ONLY, {NEEDS(1, FIELD_TEXT, path), NEEDS(2, FIELD_TEXT, user)}},
  {KIND_EXTRACT, JOB, archive_extract, JOB_INPUT, {NEEDS(1, FIELD_TEXT, path), TAKES(2, FIELD_U32, flags)}},
  {KIND_ARCHIVE, JOB, archive_create, JOB_OUTPUT, {NEEDS(1, FIELD_TEXT, path), TAKES(2, FIELD_U32, flags)}},
  {KIND_FREEZE, JOB, freeze_run, JOB_REPORT_ONLY, {{0}}},
  {KIND_THAW, AT_ONCE, NULL, JOB_REPORT_ONLY, {{0}}},
  {KIND_SET_CLOCK, AT_ONCE, machine_set_clock, JOB_REPORT_ONLY, {NEEDS(1, FIELD_U64, time_ns)}},
  {KIND_ADD_ENTROPY, AT_ONCE, machine_add_entropy, JOB_REPORT_ONLY, {NEEDS(1, FIELD_BYTES, bytes)}},
  {KIND_SET_HOSTNAME, AT_ONCE, machine_set_hostname, JOB_REPORT_ONLY, {NEEDS(1, FIELD_TEXT, path)}},
  {KIND_SHUT_DOWN, AT_ONCE, power_shut_down, JOB_REPORT_ONLY, {NEEDS(1, FIELD_U32, grace_ms)}},
  {KIND_METRICS, AT_ONCE, machine_metrics, JOB_REPORT_ONLY, {{0}}},
};

static const struct kind *kind_of(uint8_t number) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (kinds[i].kind == number) return &kinds[i];
  return NULL;
}

static void adopt(struct session *session, struct stream *stream) {
  stream->next = session->streams;
  session->streams = stream;
  session->stream_count++;
}

static int start_program(struct stream *stream, const struct request *request, struct report *report) {
  int error = exec_start(stream, request, report);
  uint8_t pid[4];
  if (error != 0) return error;
  store32(pid, (uint32_t)stream->pid);
  outbox_frame(&stream->session->outbox, FRAME_OPENED, stream->id, pid, sizeof pid);
  return 0;
}

static int start_job(struct stream *stream, const struct kind *kind, const struct request *request) {
  int error = kind->kind == KIND_FREEZE ? freeze_allowed() : 0;
  if (error == 0) error = job_start(stream, request, kind->run, kind->pipes);
  if (error == 0 && kind->kind == KIND_FREEZE) freeze_begun(stream->session, stream->pid);
  return error;
}

static int start_stream(struct session *session, uint32_t id, const struct kind *kind, const struct request *request, struct report *report) {
  if (session->stream_count == PROTOCOL_MAX_STREAMS) return EAGAIN;
  if (power_ending()) return ESHUTDOWN;
  struct stream *stream = stream_new(session, id, kind->kind);
  if (stream == NULL) return ENOMEM;
  int error = kind->way == PROGRAM ? start_program(stream, request, report) : start_job(stream, kind, request);
  if (error == 0) adopt(session, stream);
  else stream_free(stream);
  return error;
}

static int open_kind(struct session *session, const struct frame *frame, struct report *report) {
  const struct kind *kind = kind_of(frame->payload[0]);
  struct request request = {0};
  if (kind == NULL) return EOPNOTSUPP;
  int error = fields_read(frame->payload + 1, frame->length - 1, kind->rules, MOST_RULES, &request);
  if (error == 0) {
    if (kind->way != AT_ONCE) error = start_stream(session, frame->stream, kind, &request, report);
    else if (kind->kind == KIND_THAW) freeze_thaw(session, report);
    else error = kind->run(&request, report);
  }
  free(request.arguments.items);
  free(request.variables.items);
  // What was not begun is done.
  return error != 0 || kind->way == AT_ONCE ? error : -1;
}

void open_stream(struct session *session, const struct frame *frame) {
  struct report report;
  report_begin(&report);
  int error = open_kind(session, frame, &report);
  if (error < 0) return;
  report_error(&report, error);
  outbox_frame(&session->outbox, FRAME_DONE, frame->stream, report.bytes, report.length);
}
