/*
 * The first process of an app's container: `/.berth-init program [arguments]`.
 *
 * It runs the program, reaps what is orphaned, and passes signals on. SIGTERM, SIGINT and SIGQUIT ask a container to end:
 * every process of it gets them (kill(2), pid -1), not the program alone, which is often a shell or npm that would die of
 * the signal and take the rest down unasked. From then on the container ends when its last process has. Before that it
 * ends with its program, as any container does. Other signals go to the program. It exits with the program's code, or
 * 128 + the signal it died of; 127 when there is no such program, 126 when it cannot be run.
 *
 * No libc: it has to run in any image, one without a single library too. Linux, x86-64 and arm64.
 * After a change run `npm run init`, which compiles it into binaries.ts.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#define WNOHANG 1
#define TIOCSPGRP 0x5410
#define SIGNALS 8 /* bytes of the kernel's signal set */

static long call(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
  long answer;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall"
                   : "=a"(answer)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return answer;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
#error "no system calls for this machine"
#endif
}

static long length(const char *text) {
  long n = 0;
  while (text[n] != 0) n++;
  return n;
}

static void say(const char *text) { call(SYS_write, 2, (long)text, length(text), 0, 0); }

static void leave(int code) {
  for (;;) call(SYS_exit_group, code, 0, 0, 0, 0);
}

static const char *pathIn(char **environment) {
  for (; *environment; environment++) {
    const char *entry = *environment;
    if (entry[0] == 'P' && entry[1] == 'A' && entry[2] == 'T' && entry[3] == 'H' && entry[4] == '=') return entry + 5;
  }
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Replaces this process by the program, looked up in PATH as execvp(3) does. Answers with the error when it cannot. */
static long execute(char **words, char **environment) {
  const char *name = words[0];
  for (const char *at = name; *at; at++)
    if (*at == '/') return call(SYS_execve, (long)name, (long)words, (long)environment, 0, 0);
  static char file[4096];
  long error = -ENOENT;
  for (const char *path = pathIn(environment);; path++) {
    long n = 0;
    for (; *path && *path != ':'; path++)
      if (n < (long)sizeof file) file[n++] = *path;
    if (n == 0) file[n++] = '.';
    if (n + length(name) + 2 <= (long)sizeof file) {
      file[n++] = '/';
      for (const char *from = name; *from; from++) file[n++] = *from;
      file[n] = 0;
      long failed = call(SYS_execve, (long)file, (long)words, (long)environment, 0, 0);
      if (failed != -ENOENT && failed != -ENOTDIR) error = failed;
    }
    if (*path == 0) return error;
  }
}

static void run(char **words, char **environment, unsigned long mask) {
  long self = call(SYS_getpid, 0, 0, 0, 0, 0);
  /* a group of its own, in front on the terminal if there is one, or a Ctrl-C would come to it twice */
  call(SYS_setpgid, 0, 0, 0, 0, 0);
  int group = (int)self;
  call(SYS_ioctl, 0, TIOCSPGRP, (long)&group, 0, 0);
  call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, SIGNALS, 0);
  long error = execute(words, environment);
  say("cannot run ");
  say(words[0]);
  say(error == -ENOENT    ? ": no such file or directory\n"
      : error == -EACCES  ? ": permission denied\n"
      : error == -ENOEXEC ? ": not a program of this machine, nor a script that names its interpreter\n"
                          : ": it cannot be executed\n");
  leave(error == -ENOENT ? 127 : 126);
}

__attribute__((used)) void begin(long *stack) {
  long count = stack[0];
  char **words = (char **)(stack + 1);
  char **environment = words + count + 1;
  if (count < 2) leave(127);

  unsigned long all = ~0UL;
  unsigned long mask = 0;
  call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&mask, SIGNALS, 0);
  /* as fork(2): clone with nothing shared */
  long program = call(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (program == 0) run(words + 1, environment, mask);
  if (program < 0) {
    say("cannot fork\n");
    leave(126);
  }
  int code = -1;
  int asked = 0;
  for (;;) {
    long signal = call(SYS_rt_sigtimedwait, (long)&all, 0, 0, SIGNALS, 0);
    if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT) {
      asked = 1;
      call(SYS_kill, -1, signal, 0, 0, 0);
    } else if (signal > 0 && signal != SIGCHLD) {
      call(SYS_kill, program, signal, 0, 0, 0);
    }
    long ended;
    int status = 0;
    while ((ended = call(SYS_wait4, -1, (long)&status, WNOHANG, 0, 0)) > 0)
      if (ended == program) code = (status & 0x7f) ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
    if (code >= 0 && (!asked || ended == -ECHILD)) leave(code);
  }
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#else
__asm__(".globl _start\n_start:\n mov x29, #0\n mov x0, sp\n bl begin\n");
#endif
