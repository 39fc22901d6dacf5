#define _GNU_SOURCE
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"
#include "cgroups.h"
#include "users.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// What the child reads and, as it shares the agent's memory until it executes, what it says.
struct spawn {
  char *const *arguments;
  char *const *variables;
  const char *directory;
  const char *path;
  const struct user *user;
  int input, output, error_output;
  int group;
  bool terminal;
  const char *failed_step;
  int error;
  char candidate[4096];
};

static bool report_failure(struct spawn *spawn, const char *step) {
  spawn->failed_step = step;
  spawn->error = errno;
  return false;
}

// Tries the program in each directory of the PATH; an error that says more than "not here" wins.
static bool execute(struct spawn *spawn) {
  const char *program = spawn->arguments[0];
  if (strchr(program, '/') != NULL) {
    execve(program, spawn->arguments, spawn->variables);
    return report_failure(spawn, "execve");
  }
  int error = ENOENT;
  for (const char *at = spawn->path; at != NULL && *program != '\0';) {
    const char *end = strchrnul(at, ':');
    int length = (int)(end - at);
    // An empty piece is the working directory.
    int needed = snprintf(spawn->candidate, sizeof spawn->candidate, "%.*s%s%s", length, at, length > 0 ? "/" : "./", program);
    if (needed < (int)sizeof spawn->candidate) {
      execve(spawn->candidate, spawn->arguments, spawn->variables);
      if (errno != ENOENT && errno != ENOTDIR) error = errno;
    }
    if (error != ENOENT && error != EACCES) break;
    at = *end == ':' ? end + 1 : NULL;
  }
  errno = error;
  return report_failure(spawn, "execve");
}

static bool become_user(struct spawn *spawn) {
  const struct user *user = spawn->user;
  if (user->uid == 0 && user->gid == 0 && user->group_count <= 1 && geteuid() != 0) return true;
  if (setgroups(user->group_count, user->groups) != 0) return report_failure(spawn, "user");
  if (setgid(user->gid) != 0) return report_failure(spawn, "user");
  if (setuid(user->uid) != 0) return report_failure(spawn, "user");
  return true;
}

// In the child of vfork: returns only when it failed.
static void become_program(struct spawn *spawn) {
  sigset_t none;
  sigemptyset(&none);
  setsid();
  if (!cgroups_enter(spawn->group)) {
    report_failure(spawn, "fork");
    return;
  }
  if (spawn->terminal && ioctl(spawn->input, TIOCSCTTY, 0) != 0) {
    report_failure(spawn, "terminal");
    return;
  }
  if (dup2(spawn->input, 0) < 0 || dup2(spawn->output, 1) < 0 || dup2(spawn->error_output, 2) < 0) {
    report_failure(spawn, "fork");
    return;
  }
  if (!become_user(spawn)) return;
  if (chdir(spawn->directory) != 0) {
    report_failure(spawn, "chdir");
    return;
  }
  sigprocmask(SIG_SETMASK, &none, NULL);
  execute(spawn);
}

// The texts of variables that the host did not set; they live until the program was executed.
struct defaults {
  char home[sizeof ((struct user *)0)->home + 8];
  char user[sizeof ((struct user *)0)->name + 8];
  char logname[sizeof ((struct user *)0)->name + 8];
  char shell[sizeof ((struct user *)0)->shell + 8];
};

static const char *value_of(const struct texts *variables, const char *name) {
  size_t length = strlen(name);
  for (size_t i = 0; i < variables->count; i++)
    if (strncmp(variables->items[i], name, length) == 0 && variables->items[i][length] == '=') return variables->items[i] + length + 1;
  return NULL;
}

static void set_default(struct texts *variables, const char *name, char *variable) {
  if (value_of(variables, name) == NULL) variables->items[variables->count++] = variable;
}

static void set_defaults(struct texts *variables, const struct user *user, bool terminal, struct defaults *defaults) {
  static char path[] = "PATH=" DEFAULT_PATH;
  static char term[] = "TERM=xterm-256color";
  snprintf(defaults->home, sizeof defaults->home, "HOME=%s", user->home);
  snprintf(defaults->user, sizeof defaults->user, "USER=%s", user->name);
  snprintf(defaults->logname, sizeof defaults->logname, "LOGNAME=%s", user->name);
  snprintf(defaults->shell, sizeof defaults->shell, "SHELL=%s", user->shell);
  set_default(variables, "PATH", path);
  set_default(variables, "HOME", defaults->home);
  set_default(variables, "USER", defaults->user);
  set_default(variables, "LOGNAME", defaults->logname);
  set_default(variables, "SHELL", defaults->shell);
  if (terminal) set_default(variables, "TERM", term);
}

