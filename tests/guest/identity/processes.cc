// Signals, priorities, limits, roots and sockets between users.
#include <csignal>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "tests/guest/identity/table.h"

namespace {

void signals() {
  const pid_t target = fork();
  if (target == 0) {
    if (setresgid(60, 60, 60) != 0 || setresuid(60, 60, 60) != 0) _exit(1);
    for (;;)
      pause();
  }
  usleep(100'000);  // it has its ids by then, or the lines differ
  as(50, 51, {}, [target] {
    CALL(kill(target, 0));
    CALL(kill(target, SIGTERM));
    CALL(syscall(SYS_tgkill, target, target, SIGTERM));
  });
  as(60, 61, {}, [target] { CALL(kill(target, 0)); });
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d", target);
  struct stat status {};
  CALL(stat(path, &status));
  CALL(status.st_uid);
  CALL(kill(target, SIGKILL));
  waitpid(target, nullptr, 0);
}

void priorities() {
  apart([] {
    CALL(setpriority(PRIO_PROCESS, 0, 5));
    CALL(setpriority(PRIO_PROCESS, 0, -5));
  });
  as(50, 51, {}, [] {
    CALL(setpriority(PRIO_PROCESS, 0, 5));
    CALL(setpriority(PRIO_PROCESS, 0, -5));
  });
  apart([] {
    rlimit limit{.rlim_cur = 10, .rlim_max = 10};
    CALL(setrlimit(RLIMIT_NPROC, &limit));
    limit.rlim_cur = 30;
    CALL(setrlimit(RLIMIT_NPROC, &limit));
  });
  as(50, 51, {}, [] {
    rlimit limit{.rlim_cur = 10, .rlim_max = 10};
    CALL(setrlimit(RLIMIT_CORE, &limit));
    limit.rlim_max = 20;
    CALL(setrlimit(RLIMIT_CORE, &limit));
  });
}

void roots() {
  CALL(mkdir("inner", 0755));
  as(50, 51, {}, [] { CALL(chroot("inner")); });
  apart([] {
    CALL(chroot("inner"));
    CALL(chdir("/"));
    CALL(access("/bin", F_OK));
  });
}

/// Above a root directory nobody is asked to search.
void root_below_a_closed_directory() {
  put_directory("closed_above", 0, 0, 0700);
  put_directory("closed_above/root", 0, 0, 0755);
  put("closed_above/root/file", 0, 0, 0644);
  as(50, 51, {}, [] { CALL(access("closed_above/root/file", R_OK)); });
  apart([] {
    CALL(chroot("closed_above/root"));
    CALL(chdir("/"));
    as(50, 51, {}, [] {
      CALL(access("/file", R_OK));
      CALL(access("file", R_OK));
      OPEN(open("/file", O_RDONLY | O_CLOEXEC));
    });
  });
}

void mounts_and_names() {
  as(50, 51, {}, [] {
    CALL(mount("none", "inner", "tmpfs", 0, nullptr));
    CALL(sethostname("other", 5));
    CALL(setdomainname("other", 5));
  });
  CALL(mount("none", "inner", "tmpfs", 0, nullptr));
  CALL(mkdir("inner/mounted", 0700));
  CALL(rmdir("inner"));
  CALL(umount("inner"));
  CALL(access("inner/mounted", F_OK));
  CALL(sethostname("other", 5));
  char name[16]{};
  CALL(gethostname(name, sizeof name));
  show("host", name);
}

void show_peer(const char* what, int socket) {
  ucred ids{};
  socklen_t size = sizeof ids;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &ids, &size) != 0) return show(what, outcome(-1));
  show(what, std::to_string(ids.uid) + ":" + std::to_string(ids.gid));
}

void show_peer_groups(const char* what, int socket, socklen_t size) {
  gid_t groups[8]{};
  const long result = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &size);
  std::string told = outcome(result) + " " + std::to_string(size);
  for (std::size_t i = 0; result == 0 && i < size / sizeof(gid_t) && i < 8; ++i)
    told += " " + std::to_string(groups[i]);
  show(what, told);
}

/// A byte with or without credentials; what the other end is told.
void send_ids(int from, int to, const ucred* ids) {
  char byte = 'x';
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))]{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (ids != nullptr) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_CREDENTIALS;
    head->cmsg_len = CMSG_LEN(sizeof *ids);
    std::memcpy(CMSG_DATA(head), ids, sizeof *ids);
  }
  CALL(sendmsg(from, &message, 0));
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(to, &message, MSG_DONTWAIT) != 1) return;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head == nullptr) return show("received", "nothing");
  ucred told{};
  std::memcpy(&told, CMSG_DATA(head), sizeof told);
  show("received", std::to_string(told.uid) + ":" + std::to_string(told.gid));
}

