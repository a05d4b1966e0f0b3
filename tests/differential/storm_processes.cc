// The storm's operations on directories, programs and sockets.
#include <cstddef>
#include <cstdlib>
#include <dirent.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/storm.h"

void change_directory(Storm& storm) {
  if (storm.random.one_in(3)) {
    const std::size_t slot = storm.random.below(storm.files.size());
    storm.report("fchdir", "[" + std::to_string(slot) + "]", fchdir(storm.files[slot]));
  } else if (storm.random.one_in(8)) {
    const mode_t mask = storm.random.one_in(2) ? 022 : 027;
    storm.report("umask", std::to_string(mask), umask(mask));
  } else {
    const std::string path = storm.path();
    storm.report("chdir", shown(path), chdir(path.c_str()));
  }
  tell_directory(storm);
}

void tell_directory(Storm& storm) {
  char path[4096], target[4096];
  const bool known = getcwd(path, sizeof path) != nullptr;
  storm.report("getcwd", known ? shown(path) : "", known ? 0 : -1);
  const ssize_t length = readlink("/proc/self/cwd", target, sizeof target);
  if (length > 0) storm.say("cwd " + shown(std::string(target, static_cast<std::size_t>(length))));
}

void list_directory(Storm& storm) {
  const std::string path = storm.path();
  dirent** entries = nullptr;
  const bool in_proc = path.starts_with("/proc") || path.starts_with("/dev");
  const int count = in_proc ? 0 : scandir(path.c_str(), &entries, nullptr, alphasort);
  // The root directory of the two runs is not the same: how many names is no matter there.
  storm.report("list", shown(path), count < 0 ? -1 : 0);
  std::string names;
  for (int index = 0; index < count; ++index) {
    const std::string name = entries[index]->d_name;
    // A fake device is listed as the file that stands for it.
    unsigned char& type = entries[index]->d_type;
    if (storm.is_root && (type == DT_CHR || type == DT_BLK)) type = DT_REG;
    names += (names.empty() ? "" : " ") + (name.size() < 100 ? name : name.substr(0, 3) + "...") +
             ":" + std::to_string(entries[index]->d_type);
    free(entries[index]);
  }
  free(entries);
  if (count > 0 && names.find(" proc:") == std::string::npos) storm.say(names);
}

void run_program(Storm& storm) {
  const int base = storm.base();
  std::string path = storm.path();
  if (storm.random.one_in(2)) path += storm.random.one_in(2) ? "/program" : "/script";
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  const std::string arguments = storm.at_base() + shown(path);
  const int flags = storm.random.one_in(6) ? AT_SYMLINK_NOFOLLOW : 0;
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    char* const words[] = {const_cast<char*>("storm"), const_cast<char*>("word"), nullptr};
    char* const nothing[] = {nullptr};
    if (base == AT_FDCWD && flags == 0) {
      execve(path.c_str(), words, nothing);
    } else {
      syscall(SYS_execveat, base, path.c_str(), words, nothing, flags);
    }
    const int error = errno;
    dprintf(1, "%s\n", strerrorname_np(error));
    _exit(99);
  }
  close(ends[1]);
  char text[4096];
  std::string output;
  for (ssize_t got; (got = read(ends[0], text, sizeof text)) > 0;)
    output.append(text, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = -1;
  waitpid(child, &status, 0);
  storm.report(flags ? "execveat" : "exec", arguments, status);
  if (output.size() < 2000) storm.say(output);
}

void use_socket(Storm& storm) {
  const std::size_t slot = storm.random.below(storm.sockets.size());
  int& end = storm.sockets[slot];
  if (end < 0 || storm.random.one_in(3)) {
    if (end >= 0) close(end);
    end = socket(AF_UNIX, (slot == 0 ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  const std::string path = storm.path().substr(0, 107);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (path.empty()) return;  // would be autobind
  if (storm.random.one_in(2)) {
    storm.report("bind", shown(path), bind(end, any, length));
    if (slot == 1) listen(end, 5);
    sockaddr_un name{};
    socklen_t room = sizeof name;
    const long result = getsockname(end, reinterpret_cast<sockaddr*>(&name), &room);
    storm.report("getsockname", room > 2 ? shown(name.sun_path) : "", result);
    if (result == 0) storm.say("length " + std::to_string(room));
  } else if (slot == 0) {
    storm.report("sendto", shown(path), sendto(end, "x", 1, 0, any, length));
  } else {
    storm.report("connect", shown(path), connect(end, any, length));
  }
}

void watch_file(Storm& storm) {
  static const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  const std::string path = storm.path();
  const int number = inotify_add_watch(watch, path.c_str(), IN_ATTRIB);
  storm.report("watch", shown(path), number < 0 ? -1 : 0);
  if (number >= 0) inotify_rm_watch(watch, number);
}
