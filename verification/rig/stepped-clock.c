/*
 * Preloaded into an unmodified cron daemon: gives the test its log, and a clock that the daemon itself moves on.
 *
 *   STEP_LOG=FILE              every syslog line goes to FILE, with a UTC stamp of the clock below
 *   STEP_FROM=N STEP_TO=N      (seconds since 1970) the clock stands at FROM; each sleep() of the daemon moves it on, once
 *                              the daemon has no child left; when it reaches TO the daemon ends with code 0
 *   STEP_ASLEEP=N STEP_AWAKE=N the host is suspended: when the clock reaches ASLEEP, it jumps to AWAKE, once
 *
 * Without STEP_FROM the clock is the machine's. The clock is a plain variable: a forked child has a copy of it, and it
 * stands still as long as a child lives, so that every copy that can be read is right. What cron executes does not
 * inherit LD_PRELOAD (cron gives jobs an environment of their own) and sees real time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t stepped; /* the daemon whose sleeps move the clock; 0: no stepped clock */
static time_t clock_at, clock_end, asleep, awake;

__attribute__((constructor)) static void begin(void) {
  const char *from = getenv("STEP_FROM"), *to = getenv("STEP_TO");
  if (!from || !to) return;
  clock_at = atoll(from);
  clock_end = atoll(to);
  const char *down = getenv("STEP_ASLEEP"), *up = getenv("STEP_AWAKE");
  if (down && up) {
    asleep = atoll(down);
    awake = atoll(up);
  }
  stepped = getpid();
}

time_t time(time_t *result) {
  time_t now = clock_at;
  if (!stepped) {
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    now = real.tv_sec;
  }
  if (result) *result = now;
  return now;
}

unsigned sleep(unsigned seconds) {
  if (getpid() != stepped) {
    struct timespec wanted = {seconds, 0}, left = {0, 0};
    return nanosleep(&wanted, &left) == 0 ? 0 : (unsigned)left.tv_sec + 1;
  }
  /* Waits for a child without reaping it: that is the daemon's work. One that ended, or the signal that says so, breaks
     the sleep off at its first instant; cron then reaps and sleeps again. Only ECHILD, no child at all, moves the clock. */
  siginfo_t child;
  if (waitid(P_ALL, 0, &child, WEXITED | WNOWAIT) == 0 || errno == EINTR) return seconds;
  clock_at += seconds;
  if (awake && clock_at >= asleep) {
    clock_at = awake;
    awake = 0;
  }
  if (clock_at >= clock_end) _exit(0);
  return 0;
}

static void keep(const char *format, va_list arguments) {
  const char *file = getenv("STEP_LOG");
  if (!file) return;
  char text[2048], stamp[32], line[2200];
  time_t now = time(NULL);
  struct tm utc;
  vsnprintf(text, sizeof text, format, arguments);
  gmtime_r(&now, &utc);
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
  int length = snprintf(line, sizeof line, "%s %s\n", stamp, text);
  int log = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (log < 0) return;
  if (write(log, line, length) != length) _exit(99); /* a log with holes would be believed */
  close(log);
}

void syslog(int priority, const char *format, ...) {
  (void)priority;
  va_list arguments;
  va_start(arguments, format);
  keep(format, arguments);
  va_end(arguments);
}

/* What syslog() becomes in a program built with _FORTIFY_SOURCE, as Debian's are. */
void __syslog_chk(int priority, int flag, const char *format, ...) {
  (void)priority;
  (void)flag;
  va_list arguments;
  va_start(arguments, format);
  keep(format, arguments);
  va_end(arguments);
}