void sockets() {
  const auto talk = [] {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return;
    show_peer("peer", pair[0]);
    show_peer_groups("groups of the peer", pair[0], 8 * sizeof(gid_t));
    show_peer_groups("groups of the peer, one fits", pair[0], sizeof(gid_t));
    show_peer_groups("groups of the peer, none fits", pair[0], 0);
    const int on = 1;
    setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    send_ids(pair[0], pair[1], nullptr);
    const ucred own{.pid = getpid(), .uid = getuid(), .gid = getgid()};
    send_ids(pair[0], pair[1], &own);
    const ucred wrong{.pid = getpid(), .uid = 12, .gid = getgid()};
    if (getuid() != 0) send_ids(pair[0], pair[1], &wrong);
    close(pair[0]);
    close(pair[1]);
  };
  talk();
  as(50, 51, {}, talk);
  as(50, 51, {62, 51, 60}, talk);
  const int lonely = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  show_peer_groups("groups of nobody", lonely, sizeof(gid_t));
  show_peer_groups("groups of nobody, -1 bytes", lonely, static_cast<socklen_t>(-1));
  show_peer_groups("groups by no socket", -1, sizeof(gid_t));
  close(lonely);
}

/// Has a child that becomes another user after `before`, with a socket still to be asked about.
void with_changed_child(const std::function<void()>& before, const std::function<void()>& then) {
  int ready[2], end[2];
  if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(end, O_CLOEXEC) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    before();
    const gid_t groups[] = {61, 62};
    if (setgroups(2, groups) != 0 || setresgid(51, 51, 51) != 0 || setresuid(50, 50, 50) != 0)
      _exit(1);
    char byte = 'x';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    close(end[1]);
    (void)!read(end[0], &byte, 1);
    _exit(0);
  }
  char byte = 0;
  close(ready[1]);
  CALL(read(ready[0], &byte, 1));
  then();
  close(ready[0]);
  close(end[0]);
  close(end[1]);
  waitpid(child, nullptr, 0);
}

void show_all_of_peer(const char* what, int socket) {
  show_peer(what, socket);
  show_peer_groups(what, socket, 8 * sizeof(gid_t));
}

/// A socket tells who its peer was when it connected, listened or was made, not who that is now.
void peers_that_changed() {
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  std::snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "table %d", getpid());
  const auto* const at = reinterpret_cast<const sockaddr*>(&name);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CALL(bind(listener, at, sizeof name));
  CALL(listen(listener, 4));
  with_changed_child(
      [&] {
        // Lasts as long as the child.
        const int early = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CALL(connect(early, at, sizeof name));
      },
      [&] {
        const int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        show_all_of_peer("connected before", accepted);
        close(accepted);
      });
  close(listener);
  name.sun_path[1] = 'T';
  with_changed_child(
      [&] {
        const int early = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CALL(bind(early, at, sizeof name));
        CALL(listen(early, 4));
      },
      [&] {
        const int late = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CALL(connect(late, at, sizeof name));
        show_all_of_peer("listened before", late);
        close(late);
      });
}

/// Of a pair, a child asks about its parent that made it and became another user.
void pair_of_one_that_changed() {
  const pid_t maker = fork();
  if (maker == 0) {
    int pair[2], ready[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) _exit(1);
    if (pipe2(ready, O_CLOEXEC) != 0) _exit(1);
    const pid_t child = fork();
    char byte = 'x';
    if (child == 0) {
      CALL(read(ready[0], &byte, 1));
      show_all_of_peer("made by the parent", pair[0]);
      _exit(0);
    }
    if (setgroups(0, nullptr) != 0 || setresgid(51, 51, 51) != 0 || setresuid(50, 50, 50) != 0)
      _exit(1);
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    waitpid(child, nullptr, 0);
    _exit(0);
  }
  waitpid(maker, nullptr, 0);
}

/// One that connects as somebody else, with a socket of former times.
void peers_that_connect_late() {
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  std::snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "late %d", getpid());
  const auto* const at = reinterpret_cast<const sockaddr*>(&name);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CALL(bind(listener, at, sizeof name));
  CALL(listen(listener, 4));
  const int made_before = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  as(50, 51, {61}, [&] {
    CALL(connect(made_before, at, sizeof name));
    const int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    show_all_of_peer("connected as another", accepted);
    close(accepted);
  });
  close(made_before);
  close(listener);
}

}  // namespace

void table_of_processes() {
  signals();
  priorities();
  roots();
  root_below_a_closed_directory();
  mounts_and_names();
  sockets();
  peers_that_changed();
  pair_of_one_that_changed();
  peers_that_connect_late();
}
