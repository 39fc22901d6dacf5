#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <unistd.h>

#include "agent.h"
#include "cgroups.h"
#include "freeze.h"
#include "lines.h"
#include "ports.h"
#include "power.h"

// From the kernel's fs/ext4/ext4.h: how many blocks the file system is to have.
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

// From the same file: s_blocks_count_lo of the superblock, which stands at 1024.
enum { EXT4_BLOCKS_COUNT_OFFSET = 1024 + 4 };

#define NEW_ROOT "/root"

enum { DEVICE_WAIT_MS = 10000, OPEN_FILES = 1024, MOST_OPEN_FILES = 524288 };

struct words {
  char root[64];
  bool read_only;
};

static void warn(const char *what) {
  fprintf(stderr, "boxlite-agent: %s: %s\n", what, strerror(errno));
}

static bool mount_at(const char *type, const char *path, mode_t mode, unsigned long flags, const char *options) {
  mkdir(path, mode);
  return mount(type, path, type, flags, options) == 0;
}

static void need(bool done, const char *what) {
  if (!done) power_fatal(what, errno);
}

static void want(bool done, const char *what) {
  if (!done) warn(what);
}

static void read_words(struct words *words) {
  struct lines lines;
  *words = (struct words){.root = "/dev/vda"};
  if (!lines_open(&lines, "/proc/cmdline")) return;
  char *line = lines_next(&lines);
  char *word;
  while (line != NULL && (word = strsep(&line, " ")) != NULL) {
    if (strncmp(word, "boxlite.root=", 13) == 0) snprintf(words->root, sizeof words->root, "%s", word + 13);
    else if (strcmp(word, "boxlite.ro") == 0) words->read_only = true;
    else if (strncmp(word, "boxlite.thaw_after=", 19) == 0) freeze_limit(word + 19);
  }
  lines_close(&lines);
}

// A disk is there from the start or appears a moment later, and the kernel tells of it.
static void wait_for(const char *device) {
  int64_t until = now_ms() + DEVICE_WAIT_MS;
  while (access(device, F_OK) != 0) {
    int64_t left = until - now_ms();
    if (left <= 0) power_fatal(device, ENOENT);
    struct pollfd events = {.fd = agent.events, .events = POLLIN};
    if (poll(&events, 1, (int)left) > 0) ports_drain_events();
  }
}

// How many blocks the superblock says there are; without the feature 64bit one word of it holds them all.
static bool blocks_now(int disk, uint64_t *blocks) {
  uint8_t word[4];
  if (pread(disk, word, sizeof word, EXT4_BLOCKS_COUNT_OFFSET) != sizeof word) return false;
  *blocks = (uint64_t)word[0] | (uint64_t)word[1] << 8 | (uint64_t)word[2] << 16 | (uint64_t)word[3] << 24;
  return true;
}

static bool remount(const char *options) {
  return mount(NULL, NEW_ROOT, NULL, MS_REMOUNT, options) == 0;
}

// Only while the kernel believes that it will write the tables of new groups later does it not write them at once. It never does: they
// need no zeros, and those would fill the box's own layer.
static bool grow_to(int directory, uint64_t blocks) {
  bool grown = remount("init_itable") && ioctl(directory, EXT4_IOC_RESIZE_FS, &blocks) == 0;
  int error = errno;
  bool stopped = remount("noinit_itable");
  if (!grown) errno = error;
  return grown && stopped;
}

// Nothing happens when the file system is as large as its disk already.
static void grow(const char *device) {
  struct statfs root;
  uint64_t bytes, blocks;
  int disk = open(device, O_RDONLY | O_CLOEXEC);
  int directory = open(NEW_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool done = disk >= 0 && directory >= 0 && ioctl(disk, BLKGETSIZE64, &bytes) == 0 && fstatfs(directory, &root) == 0 &&
              blocks_now(disk, &blocks);
  if (done) {
    uint64_t wanted = bytes / (uint64_t)root.f_bsize;
    if (wanted > blocks) done = grow_to(directory, wanted);
  }
  want(done, "growing the file system");
  close_fd(&disk);
  close_fd(&directory);
}

static void mount_root(const struct words *words) {
  mkdir(NEW_ROOT, 0700);
  need(mount(words->root, NEW_ROOT, "ext4", words->read_only ? MS_RDONLY : 0, "noinit_itable,no_prefetch_block_bitmaps") == 0, words->root);
  if (!words->read_only) grow(words->root);
}

// The kernel's own file systems come along; the initramfs stays below, without the agent's file.
static void move_to_root(void) {
  static const char *const moved[] = {"/dev", "/proc", "/sys"};
  for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) {
    char target[32];
    snprintf(target, sizeof target, NEW_ROOT "%s", moved[i]);
    mkdir(target, 0755);
    need(mount(moved[i], target, NULL, MS_MOVE, NULL) == 0, target);
  }
  unlink("/init");
  need(chdir(NEW_ROOT) == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 && chdir("/") == 0, "moving to the root file system");
}

static void mount_rest(void) {
  const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  want(mount_at("devpts", "/dev/pts", 0755, MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"), "/dev/pts");
  want(mount_at("tmpfs", "/dev/shm", 01777, MS_NOSUID | MS_NODEV, "mode=1777"), "/dev/shm");
  want(mount_at("tmpfs", "/run", 0755, MS_NOSUID | MS_NODEV, "mode=755"), "/run");
  want(mount_at("cgroup2", "/sys/fs/cgroup", 0755, plain, "nsdelegate"), "/sys/fs/cgroup");
  // /tmp stays on the disk: it is part of what a snapshot keeps, and may be larger than the memory.
  if (mkdir("/tmp", 01777) == 0) chmod("/tmp", 01777);
}

static void link_devices(void) {
  static const char *const links[][2] = {
    {"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"}, {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
  };
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) want(symlink(links[i][0], links[i][1]) == 0 || errno == EEXIST, links[i][1]);
}

static void raise_loopback(void) {
  struct ifreq request = {.ifr_name = "lo"};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool up = any >= 0 && ioctl(any, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags |= IFF_UP;
  up = up && ioctl(any, SIOCSIFFLAGS, &request) == 0;
  want(up, "the loopback interface");
  close_fd(&any);
}

void init_machine(void) {
  const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  struct words words;
  umask(0);
  need(mount_at("devtmpfs", "/dev", 0755, MS_NOSUID, "mode=755"), "/dev");
  need(mount_at("proc", "/proc", 0555, plain, NULL), "/proc");
  need(mount_at("sysfs", "/sys", 0555, plain, NULL), "/sys");
  need(ports_listen(), "device events");
  read_words(&words);
  wait_for(words.root);
  mount_root(&words);
  move_to_root();
  mount_rest();
  cgroups_use("/sys/fs/cgroup");
  link_devices();
  raise_loopback();
  const struct rlimit files = {.rlim_cur = OPEN_FILES, .rlim_max = MOST_OPEN_FILES};
  want(setrlimit(RLIMIT_NOFILE, &files) == 0, "the limit of open files");
  want(sethostname("box", 3) == 0, "the host name");
  umask(022);
}
