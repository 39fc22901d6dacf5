#define _GNU_SOURCE
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "freeze.h"
#include "ports.h"
#include "power.h"
#include "session.h"

enum {
  // The signals and the devices; each session's channel; each stream's input and two outputs.
  MOST_WATCHED = 2 + AGENT_MOST_SESSIONS * (1 + PROTOCOL_MAX_STREAMS * 3),
};

// What one entry of the poll table is about: a session's channel, or a stream's input (-1) or output.
struct watched {
  struct session *session;
  struct stream *stream;
  int output;
};

static struct pollfd table[MOST_WATCHED];
static struct watched watched[MOST_WATCHED];
static nfds_t table_size;

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void watch(int fd, short events, struct watched about) {
  table[table_size] = (struct pollfd){.fd = fd, .events = events};
  watched[table_size++] = about;
}

static void watch_stream(struct session *session, struct stream *stream) {
  if (stream->input >= 0 && stream->backlog.size > 0) watch(stream->input, POLLOUT, (struct watched){session, stream, -1});
  for (int i = 0; i < 2; i++)
    if (stream_wants(stream, (unsigned)i)) watch(stream->outputs[i].fd, POLLIN, (struct watched){session, stream, i});
}

static void watch_all(void) {
  table_size = 0;
  watch(agent.signals, POLLIN, (struct watched){0});
  watch(agent.events, POLLIN, (struct watched){0});
  for (struct session *session = agent.sessions; session != NULL; session = session->next) {
    if (session->away) continue;
    // A stalled session takes no more until it could say what it has to.
    short events = session->stalled ? 0 : POLLIN;
    if (session->stalled || !outbox_empty(&session->outbox)) events |= POLLOUT;
    watch(session->channel, events, (struct watched){.session = session});
    for (struct stream *stream = session->streams; stream != NULL; stream = stream->next) watch_stream(session, stream);
  }
}

// Milliseconds until the next thing that happens by itself, or -1.
static int time_left(void) {
  int64_t next = ports_deadline();
  if (freeze_deadline() < next) next = freeze_deadline();
  if (power_deadline() < next) next = power_deadline();
  for (struct session *session = agent.sessions; session != NULL; session = session->next)
    for (struct stream *stream = session->streams; stream != NULL; stream = stream->next)
      if (stream->linger_until != 0 && stream->linger_until < next) next = stream->linger_until;
  if (next == INT64_MAX) return -1;
  int64_t left = next - now_ms();
  if (left > INT_MAX) return INT_MAX;
  return left < 0 ? 0 : (int)left;
}

static void tell(pid_t pid, int status) {
  freeze_reaped(pid, status);
  for (struct session *session = agent.sessions; session != NULL; session = session->next)
    for (struct stream *stream = session->streams; stream != NULL; stream = stream->next)
      if (stream->pid == pid) stream_reaped(stream, status);
}

static void hear_signals(void) {
  enum { ASKED_GRACE_MS = 5000 };
  struct signalfd_siginfo infos[8];
  ssize_t bytes = read(agent.signals, infos, sizeof infos);
  for (size_t i = 0; bytes > 0 && i < (size_t)bytes / sizeof *infos; i++) {
    if (infos[i].ssi_signo == SIGIO) ports_changed();
    // What `poweroff`, `halt` and `reboot` send to the first process.
    else if (infos[i].ssi_signo != SIGCHLD) power_begin(ASKED_GRACE_MS);
  }
  // Orphans too: nobody else would wait for them.
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) tell(pid, status);
}

static void forget(struct session *gone) {
  session_abandon(gone);
  struct session **link = &agent.sessions;
  while (*link != gone) link = &(*link)->next;
  *link = gone->next;
  close(gone->channel);
  free(gone);
}

// Streams first, as a session may end and forget them.
static void serve_streams(void) {
  for (nfds_t i = 2; i < table_size; i++) {
    struct stream *stream = watched[i].stream;
    if (stream == NULL || table[i].revents == 0) continue;
    if (watched[i].output < 0) stream_drain(stream);
    else stream_pump(stream, (unsigned)watched[i].output);
  }
}

static void serve_sessions(int64_t now) {
  for (nfds_t i = 2; i < table_size; i++) {
    struct session *session = watched[i].session;
    if (session == NULL || watched[i].stream != NULL) continue;
    if ((table[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    enum reading reading = session_read(session);
    // A guest's port stays, whoever comes and goes; without a machine the session was all there was.
    if (agent.owns_machine) ports_heard(session, table[i].revents, reading, now);
    else if (reading == READ_GONE) forget(session);
  }
  ports_tick(now);
  freeze_tick(now);
  for (struct session *session = agent.sessions; session != NULL; session = session->next) session_serve(session, now);
}

int loop_run(void) {
  while (agent.sessions != NULL || agent.owns_machine) {
    watch_all();
    int ready = poll(table, table_size, time_left());
    if (ready < 0 && errno != EINTR) return 1;
    if (ready > 0) {
      if (table[0].revents != 0) hear_signals();
      if (table[1].revents != 0) {
        ports_drain_events();
        ports_open();
      }
      serve_streams();
    }
    int64_t now = now_ms();
    serve_sessions(now);
    if (power_tick(now)) return 0;
  }
  return 0;
}
