// What a guest program needs to check itself: where it failed, a skip, a child.
//
// A program starts in an empty directory that it may write.  It ends with 0, 1 (the failed
// condition is printed) or 77 (not possible here; the reason is printed).  No framework: it must
// link statically and run in an empty root.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPECT(condition)                                                   \
  do {                                                                      \
    if (!(condition)) return failed(__FILE__, __LINE__, #condition, errno); \
  } while (0)

/// The call must fail with this errno.
#define EXPECT_ERRNO(call, error)                                                          \
  do {                                                                                     \
    errno = 0;                                                                             \
    if ((call) != -1) return failed(__FILE__, __LINE__, #call " succeeded", 0);            \
    if (errno != (error)) return failed(__FILE__, __LINE__, #call ": not " #error, errno); \
  } while (0)

#define SKIP(reason) return skipped(reason)

inline int failed(const char* file, int line, const char* what, int error) {
  if (error == ENOSYS && std::getenv("OLD_KERNEL") != nullptr) {
    dprintf(2, "skipped: %s: not on an old kernel\n", what);
    return 77;
  }
  dprintf(2, "%s:%d: %s (errno %d, %s)\n", file, line, what, error, std::strerror(error));
  return 1;
}

inline int skipped(const char* reason) {
  dprintf(2, "skipped: %s\n", reason);
  return 77;
}

/// Runs `body` in a child process; gives its wait status.
template <typename Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = -1;
  while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
  }
  return status;
}

inline bool exited_with(int status, int code) {
  return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/// What a file holds, read to its end; also files of /proc, whose size is 0.
inline std::string contents(const char* path) {
  std::string text;
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return text;
  char part[4096];
  for (std::size_t got; (got = std::fread(part, 1, sizeof part, file)) > 0;)
    text.append(part, got);
  std::fclose(file);
  return text;
}

/// Makes or replaces a file; false if that fails.
inline bool make_file(const char* path, const std::string& text, mode_t mode = 0644) {
  std::FILE* file = std::fopen(path, "we");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written && chmod(path, mode) == 0;
}

/// The text of a symlink; empty if it is none.
inline std::string link_target(const char* path) {
  char target[4096];
  const ssize_t length = readlink(path, target, sizeof target);
  return length < 0 ? std::string() : std::string(target, static_cast<std::size_t>(length));
}

inline std::string working_directory() {
  char path[4096];
  return getcwd(path, sizeof path) != nullptr ? path : "";
}

/// Directory with the helper programs that the runner put into the root file system.
inline std::string program(const char* name) {
  const char* directory = std::getenv("PROGRAMS");
  return std::string(directory != nullptr ? directory : "/programs") + "/" + name;
}