// Both ends of what connects the agent and the program; -1 where there is nothing.
struct ends {
  int agent[3];
  int program[3];
};

static bool make_pipe(int *reads, int *writes) {
  int pair[2];
  if (pipe2(pair, O_CLOEXEC) != 0) return false;
  *reads = pair[0];
  *writes = pair[1];
  return true;
}

static bool make_pipes(struct ends *ends, uint32_t flags) {
  if ((flags & EXEC_INPUT) == 0) ends->program[0] = agent.null;
  else if (!make_pipe(&ends->program[0], &ends->agent[0])) return false;
  if (!make_pipe(&ends->agent[1], &ends->program[1])) return false;
  if ((flags & EXEC_MERGED) != 0) ends->program[2] = ends->program[1];
  else if (!make_pipe(&ends->agent[2], &ends->program[2])) return false;
  // Only the agent's own ends never wait; the program's are as everybody expects them.
  for (unsigned i = 0; i < 3; i++)
    if (ends->agent[i] >= 0 && fcntl(ends->agent[i], F_SETFL, O_NONBLOCK) != 0) return false;
  return true;
}

static bool make_terminal(struct ends *ends, const struct terminal *terminal) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (master < 0) return false;
  ends->agent[0] = ends->agent[1] = master;
  if (unlockpt(master) != 0) return false;
  // By the master and not by name: whatever is mounted at /dev/pts.
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return false;
  for (unsigned i = 0; i < 3; i++) ends->program[i] = slave;
  struct winsize size = {.ws_col = terminal->columns, .ws_row = terminal->rows};
  return ioctl(master, TIOCSWINSZ, &size) == 0;
}

// Each descriptor once, and never the shared /dev/null.
static void close_ends(int ends[3]) {
  for (unsigned i = 0; i < 3; i++) {
    int fd = ends[i];
    for (unsigned k = i; k < 3; k++)
      if (ends[k] == fd) ends[k] = -1;
    if (fd >= 0 && fd != agent.null) close(fd);
  }
}

static int refuse(struct report *report, int error, const char *step) {
  report_text(report, 3, step);
  return error;
}

// With vfork, as copying the agent's page tables would take longer than all else. So the agent stands still until the program was
// loaded: this is the one place where it waits for a disk.
static pid_t spawn_program(struct spawn *spawn) {
  pid_t pid = vfork();
  if (pid == 0) {
    become_program(spawn);
    _exit(127);
  }
  return pid;
}

static int start(struct stream *stream, struct spawn *spawn, const struct request *request, struct ends *ends, struct report *report) {
  bool made = request->terminal.wanted ? make_terminal(ends, &request->terminal) : make_pipes(ends, request->flags);
  if (!made) return refuse(report, errno, request->terminal.wanted ? "terminal" : "fork");
  spawn->input = ends->program[0];
  spawn->output = ends->program[1];
  spawn->error_output = ends->program[2];
  spawn->group = stream->group = cgroups_take();
  pid_t pid = spawn_program(spawn);
  if (pid < 0) return refuse(report, errno, "fork");
  if (spawn->failed_step != NULL) {
    waitpid(pid, NULL, 0);
    return refuse(report, spawn->error, spawn->failed_step);
  }
  stream->pid = pid;
  stream->terminal = request->terminal.wanted;
  stream->input = ends->agent[0];
  for (unsigned i = 0; i < 2; i++) {
    stream->outputs[i].fd = stream->terminal && i == 1 ? -1 : ends->agent[i + 1];
    stream->outputs[i].exists = stream->outputs[i].fd >= 0;
  }
  return 0;
}

int exec_start(struct stream *stream, const struct request *request, struct report *report) {
  struct user user;
  struct defaults defaults;
  struct texts variables = request->variables;
  char *none[TEXTS_SPARE + 1] = {NULL};
  if (variables.items == NULL) variables.items = none;
  int error = users_find(request->user, &user);
  if (error != 0) return refuse(report, error, "user");
  set_defaults(&variables, &user, request->terminal.wanted, &defaults);
  struct spawn spawn = {
    .arguments = request->arguments.items,
    .variables = variables.items,
    .directory = request->path == NULL ? "/" : request->path,
    .path = value_of(&variables, "PATH"),
    .user = &user,
    .terminal = request->terminal.wanted,
  };
  struct ends ends = {{-1, -1, -1}, {-1, -1, -1}};
  error = start(stream, &spawn, request, &ends, report);
  close_ends(ends.program);
  if (error != 0) close_ends(ends.agent);
  return error;
}
