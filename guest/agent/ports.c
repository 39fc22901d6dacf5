#define _GNU_SOURCE
#include "ports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "lines.h"

#define PORTS "/sys/class/virtio-ports"
#define PORT_PREFIX "org.boxlite.agent."

// The numbers behind the prefix; a bit each for those that are open.
enum {
  MOST_PORTS = AGENT_MOST_SESSIONS,
  // The kernel tells of hosts that come and go later than of the bytes they send. So the end of a session waits until nothing was
  // heard for this long: what a next host says in between is answered, and not thrown away with the last one.
  LEAVE_MS = 100,
};
static unsigned opened;

bool ports_listen(void) {
  const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK, .nl_groups = 1};
  agent.events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  return agent.events >= 0 && bind(agent.events, (const struct sockaddr *)&kernel, sizeof kernel) == 0;
}

void ports_drain_events(void) {
  char event[2048];
  // ENOBUFS, some were lost, is no different from an event: everything is looked at anew.
  while (recv(agent.events, event, sizeof event, 0) >= 0 || errno == ENOBUFS) continue;
}

static int number_of(const char *port) {
  char path[320];
  struct lines lines;
  snprintf(path, sizeof path, PORTS "/%s/name", port);
  if (!lines_open(&lines, path)) return -1;
  const char *name = lines_next(&lines);
  bool ours = name != NULL && strncmp(name, PORT_PREFIX, strlen(PORT_PREFIX)) == 0;
  const char *digit = ours ? name + strlen(PORT_PREFIX) : "";
  int number = digit[0] >= '0' && digit[0] < '0' + MOST_PORTS && digit[1] == '\0' ? digit[0] - '0' : -1;
  lines_close(&lines);
  return number;
}

static void open_port(const char *port, int number) {
  char path[320];
  snprintf(path, sizeof path, "/dev/%s", port);
  int channel = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  struct session *session = channel < 0 ? NULL : session_new(channel);
  if (session == NULL) {
    fprintf(stderr, "boxlite-agent: %s: %s\n", path, strerror(errno));
    close_fd(&channel);
    return;
  }
  opened |= 1U << number;
  session->next = agent.sessions;
  agent.sessions = session;
}

void ports_open(void) {
  DIR *ports = opendir(PORTS);
  if (ports == NULL) return;
  struct dirent *entry;
  while ((entry = readdir(ports)) != NULL) {
    int number = entry->d_name[0] == '.' ? -1 : number_of(entry->d_name);
    if (number >= 0 && (opened & 1U << number) == 0) open_port(entry->d_name, number);
  }
  closedir(ports);
}

static bool is_left(const struct session *session) {
  struct pollfd port = {.fd = session->channel};
  return poll(&port, 1, 0) > 0 && (port.revents & POLLHUP) != 0;
}

static void stop_watching(struct session *session) {
  // From here on a change gives a signal; one that came just before is seen by the poll.
  fcntl(session->channel, F_SETOWN, getpid());
  fcntl(session->channel, F_SETFL, O_NONBLOCK | O_ASYNC);
  session->away = is_left(session);
  if (!session->away) fcntl(session->channel, F_SETFL, O_NONBLOCK);
}

void ports_heard(struct session *session, short events, enum reading reading, int64_t now) {
  if ((events & POLLHUP) == 0) {
    session->leaves_at = 0;
    return;
  }
  if (session->leaves_at == 0 || reading == READ_SOME) session->leaves_at = now + LEAVE_MS;
  stop_watching(session);
}

void ports_changed(void) {
  for (struct session *session = agent.sessions; session != NULL; session = session->next) {
    if (!session->away) continue;
    fcntl(session->channel, F_SETFL, O_NONBLOCK);
    session->away = false;
  }
}

int64_t ports_deadline(void) {
  int64_t next = INT64_MAX;
  for (struct session *session = agent.sessions; session != NULL; session = session->next)
    if (session->leaves_at != 0 && session->leaves_at < next) next = session->leaves_at;
  return next;
}

void ports_tick(int64_t now) {
  for (struct session *session = agent.sessions; session != NULL; session = session->next) {
    if (session->leaves_at == 0 || now < session->leaves_at) continue;
    session->leaves_at = 0;
    if (is_left(session)) session_abandon(session);
  }
}
