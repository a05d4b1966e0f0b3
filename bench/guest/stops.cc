// Measures: what it takes to look at a call from outside, with nothing done for it.
// Good: nothing by itself; a first call of a path is held against "change", and what is below it
// says if another way would serve such calls better.
//
//   stops WAY PATH COUNT     nanoseconds of one stat(2) of PATH, natively or looked at by
//     native                 nobody
//     bare                   a tracer that goes on at once
//     change                 one that reads the path and the registers, and writes both
//     notify                 a supervisor that the kernel notifies (seccomp_unotify(2))
//     notify_sync            the same, with wake-ups on the caller's processor (Linux 6.6)
//
// Both sides share one processor, as nestp and its guests do when one guest runs.
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <linux/elf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr std::uint64_t kSyncWakeUp = 1;  // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
constexpr unsigned long kSetFlags = _IOW('!', 4, std::uint64_t);  // SECCOMP_IOCTL_NOTIF_SET_FLAGS

/// The path, at the same address in both processes; one page, of which so much is read.
alignas(4096) char path_text[256];

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

void must(bool works, const char* what) {
  if (!works) give_up(what);
}

void stay_here() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &cpus);
  must(sched_setaffinity(0, sizeof cpus, &cpus) == 0, "sched_setaffinity");
}

/// Of newfstatat(2) alone.  The listener's descriptor, if `flags` ask for one.
int install_filter(std::uint32_t action, unsigned flags) {
  sock_filter code[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_newfstatat},
      {BPF_RET | BPF_K, 0, 0, action},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog program{.len = std::size(code), .filter = code};
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  const long done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                            flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
  must(done >= 0, "seccomp");
  return static_cast<int>(done);
}

void call_often(long count) {
  using Clock = std::chrono::steady_clock;
  struct stat status {};
  const auto start = Clock::now();
  for (long i = 0; i < count; ++i)
    must(fstatat(AT_FDCWD, path_text, &status, 0) == 0, path_text);
  const std::chrono::duration<double, std::nano> spent = Clock::now() - start;
  // Not printf(3), which would look at what it prints to, and be looked at.
  const std::string line = std::to_string(spent.count() / static_cast<double>(count)) + "\n";
  must(write(STDOUT_FILENO, line.data(), line.size()) > 0, "standard output");
}

/// What every tracer does that gives a call another path.
void change_path(pid_t guest) {
  static char room[sizeof path_text];
  user_regs_struct registers{};
  iovec whole{&registers, sizeof registers};
  must(ptrace(PTRACE_GETREGSET, guest, NT_PRSTATUS, &whole) == 0, "PTRACE_GETREGSET");
  const iovec here{room, sizeof room};
  const iovec there{path_text, sizeof path_text};
  must(process_vm_readv(guest, &here, 1, &there, 1, 0) > 0, "process_vm_readv");
  must(process_vm_writev(guest, &here, 1, &there, 1, 0) > 0, "process_vm_writev");
  must(ptrace(PTRACE_SETREGSET, guest, NT_PRSTATUS, &whole) == 0, "PTRACE_SETREGSET");
}

void trace(long count, bool changes) {
  const pid_t guest = fork();
  if (guest == 0) {
    must(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "PTRACE_TRACEME");
    (void)raise(SIGSTOP);
    install_filter(SECCOMP_RET_TRACE, 0);
    call_often(count);
    _exit(0);
  }
  int how = 0;
  must(guest > 0 && waitpid(guest, &how, 0) == guest && WIFSTOPPED(how), "fork");
  constexpr long kOptions = PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
  must(ptrace(PTRACE_SETOPTIONS, guest, 0, kOptions) == 0, "PTRACE_SETOPTIONS");
  do {
    if (changes && how >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) change_path(guest);
    must(ptrace(PTRACE_CONT, guest, 0, 0) == 0, "PTRACE_CONT");
    must(waitpid(guest, &how, __WALL) == guest, "waitpid");
  } while (WIFSTOPPED(how));
  must(WIFEXITED(how) && WEXITSTATUS(how) == 0, "the guest");
}

/// Sends or receives (`call`: sendmsg(2), recvmsg(2)) a message that carries a descriptor; gives
/// it.
template <typename Call>
int pass_descriptor(Call call, int socket, int descriptor) {
  char byte = 0;
  iovec data{&byte, 1};
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  must(call(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message) != nullptr, "the descriptor");
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return descriptor;
}

void notify(long count, bool synchronous) {
  int sockets[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0, "socketpair");
  const pid_t guest = fork();
  if (guest == 0) {
    pass_descriptor(sendmsg, sockets[1],
                    install_filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER));
    call_often(count);
    _exit(0);
  }
  const int listener = pass_descriptor(recvmsg, sockets[0], -1);
  if (synchronous) {
    must(ioctl(listener, kSetFlags, kSyncWakeUp) == 0, "SYNC_WAKE_UP");
  }
  static char room[sizeof path_text];
  for (long i = 0; i < count; ++i) {
    seccomp_notif asked{};
    must(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) == 0, "NOTIF_RECV");
    const iovec here{room, sizeof room};
    const iovec there{path_text, sizeof path_text};
    must(process_vm_readv(guest, &here, 1, &there, 1, 0) > 0, "process_vm_readv");
    seccomp_notif_resp answer{};
    answer.id = asked.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    must(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0, "NOTIF_SEND");
  }
  int how = 0;
  must(waitpid(guest, &how, 0) == guest && how == 0, "the guest");
}

}  // namespace

int main(int argc, char** argv) {
  const std::string way = argc == 4 ? argv[1] : "";
  const long count = argc == 4 ? std::atol(argv[3]) : 0;
  if (count <= 0) return 2;
  std::strncpy(path_text, argv[2], sizeof path_text - 1);
  stay_here();
  if (way == "native") {
    call_often(count);
  } else if (way == "bare" || way == "change") {
    trace(count, way == "change");
  } else if (way == "notify" || way == "notify_sync") {
    notify(count, way == "notify_sync");
  } else {
    return 2;
  }
  return 0;
}
