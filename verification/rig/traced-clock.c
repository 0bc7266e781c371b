/*
 * stepped-clock.c for a daemon that is linked statically, which preloads nothing: runs it as a traced process.
 *
 *   STEP_FROM=N STEP_TO=N STEP_LOG=FILE traced-clock DAEMON ARGUMENTS…
 *
 * Its questions for the time are answered with the clock (seconds since 1970), which stands still while it works; each
 * of its sleeps moves the clock on, once it has no live child left, and puts the new time as a UTC stamp on a line of its own
 * into FILE, where the daemon itself is told to write its log. At TO it is ended, with code 0. Its children are not
 * traced and see real time.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t daemon_pid;
static long clock_at, clock_end;

static void fail(const char *what) {
  perror(what);
  kill(daemon_pid, SIGKILL);
  exit(98);
}

static long peek(unsigned long at) {
  errno = 0;
  long word = ptrace(PTRACE_PEEKDATA, daemon_pid, at, 0);
  if (errno) fail("peek");
  return word;
}

static void poke(unsigned long at, long word) {
  if (ptrace(PTRACE_POKEDATA, daemon_pid, at, word)) fail("poke");
}

/* Without the kernel's page of clock functions each question for the time is a system call, which can be seen. */
static void hide_vdso(unsigned long stack) {
  unsigned long at = stack + (peek(stack) + 2) * sizeof(long); /* argc, argv, NULL */
  while (peek(at)) at += sizeof(long);                         /* the environment, NULL */
  for (at += sizeof(long); peek(at) != AT_NULL; at += 2 * sizeof(long))
    if (peek(at) == AT_SYSINFO_EHDR) poke(at, AT_IGNORE);
}

/* 1: a child of the daemon still runs; one that has ended is the daemon's to reap. */
static int has_live_child(void) {
  char path[64], text[256], state;
  int child, live = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", daemon_pid, daemon_pid);
  FILE *children = fopen(path, "r");
  if (!children) fail(path);
  while (!live && fscanf(children, "%d", &child) == 1) {
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    FILE *stat = fopen(path, "r");
    size_t length = stat ? fread(text, 1, sizeof text - 1, stat) : 0;
    if (stat) fclose(stat);
    text[length] = 0;
    const char *name_end = strrchr(text, ')');
    live = name_end && sscanf(name_end, ") %c", &state) == 1 && state != 'Z';
  }
  fclose(children);
  return live;
}

/* What is said from here on is said at this time. */
static void stamp(void) {
  char line[32];
  int log = open(getenv("STEP_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0666);
  ssize_t length = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%SZ\n", gmtime(&clock_at));
  if (log < 0 || write(log, line, length) != length) fail("log");
  close(log);
}

/* The daemon has asked to sleep: it sleeps no time at all, and finds the clock moved on. */
static void sleep_on_clock(unsigned long wanted) {
  const struct timespec pause = {0, 500000};
  long seconds = peek(wanted);
  poke(wanted, 0);
  poke(wanted + sizeof(long), 0);
  while (has_live_child()) nanosleep(&pause, NULL);
  clock_at += seconds;
  if (clock_at >= clock_end) {
    kill(daemon_pid, SIGKILL);
    exit(0);
  }
  stamp();
}

/* A question for the time has been answered by the kernel: the answer is overwritten. */
static void answer(uint64_t call, const uint64_t *arguments) {
#ifdef SYS_time
  if (call == SYS_time) {
    if (arguments[0]) poke(arguments[0], clock_at);
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, daemon_pid, 0, &registers)) fail("registers");
    registers.rax = clock_at;
    if (ptrace(PTRACE_SETREGS, daemon_pid, 0, &registers)) fail("registers");
  }
#endif
  unsigned long at = 0;
  if (call == SYS_gettimeofday) at = arguments[0];
  if (call == SYS_clock_gettime && arguments[0] == CLOCK_REALTIME) at = arguments[1];
  if (!at) return;
  poke(at, clock_at);
  poke(at + sizeof(long), 0);
}

int main(int count, char **words) {
  if (count < 2) return 64;
  clock_at = atol(getenv("STEP_FROM"));
  clock_end = atol(getenv("STEP_TO"));
  daemon_pid = fork();
  if (daemon_pid == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    execv(words[1], words + 1);
    perror(words[1]);
    _exit(127);
  }
  int status, signal = 0;
  struct __ptrace_syscall_info now, asked = {0};
  if (waitpid(daemon_pid, &status, 0) != daemon_pid || !WIFSTOPPED(status)) return 97;
  if (ptrace(PTRACE_SETOPTIONS, daemon_pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) fail("options");
  if (ptrace(PTRACE_GET_SYSCALL_INFO, daemon_pid, sizeof now, &now) < 0) fail("stack");
  hide_vdso(now.stack_pointer);
  stamp();
  for (;;) {
    if (ptrace(PTRACE_SYSCALL, daemon_pid, 0, signal)) fail("go on");
    if (waitpid(daemon_pid, &status, 0) != daemon_pid) fail("wait");
    if (!WIFSTOPPED(status)) return 96; /* the daemon has ended by itself */
    signal = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
    if (signal) continue;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, daemon_pid, sizeof now, &now) < 0) fail("system call");
    if (now.op == PTRACE_SYSCALL_INFO_EXIT) answer(asked.entry.nr, asked.entry.args);
    if (now.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    asked = now;
    if (now.entry.nr == SYS_nanosleep) sleep_on_clock(now.entry.args[0]);
    if (now.entry.nr == SYS_clock_nanosleep) sleep_on_clock(now.entry.args[2]);
  }
}
